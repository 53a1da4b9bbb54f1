"""Queues and environments move on: CREATING and UPDATING ones become VALID or INVALID, DELETING ones go.

A step of the scheduler's pass, under its lease. What is asked stands in the rows' `status`; whoever dies between
two steps, the next pass finds them as they are. Source: AWS Batch API, `CEStatus` and `JQStatus`.
"""

from collections.abc import Collection, Iterable
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from jobs import changes
from jobs.domain import reasons
from jobs.models import (
    Attempt,
    ComputeEnvironment,
    Engine,
    EngineStatus,
    EnvironmentStatus,
    Instance,
    Job,
    JobQueue,
    JobQueueEnvironment,
    QueueStatus,
    StopKind,
)
from jobs.models.job import LIVE_LITERALS
from jobs.services.requests.stop import stop_jobs

from .array_stop import OVERRULES
from .lease import Lease, fence

# So many jobs of a deleted queue are terminated in one transaction.
PORTION = 500
# An INVALID one moves by itself when its engine answers: see `services.supervision.contact`.
MOVING_ENVIRONMENTS = (
    EnvironmentStatus.CREATING,
    EnvironmentStatus.UPDATING,
    EnvironmentStatus.DELETING,
)


def advance_statuses(*, lease: Lease, now: datetime) -> bool:
    """Moves on what is on its way; whether there is more to do at once, because a portion was full.

    Three small queries where nothing is. Raises LostLease.
    """
    # One that waits for the last of what runs there holds up nobody meanwhile.
    live = {"environment": OuterRef("pk"), "ended_at__isnull": True}
    in_use = Exists(Attempt.objects.filter(**live)) | Exists(Instance.objects.filter(**live))
    environments = ComputeEnvironment.objects.filter(
        ~Q(status=EnvironmentStatus.DELETING) | ~in_use, status__in=MOVING_ENVIRONMENTS
    )
    moving = list(environments.order_by("id").values_list("id", "engine_id"))
    if moving:
        _move_environments(moving, lease)
    queues = list(_to_judge().values_list("id", flat=True))
    if queues:
        _judge_queues(queues, lease)
    more = False
    for queue in JobQueue.objects.filter(status=QueueStatus.DELETING).order_by("id"):
        more |= _go_on_deleting(queue, lease, now)
    return more


def end_strays(*, jobs: Collection[tuple[UUID, int]], lease: Lease, now: datetime) -> None:
    """Terminates those of the jobs (with their queues' ids) whose queue is gone.

    Their submission was checked while it was there, and written when the last job that could be seen had ended.
    """
    gone = set(
        JobQueue.with_deleted.filter(
            id__in={queue_id for _, queue_id in jobs}, status=QueueStatus.DELETED
        ).values_list("id", flat=True)
    )
    strays = [job_id for job_id, queue_id in jobs if queue_id in gone]
    if strays:
        with transaction.atomic():
            fence(lease)
            _terminate(Job.objects.filter(id__in=strays), now)


def _move_environments(moving: Iterable[tuple[int, int]], lease: Lease) -> None:
    ids, engine_ids = zip(*moving, strict=True)
    with transaction.atomic():
        fence(lease)
        # Who notes that an engine answers, or does not, waits: he and this see each other's rows.
        engines = Engine.objects.select_for_update(no_key=True).filter(id__in=engine_ids)
        by_id = {engine.id: engine for engine in engines.order_by("id")}
        rows = ComputeEnvironment.objects.select_for_update(no_key=True).filter(
            id__in=ids, status__in=MOVING_ENVIRONMENTS
        )
        moved = False
        for row in rows.order_by("id"):
            status, reason = _next_of_environment(row, by_id[row.engine_id])
            if (row.status, row.status_reason) != (status, reason):
                row.status, row.status_reason = status, reason
                row.save(update_fields=["status", "status_reason"])
                moved = True
        if moved:
            changes.publish([changes.ENVIRONMENTS, changes.QUEUES])


