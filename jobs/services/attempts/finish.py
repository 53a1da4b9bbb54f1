"""The end of an attempt: what it cost, what it says, and what follows for its try."""

import logging
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from django.db import DatabaseError, transaction
from django.db.models import F

from jobs import changes
from jobs.domain import reasons
from jobs.domain.states import JobStatus
from jobs.models import Attempt, Job
from jobs.selectors.costs.prices import Money
from jobs.selectors.plans import is_group
from jobs.services.costs.attempts import RanFor, price_ends
from jobs.services.costs.stale_hours import note_end
from jobs.services.writing.apart import Apart
from jobs.services.writing.rows import update_rows
from jobs.services.writing.transition import announce

from . import groups
from .last_tries import TryEnd, can_end_together, end_tries, is_last_try, lock_jobs_of
from .tries import AttemptOutcome, end_try, lock_job

__all__ = ["AttemptOutcome", "finish_attempt", "finish_attempts", "stopped_unlaunched"]

logger = logging.getLogger("batchweb.finish")


def finish_attempts(
    *, outcomes: Mapping[Attempt, AttemptOutcome], now: datetime, apart: Apart
) -> set[int]:
    """`finish_attempt` of each; which it ended. Those after which only the job's end can follow take one
    transaction together; errors of others are `apart`'s."""
    last = {each: end for each, end in outcomes.items() if _ends_simply(each, end)}
    ended = _finish_together(last, now) if len(last) > 1 else set()
    for attempt, outcome in outcomes.items():
        if attempt.id not in ended:
            with apart.each(attempt.id):
                if finish_attempt(attempt=attempt, outcome=outcome, now=now):
                    ended.add(attempt.id)
    return ended


def finish_attempt(*, attempt: Attempt, outcome: AttemptOutcome, now: datetime) -> bool:
    """Ends a live attempt and moves its job on; False if somebody else had ended it.

    With the last container of its try the job becomes SUCCEEDED, FAILED or, if its retry strategy says
    so and nobody asked it to stop, RUNNABLE. Before that, others of the try may be let go or stopped.
    Removing the container is the caller's to do, or the sweep's. `attempt` was read with its job's spec.
    """
    with transaction.atomic():
        # Under lock: a stop that is asked for now must either be seen here, or find the end.
        job = lock_job(attempt.job_id)
        money = _prices_of({attempt: outcome}, now)[attempt.id]
        ended = Attempt.objects.filter(id=attempt.id, ended_at__isnull=True).update(
            **_end_of(outcome, money, now)
        )
        if not ended:
            return False
        cost_usd = money.usd
        job.spec = attempt.job.spec
        if is_group(job):
            _move_group_on(job, attempt, outcome, cost_usd, now)
        else:
            end_try(job=job, attempt=attempt, outcome=outcome, cost_usd=cost_usd, now=now)
        note_end(now)
        changes.publish([changes.ENVIRONMENTS])
    return True


def _ends_simply(attempt: Attempt, outcome: AttemptOutcome) -> bool:
    """Whether no rule and no other row has a say in what follows."""
    job = attempt.job
    return is_last_try(job, outcome) and not (is_group(job) or job.has_consumables)


def _finish_together(outcomes: Mapping[Attempt, AttemptOutcome], now: datetime) -> set[int]:
    """Which attempts it ended. One that needs another way, or an error, leaves the others to be ended alone."""
    try:
        with transaction.atomic():
            jobs = lock_jobs_of([attempt.job_id for attempt in outcomes])
            money = _prices_of(outcomes, now)
            ends = {
                attempt.id: TryEnd(attempt, outcome, money[attempt.id].usd)
                for attempt, outcome in outcomes.items()
            }
            together = can_end_together(ends, jobs, now)
            ended = update_rows(
                Attempt,
                {id_: _end_of(ends[id_].outcome, money[id_], now) for id_ in together},
                only_if={"ended_at": None},
            )
            if ended:
                end_tries(ends=[ends[id_] for id_ in ended], jobs=jobs, now=now)
                note_end(now)
                changes.publish([changes.ENVIRONMENTS])
    except DatabaseError as error:
        logger.warning("%d attempts are ended one by one: %s", len(outcomes), error)
        return set()
    return set(ended)


def _end_of(outcome: AttemptOutcome, money: Money, now: datetime) -> dict[str, object]:
    return {
        "ended_at": now,
        "started_at": outcome.started_at,
        "stopped_at": outcome.stopped_at,
        "exit_code": outcome.exit_code,
        "oom_killed": outcome.oom_killed,
        "reason": outcome.reason,
        "status_reason": outcome.status_reason,
        "explanation": outcome.explanation,
        "was_stopped": outcome.was_stopped,
        "may_retry": outcome.may_retry,
        "cost_usd": money.usd,
        "on_demand_usd": money.on_demand_usd,
    }


def stopped_unlaunched(attempt: Attempt) -> AttemptOutcome:
    """The end of an attempt that was asked to stop before its container was started."""
    return AttemptOutcome(
        status_reason=attempt.job.stop_reason or reasons.ESSENTIAL_EXITED,
        explanation=reasons.STOPPED_UNLAUNCHED,
        was_stopped=True,
        may_retry=False,
    )


def _move_group_on(
    job: Job, attempt: Attempt, outcome: AttemptOutcome, cost_usd: Decimal, now: datetime
) -> None:
    if job.status == JobStatus.STARTING and outcome.started_at is not None:
        groups.begin(job=job, attempt=attempt, started_at=outcome.started_at, now=now)
    its_end = groups.advance(job=job, number=attempt.number, now=now)
    if its_end is not None:
        end_try(job=job, attempt=attempt, outcome=its_end, cost_usd=cost_usd, now=now)
        return
    Job.objects.filter(id=job.id).update(cost_usd=F("cost_usd") + cost_usd)
    announce([job.id])
    # It gave its room back.
    changes.wake_scheduler()


def _prices_of(outcomes: Mapping[Attempt, AttemptOutcome], now: datetime) -> dict[int, Money]:
    times = {
        attempt: RanFor(outcome.started_at, outcome.stopped_at)
        for attempt, outcome in outcomes.items()
    }
    return price_ends(times, now=now)
