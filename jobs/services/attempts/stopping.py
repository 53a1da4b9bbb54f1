"""Carrying out a stop: SIGTERM, the grace time, SIGKILL.

Source: AWS Batch API, `TerminateJob` and `JobTimeout`. No process waits for a deadline or for the grace time:
the scheduler looks at what is due, so a stop is on time even when a worker dies in between.

Whoever stops first gives the reason: a terminate by its request, a time limit by its signal. So a
container that ends by itself before the signal reaches it has ended in its own way.
"""

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet

from jobs import changes, queueing
from jobs.domain import reasons
from jobs.domain.states import PLACED, JobStatus
from jobs.engines.base import EngineUnreachable
from jobs.models import Attempt, EngineStatus, Job
from jobs.services.writing.transition import announce

from .connections import connection_to
from .finish import finish_attempt, stopped_unlaunched
from .tries import lock_job

logger = logging.getLogger("batchweb.stopping")


def stop_attempt(*, attempt_id: int, now: datetime) -> None:
    """Does the next step of a stop that was asked for, or of a time limit that is over, if one is due.

    Safe to repeat.
    """
    attempt = (
        Attempt.objects.select_related("job__spec", "node__engine")
        .filter(id=attempt_id, ended_at__isnull=True)
        .filter(
            Q(job__stop_requested_at__isnull=False)
            | Q(stop_asked_at__isnull=False)
            | Q(deadline_at__lte=now)
        )
        .first()
    )
    if attempt is None:
        return
    if attempt.started_at is None and not _starts_meanwhile(attempt, now):
        return
    engine = connection_to(attempt.node.engine)
    try:
        if attempt.stop_signalled_at is None:
            if engine.signal(attempt.container_id, "SIGTERM"):
                _record_signal(attempt, now)
        elif now >= attempt.stop_signalled_at + _grace():
            engine.signal(attempt.container_id, "SIGKILL")
    except EngineUnreachable as error:
        logger.warning("attempt %s not stopped, will be tried again: %s", attempt_id, error)


def is_stopped_with_others(attempt: Attempt) -> bool:
    """Whether it was another container's end that asked it to stop, and not the job's, or that came later."""
    asked_at, requested_at = attempt.stop_asked_at, attempt.job.stop_requested_at
    return asked_at is not None and (requested_at is None or asked_at < requested_at)


def _starts_meanwhile(attempt: Attempt, now: datetime) -> bool:
    """Stops one of several containers of a try that is to end, or one whose launch is under way.

    True: nothing was done, as it was started since it was read, and can be sent a signal.
    """
    with transaction.atomic():
        # Who lets it go, starts it or ends it does so under this lock.
        job = lock_job(attempt.job_id)
        attempt.refresh_from_db(
            fields=["waits_for_others", "started_at", "ended_at", "container_id", "stop_asked_at"]
        )
        if attempt.ended_at is not None:
            return False
        if attempt.started_at is not None:
            return True
        if job.stop_requested_at is None and attempt.stop_asked_at is None:
            # The time limit of its try is over.
            _time_out(job, attempt, now)
        if attempt.waits_for_others:
            # Nobody lets it go any more, and no launcher is at it.
            attempt.job.refresh_from_db(fields=["stop_requested_at", "stop_reason"])
            finish_attempt(attempt=attempt, outcome=stopped_unlaunched(attempt), now=now)
        else:
            # A launch that is under way looks for the request itself, before and after its start.
            queueing.enqueue_after_commit(queueing.LAUNCH, [attempt.id])
    return False


def _record_signal(attempt: Attempt, now: datetime) -> None:
    with transaction.atomic():
        job = lock_job(attempt.job_id)
        recorded = Attempt.objects.filter(
            id=attempt.id, ended_at__isnull=True, stop_signalled_at__isnull=True
        ).update(stop_signalled_at=now)
        if not recorded:
            return
        if attempt.stop_asked_at is None:
            _time_out(job, attempt, now)
        # It must be on time when the grace time is over.
        changes.wake_scheduler()


def _time_out(job: Job, attempt: Attempt, now: datetime) -> None:
    """Notes that it is the time limit that stops the attempt, if it is: whoever asked before was first."""
    if job.stop_requested_at is None and job.status in PLACED:
        Job.objects.filter(id=job.id).update(stop_requested_at=now, stop_reason=reasons.TIMED_OUT)
        announce([job.id])
    elif job.stop_reason != reasons.TIMED_OUT:
        return
    Attempt.objects.filter(id=attempt.id, ended_at__isnull=True).update(timed_out_at=now)


def due_time_outs(now: datetime) -> QuerySet[Attempt]:
    """Attempts whose time limit is over and who were not told so yet."""
    return Attempt.objects.filter(
        ended_at__isnull=True,
        deadline_at__lte=now,
        stop_signalled_at__isnull=True,
        stop_asked_at__isnull=True,
        job__status=JobStatus.RUNNING,
        job__stop_requested_at__isnull=True,
    )


def due_kills(now: datetime) -> QuerySet[Attempt]:
    """Attempts whose grace time is over and whose container still runs, on an engine that answers."""
    return _signalled().filter(
        stop_signalled_at__lte=now - _grace(), node__engine__status=EngineStatus.CONNECTED
    )


def next_stop_at(now: datetime) -> datetime | None:
    """When the next time limit or grace time after `now` is over."""
    due = [at for at in (next_deadline_at(now), next_kill_at(now)) if at]
    return min(due, default=None)


def next_deadline_at(now: datetime) -> datetime | None:
    """When the next time limit after `now` is over: one look at the index of deadlines."""
    ahead = Attempt.objects.filter(ended_at__isnull=True, deadline_at__gt=now)
    return ahead.order_by("deadline_at").values_list("deadline_at", flat=True).first()


def next_kill_at(now: datetime) -> datetime | None:
    """When the next grace time after `now` is over. One that is over already is the sweep's to repeat."""
    ahead = _signalled().filter(stop_signalled_at__gt=now - _grace())
    first = ahead.order_by("stop_signalled_at").first()
    return first.stop_signalled_at + _grace() if first and first.stop_signalled_at else None


def _signalled() -> QuerySet[Attempt]:
    return Attempt.objects.filter(ended_at__isnull=True, stop_signalled_at__isnull=False)


def _grace() -> timedelta:
    return timedelta(seconds=settings.BATCHWEB_STOP_GRACE_SECONDS)
