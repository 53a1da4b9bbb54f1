"""The end of an attempt: what it cost, what it says, and whether the job goes on."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.db.models import F

from jobs import changes
from jobs.domain.exit_rules import as_rules
from jobs.domain.retry import AttemptEnd, should_retry
from jobs.domain.states import JobStatus
from jobs.models import Attempt, Job
from jobs.pricing.cost import Rates, seconds_between, usd

from .transition import transition


@dataclass(frozen=True, slots=True)
class AttemptOutcome:
    """How an attempt ended. Without `started_at` its container never ran, and costs nothing."""

    status_reason: str
    explanation: str
    reason: str = ""
    exit_code: int | None = None
    oom_killed: bool = False
    started_at: datetime | None = None
    stopped_at: datetime | None = None
    succeeded: bool = False
    # False: another attempt would be in vain, or is not wanted, whatever the rules say.
    may_retry: bool = True


def finish_attempt(*, attempt: Attempt, outcome: AttemptOutcome, now: datetime) -> bool:
    """Ends a live attempt and moves its job on; False if somebody else had ended it.

    The job becomes SUCCEEDED, FAILED or, if its retry strategy says so and nobody asked it to stop,
    RUNNABLE. Removing its container is the caller's to do, or the sweep's.
    """
    cost_usd = _price(attempt, outcome)
    with transaction.atomic():
        ended = Attempt.objects.filter(id=attempt.id, ended_at__isnull=True).update(
            ended_at=now,
            started_at=outcome.started_at,
            stopped_at=outcome.stopped_at,
            exit_code=outcome.exit_code,
            oom_killed=outcome.oom_killed,
            reason=outcome.reason,
            status_reason=outcome.status_reason,
            explanation=outcome.explanation,
            cost_usd=cost_usd,
        )
        if not ended:
            return False
        # Read under lock: a stop that is asked for now must either be seen here, or find the end.
        job = (
            Job.objects.select_for_update(of=("self",))
            .select_related("spec")
            .get(id=attempt.job_id)
        )
        _move_on(job, attempt, outcome, cost_usd, now)
        changes.publish([changes.ENVIRONMENTS])
    return True


def _move_on(
    job: Job, attempt: Attempt, outcome: AttemptOutcome, cost_usd: Decimal, now: datetime
) -> None:
    status = JobStatus(job.status)
    if status == JobStatus.STARTING and outcome.started_at is not None:
        # It ended before its start was recorded; the history still tells both.
        transition(
            job_ids=[job.id],
            old=status,
            new=JobStatus.RUNNING,
            now=max(attempt.placed_at, outcome.started_at),
            attempt_number=attempt.number,
        )
        status = JobStatus.RUNNING
    new = _next_status(job, outcome)
    transition(
        job_ids=[job.id],
        old=status,
        new=new,
        now=now,
        reason=outcome.status_reason,
        attempt_number=attempt.number,
        cost_usd=F("cost_usd") + cost_usd,
        started_at=outcome.started_at,
        exit_code=outcome.exit_code,
    )


def _next_status(job: Job, outcome: AttemptOutcome) -> JobStatus:
    if outcome.succeeded:
        return JobStatus.SUCCEEDED
    if job.stop_requested_at is not None or not outcome.may_retry:
        return JobStatus.FAILED
    retry = should_retry(
        AttemptEnd(
            status_reason=outcome.status_reason,
            reason=outcome.reason,
            exit_code=outcome.exit_code,
        ),
        attempts_made=job.attempts_made,
        attempts_allowed=job.attempts_allowed,
        rules=as_rules(job.evaluate_on_exit),
    )
    return JobStatus.RUNNABLE if retry else JobStatus.FAILED


def _price(attempt: Attempt, outcome: AttemptOutcome) -> Decimal:
    if outcome.started_at is None or outcome.stopped_at is None:
        return Decimal(0)
    return usd(
        milli_vcpus=attempt.milli_vcpus,
        memory_mib=attempt.memory_mib,
        seconds=seconds_between(outcome.started_at, outcome.stopped_at),
        rates=Rates(attempt.usd_per_vcpu_hour, attempt.usd_per_gib_hour),
    )
