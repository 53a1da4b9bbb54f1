"""The log is complete before the exit is handed on; nothing is lost and nothing comes twice."""

import threading
from collections.abc import Iterator
from functools import partial

import pytest
from django.core.files.storage import storages
from pytest_django import Settings

from jobs import queueing
from jobs.engines.base import Engine as Connection
from jobs.engines.base import EngineError, LogFrame
from jobs.engines.fake import FakeEngine, World
from jobs.models import Attempt, Engine, LogStream
from jobs.services.supervision import logs
from tests.supervisor.world import (
    FAST,
    News,
    Scene,
    fake_connection,
    is_complete,
    log_of,
    supervising,
)

SLOW_TO_FOLLOW = FAST.__class__(follow_after=60, reconcile_every=60)


def counted(lines: int) -> bytes:
    return b"".join(b"%d\n" % number for number in range(1, lines + 1))


def has_lines(attempt: Attempt, lines: int) -> bool:
    return log_of(attempt).count(b"\n") >= lines


def test_a_short_job_has_its_log_read_once_at_its_end(scene: Scene, news: News) -> None:
    calls: list[bool] = []

    class Counting(FakeEngine):
        def logs(self, container_id: str, *, since_ns: int, follow: bool) -> Iterator[LogFrame]:
            calls.append(follow)
            return super().logs(container_id, since_ns=since_ns, follow=follow)

    def connection(row: Engine) -> Connection:
        return Counting(row.url, installation=fake_connection(row)._installation)

    with supervising(scene.row, timing=SLOW_TO_FOLLOW, connection=connection):
        attempt, _ = scene.start("say", "stdout:" + b"hello\n".hex(), "stderr:" + b"\xff\n".hex())
        news.wait_for_hand_over(queueing.REAP, attempt)

    assert log_of(attempt) == b"hello\n\xff\n"
    assert is_complete(attempt)
    assert calls == [False]


def test_a_log_is_followed_while_its_container_runs(scene: Scene, news: News) -> None:
    with supervising(scene.row):
        attempt, container_id = scene.start("wait")
        news.wait_for(lambda: log_of(attempt) == b"ready\n")
        assert not is_complete(attempt)
        assert (queueing.REAP, attempt.id) not in news.handed_over

        scene.connection.signal(container_id, "SIGTERM")
        news.wait_for_hand_over(queueing.REAP, attempt)

    assert is_complete(attempt)
    assert log_of(attempt) == b"ready\n"


def test_a_followed_log_is_complete_when_its_exit_is_handed_on(scene: Scene, news: News) -> None:
    with supervising(scene.row):
        attempts = [scene.start("count", "400", "0.001")[0] for _ in range(5)]
        for attempt in attempts:
            news.wait_for_hand_over(queueing.REAP, attempt)
            assert is_complete(attempt)

    assert [log_of(attempt) for attempt in attempts] == [counted(400)] * 5


def test_many_that_end_at_once_are_all_handed_on(scene: Scene, news: News) -> None:
    with supervising(scene.row, timing=SLOW_TO_FOLLOW):
        attempts = [scene.start("count", "3", "0.01")[0] for _ in range(40)]
        for attempt in attempts:
            news.wait_for_hand_over(queueing.REAP, attempt)
        assert sum(thread.name == "log end" for thread in threading.enumerate()) <= 4

    assert {log_of(attempt) for attempt in attempts} == {counted(3)}
    # A launch may be handed over again meanwhile, which does no harm.
    assert [task for task, _ in news.handed_over].count(queueing.REAP) == 40


def test_a_supervisor_that_comes_back_goes_on_where_the_log_stands(
    scene: Scene, news: News
) -> None:
    attempt, _ = scene.start("count", "1500", "0.001")
    for lines in (100, 500, 900):
        with supervising(scene.row):
            news.wait_for(partial(has_lines, attempt, lines))
    with supervising(scene.row):
        news.wait_for_hand_over(queueing.REAP, attempt)

    assert log_of(attempt) == counted(1500)


def test_an_exit_that_nobody_saw_is_found(scene: Scene, news: News, machine: World) -> None:
    attempt, _ = scene.start("say", "stdout:" + b"alone\n".hex())
    machine.events.clear()

    with supervising(scene.row):
        news.wait_for_hand_over(queueing.REAP, attempt)

    assert log_of(attempt) == b"alone\n"


