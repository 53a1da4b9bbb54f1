"""Making, changing and deleting job queues."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, transaction

from jobs import changes
from jobs.domain import validation
from jobs.domain.errors import Conflict, NotFound
from jobs.domain.states import LIVE
from jobs.domain.validation import Checker, FieldError
from jobs.models import ComputeEnvironment, Job, JobQueue, JobQueueEnvironment, QueueState

FIELDS = frozenset({"name", "priority", "state", "environments"})


@dataclass(frozen=True, slots=True)
class QueueFields:
    """A queue that passed every check, as it will be written."""

    name: str
    priority: int
    state: str
    environments: list[ComputeEnvironment]


def check_queue(*, fields: Mapping[str, object], queue: JobQueue | None = None) -> QueueFields:
    """The clean queue, or InvalidInput with every field that is wrong. Writes nothing.

    `name`, `priority`, `state`, and `environments`: names, first choice first. Without `queue` (a new
    one) `name` and `environments` are required; with it, what is left out stays as it is.
    """
    checker = Checker()
    checker.only(fields, FIELDS)
    clean = QueueFields(
        name=checker.check(
            "name", lambda value: _free_name(value, queue), _name(fields, queue), ""
        ),
        priority=checker.check(
            "priority",
            validation.priority,
            fields.get("priority", queue.priority if queue else 1),
            0,
        ),
        state=checker.check(
            "state",
            validation.state,
            fields.get("state", queue.state if queue else QueueState.ENABLED),
            "",
        ),
        environments=_current_order(queue)
        if queue and "environments" not in fields
        else checker.check("environments", _find_environments, fields.get("environments", []), []),
    )
    checker.done()
    return clean


def create_queue(*, fields: Mapping[str, object], now: datetime) -> JobQueue:
    """Writes a new queue. Raises InvalidInput; then nothing changed."""
    clean = check_queue(fields=fields)
    try:
        with transaction.atomic():
            queue = JobQueue.objects.create(
                name=clean.name, priority=clean.priority, state=clean.state, created_at=now
            )
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
        row.priority = clean.priority
        row.state = clean.state
        row.save(update_fields=["priority", "state"])
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
    if jobs.filter(status__in=LIVE).exists():
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


def _name(fields: Mapping[str, object], queue: JobQueue | None) -> object:
    return fields.get("name", queue.name if queue else None)


def _free_name(value: object, queue: JobQueue | None) -> str:
    name = validation.name(value)
    if queue is not None:
        if name != queue.name:
            raise FieldError("A queue keeps its name: scripts use it. Make a new queue instead.")
        return name
    if JobQueue.objects.filter(name=name).exists():
        raise FieldError(f"There is a queue named {name} already.")
    return name


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
