"""Cancel and terminate: requests to end jobs, at any moment of their lives.

Source: AWS Batch API, `CancelJob` and `TerminateJob`. Both are idempotent; the first reason stays.
An array is only asked here: `services.passes.array_stop` ends its children.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from jobs.domain import reasons, validation
from jobs.domain.states import CANCELLABLE, LIVE, PLACED, JobStatus
from jobs.domain.validation import Checker
from jobs.models import Job, StopKind
from jobs.services.passes.array_stop import request_array_stop
from jobs.services.writing.locks import lock_jobs, lock_summaries
from jobs.services.writing.transition import transition

from .stop_requests import ask_to_stop

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
    arrays = sorted((job for job in jobs if job.is_array), key=lambda job: job.id)
    single = [job.id for job in jobs if not job.is_array]
    with transaction.atomic():
        # Locks first: they hold until the end, so no job can move between the looks at two statuses.
        lock_jobs(Job.objects.filter(id__in=single, status__in=LIVE))
        lock_summaries(single, arrays=[array.id for array in arrays])
        changed = _stop(single, kind, text, now)
        for array in arrays:
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
        placed = [id_ for id_, status in rows if status in PLACED]
        changed |= ask_to_stop(job_ids=placed, kind=kind, reason=reason, now=now)
    return changed
