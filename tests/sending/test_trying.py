"""A pattern is tried against the newest events, some at a time, and no longer than a second."""

import pytest
from django.utils import timezone

from jobs.models import Job, NodeTransition
from jobs.services.sending import trying
from jobs.services.sending.trying import try_pattern
from tests.builders import NOW, a_job, a_user, an_array

from .conftest import blocked, happened
from .test_mails import an_alarm_that_changes

pytestmark = pytest.mark.django_db


def test_the_newest_events_of_all_kinds_are_looked_at_some_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(trying, "EVENTS", 5)
    monkeypatch.setattr(trying, "DOCUMENTS", 2)
    monkeypatch.setattr(trying, "SECONDS", 60.0)
    ann = a_user()
    an_alarm_that_changes(times=7)
    happened(a_job(name="hers"))
    jobs = [a_job(name=f"job-{number}", owner=ann) for number in range(6)]
    for job in jobs:
        happened(job)
    blocked(jobs[0])
    tried = try_pattern({"source": [{"exists": True}]}, user=ann)
    assert tried.looked_at == 10
    shown = [(each.name, each.status) for each in tried.matches]
    assert shown[:5] == [
        ("job-0", "RUNNABLE"),
        ("job-5", "FAILED"),
        ("job-4", "FAILED"),
        ("job-3", "FAILED"),
        ("job-2", "FAILED"),
    ]
    assert shown[5:] == [("hot", "ALARM")] * 5
    assert tried.matches[-1].at == NOW
    assert not try_pattern({"source": ["nothing"]}, user=ann).matches


def test_children_and_nodes_are_told_apart() -> None:
    ann = a_user()
    child = Job.objects.get(parent=an_array(2, owner=ann), array_index=1)
    happened(child)
    happened_to_node = {"to_status": "FAILED", "node_index": 3, "attempt_number": 1}
    job = a_job(name="wide", owner=ann, node_count=4)
    NodeTransition.objects.create(job=job, at=timezone.now(), **happened_to_node)
    tried = try_pattern({"detail": {"status": ["FAILED"]}}, user=ann)
    assert [each.name for each in tried.matches] == ["wide#3", f"{child.name}:1"]


def test_what_takes_too_long_is_tried_on_fewer_events(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trying, "SECONDS", -1.0)
    ann = a_user()
    for _ in range(3):
        happened(a_job(owner=ann))
    tried = try_pattern({"source": ["aws.batch"]}, user=ann)
    assert tried.looked_at == len(tried.matches) == 1
