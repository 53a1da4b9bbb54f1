"""Cancel and terminate: requests to end a job, at any moment of its life.

Source: AWS Batch API, `CancelJob` and `TerminateJob`. Both are idempotent; the first reason stays.
"""

from datetime import datetime

from django.db import transaction

from jobs import changes, queueing
from jobs.domain import reasons, validation
from jobs.domain.states import CANCELLABLE, PLACED, JobStatus
from jobs.domain.validation import Checker
from jobs.models import Attempt, Job

from .transition import announce, transition


def cancel_job(*, job: Job, reason: str, now: datetime) -> bool:
    """Fails a job that no node was found for yet; for a later one it does nothing.

    Whether it was cancelled. Raises InvalidInput if the reason is too long.
    """
    text = _check_reason(reason) or reasons.CANCELLED_BY_USER
    return _fail_unplaced(job, text, now)


def terminate_job(*, job: Job, reason: str, now: datetime) -> bool:
    """Ends a job in whatever state: a waiting one fails now, a placed one is asked to stop.

    Its container gets SIGTERM, and SIGKILL after the grace time. Whether there was something to end.
    Raises InvalidInput if the reason is too long.
    """
    text = _check_reason(reason) or reasons.TERMINATED_BY_USER
    with transaction.atomic():
        # The lock of the first look holds until the end, so the job cannot move between the two.
        if _fail_unplaced(job, text, now):
            return True
        asked = Job.objects.filter(
            id=job.id, status__in=PLACED, stop_requested_at__isnull=True
        ).update(stop_requested_at=now, stop_reason=text)
        if asked:
            attempts = Attempt.objects.filter(job_id=job.id, ended_at__isnull=True)
            queueing.enqueue_after_commit(
                queueing.STOP, list(attempts.values_list("id", flat=True))
            )
            announce([job.id])
            changes.wake_scheduler()
        return bool(asked)


def _fail_unplaced(job: Job, reason: str, now: datetime) -> bool:
    with transaction.atomic():
        # A lock on the row first: else a placement could fall between the looks at two statuses.
        status = (
            Job.objects.select_for_update()
            .filter(id=job.id)
            .values_list("status", flat=True)
            .first()
        )
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
                stop_reason=reason,
            )
        )


def _check_reason(reason: str) -> str:
    checker = Checker()
    text = checker.check("reason", validation.reason, reason, "")
    checker.done()
    return text
