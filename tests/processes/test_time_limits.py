"""Retry rules and time limits on real containers, with all processes or with some of them away.

The least time limit is a minute, longer than a test should take, so tests move the deadline of an attempt
that runs.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import docker
import pytest

from tests.images import busybox_image
from tests.installation import Installation, wait_until

pytestmark = pytest.mark.processes

TIMED_OUT = "Job attempt duration exceeded timeout"
GRACE = timedelta(seconds=2)
# Some slack for a machine that is busy with other tests; the containers would run for ten minutes.
ON_TIME = timedelta(seconds=20)
HEEDS = "sh -c 'trap \"echo told; exit 0\" TERM; echo ready; sleep 600 & wait'"
IGNORES = "sh -c 'trap \"\" TERM; echo ready; while :; do sleep 0.2; done'"
MOVE = """
update jobs_attempt set deadline_at = ?
where job_id in (select value from json_each(?)) and ended_at is null and started_at is not null
"""


@pytest.fixture(scope="module")
def installation(docker_engine_url: str) -> Iterator[Installation]:
    image = busybox_image(docker_engine_url)
    grace = {"BATCHWEB_STOP_GRACE_SECONDS": str(GRACE.seconds)}
    with Installation(image=image, environment=grace) as running:
        yield running


def is_ready(installation: Installation, job_id: str) -> Callable[[], bool]:
    return lambda: "ready" in installation.log(job_id)


def run(installation: Installation, *commands: str) -> list[str]:
    """The ids of jobs with a time limit, once their containers run and have said so."""
    ids = [
        installation.submit("limited", command=command, attempts="3", timeout_seconds="60")
        for command in commands
    ]
    for job_id in ids:
        installation.wait_for(job_id, "RUNNING")
        wait_until(is_ready(installation, job_id), what="it is ready")
    return ids


def move_deadline(installation: Installation, *job_ids: str) -> datetime:
    """In six seconds, later than the next sweep; written as Django writes it."""
    with closing(sqlite3.connect(installation.var / "batchweb.sqlite3", timeout=30)) as database:
        at = datetime.now(UTC) + timedelta(seconds=6)
        values = (
            at.strftime("%Y-%m-%d %H:%M:%S.%f"),
            json.dumps([UUID(each).hex for each in job_ids]),
        )
        assert database.execute(MOVE, values).rowcount == len(job_ids)
        database.commit()
    return at


def ended_at(job: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(job["attempts"][0]["stopped_at"])


def assert_timed_out(job: dict[str, Any], *, exit_code: int) -> None:
    assert (job["status"], job["status_reason"]) == ("FAILED", TIMED_OUT)
    assert [attempt["exit_code"] for attempt in job["attempts"]] == [exit_code]
    assert "time limit of 60 seconds" in job["explanation"]


def test_the_first_rule_that_matches_decides_about_a_retry(installation: Installation) -> None:
    rules = [
        {"onExitCode": "11", "action": "retry"},
        {"onReason": "*", "action": "EXIT"},
    ]
    job_id = installation.submit(
        "ruled",
        command='sh -c "exit $((10 + AWS_BATCH_JOB_ATTEMPT))"',
        attempts="5",
        evaluate_on_exit=json.dumps(rules),
    )
    job = installation.wait_for(job_id)
    assert job["status"] == "FAILED"
    assert [attempt["exit_code"] for attempt in job["attempts"]] == [11, 12]


def test_containers_are_told_at_the_deadline_and_killed_after_the_grace_time(
    installation: Installation,
) -> None:
    heeds, ignores = run(installation, HEEDS, IGNORES)
    deadline = move_deadline(installation, heeds, ignores)
    job = installation.wait_for(heeds)
    assert_timed_out(job, exit_code=0)
    assert installation.log(heeds) == "ready\ntold\n"
    assert deadline <= ended_at(job) < deadline + ON_TIME

    job = installation.wait_for(ignores)
    assert_timed_out(job, exit_code=137)
    assert deadline + GRACE <= ended_at(job) < deadline + GRACE + ON_TIME


def test_a_deadline_is_kept_while_the_supervisor_is_down(
    installation: Installation, docker_engine_url: str
) -> None:
    [job_id] = run(installation, HEEDS)
    installation.stop("supervisor")
    deadline = move_deadline(installation, job_id)
    client = docker.DockerClient(base_url=docker_engine_url)
    try:
        container = client.containers.get(installation.job(job_id)["attempts"][0]["container_id"])
        container.wait(timeout=30)
    finally:
        client.close()
    assert installation.job(job_id)["status"] == "RUNNING"
    installation.start("supervisor")
    job = installation.wait_for(job_id)
    assert_timed_out(job, exit_code=0)
    assert deadline <= ended_at(job) < deadline + ON_TIME
    assert installation.log(job_id) == "ready\ntold\n"


def test_a_deadline_that_passed_while_nobody_was_there_is_made_good_at_once(
    installation: Installation,
) -> None:
    [job_id] = run(installation, HEEDS)
    away = ("scheduler", "workers", "supervisor")
    for name in away:
        installation.stop(name)
    deadline = move_deadline(installation, job_id)
    wait_until(lambda: datetime.now(UTC) > deadline, what="the deadline has passed")
    for name in away:
        installation.start(name)
    job = installation.wait_for(job_id)
    assert_timed_out(job, exit_code=0)
    assert ended_at(job) >= deadline
