"""Histories of jobs, line by line, and the counting of them."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from jobs.models import Job, JobStatus, Transition
from jobs.selectors.events.history import Ids, Settled, settled_ids
from jobs.services.metrics import counting
from tests.builders import NOW, a_job

Count = Callable[[], int]


def at(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


def line(job: Job, old: str, new: str, minutes: float, **fields: Any) -> Transition:
    """A line of a job's history."""
    return Transition.objects.create(
        job=job, from_status=old, to_status=new, at=at(minutes), **fields
    )


def a_run(
    *, waited: float, ran: float, begins: float = 0, status: str = "SUCCEEDED", **fields: Any
) -> Job:
    """A job with a history: so many minutes RUNNABLE, and so many RUNNING, the first from `begins` on.

    It was submitted at NOW.
    """
    starts, ends = begins + waited, begins + waited + ran
    reason = fields.pop("reason", "")
    job = a_job(
        status=status, started_at=at(starts), stopped_at=at(ends), attempts_made=1, **fields
    )
    line(job, JobStatus.SUBMITTED, JobStatus.RUNNABLE, begins)
    line(job, JobStatus.RUNNABLE, JobStatus.STARTING, starts, attempt_number=1)
    line(job, JobStatus.STARTING, JobStatus.RUNNING, starts, attempt_number=1)
    line(job, JobStatus.RUNNING, status, ends, attempt_number=1, reason=reason)
    return job


@pytest.fixture
def count() -> Count:
    """Counts all of the history, in portions; how many portions it took."""

    def counted() -> int:
        found = settled_ids()
        assert counting.begin(found)
        portions = 1
        while counting.count_portion(last=found.ids.transitions):
            portions += 1
        return portions

    return counted


def settled_at(last: int, newest: int) -> Settled:
    return Settled(Ids(transitions=last), Ids(transitions=newest))
