"""Settling: telling what has ended to whoever waits for it. A step of the scheduler, in portions.

`Job.needs_settling` is written with the end itself, so whatever dies, the next pass finds it. On an array
that has not ended the same mark says that its children are to be looked at: to let them go, to
end them, or to end the array after the last of them. A portion is one transaction, and can be repeated.
"""

import time
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, Min, OuterRef, Q, QuerySet, Sum

from jobs.domain import ids, reasons
from jobs.domain.states import LIVE, JobStatus
from jobs.models import ArraySummary, DependencyType, Job, JobDependency
from jobs.services.writing.locks import lock_jobs
from jobs.services.writing.transition import transition

from .array_stop import look_no_more, stop_portion
from .counterparts import counterparts_of, sequential_arrays
from .failing import settle_failed
from .lease import Lease, fence
from .marks import take_marks_off

PORTION = 1000
# Arrays take a transaction each.
ARRAYS = 50
SECONDS = 0.5


def settle_ended(*, lease: Lease, now: datetime, seconds: float = SECONDS) -> bool:
    """Settles what has ended, for about that long; whether there may be more to do at once."""
    until = time.monotonic() + seconds
    while _settle_portion(lease, now):
        if time.monotonic() > until:
            return True
    return False


def _settle_portion(lease: Lease, now: datetime) -> bool:
    """Whether there was something to settle."""
    marked = list(
        Job.objects.filter(needs_settling=True)
        .order_by("id")
        .only(
            *("id", "name", "status", "status_reason", "exit_code", "stopped_at"),
            *("parent_id", "array_index", "array_size"),
            *("stop_requested_at", "stop_kind", "stop_reason"),
        )[:PORTION]
    )
    for parent in [job for job in marked if job.status in LIVE][:ARRAYS]:
        _settle_array(parent, lease, now)
    succeeded = [job for job in marked if job.status == JobStatus.SUCCEEDED]
    if succeeded:
        _settle_succeeded(succeeded, lease, now)
    failed = [job for job in marked if job.status == JobStatus.FAILED]
    if failed:
        settle_failed(failed=failed, lease=lease, now=now)
    return bool(marked)


def _settle_array(parent: Job, lease: Lease, now: datetime) -> None:
    """Ends an array after its last child; else ends or lets go a portion of its children."""
    summary = ArraySummary.objects.get(job=parent)
    if not summary.unfinished:
        _end_array(parent, summary, lease, now)
    elif parent.stop_requested_at is not None:
        stop_portion(parent=parent, lease=lease, now=now)
    else:
        _let_children_go(parent, lease, now)


def _end_array(parent: Job, summary: ArraySummary, lease: Lease, now: datetime) -> None:
    children = Job.objects.filter(parent=parent).aggregate(
        cost_usd=Sum("cost_usd"), started_at=Min("started_at")
    )
    new, reason = JobStatus.SUCCEEDED, reasons.ARRAY_SUCCEEDED
    if summary.failed:
        new, reason = JobStatus.FAILED, parent.stop_reason or reasons.ARRAY_CHILD_FAILED
    with transaction.atomic():
        fence(lease)
        transition(
            job_ids=[parent.id],
            old=JobStatus(parent.status),
            new=new,
            now=now,
            reason=reason,
            **children,
        )


def _let_children_go(parent: Job, lease: Lease, now: datetime) -> None:
    """Makes a portion of the children RUNNABLE: those that wait for no other child."""
    with transaction.atomic():
        fence(lease)
        children = free_children().filter(parent=parent).order_by("array_index")
        job_ids = list(children.values_list("id", flat=True)[:PORTION])
        transition(job_ids=job_ids, old=JobStatus.PENDING, new=JobStatus.RUNNABLE, now=now)
        if len(job_ids) < PORTION:
            look_no_more(parent)


def free_children() -> QuerySet[Job]:
    """The children that wait, but for nothing: every dependency that concerns them is met.

    Of an array of which only some indices are run again, the others have succeeded.
    """
    unmet = JobDependency.objects.filter(
        job=OuterRef("parent"), type=DependencyType.PLAIN, met=False
    )
    counterpart = Job.objects.filter(
        parent__dependents__job=OuterRef("parent"),
        parent__dependents__type=DependencyType.N_TO_N,
        parent__dependents__met=False,
        array_index=OuterRef("array_index"),
    ).exclude(status=JobStatus.SUCCEEDED)
    before = Job.objects.filter(
        parent=OuterRef("parent"), array_index=OuterRef("array_index") - 1
    ).exclude(status=JobStatus.SUCCEEDED)
    return Job.objects.filter(
        Q(spec__sequential=False) | ~Exists(before),
        ~Exists(unmet),
        ~Exists(counterpart),
        status=JobStatus.PENDING,
        parent__status=JobStatus.PENDING,
        parent__stop_requested_at__isnull=True,
    )


def _settle_succeeded(succeeded: Sequence[Job], lease: Lease, now: datetime) -> None:
    """What waited for these jobs and waits for nothing else becomes RUNNABLE."""
    edges = list(
        JobDependency.objects.filter(on__in=succeeded, met=False)
        .order_by("id")
        .values_list("id", "job_id", "type")[:PORTION]
    )
    found = counterparts_of(succeeded)
    children = sorted(found.children) + _next_children(found.looked_at)
    with transaction.atomic():
        fence(lease)
        JobDependency.objects.filter(id__in=[id_ for id_, _, _ in edges]).update(met=True)
        ready = _ready({job_id for _, job_id, _ in edges}, children)
        transition(job_ids=ready, old=JobStatus.PENDING, new=JobStatus.RUNNABLE, now=now)
        # Of an array that waited for all of another, the children can go now.
        arrays = Job.objects.filter(
            id__in={job_id for _, job_id, type_ in edges if type_ == DependencyType.PLAIN},
            array_size__isnull=False,
            status=JobStatus.PENDING,
            needs_settling=False,
        )
        lock_jobs(arrays)
        arrays.update(needs_settling=True)
    if len(edges) < PORTION:
        take_marks_off(job_ids=[job.id for job in found.looked_at], lease=lease)


def _next_children(succeeded: Sequence[Job]) -> list[UUID]:
    """In SEQUENTIAL arrays, the children after these."""
    sequential = sequential_arrays(succeeded)
    return [
        ids.child_id(job.parent_id, job.array_index + 1)
        for job in succeeded
        if job.parent_id in sequential
        and job.array_index is not None
        and job.array_index + 1 < ids.MAX_CHILDREN
    ]


def _ready(dependents: set[UUID], children: Sequence[UUID]) -> list[UUID]:
    """Those of the jobs and the children that wait for nothing any more."""
    unmet = JobDependency.objects.filter(job=OuterRef("id"), met=False)
    ready: list[UUID] = []
    if dependents:
        jobs = Job.objects.filter(
            ~Exists(unmet), id__in=dependents, status=JobStatus.PENDING, array_size=None
        )
        ready += jobs.values_list("id", flat=True)
    for at in range(0, len(children), PORTION):
        portion = free_children().filter(id__in=children[at : at + PORTION])
        ready += portion.values_list("id", flat=True)
    return sorted(ready)
