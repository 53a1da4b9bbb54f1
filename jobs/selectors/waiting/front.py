"""A queue's front, a job's place in it, and its likely start: worked out when somebody looks.

None of this is stored: it changes all the time, and nobody looks at most of it.
Source: AWS Batch API, `GetJobQueueSnapshot`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from jobs.domain.states import JobStatus
from jobs.models import Job, JobQueue, WaitReason
from jobs.scheduling.order import in_order
from jobs.scheduling.plan import WaitCode
from jobs.scheduling.reasons import far_behind

from ..jobs import newest_wait_reason
from ..passes.snapshot import load_snapshot
from .groups import group_of

# As many as AWS Batch's GetJobQueueSnapshot gives.
FRONT_SIZE = 100
# So far behind, a job's exact position helps nobody.
COUNTED = 10_000
# What is wrong with a queue's environments, and so holds for every job there.
OF_ENVIRONMENTS = (WaitCode.NO_ENVIRONMENT, WaitCode.ENVIRONMENT_INVALID)


@dataclass(frozen=True, slots=True)
class FrontJob:
    """A RUNNABLE job at the front of its queue.

    `position` counts from 1. `earliest_time_at_position` is since when it is RUNNABLE: it cannot have been
    here earlier.
    """

    job_id: UUID
    position: int
    earliest_time_at_position: datetime


def front_of(*, queue: JobQueue, limit: int = FRONT_SIZE, now: datetime) -> list[FrontJob]:
    """The first RUNNABLE jobs of a queue in the order of their turns. A few queries, however many wait.

    Of a fair-share queue it is the order if each in its turn found room and nothing ended; it may be
    shorter than `limit` though more jobs wait.
    """
    runnable = Job.objects.filter(queue=queue, status=JobStatus.RUNNABLE)
    if queue.scheduling_policy_id is None:
        rows = runnable.order_by("id").values_list("id", "status_changed_at")[:limit]
        return [FrontJob(id_, n, since) for n, (id_, since) in enumerate(rows, start=1)]
    ids = _by_turn(queue.id, limit, now)[:limit]
    since_when = dict(runnable.filter(id__in=ids).values_list("id", "status_changed_at"))
    there = [id_ for id_ in ids if id_ in since_when]
    return [FrontJob(id_, n, since_when[id_]) for n, id_ in enumerate(there, start=1)]


def position_of(*, job: Job, limit: int = COUNTED, now: datetime) -> int | None:
    """A RUNNABLE job's place in its queue, from 1; None for other jobs, and behind `limit`.

    Of a fair-share queue the first `FRONT_SIZE` or so are told only, for those behind change places all
    the time.
    """
    if job.status != JobStatus.RUNNABLE:
        return None
    if job.queue.scheduling_policy_id is None:
        ahead = (
            Job.objects.filter(queue_id=job.queue_id, status=JobStatus.RUNNABLE, id__lt=job.id)
            .order_by("id")
            .values("id")[:limit]
            .count()
        )
        return ahead + 1 if ahead < limit else None
    ids = _by_turn(job.queue_id, min(limit, FRONT_SIZE), now)
    return ids.index(job.id) + 1 if job.id in ids else None


def behind_at_least(*, job: Job, limit: int = COUNTED, now: datetime) -> int | None:
    """How many come before a RUNNABLE job at least, where `position_of` does not count; else None."""
    if job.status != JobStatus.RUNNABLE or position_of(job=job, limit=limit, now=now) is not None:
        return None
    if job.queue.scheduling_policy_id is None:
        return limit
    return len(_by_turn(job.queue_id, min(limit, FRONT_SIZE), now))


def turn_of(*, job: Job, limit: int = COUNTED, now: datetime) -> WaitReason | None:
    """Why a RUNNABLE job waits that is too far behind for the scheduler to say so; None for one near the front.

    That is what is wrong with all environments of its queue, as the first job there was told; or that
    others come before it. Not a row of the database.
    """
    position = position_of(job=job, limit=limit, now=now)
    if job.status != JobStatus.RUNNABLE or (position is not None and position <= FRONT_SIZE):
        return None
    runnable = Job.objects.filter(queue_id=job.queue_id, status=JobStatus.RUNNABLE)
    head = runnable.order_by("id").first()
    told = newest_wait_reason(head) if head else None
    if head and told and told.since >= head.status_changed_at and told.code in OF_ENVIRONMENTS:
        return WaitReason(job=job, code=told.code, reason=told.reason, since=told.since)
    ahead = position - 1 if position else behind_at_least(job=job, limit=limit, now=now)
    code, text = far_behind(job.queue.name, ahead or 0)
    return WaitReason(job=job, code=code, reason=text, since=job.status_changed_at)


def estimated_start(*, job: Job, now: datetime) -> datetime | None:
    """When a RUNNABLE job will likely start; None where earlier runs and time limits do not tell.

    Only jobs near the front have one. See `scheduling.estimate`.
    """
    if job.status != JobStatus.RUNNABLE:
        return None
    return estimated_starts(queue_id=job.queue_id, now=now).get(job.id)


def estimated_starts(*, queue_id: int, now: datetime) -> Mapping[UUID, datetime]:
    """The likely starts of the jobs at the front of a queue, and of those that share machines with it."""
    return group_of(queue_id, now).starts


def _by_turn(queue_id: int, limit: int, now: datetime) -> list[UUID]:
    snapshot = load_snapshot(front=limit, only={queue_id}, now=now)
    return [job.id for job in in_order(snapshot, now)]
