"""Whatever is killed, every job reaches its right end, and no attempt runs twice.

Each container appends its job's id to a file on a mounted folder when it starts, and to another when
it ends; the lines are counted afterwards.
"""

import random
import shutil
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.images import busybox_image
from tests.installation import Installation, wait_until

pytestmark = pytest.mark.processes

JOBS = 30
SEED = 20260105
# Half of them fail on purpose: the right end is not always SUCCEEDED.
COMMAND = (
    'sh -c "echo $AWS_BATCH_JOB_ID >> /proof/started; echo from $AWS_BATCH_JOB_ID; sleep {seconds}; '
    'echo $AWS_BATCH_JOB_ID >> /proof/ended; exit {exit_code}"'
)


@pytest.fixture(scope="module")
def proof() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="batchweb-proof-"))
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def installation(proof: Path, docker_engine_url: str) -> Iterator[Installation]:
    image = busybox_image(docker_engine_url)
    with Installation(image=image, environment={"BATCHWEB_BINDS": f"{proof}:/proof"}) as running:
        yield running


def kill_worker(installation: Installation, chance: random.Random) -> int:
    return installation.kill_a_worker(chance.choice)


def kill_named(*names: str) -> Callable[[Installation, random.Random], int]:
    def kill(installation: Installation, _chance: random.Random) -> int:
        return installation.kill(*names)

    return kill


def empty_redis(installation: Installation, _chance: random.Random) -> int:
    """Redis dies and its data with it."""
    shutil.rmtree(installation.var / "redis" / "appendonlydir", ignore_errors=True)
    for path in (installation.var / "redis").glob("*.aof"):
        path.unlink()
    return installation.kill("redis")


@pytest.mark.parametrize(
    ("what", "strike", "strikes"),
    [
        ("a worker", kill_worker, 6),
        ("the worker pool", kill_named("workers"), 2),
        ("the supervisor", kill_named("supervisor"), 3),
        ("the scheduler", kill_named("scheduler"), 2),
        ("the web server", kill_named("web"), 2),
        ("Redis, with its data", empty_redis, 2),
        ("all at once", kill_named("redis", "web", "scheduler", "workers", "supervisor"), 1),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else None,
)
def test_every_job_ends_right_and_runs_once(
    what: str,
    strike: Callable[[Installation, random.Random], int],
    strikes: int,
    installation: Installation,
    proof: Path,
) -> None:
    chance = random.Random(f"{SEED} {what}")
    expected = {}
    for number in range(JOBS):
        exit_code = number % 2
        command = COMMAND.format(seconds=chance.choice([0, 0, 0.2, 1]), exit_code=exit_code)
        job_id = installation.submit(f"fault-{number}", command=command)
        expected[job_id] = "FAILED" if exit_code else "SUCCEEDED"

    over = threading.Event()
    landed: list[int] = []

    def struck(times: int) -> None:
        for _ in range(times):
            # A random moment while the jobs run; not a wait for anything.
            if over.wait(chance.uniform(0.3, 3.0)):
                return
            landed.append(strike(installation, chance))

    killer = threading.Thread(target=struck, args=(strikes,))
    killer.start()
    try:
        wait_until(installation.is_ready, seconds=60, what="the page answers again")
        killer.join()
        wait_until(installation.is_ready, seconds=60, what="the page answers after the last blow")
        jobs = installation.wait_for_all(expected, seconds=150)
    finally:
        over.set()
        killer.join()

    assert sum(landed) > 0, "no blow landed, so nothing was shown"
    assert {job["id"]: job["status"] for job in jobs} == expected
    for name in ("started", "ended"):
        lines = Counter((proof / name).read_text().split())
        assert {job_id: lines[job_id] for job_id in expected} == dict.fromkeys(expected, 1), name
    for job in jobs:
        assert len(job["attempts"]) == 1
        log = installation.log(job["id"])
        assert log == f"from {job['id']}\n"


def test_a_second_scheduler_takes_over_when_the_first_is_gone(installation: Installation) -> None:
    installation.start("scheduler", as_name="standby")
    installation.kill("scheduler")
    installation.stop("scheduler")
    try:
        assert (
            installation.wait_for(installation.submit("after"), seconds=20)["status"] == "SUCCEEDED"
        )
    finally:
        installation.start("scheduler")
        installation.stop("standby")
