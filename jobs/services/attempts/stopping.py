"""Carrying out a stop: SIGTERM, the grace time, SIGKILL.

Source: AWS Batch API, `TerminateJob` and `JobTimeout`; of an interruption (`interruptions`), Amazon EC2 User Guide,
"Spot Instance interruptions": a notice goes before, and the time of the SIGKILL is its own. No process waits
for a deadline or for the grace time: the scheduler looks at what is due, so a stop is on time even when
a worker dies in between.

Whoever stops first gives the reason: a terminate by its request, a time limit by its signal, an
interruption when it is told. So a container that ends by itself before the signal reaches it has ended in
its own way.
"""

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet

from jobs import changes, queueing
from jobs.domain import reasons
from jobs.domain.states import PLACED, JobStatus
from jobs.engines import base
from jobs.engines.base import EngineError, EngineUnreachable
from jobs.models import Attempt, EngineStatus, Job
from jobs.services.writing.transition import announce

from .checkpoints import has_own_volume, notice_path
from .connections import connection_to
from .finish import finish_attempt
from .interruptions import ended_unlaunched, notice_of
from .tries import lock_job

logger = logging.getLogger("batchweb.stopping")

# Whose grace time counts: also one that was signalled before it was interrupted.
_NOT_INTERRUPTED = Q(interrupted_at__isnull=True) | Q(stop_signalled_at__lt=F("interrupted_at"))


def stop_attempt(*, attempt_id: int, now: datetime) -> None:
    """Does the next step of a stop that was asked for, or of a time limit that is over, if one is due.

    Safe to repeat.
    """
    attempt = (
        Attempt.objects.select_related("job__spec", "node__engine", "instance")
        .filter(id=attempt_id, ended_at__isnull=True)
        .filter(
            Q(job__stop_requested_at__isnull=False)
            | Q(stop_asked_at__isnull=False)
            | Q(interrupted_at__isnull=False)
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
            _give_notice(attempt, engine)
            if engine.signal(attempt.container_id, "SIGTERM"):
                _record_signal(attempt, now)
        elif now >= _kill_at(attempt, attempt.stop_signalled_at):
            engine.signal(attempt.container_id, "SIGKILL")
    except EngineUnreachable as error:
        logger.warning("attempt %s not stopped, will be tried again: %s", attempt_id, error)


def _give_notice(attempt: Attempt, engine: base.Engine) -> None:
    """Before the signal, so that whoever hears that finds it. A container that cannot take it is signalled all
    the same. Raises EngineUnreachable."""
    if attempt.interruption_kill_at is None or not has_own_volume(attempt):
        return
    try:
        engine.put_file(
            attempt.container_id, notice_path(attempt), notice_of(attempt.interruption_kill_at)
        )
    except EngineUnreachable:
        raise
    except EngineError as error:
        logger.warning("attempt %s has no notice of its interruption: %s", attempt.id, error)


def _kill_at(attempt: Attempt, signalled_at: datetime) -> datetime:
    """One that was signalled before its interruption keeps its grace time, but not beyond that."""
    after_grace = signalled_at + _grace()
    if attempt.interrupted_at is None or attempt.interruption_kill_at is None:
        return after_grace
    if signalled_at < attempt.interrupted_at:
        return min(after_grace, attempt.interruption_kill_at)
    return attempt.interruption_kill_at


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
            fields=[
                *("waits_for_others", "started_at", "ended_at", "container_id", "stop_asked_at"),
                *("interrupted_at", "interruption_kill_at", "interruption_reason"),
            ]
        )
        if attempt.ended_at is not None:
            return False
        if attempt.started_at is not None:
            return True
        if _is_timed_out(job, attempt, now):
            _time_out(job, attempt, now)
        if attempt.waits_for_others:
            # Nobody lets it go any more, and no launcher is at it.
            attempt.job.refresh_from_db(fields=["stop_requested_at", "stop_reason"])
            finish_attempt(attempt=attempt, outcome=ended_unlaunched(attempt), now=now)
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
        attempt.refresh_from_db(fields=["interrupted_at"])
        if attempt.stop_asked_at is None and not _is_interrupted_in_time(attempt):
            _time_out(job, attempt, now)
        # It must be on time when the grace time is over.
        changes.wake_scheduler()


def _is_timed_out(job: Job, attempt: Attempt, now: datetime) -> bool:
    """Whether it is to stop for its time limit, as nobody has stopped it before that was over."""
    stopped = job.stop_requested_at is not None or attempt.stop_asked_at is not None
    is_over = attempt.deadline_at is not None and attempt.deadline_at <= now
    return is_over and not stopped and not _is_interrupted_in_time(attempt)


def _is_interrupted_in_time(attempt: Attempt) -> bool:
    """Whether it was interrupted before its time limit was over."""
    if attempt.interrupted_at is None:
        return False
    return attempt.deadline_at is None or attempt.interrupted_at < attempt.deadline_at


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
        interrupted_at__isnull=True,
        job__status=JobStatus.RUNNING,
        job__stop_requested_at__isnull=True,
    )


