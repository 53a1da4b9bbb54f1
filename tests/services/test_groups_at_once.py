"""Containers of one try that start and end at the same moment, in different workers."""

import threading
from collections.abc import Callable

import pytest
from django.db import connection, connections

from jobs.engines.fake import forget_world, world
from jobs.models import Attempt, Job, JobStatus, Transition
from jobs.services.attempts.launch import launch_attempt
from jobs.services.attempts.reap import reap_attempt
from tests.builders import NOW, a_group, containers_of

pytestmark = pytest.mark.django_db(transaction=True)

CONTAINERS = 6


def at_once(attempts: list[Attempt], work: Callable[[Attempt], object]) -> None:
    """A thread for each attempt, let go together. Errors fail the test."""
    errors: list[Exception] = []
    together = threading.Barrier(len(attempts))

    def run(attempt: Attempt) -> None:
        try:
            together.wait(30)
            work(attempt)
        except Exception as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(attempt,)) for attempt in attempts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not errors
    assert not any(thread.is_alive() for thread in threads)


def test_one_begins_the_try_and_one_ends_it_however_many_meet() -> None:
    attempts = a_group(
        ecs_properties=containers_of(
            *({"name": f"c{number}", "command": ["exit"]} for number in range(CONTAINERS))
        )
    )
    job = attempts[0].job
    name = attempts[0].node.engine.url.removeprefix("fake://")
    try:
        at_once(attempts, lambda attempt: launch_attempt(attempt_id=attempt.id, now=NOW))
        at_once(attempts, lambda attempt: reap_attempt(attempt_id=attempt.id, now=NOW))
        job.refresh_from_db()
        assert job.status == JobStatus.SUCCEEDED
        steps = Transition.objects.filter(job=job).values_list("to_status", flat=True)
        assert list(steps) == ["SUBMITTED", "RUNNING", "SUCCEEDED"]
        rows = Attempt.objects.filter(job=job)
        assert all(row.ended_at and row.removed_at for row in rows)
        assert Job.objects.get(id=job.id).cost_usd == sum(row.cost_usd for row in rows)
        assert not world(name).containers
        assert not world(name).belongings.pods
    finally:
        forget_world(name)
        connection.close()
