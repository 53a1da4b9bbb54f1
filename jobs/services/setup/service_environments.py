"""Making, changing and deleting service environments. Nothing runs in them here.

Source: AWS Batch API, `CreateServiceEnvironment` and its like.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from jobs.domain import service, validation, variables
from jobs.domain.errors import Conflict
from jobs.domain.validation import Checker
from jobs.models import (
    JobQueueServiceEnvironment,
    QueueStatus,
    ServiceEnvironment,
    ServiceEnvironmentState,
)
from jobs.services.writing.races import second_look, still_there

from .names import free_name

FIELDS = frozenset({"name", "type", "state", "capacity_limits", "tags"})
CHANGE_FIELDS = frozenset({"state", "capacity_limits"})


@dataclass(frozen=True, slots=True)
class ServiceEnvironmentFields:
    """A service environment that passed every check, as it will be written."""

    name: str
    type: str
    state: str
    capacity_limits: list[dict[str, Any]]
    tags: dict[str, str]


def create_service_environment(
    *, fields: Mapping[str, object], now: datetime
) -> ServiceEnvironment:
    """Writes a new service environment. Raises InvalidInput; then nothing changed."""
    clean = check_service_environment(fields=fields)
    with second_look(lambda: check_service_environment(fields=fields)), transaction.atomic():
        return ServiceEnvironment.objects.create(
            name=clean.name,
            type=clean.type,
            state=clean.state,
            capacity_limits=clean.capacity_limits,
            tags=clean.tags,
            created_at=now,
        )


def check_service_environment(*, fields: Mapping[str, object]) -> ServiceEnvironmentFields:
    """The clean new environment, or InvalidInput with every field that is wrong. Writes nothing."""
    checker = Checker()
    checker.only(fields, FIELDS)
    no_limits: list[dict[str, Any]] = []
    no_tags: dict[str, str] = {}
    clean = ServiceEnvironmentFields(
        name=checker.check("name", _free_name, fields.get("name"), ""),
        type=checker.check("type", service.environment_type, fields.get("type"), ""),
        state=checker.check(
            "state", validation.state, fields.get("state") or ServiceEnvironmentState.ENABLED, ""
        ),
        capacity_limits=checker.check(
            "capacity_limits", service.capacity_limits, fields.get("capacity_limits"), no_limits
        ),
        tags=checker.check("tags", variables.tags, fields.get("tags"), no_tags),
    )
    checker.done()
    return clean


def update_service_environment(
    *, environment: ServiceEnvironment, fields: Mapping[str, object]
) -> ServiceEnvironment:
    """Changes what `fields` names of `state` and `capacity_limits`.

    Raises InvalidInput, or NotFound if it was deleted meanwhile.
    """
    with transaction.atomic():
        row = still_there(
            ServiceEnvironment.objects.select_for_update(),
            environment,
            called=f"The service environment {environment.name}",
        )
        checker = Checker()
        checker.only(fields, CHANGE_FIELDS)
        no_limits: list[dict[str, Any]] = []
        row.state = checker.check("state", validation.state, fields.get("state", row.state), "")
        row.capacity_limits = checker.check(
            "capacity_limits",
            service.capacity_limits,
            fields.get("capacity_limits", row.capacity_limits),
            no_limits,
        )
        checker.done()
        row.save(update_fields=["state", "capacity_limits"])
    return row


def delete_service_environment(*, environment: ServiceEnvironment) -> None:
    """Deletes a disabled service environment that no queue names.

    Raises Conflict, which says what stands against it.
    """
    try:
        with transaction.atomic():
            _delete(environment)
    except IntegrityError:
        # Foreign keys are checked at the commit: a queue came in between.
        raise Conflict(f"A queue has just been given {environment.name}.") from None


def _delete(environment: ServiceEnvironment) -> None:
    row = ServiceEnvironment.objects.select_for_update().filter(pk=environment.pk).first()
    if row is None:
        return
    if row.state != ServiceEnvironmentState.DISABLED:
        raise Conflict(
            f"Cannot delete, the service environment {row.name} is enabled. Set its state to DISABLED first."
        )
    places = JobQueueServiceEnvironment.objects.filter(environment=row)
    place = places.exclude(queue__status=QueueStatus.DELETED).select_related("queue").first()
    if place is not None:
        raise Conflict(
            f"Cannot delete, found existing JobQueue relationship: the queue {place.queue.name} uses the "
            f"service environment {row.name}. Take it out of the queue first."
        )
    places.delete()
    row.delete()


def _free_name(value: object) -> str:
    return free_name(value, ServiceEnvironment.objects.all(), kind="a service environment")
