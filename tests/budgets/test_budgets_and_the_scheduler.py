"""A spent budget, the scheduler's loop, and what attempts really cost."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from jobs.models import Attempt, Budget, BudgetAction, Job, JobStatus
from jobs.tasks import add_up_budgets
from tests.builders import a_budget, a_job, a_queue, an_attempt
from tests.installation import wait_until
from tests.processes.test_scheduler import Running

pytestmark = pytest.mark.django_db(transaction=True)


def test_what_waits_is_cancelled_before_it_could_start() -> None:
    queue, now = a_queue(), timezone.now()
    ended = a_job(queue=queue, status=JobStatus.SUCCEEDED, attempts_made=1)
    an_attempt(
        job=ended,
        started_at=now - timedelta(minutes=1),
        stopped_at=now,
        ended_at=now,
        exit_code=0,
        cost_usd=Decimal("10.01"),
    )
    budget = a_budget(queue=queue, action=BudgetAction.CANCEL)
    waiting = a_job(queue=queue, status=JobStatus.SUBMITTED)
    add_up_budgets(budget.id)
    one = Running()
    try:
        wait_until(
            lambda: Job.objects.get(id=waiting.id).status == JobStatus.FAILED,
            what="the job is cancelled",
        )
    finally:
        one.end()
    found = Budget.objects.get(id=budget.id)
    assert found.spent_usd == Decimal("10.01")
    assert found.exceeded_at is not None
    assert f"the budget {budget.name} is spent: $10.01 of $10.00" in (
        Job.objects.get(id=waiting.id).status_reason
    )
    assert Attempt.objects.count() == 1
