"""Arrays: their children, their summary, and how the parent's status follows."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from jobs.domain.ids import child_id
from jobs.models import ArraySummary, Job, JobStatus, Transition
from jobs.services.passes import accept, settle
from jobs.services.passes.accept import accept_submitted
from jobs.services.passes.lease import Lease
from tests.builders import NOW
from tests.services.stepping import (
    check_summaries,
    children,
    end,
    reason,
    schedule,
    status,
    statuses,
    submitted,
)

pytestmark = pytest.mark.django_db


def test_children_are_like_their_parent_and_known_by_their_ids() -> None:
    parent = submitted(size=3, name="render", timeout_seconds=90, attempts_allowed=4)
    found = children(parent)
    assert [one.id for one in found] == [child_id(parent.id, index) for index in range(3)]
    for one in found:
        assert (one.name, one.spec_id, one.array_size) == ("render", parent.spec_id, 3)
        assert (one.timeout_seconds, one.attempts_allowed, one.owner) == (90, 4, parent.owner)
        assert (one.status, one.created_at, one.has_dependents) == ("PENDING", NOW, False)
        line = Transition.objects.get(job=one)
        assert (line.from_status, line.to_status, line.at) == ("", "PENDING", NOW)
    check_summaries()


def test_ten_thousand_children_cost_as_many_statements_as_two() -> None:
    with CaptureQueriesContext(connection) as two:
        submitted(size=2)
    with CaptureQueriesContext(connection) as many:
        parent = submitted(size=10_000)
    assert len(many) == len(two)
    assert Job.objects.filter(parent=parent).count() == 10_000
    assert Job.objects.get(parent=parent, array_index=9_999).id == child_id(parent.id, 9_999)


def test_an_array_is_pending_while_its_children_go(lease: Lease) -> None:
    parent = submitted(size=3)
    assert status(parent) == JobStatus.SUBMITTED
    schedule(lease)
    assert status(parent) == JobStatus.PENDING
    assert statuses(children(parent)) == ["RUNNABLE"] * 3
    assert not Job.objects.get(id=parent.id).needs_settling
    check_summaries()


def test_a_job_behind_a_large_array_is_taken_up_with_it(
    lease: Lease, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accept, "PORTION", 3)
    submitted(size=50)
    single = submitted()
    accept_submitted(lease=lease, now=NOW)
    assert status(single) == JobStatus.RUNNABLE


def test_children_are_let_go_in_portions(lease: Lease, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settle, "PORTION", 4)
    parent = submitted(size=10)
    accept_submitted(lease=lease, now=NOW)
    assert settle.settle_ended(lease=lease, now=NOW, seconds=0)
    assert ArraySummary.objects.get(job=parent).runnable == 4
    schedule(lease)
    assert ArraySummary.objects.get(job=parent).runnable == 10


def test_an_array_succeeds_when_its_last_child_has(lease: Lease) -> None:
    parent = submitted(size=3)
    schedule(lease)
    first, second, third = children(parent)
    end(first, third)
    schedule(lease)
    assert status(parent) == JobStatus.PENDING
    end(second)
    schedule(lease)
    assert (status(parent), reason(parent)) == ("SUCCEEDED", "All array children succeeded")
    check_summaries()


def test_an_array_fails_when_all_have_ended_and_one_has_failed(lease: Lease) -> None:
    parent = submitted(size=3)
    schedule(lease)
    first, second, third = children(parent)
    end(first, ok=False)
    schedule(lease)
    # The others go on.
    assert statuses([parent, second]) == ["PENDING", "RUNNABLE"]
    end(second, third)
    schedule(lease)
    assert (status(parent), reason(parent)) == ("FAILED", "Array Child Job failed")
    check_summaries()


def test_an_ended_array_has_its_children_s_cost_and_first_start(lease: Lease) -> None:
    parent = submitted(size=2)
    schedule(lease)
    end(*children(parent))
    for index, one in enumerate(children(parent), 1):
        Job.objects.filter(id=one.id).update(
            cost_usd=Decimal(index) / 4, started_at=NOW + timedelta(minutes=index)
        )
    schedule(lease, NOW + timedelta(hours=1))
    parent.refresh_from_db()
    assert parent.cost_usd == Decimal("0.75")
    assert parent.started_at == NOW + timedelta(minutes=1)
    assert parent.stopped_at == NOW + timedelta(hours=1)
    line = Transition.objects.filter(job=parent).last()
    assert line is not None
    assert (line.from_status, line.to_status) == ("PENDING", "SUCCEEDED")


def test_the_end_of_a_child_costs_the_same_in_any_array(lease: Lease) -> None:
    costs = []
    for size in (3, 3000):
        parent = submitted(size=size)
        schedule(lease)
        one = children(parent)[1]
        with CaptureQueriesContext(connection) as queries:
            end(one)
        costs.append(len(queries))
    assert costs[0] == costs[1]
