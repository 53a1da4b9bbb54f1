"""Consumable resources."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from jobs.domain import arns
from jobs.models import ConsumableResource
from jobs.selectors.consumables import resources_like
from jobs.services.setup import consumable_resources as services

from ...calls import Caller, Operation, Request
from ...paging import page
from ..filters import filters_of
from ..lookup import require_staff, resource_named
from ..shapes.tries import millis

LIST = "ListConsumableResources"
# AWS's names of our fields.
NAMES = {
    "name": "consumableResourceName",
    "type": "resourceType",
    "total_quantity": "totalQuantity",
}


def create_consumable_resource(
    caller: Caller, request: Request, now: datetime
) -> Mapping[str, Any]:
    """Writes a new resource; without a quantity there is nothing of it yet."""
    require_staff(caller)
    fields = {
        "name": request["consumableResourceName"],
        "type": request.get("resourceType"),
        "total_quantity": request.get("totalQuantity"),
        "tags": request.get("tags"),
    }
    row = services.create_resource(fields=fields, now=now)
    return _named(caller, row)


def describe_consumable_resource(
    caller: Caller, request: Request, now: datetime
) -> Mapping[str, Any]:
    """How much there is of a resource, is in use, and is left."""
    row = resource_named(caller, request["consumableResource"])
    return {
        **_summary(caller, row),
        "availableQuantity": row.available_quantity,
        "createdAt": millis(row.created_at),
        "tags": row.tags,
    }


def list_consumable_resources(caller: Caller, request: Request, now: datetime) -> Mapping[str, Any]:
    """Resources by name: all, or those whose name one of the filter's values matches."""
    given = filters_of(request, ("CONSUMABLE_RESOURCE_NAME",))
    patterns = given[0].values if given else None

    def read(after: str | None, limit: int) -> list[ConsumableResource]:
        return resources_like(patterns=patterns, after=after or "", limit=limit)

    found = page(request, LIST, read, key=lambda row: row.name)
    return {"consumableResources": [_summary(caller, row) for row in found.rows], **found.more}


def update_consumable_resource(
    caller: Caller, request: Request, now: datetime
) -> Mapping[str, Any]:
    """Sets, raises or lowers the total; the same change with the same token once."""
    require_staff(caller)
    row = resource_named(caller, request["consumableResource"])
    fields = {name: request[name] for name in ("operation", "quantity") if name in request}
    row = services.update_resource(
        resource=row, fields=fields, client_token=request.get("clientToken", ""), now=now
    )
    return {**_named(caller, row), "totalQuantity": row.total_quantity}


def delete_consumable_resource(
    caller: Caller, request: Request, now: datetime
) -> Mapping[str, Any]:
    """Deletes a resource that no job holds, and that no job needs that has not ended."""
    require_staff(caller)
    services.delete_resource(resource=resource_named(caller, request["consumableResource"]))
    return {}


def _named(caller: Caller, row: ConsumableResource) -> dict[str, Any]:
    return {
        "consumableResourceName": row.name,
        "consumableResourceArn": caller.arns.of(arns.CONSUMABLE_RESOURCE, row.name),
    }


def _summary(caller: Caller, row: ConsumableResource) -> dict[str, Any]:
    return {
        **_named(caller, row),
        "totalQuantity": row.total_quantity,
        "inUseQuantity": row.in_use_quantity,
        "resourceType": row.type,
    }


OPERATIONS: dict[str, Operation] = {
    "CreateConsumableResource": Operation(create_consumable_resource, names=NAMES),
    "DescribeConsumableResource": Operation(describe_consumable_resource),
    LIST: Operation(list_consumable_resources),
    "UpdateConsumableResource": Operation(update_consumable_resource),
    "DeleteConsumableResource": Operation(
        delete_consumable_resource, "Refused while a job holds or needs the resource."
    ),
}
