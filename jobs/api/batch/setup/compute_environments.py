"""Compute environments."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from jobs.domain import arns, ecs_arns, reasons
from jobs.domain.environments.compute_resources import LINKED_ROLE
from jobs.models import ComputeEnvironment, EnvironmentStatus, EnvironmentType
from jobs.selectors.descriptions import environments_after
from jobs.services.setup import environments as services

from ...calls import Caller, Operation, Request
from ...errors import client_error
from ...paging import page
from ..lookup import environment_named, find_environment, require_staff
from ..names import wanted_names

NO_EKS = (
    "eksConfiguration: Amazon EKS is not supported by Batchweb. Leave it out: jobs run as containers of "
    "its own engines."
)
# Ours, by AWS's members that say the same.
FIELDS = {
    "computeEnvironmentName": "name",
    "type": "type",
    "state": "state",
    "unmanagedvCpus": "unmanaged_vcpus",
    "computeResources": "compute_resources",
    "serviceRole": "service_role",
    "updatePolicy": "update_policy",
    "tags": "tags",
}
EXTRA = ("context", "ecsSettings")
NAMES = {field: member for member, field in FIELDS.items()}


def create_compute_environment(
    caller: Caller, request: Request, now: datetime
) -> Mapping[str, Any]:
    """A new environment on the first engine by name, CREATING at first."""
    require_staff(caller)
    fields = {**_fields(request), "engine": services.first_engine_name()}
    row = services.create_environment(fields=fields, now=now)
    return _named(caller, row)


def describe_compute_environments(
    caller: Caller, request: Request, now: datetime
) -> Mapping[str, Any]:
    """The environments named, or all, by name; those that there are not are left out."""
    names = wanted_names(caller, request, "computeEnvironments", arns.COMPUTE_ENVIRONMENT)
    found = page(
        request,
        "DescribeComputeEnvironments",
        lambda after, limit: environments_after(after=after, limit=limit, names=names),
        key=lambda row: row.name,
    )
    return {"computeEnvironments": [_detail(caller, row) for row in found.rows], **found.more}


def update_compute_environment(
    caller: Caller, request: Request, now: datetime
) -> Mapping[str, Any]:
    """Changes what is given, and nothing else."""
    require_staff(caller)
    row = environment_named(caller, request["computeEnvironment"])
    services.update_environment(environment=row, fields=_fields(request))
    return _named(caller, row)


def delete_compute_environment(
    caller: Caller, request: Request, now: datetime
) -> Mapping[str, Any]:
    """Asks for its end. That of an environment that is not there has come already."""
    require_staff(caller)
    row = find_environment(caller, request["computeEnvironment"])
    if row is not None:
        services.delete_environment(environment=row)
    return {}


def _fields(request: Request) -> dict[str, Any]:
    if request.get("eksConfiguration"):
        raise client_error(NO_EKS)
    fields = {FIELDS[member]: value for member, value in request.items() if member in FIELDS}
    extra = {member: request[member] for member in EXTRA if member in request}
    return {**fields, "extra": extra} if extra else fields


def _named(caller: Caller, row: ComputeEnvironment) -> dict[str, str]:
    return {
        "computeEnvironmentName": row.name,
        "computeEnvironmentArn": caller.arns.of(arns.COMPUTE_ENVIRONMENT, row.name),
    }


def _detail(caller: Caller, row: ComputeEnvironment) -> dict[str, Any]:
    is_managed = row.type == EnvironmentType.MANAGED
    is_valid = row.status == EnvironmentStatus.VALID
    cluster = ecs_arns.cluster_name(row.name, row.uuid)
    return {
        **_named(caller, row),
        "unmanagedvCpus": row.unmanaged_vcpus,
        "ecsClusterArn": caller.arns.of(ecs_arns.CLUSTER, cluster, service=ecs_arns.SERVICE),
        "tags": row.tags,
        "type": row.type,
        "state": row.state,
        "status": row.status,
        "statusReason": row.status_reason or (reasons.ENVIRONMENT_HEALTHY if is_valid else None),
        "computeResources": row.compute_resources if is_managed else None,
        "serviceRole": _role(caller, row),
        "updatePolicy": row.update_policy if is_managed else None,
        "containerOrchestrationType": "ECS",
        "uuid": str(row.uuid),
        **row.extra,
    }


def _role(caller: Caller, row: ComputeEnvironment) -> str | None:
    """Its ARN; a managed environment has AWS's service-linked role unless another was named."""
    if row.service_role.startswith("arn:"):
        return row.service_role
    if row.service_role:
        return (
            f"arn:{arns.PARTITION}:iam::{caller.arns.account}:role/{row.service_role.lstrip('/')}"
        )
    if row.type != EnvironmentType.MANAGED:
        return None
    path = f"aws-service-role/batch.amazonaws.com/{LINKED_ROLE}"
    return f"arn:{arns.PARTITION}:iam::{caller.arns.account}:role/{path}"


OPERATIONS: dict[str, Operation] = {
    "CreateComputeEnvironment": Operation(
        create_compute_environment,
        differs="It lies on the first engine by name, whose machines its instances are reserved on. `instanceTypes` "
        "are those of this installation's catalogue; refused are types of which no machine could ever hold one, and a "
        "`maxvCpus` below the smallest. `maxvCpus` is never exceeded. `eksConfiguration`, type `ECS_MANAGED_INSTANCES` "
        "and `managedInstancesProvider` are refused. An `UNMANAGED` one uses the engine's machines as they are, needs "
        "no `serviceRole`, and may be made `DISABLED`. Networks, roles and images of instances are kept and given "
        "back, and mean nothing here.",
        names=NAMES,
    ),
    "DescribeComputeEnvironments": Operation(
        describe_compute_environments,
        differs="An environment is `INVALID` while its engine does not answer, and recovers by itself. "
        "`desiredvCpus` is what its instances have together, and at least `minvCpus`.",
    ),
    "UpdateComputeEnvironment": Operation(
        update_compute_environment,
        differs="An environment that is still `CREATING` or `UPDATING` may be changed again at once. Instances "
        "that it would launch no more take no new jobs and end with their last; what still runs there after the "
        "time of the `updatePolicy` is interrupted, and tried again where its retry strategy says so. A "
        "`maxvCpus` below the instances that jobs are on is refused.",
        names=NAMES,
    ),
    "DeleteComputeEnvironment": Operation(
        delete_compute_environment,
        differs="Jobs that still run there end as they would; until then it is `DELETING`.",
    ),
}
