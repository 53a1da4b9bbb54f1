"""Ends of many plain jobs' last tries in few statements: what `tries.end_try` does for one.

A last try is one after which only SUCCEEDED or FAILED can follow, whatever the rules of the job or a stop
of its array would say.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from jobs.domain.states import JobStatus
from jobs.models import Attempt, Job
from jobs.services.writing.locks import lock_summaries
from jobs.services.writing.rows import update_rows
from jobs.services.writing.transition import transition

from .shares import charge_all
from .tries import AttemptOutcome

# Those that ended before their start was recorded get one moment of it in their histories, if it is this
# close to each one's own.
CLOSE = timedelta(seconds=1)
LOCKED = (
    *("status", "stop_requested_at", "timeout_seconds", "cost_usd"),
    *("queue_id", "share_identifier"),
)


@dataclass(frozen=True, slots=True)
class TryEnd:
    """A try of one container, with how it ended and what it cost."""

    attempt: Attempt
    outcome: AttemptOutcome
    cost_usd: Decimal

    @property
    def began_at(self) -> datetime:
        """For a job that is STARTING: when RUNNING is to be told."""
        started_at = self.outcome.started_at
        return max(self.attempt.placed_at, started_at) if started_at else self.attempt.placed_at


def is_last_try(job: Job, outcome: AttemptOutcome) -> bool:
    return outcome.succeeded or not outcome.may_retry or job.attempts_made >= job.attempts_allowed


def lock_jobs_of(job_ids: Iterable[UUID]) -> dict[UUID, Job]:
    """The jobs, their rows locked in the order of their ids, with what changes in a job's life, its time limit and
    its share; no more is read. See `locks`."""
    rows = Job.objects.select_for_update(no_key=True).filter(id__in=list(job_ids)).only(*LOCKED)
    return {job.id: job for job in rows.order_by("id")}


def can_end_together(
    ends: Mapping[int, TryEnd], jobs: Mapping[UUID, Job], now: datetime
) -> list[int]:
    """Which of the ends, by attempt, `end_tries` can take. `jobs` are locked."""
    together = []
    for id_, end in sorted(ends.items()):
        job = jobs.get(end.attempt.job_id)
        if job is None:
            continue
        begins = job.status == JobStatus.STARTING and end.outcome.started_at is not None
        if (
            job.status == JobStatus.RUNNING
            or not begins
            or timedelta(0) <= now - end.began_at <= CLOSE
        ):
            together.append(id_)
    return together


def end_tries(*, ends: Sequence[TryEnd], jobs: Mapping[UUID, Job], now: datetime) -> None:
    """Makes the locked jobs SUCCEEDED or FAILED, and charges their shares. Their attempts are ended already."""
    lock_summaries(jobs)
    _begin(ends, jobs)
    alike: dict[tuple[JobStatus, JobStatus, int, str], list[UUID]] = defaultdict(list)
    for end in ends:
        job = jobs[end.attempt.job_id]
        new = JobStatus.SUCCEEDED if end.outcome.succeeded else JobStatus.FAILED
        reason = end.outcome.status_reason
        alike[JobStatus(job.status), new, end.attempt.number, reason].append(job.id)
    for (old, new, number, reason), job_ids in sorted(alike.items()):
        transition(job_ids=job_ids, old=old, new=new, now=now, reason=reason, attempt_number=number)
    values = {end.attempt.job_id: _values(jobs[end.attempt.job_id], end) for end in ends}
    update_rows(Job, dict(sorted(values.items())))
    tries = [(jobs[end.attempt.job_id], end.attempt.number) for end in ends]
    charge_all(tries=tries, now=now)


def _values(job: Job, end: TryEnd) -> dict[str, object]:
    return {
        "cost_usd": job.cost_usd + end.cost_usd,
        "started_at": end.outcome.started_at,
        "exit_code": end.outcome.exit_code,
    }


def _begin(ends: Iterable[TryEnd], jobs: Mapping[UUID, Job]) -> None:
    """Those that ended before their start was recorded; the history still tells both."""
    unbegun: dict[int, list[TryEnd]] = defaultdict(list)
    for end in ends:
        if jobs[end.attempt.job_id].status == JobStatus.STARTING and end.outcome.started_at:
            unbegun[end.attempt.number].append(end)
    for number, begun in sorted(unbegun.items()):
        transition(
            job_ids=[end.attempt.job_id for end in begun],
            old=JobStatus.STARTING,
            new=JobStatus.RUNNING,
            now=max(end.began_at for end in begun),
            attempt_number=number,
        )
        for end in begun:
            jobs[end.attempt.job_id].status = JobStatus.RUNNING
