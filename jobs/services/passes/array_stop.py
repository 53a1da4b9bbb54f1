"""Stopping an array: a request on its parent, carried out by the scheduler in portions.

Source: AWS Batch API, `CancelJob` and `TerminateJob`: cancelling an array cancels its children that are not
placed yet, terminating it ends all; the array itself ends when the last of them has. Whoever dies
between two portions, the request stands in the database until the next scheduler has carried it out.
"""

import time
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from jobs import changes
from jobs.domain.states import CANCELLABLE, LIVE, PLACED, JobStatus
from jobs.models import ArraySummary, Job, StopKind
from jobs.models.array import column_of
from jobs.services.requests.stop_requests import ask_to_stop
from jobs.services.writing.locks import lock_array, lock_ids
from jobs.services.writing.transition import announce, transition

from .lease import Lease, fence

PORTION = 1000
SECONDS = 0.5
# A terminate goes further than a cancel; the first request of a kind stays.
OVERRULES = {
    StopKind.CANCEL: [StopKind.NONE],
    StopKind.DEPENDENCY: [StopKind.NONE],
    StopKind.TERMINATE: [StopKind.NONE, StopKind.CANCEL],
}
# Which children there must be for a request to have an effect.
CONCERNS = {
    StopKind.CANCEL: CANCELLABLE,
    StopKind.DEPENDENCY: CANCELLABLE,
    StopKind.TERMINATE: LIVE,
}


def request_array_stop(*, parent: Job, kind: StopKind, reason: str, now: datetime) -> bool:
    """Asks that an array's children end; whether there is something to end."""
    concerned = Q()
    for status in CONCERNS[kind]:
        concerned |= Q(**{f"{column_of(status)}__gt": 0})
    with transaction.atomic():
        if not ArraySummary.objects.filter(concerned, job=parent.id).exists():
            return False
        asked = Job.objects.filter(
            id=parent.id, status__in=LIVE, stop_kind__in=OVERRULES[kind]
        ).update(stop_requested_at=now, stop_kind=kind, stop_reason=reason, needs_settling=True)
        if asked:
            announce([parent.id])
            changes.wake_scheduler()
        return bool(asked)


def is_stopping(child: Job) -> bool:
    """Whether the array of this child was asked to stop, so that the child is not tried again.

    Within the transaction that would try it again: a request that comes after this finds it RUNNABLE.
    """
    parent = lock_array(child.parent_id) if child.parent_id else None
    return parent is not None and parent.stop_requested_at is not None


def carry_out_stops(*, lease: Lease, now: datetime, seconds: float = SECONDS) -> set[UUID]:
    """Ends children of arrays that were asked to stop, for about that long; the arrays with some left.

    Until they have ended, no child of these should be placed; all other jobs may be.
    """
    until = time.monotonic() + seconds
    # Neither status nor parent is asked for here: another index than that of the marked jobs would be read.
    marked = Job.objects.filter(
        needs_settling=True,
        stop_requested_at__isnull=False,
        array_size__isnull=False,
        array_index=None,
    ).order_by("id")
    stopping = [array for array in marked if array.status in LIVE]
    for at, parent in enumerate(stopping):
        while stop_portion(parent=parent, lease=lease, now=now):
            if time.monotonic() > until:
                return {array.id for array in stopping[at:]}
    return set()


def stop_portion(*, parent: Job, lease: Lease, now: datetime) -> bool:
    """Ends, or asks to end, a portion of a stopping array's children; whether there were any."""
    with transaction.atomic():
        fence(lease)
        if _fail_unplaced(parent, now) or _ask_placed(parent, now):
            return True
        look_no_more(parent)
        return False


def look_no_more(parent: Job) -> None:
    """Takes the mark off an array that its children are to be looked at.

    It stays if all of them have ended meanwhile, or somebody has asked for (another) stop.
    """
    fresh = lock_array(parent.id)
    if fresh is None or fresh.stop_kind != parent.stop_kind:
        return
    if ArraySummary.objects.get(job=parent).unfinished:
        Job.objects.filter(id=parent.id).update(needs_settling=False)


def _fail_unplaced(parent: Job, now: datetime) -> int:
    rows = list(
        Job.objects.filter(parent=parent, status__in=CANCELLABLE)
        .order_by("array_index")
        .values_list("id", "status")[:PORTION]
    )
    lock_ids(id_ for id_, _ in rows)
    for status in sorted({status for _, status in rows}):
        transition(
            job_ids=[id_ for id_, old in rows if old == status],
            old=JobStatus(status),
            new=JobStatus.FAILED,
            now=now,
            reason=parent.stop_reason,
            stop_requested_at=now,
            stop_kind=parent.stop_kind,
            stop_reason=parent.stop_reason,
        )
    return len(rows)


def _ask_placed(parent: Job, now: datetime) -> int:
    kind = StopKind(parent.stop_kind)
    if kind != StopKind.TERMINATE:
        return 0
    running = Job.objects.filter(
        parent=parent, status__in=PLACED, stop_requested_at__isnull=True
    ).order_by("array_index")
    job_ids = list(running.values_list("id", flat=True)[:PORTION])
    if job_ids:
        lock_ids(job_ids)
        ask_to_stop(job_ids=job_ids, kind=kind, reason=parent.stop_reason, now=now)
    return len(job_ids)
