"""The same on a real Docker Engine."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django import db
from django.conf import settings

from jobs import queueing
from jobs.engines.docker_engine import DockerEngine
from jobs.models import Attempt, Engine, EngineKind, EngineStatus, LogStream, UsageSample
from jobs.processes.supervisor import Timing
from jobs.selectors.logs.lines import read_lines
from tests.builders import an_engine
from tests.engines.daemon import Daemon
from tests.images import busybox_image
from tests.supervisor.world import News, Scene, is_complete, log_of, supervising

pytestmark = pytest.mark.engine
ROOT = Path(__file__).parents[2]
USUAL = Timing()


def docker_connection(row: Engine) -> DockerEngine:
    return DockerEngine(row.url, installation=settings.BATCHWEB_INSTALLATION)


class DockerScene(Scene):
    """On this machine's Docker Engine; its containers and volumes are removed at the end."""

    def run(self, script: str) -> tuple[Attempt, str]:
        return self.start("sh", "-c", script, image=self.image)

    def __init__(self, row: Engine, connection: DockerEngine, image: str) -> None:
        super().__init__(row, connection)
        self.image = image


@pytest.fixture
def scene(transactional_db: None, docker_engine_url: str) -> Iterator[DockerScene]:
    row = an_engine(kind=EngineKind.DOCKER, url=docker_engine_url)
    connection = docker_connection(row)
    yield DockerScene(row, connection, busybox_image(docker_engine_url))
    for container in connection.containers():
        connection.remove(container.id)
    for volume in connection.volumes():
        connection.remove_volume(volume.name)
    connection.close()


def test_short_logs_are_complete_byte_for_byte(scene: DockerScene, news: News) -> None:
    with supervising(scene.row, timing=USUAL, connection=docker_connection):
        text, _ = scene.run("echo to out; echo to err >&2; printf 'no end'")
        # Not UTF-8, with a carriage return and a NUL.
        odd, _ = scene.run(r"printf '\377\376\r\000x\n\n'")
        silent, _ = scene.run("true")
        for attempt in (text, odd, silent):
            news.wait_for_hand_over(queueing.REAP, attempt)

    assert sorted(log_of(text).splitlines()) == [b"no end", b"to err", b"to out"]
    sources = {
        line.data: line.source
        for line in read_lines(stream=LogStream.objects.get(attempt=text), start=0, limit=9)
    }
    assert sources == {b"to out": "stdout", b"to err": "stderr", b"no end": "stdout"}
    assert log_of(odd) == b"\xff\xfe\r\x00x\n\n"
    assert log_of(silent) == b""
    assert is_complete(silent)


def test_a_line_of_ten_megabytes_is_kept(scene: DockerScene, news: News) -> None:
    with supervising(scene.row, timing=USUAL, connection=docker_connection):
        attempt, _ = scene.run("head -c 10000000 /dev/zero | tr '\\0' x; echo; echo after")
        news.wait_for_hand_over(queueing.REAP, attempt)

    assert log_of(attempt) == b"x" * 10_000_000 + b"\nafter\n"
    lines = read_lines(stream=LogStream.objects.get(attempt=attempt), start=0, limit=1000)
    assert [line.continued for line in lines] == [True] * (len(lines) - 2) + [False, False]


def test_lines_of_whole_frames_keep_their_newlines(scene: DockerScene, news: News) -> None:
    with supervising(scene.row, timing=USUAL, connection=docker_connection):
        # Docker's frames hold 16384 bytes.
        attempt, _ = scene.run(
            "for size in 16383 16384 16385 32768; do"
            " head -c $size /dev/zero | tr '\\0' x; echo; done; printf end"
        )
        news.wait_for_hand_over(queueing.REAP, attempt)

    assert [len(line) for line in log_of(attempt).split(b"\n")] == [16383, 16384, 16385, 32768, 3]


