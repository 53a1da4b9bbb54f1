"""Making, changing and deleting consumable resources. `services.attempts.consumables` takes of them and gives back."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from django.db import IntegrityError, transaction
from django.db.models import Sum

from jobs import changes
from jobs.domain import consumables, validation, variables
from jobs.domain.errors import Conflict, InvalidInput
from jobs.domain.validation import Checker, FieldError
from jobs.models import (
    ConsumableChange,
    ConsumableHold,
    ConsumableResource,
    ConsumableType,
    JobSpec,
)
from jobs.models.job import LIVE_LITERALS
from jobs.services.writing.races import second_look, still_there

from .names import free_name

FIELDS = frozenset({"name", "type", "total_quantity", "tags"})
CHANGE_FIELDS = frozenset({"operation", "quantity"})
OPERATIONS = ("SET", "ADD", "REMOVE")
# So long a change that was asked for with a token is not made again. Source: AWS, `UpdateConsumableResource`.
TOKEN_HOLDS = timedelta(hours=8)


@dataclass(frozen=True, slots=True)
class ResourceFields:
    """A resource that passed every check, as it will be written."""

    name: str
    type: str
    total_quantity: int
    tags: dict[str, str]


def check_resource(*, fields: Mapping[str, object]) -> ResourceFields:
    """The clean new resource, or InvalidInput with every field that is wrong. Writes nothing."""
    checker = Checker()
    checker.only(fields, FIELDS)
    no_tags: dict[str, str] = {}
    clean = ResourceFields(
        name=checker.check("name", _free_name, fields.get("name"), ""),
        type=checker.check(
            "type",
            consumables.resource_type,
            fields.get("type") or ConsumableType.REPLENISHABLE,
            "",
        ),
        total_quantity=checker.check(
            "total_quantity", consumables.quantity, fields.get("total_quantity"), 0
        ),
        tags=checker.check("tags", variables.tags, fields.get("tags"), no_tags),
    )
    checker.done()
    return clean


def create_resource(*, fields: Mapping[str, object], now: datetime) -> ConsumableResource:
    """Writes a new resource. Raises InvalidInput; then nothing changed."""
    clean = check_resource(fields=fields)
    with second_look(lambda: check_resource(fields=fields)), transaction.atomic():
        resource = ConsumableResource.objects.create(
            name=clean.name,
            type=clean.type,
            total_quantity=clean.total_quantity,
            tags=clean.tags,
            created_at=now,
        )
        _announce()
    return resource


def check_change(*, resource: ConsumableResource, fields: Mapping[str, object]) -> int:
    """The total that a change would leave, or InvalidInput. Writes nothing.

    `operation` SET (the default), ADD or REMOVE, and `quantity`. A total below what is in use is allowed:
    nothing is taken from who has it, and nobody gets more until enough came back.
    """
    checker = Checker()
    checker.only(fields, CHANGE_FIELDS)
    operation = checker.check("operation", _operation, fields.get("operation", "SET"), "")
    amount = checker.check("quantity", _amount, fields.get("quantity"), 0)
    checker.done()
    total = {
        "SET": amount,
        "ADD": resource.total_quantity + amount,
        "REMOVE": resource.total_quantity - amount,
    }[operation]
    if total < 0:
        raise InvalidInput(
            {"quantity": [f"There are {resource.total_quantity} only, so remove at most as many."]}
        )
    if total > consumables.MAX_QUANTITY:
        raise InvalidInput({"quantity": [f"The total is at most {consumables.MAX_QUANTITY}."]})
    return total


def update_resource(
    *,
    resource: ConsumableResource,
    fields: Mapping[str, object],
    client_token: str = "",
    now: datetime,
) -> ConsumableResource:
    """Changes the total as AWS's `UpdateConsumableResource` does, and wakes the scheduler.

    The same change with the same token is made once in 8 hours, however often it is asked for. Raises
    InvalidInput, or NotFound if the resource was deleted meanwhile.
    """
    with transaction.atomic():
        # Locked: jobs take of it at the same moment, and an ADD must not undo that.
        row = still_there(
            ConsumableResource.objects.select_for_update(),
            resource,
            called=f"The consumable resource {resource.name}",
        )
        if client_token and not _is_new(row, fields, client_token, now):
            return row
        row.total_quantity = check_change(resource=row, fields=fields)
        row.save(update_fields=["total_quantity"])
        _announce()
    return row


def delete_resource(*, resource: ConsumableResource) -> None:
    """Deletes a resource that no job holds or needs. Raises Conflict, which says what stands against it."""
    try:
        with transaction.atomic():
            _delete(resource)
    except IntegrityError:
        # Foreign keys are checked at the commit: a job took of it in between.
        raise Conflict(f"A job has just taken of {resource.name}.") from None


def _delete(resource: ConsumableResource) -> None:
    row = ConsumableResource.objects.select_for_update().filter(id=resource.id).first()
    if row is None:
        return
    held = row.holds.filter(released_at__isnull=True).aggregate(sum=Sum("quantity"))["sum"]
    if row.in_use_quantity or held:
        # Of what is used up nothing is in use, and nothing comes back; but its jobs name it.
        done = "hold" if row.type == ConsumableType.REPLENISHABLE else "that still run took"
        raise Conflict(
            f"Jobs {done} {row.in_use_quantity or held} of {row.name}. "
            "Wait for them, or terminate them."
        )
    if is_needed(name=row.name):
        raise Conflict(
            f"Jobs that are not finished need {row.name}. Wait for them, or cancel them."
        )
    # What ended jobs had held stays in their specs.
    ConsumableHold.objects.filter(resource=row).delete()
    row.delete()
    _announce()


def is_needed(*, name: str) -> bool:
    """Whether a job that is not finished needs the resource of this name."""
    # The quoted name is somewhere in the text of each list that names it; the list itself decides.
    lists = JobSpec.objects.filter(
        jobs__status__in=LIVE_LITERALS,
        jobs__has_consumables=True,
        consumables__icontains=f'"{name}"',
    ).values_list("consumables", flat=True)
    return any(each["consumableResource"] == name for needed in lists.iterator() for each in needed)


def _is_new(
    resource: ConsumableResource, fields: Mapping[str, object], client_token: str, now: datetime
) -> bool:
    """Whether this change was not made yet; it is noted as made. The resource is locked."""
    made = ConsumableChange.objects.filter(resource=resource)
    made.filter(at__lte=now - TOKEN_HOLDS).delete()
    digest = sha256(json.dumps(fields, sort_keys=True, default=str).encode()).hexdigest()
    _, is_new = made.get_or_create(
        resource=resource, client_token=client_token, digest=digest, defaults={"at": now}
    )
    return is_new


def _free_name(value: object) -> str:
    return free_name(value, ConsumableResource.objects.all(), kind="a consumable resource")


def _operation(value: object) -> str:
    text = validation.read_text(value).upper()
    if text not in OPERATIONS:
        raise FieldError(f"The operation is {', '.join(OPERATIONS[:-1])} or {OPERATIONS[-1]}.")
    return text


def _amount(value: object) -> int:
    if validation.is_empty(value):
        raise FieldError("Give a quantity, such as 5.")
    return consumables.quantity(value)


def _announce() -> None:
    changes.publish([changes.RESOURCES])
    changes.wake_scheduler()
