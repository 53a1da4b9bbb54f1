"""Attempts and instances that ended, and what they cost."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from jobs.models import Attempt, Instance, InstanceState, JobStatus
from jobs.selectors.costs import CostRange, CostScope, Ledger
from jobs.services.attempts.finish import AttemptOutcome
from tests.builders import NOW, a_job, an_attempt, an_instance

DAY = NOW.replace(hour=0)
# NOW is nine o'clock.
LATER = NOW + timedelta(hours=5)


def at(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


def ended(minutes: float, usd: str, *, idle: str = "0", **fields: Any) -> Attempt:
    """An attempt of ten minutes that ended then; `fields` are its job's, and its instance."""
    values = {name: fields.pop(name) for name in ("instance", "capacity") if name in fields}
    job = a_job(status=JobStatus.SUCCEEDED, attempts_made=1, **fields)
    return an_attempt(
        job=job,
        started_at=at(minutes - 10),
        stopped_at=at(minutes),
        ended_at=at(minutes),
        cost_usd=Decimal(usd),
        on_demand_usd=Decimal(usd) * 2,
        idle_usd=Decimal(idle),
        **values,
    )


def ended_instance(minutes: float, *, uncharged: str = "0") -> Instance:
    return an_instance(
        state=InstanceState.ENDED,
        ended_at=at(minutes),
        idle_charged_at=at(minutes),
        uncharged_idle_usd=Decimal(uncharged),
    )


def the_day(scope: CostScope | None = None, *, now: datetime = LATER) -> Ledger:
    return Ledger(CostRange(DAY, now, with_running=True), scope or CostScope())


def a_running_attempt(**fields: Any) -> Attempt:
    job = a_job(status=JobStatus.RUNNING, attempts_made=1)
    attempt = an_attempt(job=job, **fields)
    return Attempt.objects.select_related("job__spec", "node", "environment").get(pk=attempt.pk)


def an_outcome(stopped_at: datetime) -> AttemptOutcome:
    return AttemptOutcome(
        "", "It ended.", started_at=at(0), stopped_at=stopped_at, exit_code=0, succeeded=True
    )


def by_rows() -> Ledger:
    return Ledger(CostRange(DAY, LATER, with_running=True), CostScope(), from_rows=True)
