"""What counts as spent of a budget, by the costs of real attempts."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from jobs.domain.states import JobStatus
from jobs.models import Attempt, Budget, Job
from jobs.selectors.costs import Living, spending
from jobs.selectors.costs import ledger as costs_ledger
from jobs.selectors.costs.living import read_living
from jobs.services.costs.budgets import bring_up_to_date, spent_of
from tests.builders import NOW, a_budget, a_job, a_queue, a_user, an_attempt

pytestmark = pytest.mark.django_db


def cost(usd: str, *, ended_at: datetime = NOW - timedelta(hours=3), **job: Any) -> Attempt:
    """An ended attempt that cost so much."""
    run = a_job(status=JobStatus.SUCCEEDED, attempts_made=1, **job)
    return an_attempt(
        job=run,
        started_at=ended_at - timedelta(minutes=5),
        stopped_at=ended_at,
        ended_at=ended_at,
        exit_code=0,
        cost_usd=Decimal(usd),
    )


def tagged(usd: str, tags: dict[str, str]) -> Attempt:
    attempt = cost(usd)
    attempt.job.spec.tags = tags
    attempt.job.spec.save()
    return attempt


def spent(budget: Budget) -> Decimal:
    return spent_of(budget, now=NOW)


def test_a_budget_counts_the_jobs_of_its_scope_in_its_month() -> None:
    queue, owner = a_queue(), a_user()
    cost("1", queue=queue)
    cost("2", owner=owner)
    cost("4", queue=queue, owner=owner)
    cost("8", queue=queue, ended_at=datetime(2025, 12, 31, 23, 59, tzinfo=UTC))
    cost("16")
    assert spent(a_budget(queue=queue)) == 5
    assert spent(a_budget(owner=owner)) == 6


def test_a_tags_budget_counts_one_value_or_any() -> None:
    tagged("1", {"team": "blue"})
    tagged("2", {"team": "red", "blue": "team"})
    tagged("4", {"other": "blue"})
    changed = tagged("8", {"team": "blue"})
    Job.objects.filter(pk=changed.job_id).update(tags={"team": "green"})
    assert spent(a_budget(tag_value="blue")) == 1
    assert spent(a_budget(tag_value="")) == 11


def test_what_runs_counts_with_what_it_has_cost_so_far() -> None:
    """A vCPU and 512 MiB for an hour, at 0.04 a vCPU and 0.02 a GiB: 0.04 + 0.01."""
    queue = a_queue()
    job = a_job(queue=queue, status=JobStatus.RUNNING, attempts_made=1)
    an_attempt(
        job=job,
        started_at=NOW - timedelta(hours=1),
        usd_per_vcpu_hour=Decimal("0.04"),
        usd_per_gib_hour=Decimal("0.02"),
    )
    budget = a_budget(queue=queue, usd_per_month=Decimal("0.05"))
    assert spent(budget) == Decimal("0.05")
    bring_up_to_date(now=NOW)
    budget.refresh_from_db()
    assert budget.exceeded_at == NOW


def test_many_budgets_share_one_look_at_what_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    queue, owner = a_queue(), a_user()
    for fields in ({"queue": queue}, {"owner": owner}, {"queue": queue, "owner": owner}, {}):
        job = a_job(status=JobStatus.RUNNING, attempts_made=1, tags={"team": "blue"}, **fields)
        an_attempt(job=job, started_at=NOW - timedelta(hours=1))
    looks: list[object] = []

    def look(*values: Any) -> Living:
        looks.append(values)
        return read_living(*values)

    monkeypatch.setattr(spending, "read_living", look)
    monkeypatch.setattr(costs_ledger, "read_living", look)
    rows = [
        a_budget(queue=queue),
        a_budget(queue=a_queue()),
        a_budget(owner=owner),
        a_budget(tag_value="blue"),
        a_budget(tag_value="red"),
        a_budget(),
    ]
    bring_up_to_date(now=NOW)
    assert len(looks) == 1
    # An hour of one vCPU and 512 MiB costs as much of each job.
    one = spent(rows[2]) / 2
    found = [Budget.objects.get(pk=row.pk).spent_usd for row in rows]
    assert found == [2 * one, 0, 2 * one, 4 * one, 0, 4 * one]
    assert found == [spent(row) for row in rows]
    assert one > 0
