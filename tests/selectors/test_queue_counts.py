"""The numbers of live jobs of a queue, and of who has some."""

import pytest

from jobs.models import Job, JobStatus
from jobs.selectors import kept_counts as kept_counts_module
from jobs.selectors.overview import live_counts
from jobs.selectors.queues import find_queue, kept_counts
from tests.builders import a_job, a_queue, a_user

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
    monkeypatch.setattr(kept_counts_module, "KEPT_FROM", 1)
    queue, other = a_queue(), a_queue()
    for _ in range(2):
        a_job(queue=queue, status=JobStatus.RUNNABLE)
    assert waiting_in(queue.name) == 2
    Job.objects.all().delete()
    a_job(queue=other, status=JobStatus.RUNNABLE)
    assert waiting_in(queue.name) == 2
    assert waiting_in(other.name) == 1
    monkeypatch.setattr(kept_counts_module, "KEPT_SECONDS", 0.0)
    kept_counts.forget()
    assert waiting_in(queue.name) == 0


def test_large_counts_of_a_user_are_kept_for_some_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_counts_module, "KEPT_FROM", 1)
    many, few = a_user(), a_user()
    for owner in (many, many, few):
        a_job(owner=owner, status=JobStatus.RUNNABLE)
    assert [live_counts(user=user)["RUNNABLE"] for user in (many, few)] == [2, 1]
    for owner in (many, few):
        a_job(owner=owner, status=JobStatus.RUNNABLE)
    assert [live_counts(user=user)["RUNNABLE"] for user in (many, few)] == [2, 2]
