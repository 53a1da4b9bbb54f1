"""Carrying out a stop: SIGTERM, the grace time, SIGKILL.

Source: AWS Batch API, `TerminateJob`. No process waits for the grace time: the scheduler looks at what
is due, so a stop is on time even when a worker dies in between.
"""

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import QuerySet

from jobs import queueing
from jobs.domain.states import PLACED, JobStatus
from jobs.engines.base import EngineUnreachable
from jobs.models import Attempt

from .connections import connection_to

logger = logging.getLogger("batchweb.stopping")


def stop_attempt(*, attempt_id: int, now: datetime) -> None:
    """Does the next step of a stop that was asked for, if one is due. Safe to repeat."""
    attempt = (
        Attempt.objects.select_related("job", "node__engine")
        .filter(id=attempt_id, ended_at__isnull=True, job__stop_requested_at__isnull=False)
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
            engine.signal(attempt.container_id, "SIGTERM")
            Attempt.objects.filter(id=attempt_id, stop_signalled_at__isnull=True).update(
                stop_signalled_at=now
            )
        elif now >= attempt.stop_signalled_at + _grace():
            engine.signal(attempt.container_id, "SIGKILL")
    except EngineUnreachable as error:
        logger.warning("attempt %s not stopped, will be tried again: %s", attempt_id, error)


def due_kills(now: datetime) -> QuerySet[Attempt]:
    """Attempts whose grace time is over and whose container still runs."""
    return _signalled().filter(stop_signalled_at__lte=now - _grace())


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
