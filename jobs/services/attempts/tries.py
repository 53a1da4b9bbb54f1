"""A try of a job as a whole: its beginning, and its end with what follows from it.

Who calls these holds the lock of the job's row. That is the order for all who write attempts: the job
first, then its attempts, so that of two who meet one waits for the other, and none for ever.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.db.models import F

from jobs.domain.exit_rules import as_rules
from jobs.domain.retry import AttemptEnd, should_retry
from jobs.domain.states import JobStatus
from jobs.models import Attempt, Job
from jobs.services.passes.array_stop import is_stopping
from jobs.services.writing.transition import transition

from . import consumables, shares


@dataclass(frozen=True, slots=True)
class AttemptOutcome:
    """How an attempt, or a whole try, ended. Without `started_at` nothing ever ran, and it costs nothing.

    `was_stopped`: it ended because it was asked to.
    """

    status_reason: str
    explanation: str
    reason: str = ""
    exit_code: int | None = None
    oom_killed: bool = False
    started_at: datetime | None = None
    stopped_at: datetime | None = None
    succeeded: bool = False
    was_stopped: bool = False
    # False: another attempt would be in vain, or is not wanted, whatever the rules say.
    may_retry: bool = True


def lock_job(job_id: UUID) -> Job:
    """The job, its row locked until the transaction ends; its spec is not read. See `locks`."""
    return Job.objects.select_for_update(no_key=True).get(id=job_id)


def begin_try(*, job: Job, number: int, started_at: datetime, now: datetime) -> None:
    """Writes RUNNING at the first start of a try. `job` is locked and STARTING."""
    transition(
        job_ids=[job.id],
        old=JobStatus.STARTING,
        new=JobStatus.RUNNING,
        now=now,
        attempt_number=number,
        started_at=started_at,
    )
    job.status = JobStatus.RUNNING


def deadline_of(job: Job, started_at: datetime) -> datetime | None:
    """When a try that began then has to be over; None: it has no time limit."""
    limit = job.timeout_seconds
    return started_at + timedelta(seconds=limit) if limit else None


def end_try(
    *,
    job: Job,
    attempt: Attempt,
    outcome: AttemptOutcome,
    cost_usd: Decimal,
    now: datetime,
) -> None:
    """Moves the locked job on: to SUCCEEDED, FAILED or, if its rules say so and nobody asked it to stop,
    RUNNABLE; gives back what the try held of consumable resources, and charges its share.

    `attempt` is one of the try; `cost_usd` is what the job has cost more by now.
    """
    if job.status == JobStatus.STARTING and outcome.started_at is not None:
        # It ended before its start was recorded; the history still tells both.
        begin_try(
            job=job,
            number=attempt.number,
            started_at=outcome.started_at,
            now=max(attempt.placed_at, outcome.started_at),
        )
    transition(
        job_ids=[job.id],
        old=JobStatus(job.status),
        new=_next_status(job, outcome),
        now=now,
        reason=outcome.status_reason,
        attempt_number=attempt.number,
        cost_usd=F("cost_usd") + cost_usd,
        started_at=outcome.started_at,
        exit_code=outcome.exit_code,
    )
    if job.has_consumables:
        consumables.release(job_id=job.id, attempt_number=attempt.number, now=now)
    shares.charge(job=job, attempt_number=attempt.number, now=now)


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
    # Whoever stops an array wants no further try of any child; asked last, as it locks the array.
    return JobStatus.RUNNABLE if retry and not is_stopping(job) else JobStatus.FAILED
