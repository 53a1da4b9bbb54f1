"""Service environments."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from jobs.domain import arns
from jobs.domain.errors import InvalidInput
from jobs.models import ServiceEnvironment
from jobs.selectors.service import list_service_environments
from jobs.services.setup.service_environments import create_service_environment as create
from jobs.services.setup.service_environments import delete_service_environment as delete
from jobs.services.setup.service_environments import update_service_environment as update

from ...calls import Caller, Operation, Request
from ...errors import client_error, in_aws_words
from ...paging import page
from ..lookup import require_staff, service_environment_named

DESCRIBE = "DescribeServiceEnvironments"
MAX_NAMES = 100
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
    try:
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
    except InvalidInput as error:
        raise in_aws_words(error, NAMES) from error
    return _named(caller, row)


def describe_service_environments(
    caller: Caller, request: Request, now: datetime
) -> Mapping[str, Any]:
    """Service environments by name; those that there are not are left out."""
    texts = request.get("serviceEnvironments")
    if texts is not None and len(texts) > MAX_NAMES:
        raise client_error(f"serviceEnvironments: At most {MAX_NAMES} at once, not {len(texts)}.")
    # None asked for by name: all, as without the member.
    names = _names_in(caller, texts) if texts else None

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
    try:
        update(environment=row, fields=fields)
    except InvalidInput as error:
        raise in_aws_words(error, NAMES) from error
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


def _names_in(caller: Caller, texts: list[str]) -> list[str]:
    named = (caller.arns.name_in(text, arns.SERVICE_ENVIRONMENT) for text in texts)
    return [name for name in named if name is not None and "\0" not in name]


_NOTHING_RUNS = "It is kept and described; service jobs do not run here."

OPERATIONS: dict[str, Operation] = {
    "CreateServiceEnvironment": Operation(create_service_environment, _NOTHING_RUNS),
    DESCRIBE: Operation(describe_service_environments),
    "UpdateServiceEnvironment": Operation(update_service_environment, _NOTHING_RUNS),
    "DeleteServiceEnvironment": Operation(delete_service_environment),
}
