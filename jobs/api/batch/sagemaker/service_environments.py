"""Service environments."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from jobs.domain import arns
from jobs.models import ServiceEnvironment
from jobs.selectors.service import list_service_environments
from jobs.services.setup.service_environments import create_service_environment as create
from jobs.services.setup.service_environments import delete_service_environment as delete
from jobs.services.setup.service_environments import update_service_environment as update

from ...calls import Caller, Operation, Request
from ...paging import page
from ..lookup import require_staff, service_environment_named
from ..names import wanted_names
from . import NOTHING_RUNS

DESCRIBE = "DescribeServiceEnvironments"
# AWS's names of our fields.
NAMES = {
    "name": "serviceEnvironmentName",
    "type": "serviceEnvironmentType",
    "capacity_limits": "capacityLimits",
}


def create_service_environment(
    caller: Caller, request: Request, now: datetime
) -> Mapping[str, Any]:
    """Writes a new service environment, in which nothing ever runs."""
    require_staff(caller)
    row = create(
        fields={
            "name": request["serviceEnvironmentName"],
            "type": request["serviceEnvironmentType"],
            "state": request.get("state"),
            "capacity_limits": request["capacityLimits"],
            "tags": request.get("tags"),
        },
        now=now,
    )
    return _named(caller, row)


def describe_service_environments(
    caller: Caller, request: Request, now: datetime
) -> Mapping[str, Any]:
    """Service environments by name; those that there are not are left out."""
    names = wanted_names(caller, request, "serviceEnvironments", arns.SERVICE_ENVIRONMENT)

    def read(after: str | None, limit: int) -> list[ServiceEnvironment]:
        return list_service_environments(names=names, after=after or "", limit=limit)

    found = page(request, DESCRIBE, read, key=lambda row: row.name)
    return {
        "serviceEnvironments": [_detail(caller, row) for row in found.rows],
        **found.more,
    }


def update_service_environment(
    caller: Caller, request: Request, now: datetime
) -> Mapping[str, Any]:
    """Changes its state or capacity limits."""
    require_staff(caller)
    row = service_environment_named(caller, request["serviceEnvironment"])
    given = {"state": "state", "capacityLimits": "capacity_limits"}
    fields = {given[name]: request[name] for name in given if name in request}
    update(environment=row, fields=fields)
    return _named(caller, row)


def delete_service_environment(
    caller: Caller, request: Request, now: datetime
) -> Mapping[str, Any]:
    """Deletes one that is disabled and in no queue."""
    require_staff(caller)
    delete(environment=service_environment_named(caller, request["serviceEnvironment"]))
    return {}


def _named(caller: Caller, row: ServiceEnvironment) -> dict[str, Any]:
    return {
        "serviceEnvironmentName": row.name,
        "serviceEnvironmentArn": caller.arns.of(arns.SERVICE_ENVIRONMENT, row.name),
    }


def _detail(caller: Caller, row: ServiceEnvironment) -> dict[str, Any]:
    return {
        **_named(caller, row),
        "serviceEnvironmentType": row.type,
        "state": row.state,
        # There is nothing to set up, so it is ready as soon as it is written.
        "status": "VALID",
        "capacityLimits": row.capacity_limits,
        "tags": row.tags,
    }


OPERATIONS: dict[str, Operation] = {
    "CreateServiceEnvironment": Operation(create_service_environment, NOTHING_RUNS, names=NAMES),
    DESCRIBE: Operation(describe_service_environments),
    "UpdateServiceEnvironment": Operation(update_service_environment, NOTHING_RUNS, names=NAMES),
    "DeleteServiceEnvironment": Operation(delete_service_environment),
}
