"""Making, changing and deleting job queues."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from jobs import changes
from jobs.domain import validation
from jobs.domain.errors import Conflict, NotFound
from jobs.domain.flags import flag
from jobs.domain.time_limit_actions import time_limit_actions
from jobs.domain.validation import Checker, FieldError
from jobs.models import (
    ComputeEnvironment,
    Job,
    JobQueue,
    JobQueueEnvironment,
    QueueState,
    SchedulingPolicy,
)
from jobs.models.job import LIVE_LITERALS

FIELDS = frozenset(
    {
        "name",
        "priority",
        "state",
        "environments",
        "scheduling_policy",
        "backfill",
        "time_limit_actions",
    }
)
# AWS: "After a job queue has a fair-share scheduling policy, it can be replaced but can't be removed", nor added.
STAYS_FAIR = (
    "A queue with a scheduling policy keeps one: choose another, or make a new queue without."
)
STAYS_FIFO = "A queue made without a scheduling policy stays first in, first out. Make a new queue."


@dataclass(frozen=True, slots=True)
class QueueFields:
    """A queue that passed every check, as it will be written."""

    name: str
    priority: int
    state: str
    environments: list[ComputeEnvironment]
    scheduling_policy: SchedulingPolicy | None
    backfill: bool
    time_limit_actions: list[dict[str, Any]]


def check_queue(*, fields: Mapping[str, object], queue: JobQueue | None = None) -> QueueFields:
    """The clean queue, or InvalidInput with every field that is wrong. Writes nothing.

    `name`, `priority`, `state`, `environments` (names, first choice first), `scheduling_policy` (a name;
    empty: first in, first out), `backfill`, and `time_limit_actions`. Without `queue` (a new one) `name`
    and `environments` are required; with it, what is left out stays as it is.
    """
    checker = Checker()
    checker.only(fields, FIELDS)
    given = {**_current(queue), **fields}
    clean = QueueFields(
        name=checker.check("name", lambda value: _free_name(value, queue), given.get("name"), ""),
        priority=checker.check("priority", validation.priority, given["priority"], 0),
        state=checker.check("state", validation.state, given["state"], ""),
        environments=_current_order(queue)
        if queue and "environments" not in fields
        else checker.check("environments", _find_environments, fields.get("environments", []), []),
        scheduling_policy=checker.check(
            "scheduling_policy",
            lambda value: _find_policy(value, queue),
            given["scheduling_policy"],
            None,
        ),
        backfill=checker.check("backfill", flag, given["backfill"], True),
        time_limit_actions=checker.check(
            "time_limit_actions", time_limit_actions, given["time_limit_actions"], []
        ),
    )
    checker.done()
    return clean


def create_queue(*, fields: Mapping[str, object], now: datetime) -> JobQueue:
    """Writes a new queue. Raises InvalidInput; then nothing changed."""
    clean = check_queue(fields=fields)
    try:
        with transaction.atomic():
            queue = JobQueue.objects.create(name=clean.name, created_at=now, **_columns(clean))
            _write_order(queue, clean.environments)
            changes.publish([changes.QUEUES])
    except IntegrityError:
        # The checks passed, so somebody was faster: the second look says at what.
        check_queue(fields=fields)
        raise
    return queue


def update_queue(*, queue: JobQueue, fields: Mapping[str, object], now: datetime) -> JobQueue:
    """Changes what `fields` names, and wakes the scheduler: order and places may be others now.

    Raises InvalidInput, or NotFound if the queue was deleted meanwhile.
    """
    with transaction.atomic():
        # One change at a time, else two could mix their orders of environments.
        row = JobQueue.objects.select_for_update().filter(id=queue.id).first()
        if row is None:
            raise NotFound(f"The queue {queue.name} was deleted.")
        clean = check_queue(fields=fields, queue=row)
        columns = _columns(clean)
        for column, value in columns.items():
            setattr(row, column, value)
        row.save(update_fields=list(columns))
        if [environment.id for environment in _current_order(row)] != [
            environment.id for environment in clean.environments
        ]:
            row.environment_order.all().delete()
            _write_order(row, clean.environments)
        changes.publish([changes.QUEUES])
        changes.wake_scheduler()
    return row


def delete_queue(*, queue: JobQueue, now: datetime) -> None:
    """Deletes a disabled queue that never had a job. Raises Conflict, which says why it cannot."""
    try:
        with transaction.atomic():
            _delete(queue)
    except IntegrityError:
        # Foreign keys are checked at the commit: a job came in between.
        raise Conflict(f"The queue {queue.name} has just been given a job.") from None


def _delete(queue: JobQueue) -> None:
    row = JobQueue.objects.select_for_update().filter(id=queue.id).first()
    if row is None:
        return
    if row.state != QueueState.DISABLED:
        raise Conflict(f"The queue {row.name} is enabled. Disable it before you delete it.")
    # Asked first: Django would load every job to say that it cannot delete.
    jobs = Job.objects.filter(queue=row)
    if jobs.filter(status__in=LIVE_LITERALS).exists():
        raise Conflict(
            f"The queue {row.name} has jobs that are not finished. "
            "Wait for them, or terminate them."
        )
    if jobs.exists():
        raise Conflict(
            f"The queue {row.name} has finished jobs, whose history and cost name it, so it is "
            "kept. Leave it disabled: it takes no jobs."
        )
    row.delete()
    changes.publish([changes.QUEUES])


def _current(queue: JobQueue | None) -> dict[str, object]:
    if queue is None:
        return {
            "priority": 1,
            "state": QueueState.ENABLED,
            "scheduling_policy": "",
            "backfill": True,
            "time_limit_actions": [],
        }
    policy = queue.scheduling_policy
    return {
        "name": queue.name,
        "priority": queue.priority,
        "state": queue.state,
        "scheduling_policy": policy.name if policy else "",
        "backfill": queue.backfill,
        "time_limit_actions": queue.time_limit_actions,
    }


def _columns(clean: QueueFields) -> dict[str, Any]:
    return {
        "priority": clean.priority,
        "state": clean.state,
        "scheduling_policy": clean.scheduling_policy,
        "backfill": clean.backfill,
        "time_limit_actions": clean.time_limit_actions,
    }


def _free_name(value: object, queue: JobQueue | None) -> str:
    name = validation.name(value)
    if queue is not None:
        if name != queue.name:
            raise FieldError("A queue keeps its name: scripts use it. Make a new queue instead.")
        return name
    if JobQueue.objects.filter(name=name).exists():
        raise FieldError(f"There is a queue named {name} already.")
    return name


def _find_policy(value: object, queue: JobQueue | None) -> SchedulingPolicy | None:
    name = validation.read_text(value)
    if queue is not None and bool(name) != (queue.scheduling_policy_id is not None):
        raise FieldError(STAYS_FIFO if name else STAYS_FAIR)
    if not name:
        return None
    policy = SchedulingPolicy.objects.filter(name=name).first()
    if policy is None:
        raise FieldError(f"There is no scheduling policy named {name[:128]}.")
    return policy


def _find_environments(value: object) -> list[ComputeEnvironment]:
    names = validation.environment_order(value)
    found = {row.name: row for row in ComputeEnvironment.objects.filter(name__in=names)}
    missing = [name for name in names if name not in found]
    if missing:
        raise FieldError(f"There is no environment named {missing[0][:128]}.")
    return [found[name] for name in names]


def _current_order(queue: JobQueue) -> list[ComputeEnvironment]:
    places = queue.environment_order.select_related("environment").order_by("order")
    return [place.environment for place in places]


def _write_order(queue: JobQueue, environments: list[ComputeEnvironment]) -> None:
    JobQueueEnvironment.objects.bulk_create(
        JobQueueEnvironment(queue=queue, environment=environment, order=order)
        for order, environment in enumerate(environments, start=1)
    )
