"""Reads of job queues: what waits in them, in which order, and why."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Prefetch, QuerySet

from jobs.domain.states import CANCELLABLE, LIVE, JobStatus
from jobs.models import (
    ComputeEnvironment,
    Job,
    JobQueue,
    JobQueueEnvironment,
    QueueType,
    ServiceEnvironment,
    WaitReason,
)
from jobs.models.job import LIVE_LITERALS

from .jobs import newest_wait_reasons
from .kept_counts import KeptCounts
from .paging import PAGE_SIZE, Page, page_of
from .waiting.front import FRONT_SIZE, FrontJob, estimated_starts, front_of

LIVE_IN_ORDER = [status for status in JobStatus if status in LIVE]


@dataclass(frozen=True, slots=True)
class QueueRow:
    """A queue, its environments (first choice first), and its unfinished jobs by status.

    One for service jobs has `service_environments` instead of environments.
    """

    queue: JobQueue
    environments: list[ComputeEnvironment]
    service_environments: list[ServiceEnvironment]
    counts: dict[str, int]

    @property
    def live_jobs(self) -> int:
        return sum(self.counts.values())

    @property
    def waiting(self) -> int:
        """Jobs that no node was found for yet."""
        return sum(self.counts[status] for status in CANCELLABLE)


@dataclass(frozen=True, slots=True)
class FrontRow:
    """A RUNNABLE job at the front of its queue: its position from 1, and why it waits, if known.

    `since` is when it became RUNNABLE, `starts_at` when it will likely start, if anything tells that.
    """

    position: int
    job: Job
    since: datetime
    starts_at: datetime | None
    code: str
    reason: str
    reason_since: datetime | None


def list_queues(*, after: str = "", search: str = "", size: int = PAGE_SIZE) -> Page[QueueRow]:
    """Queues by name. Three queries, whatever the size."""
    rows = _queues().filter(name__gt=after)
    if search:
        rows = rows.filter(name__icontains=search)
    found = page_of(
        list(rows.order_by("name")[: size + 1]), size=size, key=lambda queue: queue.name
    )
    counts = kept_counts.get(queue.id for queue in found.rows)
    return Page(rows=[_row(queue, counts) for queue in found.rows], next=found.next)


def find_queue(*, name: str) -> QueueRow | None:
    """One queue by its name."""
    queue = _queues().filter(name=name).first()
    return None if queue is None else _row(queue, kept_counts.get([queue.id]))


def front_of_queue(*, queue: JobQueue, now: datetime, size: int = FRONT_SIZE) -> list[FrontRow]:
    """The first RUNNABLE jobs in the order of their turns, each with its newest reason and likely start.

    As many queries for a hundred as for one.
    """
    front = front_of(queue=queue, limit=size, now=now)
    job_ids = [each.job_id for each in front]
    jobs = Job.objects.select_related("owner", "definition").in_bulk(job_ids)
    reasons = newest_wait_reasons(job_ids)
    starts = estimated_starts(queue_id=queue.id, now=now) if front else {}
    return [
        _front_row(each, jobs[each.job_id], reasons.get(each.job_id), starts.get(each.job_id))
        for each in front
        # One that was deleted since is no more at the front.
        if each.job_id in jobs
    ]


def _front_row(
    place: FrontJob, job: Job, reason: WaitReason | None, starts_at: datetime | None
) -> FrontRow:
    # A reason from before a retry does not explain why the job waits now.
    if reason is not None and reason.since < job.status_changed_at:
        reason = None
    return FrontRow(
        position=place.position,
        job=job,
        since=place.earliest_time_at_position,
        starts_at=starts_at,
        code=reason.code if reason else "",
        reason=reason.reason if reason else "",
        reason_since=reason.since if reason else None,
    )


def _queues() -> QuerySet[JobQueue]:
    return JobQueue.objects.select_related("scheduling_policy").prefetch_related(
        Prefetch(
            "environment_order",
            JobQueueEnvironment.objects.select_related("environment").order_by("order"),
        )
    )


def _live_counts(queue_ids: Collection[int]) -> dict[int, dict[str, int]]:
    counts: dict[int, dict[str, int]] = defaultdict(dict)
    if not queue_ids:
        return counts
    rows = (
        Job.objects.filter(status__in=LIVE_LITERALS, queue__in=list(queue_ids))
        .order_by()
        .values_list("queue_id", "status")
        .annotate(count=Count("id"))
    )
    for queue_id, status, count in rows:
        counts[queue_id][status] = count
    return counts


kept_counts = KeptCounts(_live_counts)


def _services(queue: JobQueue) -> list[ServiceEnvironment]:
    # No query for the queues of nearly all.
    if queue.type != QueueType.SAGEMAKER_TRAINING:
        return []
    places = queue.service_order.select_related("environment").order_by("order")
    return [place.environment for place in places]


def _row(queue: JobQueue, counts: dict[int, dict[str, int]]) -> QueueRow:
    mine = counts.get(queue.id, {})
    return QueueRow(
        queue=queue,
        environments=[place.environment for place in queue.environment_order.all()],
        service_environments=_services(queue),
        counts={status.value: mine.get(status.value, 0) for status in LIVE_IN_ORDER},
    )