def _next_of_environment(row: ComputeEnvironment, engine: Engine) -> tuple[str, str]:
    if row.status == EnvironmentStatus.DELETING:
        # Attempts are placed, and instances launched, by the holder of the lease alone, and never here.
        live = {"environment": row, "ended_at__isnull": True}
        if Attempt.objects.filter(**live).exists() or Instance.objects.filter(**live).exists():
            return row.status, row.status_reason
        return EnvironmentStatus.DELETED, ""
    if engine.status == EngineStatus.UNREACHABLE:
        return EnvironmentStatus.INVALID, engine.status_reason
    return EnvironmentStatus.VALID, reasons.ENVIRONMENT_HEALTHY


def _to_judge() -> QuerySet[JobQueue]:
    """New and changed queues, and those whose environments have become, or are no longer, all INVALID."""
    places = JobQueueEnvironment.objects.filter(queue=OuterRef("pk"))
    broken = places.filter(environment__status=EnvironmentStatus.INVALID)
    whole = places.exclude(environment__status=EnvironmentStatus.INVALID)
    is_invalid = Exists(broken) & ~Exists(whole)
    return JobQueue.objects.filter(
        Q(status__in=[QueueStatus.CREATING, QueueStatus.UPDATING])
        | (Q(status=QueueStatus.VALID) & is_invalid)
        | (Q(status=QueueStatus.INVALID) & ~is_invalid)
    ).order_by("id")


def _judge_queues(queue_ids: Iterable[int], lease: Lease) -> None:
    with transaction.atomic():
        fence(lease)
        rows = JobQueue.objects.select_for_update(no_key=True).filter(id__in=list(queue_ids))
        for row in rows.order_by("id"):
            if row.status == QueueStatus.DELETING:
                continue
            row.status, row.status_reason = _judgement(row)
            row.save(update_fields=["status", "status_reason"])
        changes.publish([changes.QUEUES])


def _judgement(row: JobQueue) -> tuple[str, str]:
    places = row.environment_order.select_related("environment").order_by("order")
    environments = [place.environment for place in places]
    if environments and all(each.status == EnvironmentStatus.INVALID for each in environments):
        told = [(each.name, each.status_reason) for each in environments]
        return QueueStatus.INVALID, reasons.no_valid_environment(told)
    return QueueStatus.VALID, reasons.QUEUE_HEALTHY


def _go_on_deleting(queue: JobQueue, lease: Lease, now: datetime) -> bool:
    """Terminates a portion of a queue's jobs; where none is left, the queue is DELETED.

    Whether there may be more to terminate.
    """
    with transaction.atomic():
        fence(lease)
        live = Job.objects.filter(queue=queue, status__in=LIVE_LITERALS)
        if asked := _terminate(live, now):
            return asked == PORTION
        if not live.exists():
            _forget(queue)
    return False


def _terminate(jobs: QuerySet[Job], now: datetime) -> int:
    """Terminates a portion of these that nobody has yet; of how many. Arrays end their children."""
    unasked = jobs.filter(
        Q(stop_requested_at__isnull=True)
        | Q(array_size__isnull=False, stop_kind__in=OVERRULES[StopKind.TERMINATE]),
        parent__isnull=True,
    )
    rows = list(unasked.order_by("id")[:PORTION])
    if rows:
        stop_jobs(jobs=rows, kind=StopKind.TERMINATE, reason=reasons.QUEUE_DELETED, now=now)
    return len(rows)


def _forget(queue: JobQueue) -> None:
    """The queue's name and its environments are free again; its row stays for the jobs it had."""
    queue.environment_order.all().delete()
    queue.service_order.all().delete()
    JobQueue.objects.filter(id=queue.id, status=QueueStatus.DELETING).update(
        status=QueueStatus.DELETED, status_reason=""
    )
    changes.publish([changes.QUEUES, changes.ENVIRONMENTS])
