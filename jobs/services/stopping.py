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

from .connections import connection_to
from .transition import announce

logger = logging.getLogger("batchweb.stopping")


def stop_attempt(*, attempt_id: int, now: datetime) -> None:
    """Does the next step of a stop that was asked for, or of a time limit that is over, if one is due.

    Safe to repeat.
    """
    attempt = (
        Attempt.objects.select_related("job", "node__engine")
        .filter(id=attempt_id, ended_at__isnull=True)
        .filter(Q(job__stop_requested_at__isnull=False) | Q(deadline_at__lte=now))
        .first()
    )
    if attempt is None:
        return
    if attempt.job.status != JobStatus.RUNNING:
        # A launch that is under way looks for the request itself, before and after its start.
        queueing.enqueue_after_commit(queueing.LAUNCH, [attempt_id])
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


def _record_signal(attempt: Attempt, now: datetime) -> None:
    with transaction.atomic():
        # The attempt first, as `finish_attempt` does: so one of the two waits for the other.
        recorded = Attempt.objects.filter(
            id=attempt.id, ended_at__isnull=True, stop_signalled_at__isnull=True
        ).update(stop_signalled_at=now)
        if not recorded:
            return
        # Nobody had asked for it, so it is the time limit's; a request that came just now is first.
        timed_out = Job.objects.filter(
            id=attempt.job_id, status__in=PLACED, stop_requested_at__isnull=True
        ).update(stop_requested_at=now, stop_reason=reasons.TIMED_OUT)
        if timed_out:
            Attempt.objects.filter(id=attempt.id).update(timed_out_at=now)
            announce([attempt.job_id])
        # It must be on time when the grace time is over.
        changes.wake_scheduler()


def due_time_outs(now: datetime) -> QuerySet[Attempt]:
    """Attempts whose time limit is over and who were not told so yet."""
    return Attempt.objects.filter(
        ended_at__isnull=True,
        deadline_at__lte=now,
        stop_signalled_at__isnull=True,
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
    # By way of the jobs that are placed, of which there are few, to those that were asked to stop.
    return Attempt.objects.filter(
        job__status__in=PLACED,
        ended_at__isnull=True,
        job__stop_requested_at__isnull=False,
        stop_signalled_at__isnull=False,
    )


def _grace() -> timedelta:
    return timedelta(seconds=settings.BATCHWEB_STOP_GRACE_SECONDS)
