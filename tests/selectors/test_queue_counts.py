"""The numbers of live jobs of a queue."""

import pytest

from jobs.models import Job, JobStatus
from jobs.selectors import queues
from jobs.selectors.queues import find_queue, kept_counts
from tests.builders import a_job, a_queue

pytestmark = pytest.mark.django_db


def waiting_in(name: str) -> int:
    row = find_queue(name=name)
    assert row is not None
    return row.waiting


def test_counts_are_of_this_moment() -> None:
    queue = a_queue()
    for expected in range(3):
        assert waiting_in(queue.name) == expected
        a_job(queue=queue, status=JobStatus.RUNNABLE)


def test_large_counts_are_kept_for_some_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queues, "KEPT_FROM", 1)
    queue, other = a_queue(), a_queue()
    for _ in range(2):
        a_job(queue=queue, status=JobStatus.RUNNABLE)
    assert waiting_in(queue.name) == 2
    Job.objects.all().delete()
    a_job(queue=other, status=JobStatus.RUNNABLE)
    assert waiting_in(queue.name) == 2
    assert waiting_in(other.name) == 1
    monkeypatch.setattr(queues, "KEPT_SECONDS", 0.0)
    kept_counts.forget()
    assert waiting_in(queue.name) == 0
