"""Making, changing and deleting job queues. The scheduler carries them on: see `services.passes.statuses`."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from jobs import changes
from jobs.domain import reasons
from jobs.domain.errors import Conflict, InvalidInput
from jobs.models import (
    ComputeEnvironment,
    JobQueue,
    JobQueueEnvironment,
    JobQueueServiceEnvironment,
    QueueState,
    QueueStatus,
    ServiceEnvironment,
)
from jobs.services.writing.races import second_look, still_there

from .queue_checks import (
    USABLE,
    QueueFields,
    check_queue,
    current_order,
    current_services,
    unusable,
)

__all__ = ["QueueFields", "check_queue", "create_queue", "delete_queue", "update_queue"]


def create_queue(*, fields: Mapping[str, object], now: datetime) -> JobQueue:
    """Writes a new queue, CREATING until the scheduler sees it. Raises InvalidInput; then nothing changed."""
    clean = check_queue(fields=fields)
    with second_look(lambda: check_queue(fields=fields)), transaction.atomic():
        _hold(environment for _, environment in clean.environments)
        queue = JobQueue.objects.create(
            name=clean.name, created_at=now, status=QueueStatus.CREATING, **_columns(clean)
        )
        _write_order(queue, clean)
        _announce()
    return queue


def update_queue(*, queue: JobQueue, fields: Mapping[str, object]) -> JobQueue:
    """Changes what `fields` names: UPDATING until the scheduler, whom it wakes, has seen it.

    Raises InvalidInput, Conflict if the queue is being deleted, or NotFound if it was.
    """
    with transaction.atomic():
        # One change at a time, else two could mix their orders of environments.
        row = still_there(
            JobQueue.objects.select_for_update(no_key=True), queue, called=f"The queue {queue.name}"
        )
        if row.status == QueueStatus.DELETING:
            raise Conflict(reasons.being_deleted("queue", row.name))
        clean = check_queue(fields=fields, queue=row)
        columns = {**_columns(clean), "status_reason": "", "status": QueueStatus.UPDATING}
        if row.status == QueueStatus.CREATING:
            columns["status"] = QueueStatus.CREATING
        for column, value in columns.items():
            setattr(row, column, value)
        row.save(update_fields=list(columns))
        _rewrite_order(row, clean)
        _announce()
    return row


def delete_queue(*, queue: JobQueue) -> None:
    """Asks for the end of a disabled queue: its jobs are terminated, and it is gone when the last has ended.

    For one that is gone, or on its way there, does nothing. Raises Conflict if it is enabled.
    """
    with transaction.atomic():
        row = JobQueue.objects.select_for_update(no_key=True).filter(id=queue.id).first()
        if row is None or row.status == QueueStatus.DELETING:
            return
        if row.state != QueueState.DISABLED:
            raise Conflict(f"The queue {row.name} is enabled. Disable it before you delete it.")
        row.status, row.status_reason = QueueStatus.DELETING, ""
        row.save(update_fields=["status", "status_reason"])
        _announce()


def _announce() -> None:
    changes.publish([changes.QUEUES])
    changes.wake_scheduler()


def _columns(clean: QueueFields) -> dict[str, Any]:
    return {
        "type": clean.type,
        "priority": clean.priority,
        "state": clean.state,
        "scheduling_policy": clean.scheduling_policy,
        "backfill": clean.backfill,
        "time_limit_actions": clean.time_limit_actions,
        "tags": clean.tags,
    }


def _hold(environments: Iterable[ComputeEnvironment]) -> None:
    """Until the transaction's end nobody deletes these environments. Raises InvalidInput if somebody has."""
    wanted = [environment.id for environment in environments]
    rows = ComputeEnvironment.with_deleted.select_for_update(no_key=True).filter(id__in=wanted)
    for row in rows.order_by("id"):
        if row.status not in USABLE:
            raise InvalidInput({"environments": [unusable(row)]})


def _rewrite_order(queue: JobQueue, clean: QueueFields) -> None:
    before = current_order(queue)
    if (before, current_services(queue)) == (clean.environments, clean.service_environments):
        return
    old = {environment.pk for _, environment in before}
    _hold(environment for _, environment in clean.environments if environment.pk not in old)
    queue.environment_order.all().delete()
    queue.service_order.all().delete()
    _write_order(queue, clean)


def _write_order(queue: JobQueue, clean: QueueFields) -> None:
    _write_places(queue, clean.environments)
    _write_services(queue, clean.service_environments)


def _write_places(queue: JobQueue, places: Iterable[tuple[int, ComputeEnvironment]]) -> None:
    JobQueueEnvironment.objects.bulk_create(
        JobQueueEnvironment(queue=queue, environment=environment, order=order)
        for order, environment in places
    )


def _write_services(queue: JobQueue, places: Iterable[tuple[int, ServiceEnvironment]]) -> None:
    JobQueueServiceEnvironment.objects.bulk_create(
        JobQueueServiceEnvironment(queue=queue, environment=environment, order=order)
        for order, environment in places
    )
