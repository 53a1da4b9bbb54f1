"""The end of an attempt: what it cost, what it says, and what follows for its try."""

from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.db.models import F

from jobs import changes
from jobs.domain import reasons
from jobs.domain.states import JobStatus
from jobs.models import Attempt, Job
from jobs.pricing.cost import Rates, seconds_between, usd
from jobs.selectors.plans import is_group

from . import groups
from .transition import announce
from .tries import AttemptOutcome, end_try, lock_job

__all__ = ["AttemptOutcome", "finish_attempt", "stopped_unlaunched"]


def finish_attempt(*, attempt: Attempt, outcome: AttemptOutcome, now: datetime) -> bool:
    """Ends a live attempt and moves its job on; False if somebody else had ended it.

    With the last container of its try the job becomes SUCCEEDED, FAILED or, if its retry strategy says
    so and nobody asked it to stop, RUNNABLE. Before that, others of the try may be let go or stopped.
    Removing the container is the caller's to do, or the sweep's. `attempt` was read with its job's spec.
    """
    cost_usd = _price(attempt, outcome)
    with transaction.atomic():
        # Under lock: a stop that is asked for now must either be seen here, or find the end.
        job = lock_job(attempt.job_id)
        ended = Attempt.objects.filter(id=attempt.id, ended_at__isnull=True).update(
            ended_at=now,
            started_at=outcome.started_at,
            stopped_at=outcome.stopped_at,
            exit_code=outcome.exit_code,
            oom_killed=outcome.oom_killed,
            reason=outcome.reason,
            status_reason=outcome.status_reason,
            explanation=outcome.explanation,
            was_stopped=outcome.was_stopped,
            may_retry=outcome.may_retry,
            cost_usd=cost_usd,
        )
        if not ended:
            return False
        job.spec = attempt.job.spec
        if is_group(job):
            _move_group_on(job, attempt, outcome, cost_usd, now)
        else:
            end_try(job=job, attempt=attempt, outcome=outcome, cost_usd=cost_usd, now=now)
        changes.publish([changes.ENVIRONMENTS])
    return True


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


def _price(attempt: Attempt, outcome: AttemptOutcome) -> Decimal:
    if outcome.started_at is None or outcome.stopped_at is None:
        return Decimal(0)
    return usd(
        milli_vcpus=attempt.milli_vcpus,
        memory_mib=attempt.memory_mib,
        seconds=seconds_between(outcome.started_at, outcome.stopped_at),
        rates=Rates(attempt.usd_per_vcpu_hour, attempt.usd_per_gib_hour),
    )
