"""Cancel and terminate: requests to end jobs, at any moment of their lives.

Source: AWS Batch API, `CancelJob` and `TerminateJob`. Both are idempotent; the first reason stays.
An array is only asked here: `services.array_stop` ends its children.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from jobs import changes, queueing
from jobs.domain import reasons, validation
from jobs.domain.states import CANCELLABLE, LIVE, PLACED, JobStatus
from jobs.domain.validation import Checker
from jobs.models import Attempt, Job, StopKind

from .array_stop import request_array_stop
from .locks import lock_jobs
from .transition import announce, transition

UNSAID = {
    StopKind.CANCEL: reasons.CANCELLED_BY_USER,
    StopKind.TERMINATE: reasons.TERMINATED_BY_USER,
}


def cancel_job(*, job: Job, reason: str, now: datetime) -> bool:
    """Fails a job that no node was found for yet; for a later one it does nothing.

    Of an array it ends the children that are not placed yet, and the array when the rest have ended.
    Whether something was cancelled. Raises InvalidInput if the reason is too long.
    """
    return bool(stop_jobs(jobs=[job], kind=StopKind.CANCEL, reason=reason, now=now))


def terminate_job(*, job: Job, reason: str, now: datetime) -> bool:
    """Ends a job in whatever state: a waiting one fails now, a placed one is asked to stop.

    Its container gets SIGTERM, and SIGKILL after the grace time; of an array, all children end so.
    Whether there was something to end. Raises InvalidInput if the reason is too long.
    """
    return bool(stop_jobs(jobs=[job], kind=StopKind.TERMINATE, reason=reason, now=now))


def stop_jobs(*, jobs: Sequence[Job], kind: StopKind, reason: str, now: datetime) -> set[UUID]:
    """Cancels or terminates several jobs in one transaction; those that there was something to end of.

    Raises InvalidInput if the reason is too long.
    """
    text = check_reason(reason) or UNSAID[kind]
    arrays = [job for job in jobs if job.is_array]
    with transaction.atomic():
        changed = _stop([job.id for job in jobs if not job.is_array], kind, text, now)
        for array in sorted(arrays, key=lambda job: job.id):
            if request_array_stop(parent=array, kind=kind, reason=text, now=now):
                changed.add(array.id)
    return changed


def check_reason(reason: str) -> str:
    """The reason as it is kept. Raises InvalidInput if it is too long."""
    checker = Checker()
    text = checker.check("reason", validation.reason, reason, "")
    checker.done()
    return text


def _stop(job_ids: Sequence[UUID], kind: StopKind, reason: str, now: datetime) -> set[UUID]:
    # Locks first: they hold until the end, so no job can move between the looks at two statuses.
    lock_jobs(Job.objects.filter(id__in=job_ids, status__in=LIVE))
    asked: dict[str, Any] = {"stop_requested_at": now, "stop_kind": kind, "stop_reason": reason}
    changed: set[UUID] = set()
    rows = list(Job.objects.filter(id__in=job_ids).values_list("id", "status"))
    for status in sorted(CANCELLABLE & {JobStatus(status) for _, status in rows}):
        changed.update(
            transition(
                job_ids=[id_ for id_, old in rows if old == status],
                old=status,
                new=JobStatus.FAILED,
                now=now,
                reason=reason,
                **asked,
            )
        )
    if kind == StopKind.TERMINATE:
        changed |= _ask_placed((id_ for id_, status in rows if status in PLACED), asked)
    return changed


def _ask_placed(job_ids: Iterable[UUID], asked: dict[str, Any]) -> set[UUID]:
    """Asks jobs that are on a node to stop; those that were not asked before."""
    unasked = Job.objects.filter(
        id__in=list(job_ids), status__in=PLACED, stop_requested_at__isnull=True
    )
    found = list(unasked.order_by("id").values_list("id", flat=True))
    if not found:
        return set()
    Job.objects.filter(id__in=found, status__in=PLACED).update(**asked)
    attempts = Attempt.objects.filter(job__in=found, ended_at__isnull=True)
    queueing.enqueue_after_commit(
        queueing.STOP, list(attempts.order_by("id").values_list("id", flat=True))
    )
    announce(found)
    changes.wake_scheduler()
    return set(found)
