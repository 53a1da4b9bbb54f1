"""Looking after what jobs keep in their checkpoint directories: measuring, removing.

Each directory is looked at by a worker (`tend_checkpoints`): now and then while the job runs, at the end
of each attempt, and when it is to go. Whatever dies in between, the sweep finds what is still to be done
in the rows.
"""

import logging
import shutil
import time
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db.models import Exists, Max, OuterRef, Q, QuerySet

from jobs import queueing
from jobs.domain import reasons
from jobs.domain.errors import Conflict
from jobs.domain.states import TERMINAL, JobStatus
from jobs.engines import base
from jobs.engines.archives import FileKind, Incomplete, entries
from jobs.engines.base import EngineError, HostMount, NoSuchFile
from jobs.models import Attempt, Checkpoint, EngineStatus, Job
from jobs.services.attempts.checkpoints import DIRECTORY, kept_in
from jobs.services.attempts.connections import connection_to
from jobs.services.writing.apart import Apart
from jobs.services.writing.transition import announce

logger = logging.getLogger("batchweb.checkpoints")

# While a job runs its directory is measured so often at most, and for a fiftieth of the time at most: an engine
# has to read all of it.
MEASURE_EVERY = timedelta(minutes=1)
MEASURE_PAUSE = 50.0
# Measuring reads all that is there: of what takes longer is told that it is at least so much.
SECONDS = 5.0
# Nobody else looks at it meanwhile: longer than a task may last.
CLAIM = timedelta(minutes=3)
# How long one is left alone with which its engine did not do what it was to.
LATER = timedelta(minutes=1)
# What nobody looked at so long after its job's end was forgotten.
FORGOTTEN_AFTER = timedelta(seconds=30)
PORTION = 200


@dataclass(frozen=True, slots=True)
class Measure:
    """What is in a directory. `is_partial`: there is more, or it changed while it was read."""

    size_bytes: int = 0
    file_count: int = 0
    is_partial: bool = False


def tend_checkpoints(*, job_ids: Sequence[UUID], now: datetime) -> None:
    """Does for each of the jobs' checkpoints what is due: measures it, or removes it. Safe to repeat."""
    kept = Checkpoint.objects.select_related("job", "engine").filter(
        job_id__in=job_ids, removed_at__isnull=True, engine__status=EngineStatus.CONNECTED
    )
    apart = Apart()
    for checkpoint in kept.order_by("job_id"):
        with apart.each(checkpoint.pk):
            if _claim(checkpoint, now):
                _tend_claimed(checkpoint, now)
    apart.done()


def _claim(checkpoint: Checkpoint, now: datetime) -> bool:
    """Whether this is the only one to look at it now. Who dies over it holds others up for a while only."""
    free = Checkpoint.objects.filter(
        Q(tended_until__isnull=True) | Q(tended_until__lte=now), pk=checkpoint.pk
    )
    if not free.update(tended_until=now + CLAIM):
        return False
    checkpoint.refresh_from_db(fields=["measured_at", "measure_again_at", "settled_at"])
    return True


def _tend_claimed(checkpoint: Checkpoint, now: datetime) -> None:
    until = None
    try:
        _tend(checkpoint, now)
    except EngineError as error:
        logger.warning("checkpoint of %s is left for later: %s", checkpoint.pk, error)
        until = now + LATER
    Checkpoint.objects.filter(pk=checkpoint.pk).update(tended_until=until)


def ask_to_delete(*, job: Job, now: datetime) -> None:
    """Has a worker remove what an ended job kept. Raises Conflict while the job lives; safe to repeat."""
    if job.status not in TERMINAL:
        raise Conflict(reasons.CHECKPOINT_IN_USE)
    kept = Checkpoint.objects.filter(job_id=job.pk, removed_at__isnull=True)
    if kept.filter(remove_asked_at__isnull=True).update(remove_asked_at=now):
        announce([job.pk])
    queueing.enqueue_after_commit(queueing.TEND, [job.pk])


def sweep_checkpoints(*, now: datetime) -> int:
    """Hands over those for which something is due; how many."""
    if not queueing.is_idle(queueing.TEND):
        return 0
    job_ids = {id_ for each in _due(now) for id_ in each[:PORTION]}
    queueing.enqueue_after_commit(queueing.TEND, sorted(job_ids))
    return len(job_ids)


def _due(now: datetime) -> Iterable[QuerySet[Checkpoint, UUID] | QuerySet[Attempt, UUID]]:
    """Job ids, each found by an index of what is live, asked for or old."""
    kept = Checkpoint.objects.filter(
        Q(tended_until__isnull=True) | Q(tended_until__lte=now),
        removed_at__isnull=True,
        engine__status=EngineStatus.CONNECTED,
    )
    # A join would let the database begin with all jobs that have ever ended.
    has_ended = Job.objects.filter(
        id=OuterRef("job_id"), status__in=TERMINAL, stopped_at__lt=now - FORGOTTEN_AFTER
    )
    unsettled = kept.filter(Exists(has_ended), settled_at__isnull=True)
    asked = kept.filter(remove_asked_at__lt=now - FORGOTTEN_AFTER)
    old = kept.filter(settled_at__lte=now - _retention())
    running = Attempt.objects.filter(
        Q(job__checkpoint__measure_again_at__isnull=True)
        | Q(job__checkpoint__measure_again_at__lte=now),
        Q(job__checkpoint__tended_until__isnull=True) | Q(job__checkpoint__tended_until__lte=now),
        ended_at__isnull=True,
        started_at__lt=now - MEASURE_EVERY,
        node__engine__status=EngineStatus.CONNECTED,
        job__checkpoint__removed_at__isnull=True,
        job__checkpoint__isnull=False,
    )
    return (
        unsettled.order_by("created_at").values_list("job_id", flat=True),
        asked.order_by("remove_asked_at").values_list("job_id", flat=True),
        old.order_by("settled_at").values_list("job_id", flat=True),
        running.order_by("node_id").values_list("job_id", flat=True),
    )