def test_two_supervisors_of_one_engine_store_each_line_once(scene: Scene, news: News) -> None:
    with supervising(scene.row), supervising(scene.row):
        attempt, _ = scene.start("count", "1000", "0.001")
        news.wait_for_hand_over(queueing.REAP, attempt)

    assert log_of(attempt) == counted(1000)


def test_a_log_longer_than_a_batch_is_stored_at_its_end(scene: Scene, news: News) -> None:
    with supervising(scene.row, timing=SLOW_TO_FOLLOW):
        attempt, _ = scene.start("count", "3000", "0.00001")
        news.wait_for_hand_over(queueing.REAP, attempt)

    assert log_of(attempt) == counted(3000)


@pytest.mark.parametrize("timing", [FAST, SLOW_TO_FOLLOW])
def test_a_log_is_cut_off_at_its_limit(
    scene: Scene, news: News, settings: Settings, timing: object
) -> None:
    settings.BATCHWEB_LOG_LIMIT_BYTES = 60

    with supervising(scene.row, timing=timing):  # type: ignore[arg-type]
        attempt, _ = scene.start("count", "100", "0.002")
        news.wait_for_hand_over(queueing.REAP, attempt)

    stream = LogStream.objects.get(attempt=attempt)
    assert stream.truncated_at_bytes == 60
    assert log_of(attempt) == counted(100)[:60]
    assert is_complete(attempt)


def test_a_log_that_the_engine_cannot_read_does_not_hold_its_job(
    scene: Scene, news: News, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.processes.supervisor.ending.FIRST_RETRY_SECONDS", 0.001)

    class Broken(FakeEngine):
        def logs(self, container_id: str, *, since_ns: int, follow: bool) -> Iterator[LogFrame]:
            raise EngineError("the log file is corrupt")

    def connection(row: Engine) -> Connection:
        return Broken(row.url, installation=fake_connection(row)._installation)

    with supervising(scene.row, connection=connection):
        attempt, _ = scene.start("exit", "0")
        news.wait_for_hand_over(queueing.REAP, attempt)

    stream = LogStream.objects.get(attempt=attempt)
    assert stream.problem == "The log could not be stored: the log file is corrupt"
    assert is_complete(attempt)


def test_an_engine_that_stumbles_is_asked_again(
    scene: Scene, news: News, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.processes.supervisor.ending.FIRST_RETRY_SECONDS", 0.001)
    failures = iter([True, True, True])

    class Stumbling(FakeEngine):
        def logs(self, container_id: str, *, since_ns: int, follow: bool) -> Iterator[LogFrame]:
            if next(failures, False):
                raise EngineError("try again")
            return super().logs(container_id, since_ns=since_ns, follow=follow)

    def connection(row: Engine) -> Connection:
        return Stumbling(row.url, installation=fake_connection(row)._installation)

    with supervising(scene.row, timing=SLOW_TO_FOLLOW, connection=connection):
        attempt, _ = scene.start("say", "stdout:" + b"hello\n".hex())
        news.wait_for_hand_over(queueing.REAP, attempt)

    assert log_of(attempt) == b"hello\n"
    assert LogStream.objects.get(attempt=attempt).problem == ""


def test_a_full_log_storage_does_not_hold_a_job(
    scene: Scene, news: News, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(storages["joblogs"], "save", full)
    with supervising(scene.row):
        attempt, _ = scene.start("say", "stdout:" + (b"x" * 99 + b"\n").hex() * 5000)
        news.wait_for_hand_over(queueing.REAP, attempt)

    assert len(log_of(attempt)) == 500_000
    assert is_complete(attempt)


def test_a_database_that_fails_for_a_while_loses_no_line(
    scene: Scene, news: News, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.db import OperationalError

    append = logs.append_frames
    failures = iter([True] * 3)

    def failing(**arguments: object) -> object:
        if next(failures, False):
            raise OperationalError("database is locked")
        return append(**arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(logs, "append_frames", failing)
    with supervising(scene.row):
        attempt, _ = scene.start("count", "800", "0.001")
        news.wait_for_hand_over(queueing.REAP, attempt)

    assert log_of(attempt) == counted(800)


def test_the_log_of_an_attempt_that_was_deleted_is_nobodys(scene: Scene, news: News) -> None:
    with supervising(scene.row):
        attempt, container_id = scene.start("wait")
        news.wait_for(lambda: log_of(attempt) == b"ready\n")
        attempt.delete()
        scene.connection.signal(container_id, "SIGTERM")
        news.wait_for(lambda: any(task == queueing.REAP for task, _ in news.handed_over))

    assert not LogStream.objects.exists()