def due_kills(now: datetime) -> QuerySet[Attempt]:
    """Attempts whose grace time is over and whose container still runs, on an engine that answers."""
    return _signalled().filter(
        _NOT_INTERRUPTED,
        stop_signalled_at__lte=now - _grace(),
        node__engine__status=EngineStatus.CONNECTED,
    )


def due_interruption_kills(now: datetime) -> QuerySet[Attempt]:
    """Interrupted attempts whose capacity is gone and whose container still runs, on an engine that answers."""
    return _interrupted().filter(
        interruption_kill_at__lte=now,
        stop_signalled_at__isnull=False,
        node__engine__status=EngineStatus.CONNECTED,
    )


def unheard_interruptions(now: datetime, *, patience: timedelta) -> QuerySet[Attempt]:
    """Interrupted attempts that were sent no signal for so long, on an engine that answers."""
    return _interrupted().filter(
        stop_signalled_at__isnull=True,
        interrupted_at__lt=now - patience,
        node__engine__status=EngineStatus.CONNECTED,
    )


def next_stop_at(now: datetime) -> datetime | None:
    """When the next time limit, grace time or interruption after `now` is over."""
    ends = (next_deadline_at(now), next_kill_at(now), next_interruption_kill_at(now))
    return min((at for at in ends if at), default=None)


def next_deadline_at(now: datetime) -> datetime | None:
    """When the next time limit after `now` is over: one look at the index of deadlines."""
    ahead = Attempt.objects.filter(ended_at__isnull=True, deadline_at__gt=now)
    return ahead.order_by("deadline_at").values_list("deadline_at", flat=True).first()


def next_kill_at(now: datetime) -> datetime | None:
    """When the next grace time after `now` is over. One that is over already is the sweep's to repeat."""
    ahead = _signalled().filter(_NOT_INTERRUPTED, stop_signalled_at__gt=now - _grace())
    first = ahead.order_by("stop_signalled_at").first()
    return first.stop_signalled_at + _grace() if first and first.stop_signalled_at else None


def next_interruption_kill_at(now: datetime) -> datetime | None:
    """When the capacity of the next interrupted attempts is gone, after `now`."""
    ahead = _interrupted().filter(interruption_kill_at__gt=now).order_by("interruption_kill_at")
    return ahead.values_list("interruption_kill_at", flat=True).first()


def _interrupted() -> QuerySet[Attempt]:
    return Attempt.objects.filter(ended_at__isnull=True, interruption_kill_at__isnull=False)


def _signalled() -> QuerySet[Attempt]:
    return Attempt.objects.filter(ended_at__isnull=True, stop_signalled_at__isnull=False)


def _grace() -> timedelta:
    return timedelta(seconds=settings.BATCHWEB_STOP_GRACE_SECONDS)