def _tend(checkpoint: Checkpoint, now: datetime) -> None:
    """Raises EngineError where the engine does not do what it is to."""
    job = checkpoint.job
    is_over = job.status in TERMINAL and not _holds(job)
    if is_over and _is_to_go(checkpoint, now):
        _remove(checkpoint, now)
        return
    if not _is_to_be_measured(checkpoint, now, is_over=is_over):
        return
    began = time.monotonic()
    found = measure(checkpoint=checkpoint)
    pause = timedelta(seconds=MEASURE_PAUSE * (time.monotonic() - began))
    if is_over and not (found.file_count or found.is_partial):
        _remove(checkpoint, now)
        # Nobody would miss it, and most jobs write none.
        checkpoint.delete()
        return
    Checkpoint.objects.filter(pk=checkpoint.pk).update(
        size_bytes=found.size_bytes,
        file_count=found.file_count,
        is_partial=found.is_partial,
        measured_at=now,
        measure_again_at=now + max(MEASURE_EVERY, pause),
        settled_at=now if is_over else None,
    )
    announce([job.pk])


def measure(*, checkpoint: Checkpoint) -> Measure:
    """What is in it, of all nodes together, as far as it can be read in a few seconds. Raises EngineError."""
    engine = connection_to(checkpoint.engine)
    until = time.monotonic() + SECONDS
    parts = [
        _measure(engine, checkpoint, node_index, until)
        for node_index in range(checkpoint.job.node_count)
    ]
    return Measure(
        size_bytes=sum(each.size_bytes for each in parts),
        file_count=sum(each.file_count for each in parts),
        is_partial=any(each.is_partial for each in parts),
    )


def _measure(engine: base.Engine, checkpoint: Checkpoint, node_index: int, until: float) -> Measure:
    size_bytes = file_count = 0
    if time.monotonic() > until:
        # To begin with it costs time as well, and there may be very many nodes.
        return Measure(is_partial=True)
    try:
        blocks = engine.read_files(kept_in(checkpoint, node_index), DIRECTORY)
    except NoSuchFile:
        return Measure()
    with closing(entries(blocks, until=until)) as found:
        try:
            for entry in found:
                size_bytes += entry.size_bytes
                file_count += entry.kind is not FileKind.DIRECTORY
        except Incomplete:
            return Measure(size_bytes, file_count, is_partial=True)
    return Measure(size_bytes, file_count)


def _is_to_be_measured(checkpoint: Checkpoint, now: datetime, *, is_over: bool) -> bool:
    if is_over or checkpoint.measured_at is None:
        return checkpoint.settled_at is None
    again_at = checkpoint.measure_again_at
    if checkpoint.job.status == JobStatus.RUNNING and (again_at is None or again_at <= now):
        return True
    newest = Attempt.objects.filter(job_id=checkpoint.job_id).aggregate(at=Max("ended_at"))["at"]
    return newest is not None and newest > checkpoint.measured_at


def _is_to_go(checkpoint: Checkpoint, now: datetime) -> bool:
    stopped_at = checkpoint.job.stopped_at
    is_old = stopped_at is not None and stopped_at <= now - _retention()
    return is_old or checkpoint.remove_asked_at is not None


def _holds(job: Job) -> bool:
    """Whether a container of it may still be there."""
    return Attempt.objects.filter(job_id=job.pk, removed_at__isnull=True).exists()


def _remove(checkpoint: Checkpoint, now: datetime) -> None:
    """Raises EngineError while somebody reads in it."""
    engine = connection_to(checkpoint.engine)
    for node_index in range(checkpoint.job.node_count):
        mount = kept_in(checkpoint, node_index)
        if not isinstance(mount, HostMount):
            engine.remove_volume(mount.volume)
        elif node_index == 0:
            # Those of the other nodes are in it.
            _remove_directory(Path(mount.host_path))
    Checkpoint.objects.filter(pk=checkpoint.pk).update(removed_at=now)
    announce([checkpoint.job_id])


def _remove_directory(path: Path) -> None:
    """Of the directory that all machines share, and so this one. Links in it are removed, not followed."""
    try:
        shutil.rmtree(path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise EngineError(f"{path} cannot be removed here: {error.strerror}") from error


def _retention() -> timedelta:
    return timedelta(days=settings.BATCHWEB_CHECKPOINT_RETENTION_DAYS)
