"""Cancel and terminate: requests to end a job, at any moment of its life.

Source: AWS Batch API, `CancelJob` and `TerminateJob`. Both are idempotent; the first reason stays.
An array is only asked here: `services.array_stop` ends its children.
"""

from datetime import datetime

from django.db import transaction

from jobs import changes, queueing
from jobs.domain import reasons, validation
from jobs.domain.states import CANCELLABLE, PLACED, JobStatus
from jobs.domain.validation import Checker
from jobs.models import Attempt, Job, StopKind

from .array_stop import request_array_stop
from .locks import lock_ids
from .transition import announce, transition


def cancel_job(*, job: Job, reason: str, now: datetime) -> bool:
    """Fails a job that no node was found for yet; for a later one it does nothing.

    Of an array it ends the children that are not placed yet, and the array when the rest have ended.
    Whether something was cancelled. Raises InvalidInput if the reason is too long.
    """
    text = check_reason(reason) or reasons.CANCELLED_BY_USER
    if job.is_array:
        return request_array_stop(parent=job, kind=StopKind.CANCEL, reason=text, now=now)
    return _fail_unplaced(job, StopKind.CANCEL, text, now)


def terminate_job(*, job: Job, reason: str, now: datetime) -> bool:
    """Ends a job in whatever state: a waiting one fails now, a placed one is asked to stop.

    Its container gets SIGTERM, and SIGKILL after the grace time; of an array, all children end so.
    Whether there was something to end. Raises InvalidInput if the reason is too long.
    """
    text = check_reason(reason) or reasons.TERMINATED_BY_USER
    if job.is_array:
        return request_array_stop(parent=job, kind=StopKind.TERMINATE, reason=text, now=now)
    with transaction.atomic():
        # The lock of the first look holds until the end, so the job cannot move between the two.
        if _fail_unplaced(job, StopKind.TERMINATE, text, now):
            return True
        asked = Job.objects.filter(
            id=job.id, status__in=PLACED, stop_requested_at__isnull=True
        ).update(stop_requested_at=now, stop_kind=StopKind.TERMINATE, stop_reason=text)
        if asked:
            attempts = Attempt.objects.filter(job_id=job.id, ended_at__isnull=True)
            queueing.enqueue_after_commit(
                queueing.STOP, list(attempts.values_list("id", flat=True))
            )
            announce([job.id])
            changes.wake_scheduler()
        return bool(asked)


def _fail_unplaced(job: Job, kind: StopKind, reason: str, now: datetime) -> bool:
    with transaction.atomic():
        # A lock on the row first: else a placement could fall between the looks at two statuses.
        lock_ids([job.id])
        status = Job.objects.filter(id=job.id).values_list("status", flat=True).first()
        if status not in CANCELLABLE:
            return False
        return bool(
            transition(
                job_ids=[job.id],
                old=JobStatus(status),
                new=JobStatus.FAILED,
                now=now,
                reason=reason,
                stop_requested_at=now,
                stop_kind=kind,
                stop_reason=reason,
            )
        )


def check_reason(reason: str) -> str:
    """The reason as it is kept. Raises InvalidInput if it is too long."""
    checker = Checker()
    text = checker.check("reason", validation.reason, reason, "")
    checker.done()
    return text
