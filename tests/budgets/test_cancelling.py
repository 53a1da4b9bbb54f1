"""Budgets of action CANCEL: what waits in their scope ends, what runs goes on."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from jobs import queueing
from jobs.domain.errors import LostLease
from jobs.domain.states import JobStatus
from jobs.models import Budget, BudgetAction, Job, StopKind
from jobs.services.costs.budgets import bring_up_to_date, hand_over_budgets
from jobs.services.passes import budgets as steps
from jobs.services.passes.budgets import BudgetRounds, cancel_portion
from jobs.services.passes.lease import Lease
from tests.builders import NOW, a_budget, a_job, a_queue, a_user, an_array
from tests.services.stepping import a_lease, check_summaries, schedule, status, statuses

from .conftest import Spend

pytestmark = pytest.mark.django_db
REASON = "Cancelled, because the budget lab is spent: $12.00 of $10.00 in January 2026."


def exceeded(**fields: Any) -> Budget:
    return a_budget(name="lab", action=BudgetAction.CANCEL, **fields)


def a_round(lease: Lease, *, at: int = 0) -> BudgetRounds:
    bring_up_to_date(now=NOW + timedelta(seconds=at))
    rounds = BudgetRounds()
    while rounds.go_on(lease=lease, now=NOW + timedelta(seconds=at), monotonic=0.0):
        pass
    return rounds


@pytest.fixture
def lease() -> Lease:
    return a_lease()


@pytest.fixture(autouse=True)
def _spent(spend: Spend) -> None:
    spend("12")


def test_what_waits_is_cancelled_with_the_reason_and_what_runs_goes_on(lease: Lease) -> None:
    queue = a_queue()
    waiting = [
        a_job(queue=queue, status=each)
        for each in (JobStatus.SUBMITTED, JobStatus.PENDING, JobStatus.RUNNABLE)
    ]
    placed = [
        a_job(queue=queue, status=each, attempts_made=1)
        for each in (JobStatus.STARTING, JobStatus.RUNNING)
    ]
    other = a_job(status=JobStatus.RUNNABLE)
    exceeded(queue=queue)
    a_round(lease)
    assert statuses(waiting) == ["FAILED"] * 3
    assert statuses([*placed, other]) == ["STARTING", "RUNNING", "RUNNABLE"]
    ended = Job.objects.get(id=waiting[0].id)
    assert (ended.status_reason, ended.stop_kind) == (REASON, StopKind.CANCEL)


def test_an_owners_and_a_tags_jobs_are_found_in_every_queue(lease: Lease) -> None:
    owner = a_user()
    mine = [a_job(owner=owner, status=JobStatus.RUNNABLE) for _ in range(2)]
    tagged = [a_job(status=JobStatus.RUNNABLE) for _ in range(3)]
    for job in tagged[:2]:
        job.spec.tags = {"team": "blue"}
        job.spec.save()
    # Tags that were changed later count in place of the submission's.
    Job.objects.filter(id=tagged[1].id).update(tags={"team": "red"})
    Job.objects.filter(id=tagged[2].id).update(tags={"team": "blue"})
    exceeded(owner=owner)
    a_budget(tag_value="blue", action=BudgetAction.CANCEL)
    a_round(lease)
    assert statuses(mine) == ["FAILED"] * 2
    assert statuses(tagged) == ["FAILED", "RUNNABLE", "FAILED"]


def test_an_array_ends_through_its_parent(lease: Lease) -> None:
    queue = a_queue()
    array = an_array(5, children=JobStatus.RUNNABLE, queue=queue)
    running = an_array(2, children=JobStatus.RUNNING, queue=queue, attempts_made=1)
    exceeded(queue=queue)
    a_round(lease)
    schedule(lease)
    assert status(array) == "FAILED"
    assert Job.objects.get(id=array.id).stop_reason == REASON
    assert statuses(list(Job.objects.filter(parent=array))) == ["FAILED"] * 5
    assert statuses(list(Job.objects.filter(parent=running))) == ["RUNNING"] * 2
    check_summaries()


def test_many_go_in_portions(lease: Lease, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "PORTION", 2)
    queue = a_queue()
    jobs = [a_job(queue=queue, status=JobStatus.RUNNABLE) for _ in range(5)]
    exceeded(queue=queue)
    bring_up_to_date(now=NOW)
    monkeypatch.setattr(steps, "SECONDS_AT_ONCE", 0.0)
    rounds = BudgetRounds()
    # No time at all: the round has begun, and is not lost.
    assert rounds.go_on(lease=lease, now=NOW, monotonic=0.0)
    assert statuses(jobs) == ["RUNNABLE"] * 5
    monkeypatch.setattr(steps, "SECONDS_AT_ONCE", 10.0)
    assert not rounds.go_on(lease=lease, now=NOW, monotonic=1.0)
    assert statuses(jobs) == ["FAILED"] * 5


def test_a_mark_of_the_last_month_cancels_nothing_in_the_new_one(lease: Lease) -> None:
    queue = a_queue()
    job = a_job(queue=queue, status=JobStatus.RUNNABLE)
    budget = exceeded(queue=queue)
    bring_up_to_date(now=NOW)
    turn = datetime(2026, 2, 1, tzinfo=UTC)
    rounds = BudgetRounds()
    assert not rounds.go_on(lease=lease, now=turn, monotonic=0.0)
    # Nor does a round that was under way.
    assert cancel_portion(budget_id=budget.id, place=None, lease=lease, now=turn) is None
    assert status(job) == "RUNNABLE"


def test_the_loop_adds_nothing_up_itself(lease: Lease, monkeypatch: pytest.MonkeyPatch) -> None:
    handed: list[tuple[str, Any]] = []
    monkeypatch.setattr(queueing, "is_idle", lambda task: True)
    monkeypatch.setattr(
        queueing, "enqueue_after_commit", lambda task, ids: handed.append((task, ids))
    )
    queue = a_queue()
    job = a_job(queue=queue, status=JobStatus.RUNNABLE)
    budget = exceeded(queue=queue)
    other = a_budget()
    BudgetRounds().go_on(lease=lease, now=NOW, monotonic=0.0)
    assert handed == [(queueing.BUDGETS, [budget.id, other.id])]
    assert status(job) == "RUNNABLE"
    bring_up_to_date(now=NOW, budget_ids=[budget.id])
    assert hand_over_budgets(now=NOW) == 1
    assert handed[-1] == (queueing.BUDGETS, [other.id])


def test_a_job_that_slipped_in_is_found_in_the_next_round(lease: Lease) -> None:
    queue = a_queue()
    exceeded(queue=queue)
    rounds = a_round(lease)
    late = a_job(queue=queue, status=JobStatus.RUNNABLE)
    assert not rounds.go_on(lease=lease, now=NOW, monotonic=steps.SECONDS - 1)
    assert status(late) == "RUNNABLE"
    rounds.go_on(lease=lease, now=NOW + timedelta(seconds=15), monotonic=steps.SECONDS)
    assert status(late) == "FAILED"


def test_nothing_is_cancelled_for_a_budget_that_was_raised_or_only_refuses(
    lease: Lease, spend: Spend
) -> None:
    queue = a_queue()
    job = a_job(queue=queue, status=JobStatus.RUNNABLE)
    a_budget(queue=queue, action=BudgetAction.REFUSE)
    budget = exceeded(queue=queue)
    rounds = BudgetRounds(places={budget.id: None}, next_at=99.0)
    assert not rounds.go_on(lease=lease, now=NOW, monotonic=0.0), "it is not exceeded yet"
    spend("1")
    a_round(lease)
    assert status(job) == "RUNNABLE"


def test_a_scheduler_that_lost_its_lease_cancels_nothing(lease: Lease) -> None:
    queue = a_queue()
    job = a_job(queue=queue, status=JobStatus.RUNNABLE)
    exceeded(queue=queue)
    with pytest.raises(LostLease):
        a_round(Lease(token=lease.token - 1))
    assert status(job) == "RUNNABLE"


def test_without_budgets_a_round_is_two_queries_and_between_rounds_none(
    lease: Lease, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    rounds = BudgetRounds()
    with django_assert_num_queries(2):
        assert not rounds.go_on(lease=lease, now=NOW, monotonic=0.0)
    with django_assert_num_queries(0):
        assert not rounds.go_on(lease=lease, now=NOW, monotonic=5.0)