def test_new_lines_are_there_within_two_seconds(scene: DockerScene, news: News) -> None:
    seen_at: dict[int, float] = {}

    with supervising(scene.row, timing=USUAL, connection=docker_connection):
        attempt, container_id = scene.run(
            "i=0; while [ $i -lt 12 ]; do i=$((i+1)); echo $(date +%s) $i; sleep 0.5; done; sleep 60"
        )

        def look() -> bool:
            stream = LogStream.objects.filter(attempt=attempt).first()
            lines = read_lines(stream=stream, start=len(seen_at), limit=100) if stream else []
            for line in lines:
                seen_at[line.number] = time.time() - line.ns / 1e9
            return len(seen_at) == 12

        news.wait_for(look)
        scene.connection.signal(container_id, "SIGKILL")
        news.wait_for_hand_over(queueing.REAP, attempt)

    assert max(seen_at.values()) < 2


def test_what_a_container_uses_is_measured(scene: DockerScene, news: News) -> None:
    often = Timing(usage_every=0.5)
    with supervising(scene.row, timing=often, connection=docker_connection):
        attempt, container_id = scene.run("while :; do :; done")
        news.wait_for(lambda: UsageSample.objects.filter(attempt=attempt).count() >= 3)
        scene.connection.signal(container_id, "SIGKILL")

    # It burns all of the tenth of a vCPU that it may have.
    sample = UsageSample.objects.filter(attempt=attempt).order_by("-at")[0]
    assert 50 <= sample.milli_vcpus <= 150


@contextmanager
def supervisor_process(row: Engine) -> Iterator[subprocess.Popen[bytes]]:
    """`manage.py supervisor` on the test's database."""
    code = (
        "import django; from pathlib import PosixPath; django.setup()\n"
        "from django.conf import settings\n"
        f"settings.DATABASES['default']['NAME'] = {db.connection.settings_dict['NAME']!r}\n"
        f"settings.STORAGES['joblogs'] = {settings.STORAGES['joblogs']!r}\n"
        "from django.core.management import call_command\n"
        f"call_command('supervisor', engine={row.name!r})\n"
    )
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "batchweb.settings.test",
        "BATCHWEB_INSTALLATION": settings.BATCHWEB_INSTALLATION,
    }
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=environment)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_a_supervisor_that_is_killed_loses_no_line_and_doubles_none(scene: DockerScene) -> None:
    attempt, _ = scene.run("i=0; while [ $i -lt 2000 ]; do i=$((i+1)); echo $i; usleep 5000; done")
    news = News()
    for lines in (150, 500, 900):
        with supervisor_process(scene.row) as process:
            news.wait_for(lambda: log_of(attempt).count(b"\n") > lines)  # noqa: B023
            process.send_signal(signal.SIGKILL)
            process.wait()
    with supervisor_process(scene.row):
        news.wait_for(lambda: is_complete(attempt))

    assert [int(line) for line in log_of(attempt).split()] == list(range(1, 2001))


def test_the_process_ends_at_once_when_asked(scene: DockerScene) -> None:
    attempt, _ = scene.run("echo hello; sleep 600")
    news = News()
    with supervisor_process(scene.row) as process:
        news.wait_for(lambda: log_of(attempt) == b"hello\n")
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0

    # It did not wait for what it followed.
    assert not is_complete(attempt)


@pytest.fixture
def daemon() -> Iterator[Daemon]:
    own = Daemon("--default-address-pool", "base=10.214.0.0/22,size=24")
    own.start()
    yield own
    own.remove()


def test_an_engine_that_is_restarted_loses_its_containers_but_not_their_logs(
    transactional_db: None, daemon: Daemon, news: News
) -> None:
    row = an_engine(kind=EngineKind.DOCKER, url=daemon.url)
    connection = docker_connection(row)
    own = DockerScene(row, connection, busybox_image(daemon.url))

    with supervising(row, timing=USUAL, connection=docker_connection):
        attempt, _ = own.run("trap 'echo asked; exit 143' TERM; echo hello; sleep 60 & wait")
        news.wait_for(lambda: log_of(attempt) == b"hello\n")
        daemon.stop()
        news.wait_for(lambda: Engine.objects.get(id=row.id).status == EngineStatus.UNREACHABLE)
        news.handed_over.clear()
        daemon.start()
        news.wait_for_hand_over(queueing.REAP, attempt)

    met = Engine.objects.get(id=row.id)
    assert met.status == EngineStatus.CONNECTED
    assert met.gap_from
    assert met.gap_until
    assert is_complete(attempt)
    assert log_of(attempt) == b"hello\nasked\n"
    connection.close()
