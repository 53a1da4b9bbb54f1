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

from tests.images import BUSYBOX, busybox_image
from tests.installation import Installation, wait_until

pytestmark = pytest.mark.processes

JOBS = 30
SEED = 20260105
# Half of them fail on purpose: the right end is not always SUCCEEDED.
COMMAND = (
    'sh -c "echo $AWS_BATCH_JOB_ID >> /proof/started; echo from $AWS_BATCH_JOB_ID; sleep {seconds}; '
    'echo $AWS_BATCH_JOB_ID >> /proof/ended; exit {exit_code}"'
)
# Every fifth has a container before the one that does the work.
EVERY = 5
NEEDS = [{"type": "VCPU", "value": "0.25"}, {"type": "MEMORY", "value": "32"}]


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


def define_pair(installation: Installation) -> str:
    """A job of two containers, the second of which does what COMMAND says."""
    work = COMMAND.removeprefix('sh -c "').removesuffix('"')
    return installation.define(
        jobDefinitionName="pair",
        type="container",
        ecsProperties={
            "taskProperties": [
                {
                    "containers": [
                        {
                            "name": "before",
                            "image": BUSYBOX,
                            "essential": False,
                            "command": [
                                "sh",
                                "-c",
                                "echo before-$AWS_BATCH_JOB_ID >> /proof/started",
                            ],
                            "resourceRequirements": NEEDS,
                        },
                        {
                            "name": "work",
                            "image": BUSYBOX,
                            "dependsOn": [{"containerName": "before", "condition": "SUCCESS"}],
                            "command": [
                                "sh",
                                "-c",
                                work.format(seconds="Ref::seconds", exit_code="Ref::code"),
                            ],
                            "resourceRequirements": NEEDS,
                        },
                    ]
                }
            ]
        },
    )


def submit(installation: Installation, number: int, pair: str, seconds: float) -> str:
    exit_code = number % 2
    name = f"fault-{number}"
    if number % EVERY:
        command = COMMAND.format(seconds=seconds, exit_code=exit_code)
        return installation.submit(name, command=command)
    parameters = f"seconds={seconds}\ncode={exit_code}"
    return installation.submit(name, definition=pair, parameters=parameters)


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
    pair = define_pair(installation)
    expected, pairs = {}, set()
    for number in range(JOBS):
        job_id = submit(installation, number, pair, chance.choice([0, 0, 0.2, 1]))
        expected[job_id] = "FAILED" if number % 2 else "SUCCEEDED"
        if number % EVERY == 0:
            pairs.add(job_id)

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
        wait_until(installation.is_ready, what="the page answers again")
        killer.join()
        wait_until(installation.is_ready, what="the page answers after the last blow")
        jobs = installation.wait_for_all(expected)
    finally:
        over.set()
        killer.join()

    assert sum(landed) > 0, "no blow landed, so nothing was shown"
    assert {job["id"]: job["status"] for job in jobs} == expected
    for name in ("started", "ended"):
        lines = Counter((proof / name).read_text().split())
        assert {job_id: lines[job_id] for job_id in expected} == dict.fromkeys(expected, 1), name
    lines = Counter((proof / "started").read_text().split())
    assert {lines[f"before-{job_id}"] for job_id in pairs} == {1}
    for job in jobs:
        containers = 2 if job["id"] in pairs else 1
        assert [row["number"] for row in job["attempts"]] == [1] * containers
        log = installation.log(job["id"], container=containers - 1)
        assert log == f"from {job['id']}\n"


def test_a_second_scheduler_takes_over_when_the_first_is_gone(installation: Installation) -> None:
    installation.start("scheduler", as_name="standby")
    installation.kill("scheduler")
    installation.stop("scheduler")
    try:
        assert installation.wait_for(installation.submit("after"))["status"] == "SUCCEEDED"
    finally:
        installation.start("scheduler")
        installation.stop("standby")
