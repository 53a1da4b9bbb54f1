"""Job queues."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from jobs.domain import arns, reasons
from jobs.models import JobQueue, QueueStatus
from jobs.selectors.descriptions import queues_after
from jobs.services.setup import queues as services

from ...calls import Caller, Operation, Request
from ...paging import page
from ..lookup import find_queue, queue_named, require_staff
from ..names import name_or_text, places, wanted_names

NAMES = {
    "name": "jobQueueName",
    "type": "jobQueueType",
    "environments": "computeEnvironmentOrder",
    "service_environments": "serviceEnvironmentOrder",
    "scheduling_policy": "schedulingPolicyArn",
    "time_limit_actions": "jobStateTimeLimitActions",
}
# Ours, by AWS's members that say the same.
FIELDS = {
    "jobQueueName": "name",
    "jobQueueType": "type",
    "priority": "priority",
    "state": "state",
    "tags": "tags",
    "jobStateTimeLimitActions": "time_limit_actions",
}


def create_job_queue(caller: Caller, request: Request, now: datetime) -> Mapping[str, Any]:
    """A new queue, CREATING at first."""
    require_staff(caller)
    row = services.create_queue(fields=_fields(caller, request), now=now)
    return _named(caller, row)


def describe_job_queues(caller: Caller, request: Request, now: datetime) -> Mapping[str, Any]:
    """The queues named, or all, by name; those that there are not are left out."""
    names = wanted_names(caller, request, "jobQueues", arns.JOB_QUEUE)
    found = page(
        request,
        "DescribeJobQueues",
        lambda after, limit: queues_after(after=after, limit=limit, names=names),
        key=lambda row: row.name,
    )
    return {"jobQueues": [_detail(caller, row) for row in found.rows], **found.more}


def update_job_queue(caller: Caller, request: Request, now: datetime) -> Mapping[str, Any]:
    """Changes what is given, and nothing else."""
    require_staff(caller)
    row = queue_named(caller, request["jobQueue"])
    services.update_queue(queue=row, fields=_fields(caller, request))
    return _named(caller, row)


def delete_job_queue(caller: Caller, request: Request, now: datetime) -> Mapping[str, Any]:
    """Asks for its end. That of a queue that is not there has come already."""
    require_staff(caller)
    row = find_queue(caller, request["jobQueue"])
    if row is not None:
        services.delete_queue(queue=row)
    return {}


def _fields(caller: Caller, request: Request) -> dict[str, Any]:
    fields = {FIELDS[member]: value for member, value in request.items() if member in FIELDS}
    services_given = request.get("serviceEnvironmentOrder")
    environments = request.get("computeEnvironmentOrder")
    # An empty order beside one of service environments says just that there are none of the other kind.
    if environments or (environments is not None and not services_given):
        fields["environments"] = places(
            caller, environments, member="computeEnvironment", kind=arns.COMPUTE_ENVIRONMENT
        )
    if services_given:
        fields["service_environments"] = places(
            caller, services_given, member="serviceEnvironment", kind=arns.SERVICE_ENVIRONMENT
        )
    policy = request.get("schedulingPolicyArn")
    if policy is not None:
        fields["scheduling_policy"] = name_or_text(caller, policy, arns.SCHEDULING_POLICY)
    return fields


def _named(caller: Caller, row: JobQueue) -> dict[str, str]:
    return {
        "jobQueueName": row.name,
        "jobQueueArn": caller.arns.of(arns.JOB_QUEUE, row.name),
    }


def _detail(caller: Caller, row: JobQueue) -> dict[str, Any]:
    policy = row.scheduling_policy
    is_valid = row.status == QueueStatus.VALID
    return {
        **_named(caller, row),
        "state": row.state,
        "schedulingPolicyArn": caller.arns.of(arns.SCHEDULING_POLICY, policy.name)
        if policy
        else None,
        "status": row.status,
        "statusReason": row.status_reason or (reasons.QUEUE_HEALTHY if is_valid else None),
        "priority": row.priority,
        "computeEnvironmentOrder": [
            {
                "order": place.order,
                "computeEnvironment": caller.arns.of(
                    arns.COMPUTE_ENVIRONMENT, place.environment.name
                ),
            }
            for place in row.environment_order.all()
        ],
        "serviceEnvironmentOrder": [
            {
                "order": place.order,
                "serviceEnvironment": caller.arns.of(
                    arns.SERVICE_ENVIRONMENT, place.environment.name
                ),
            }
            for place in row.service_order.all()
        ],
        "jobQueueType": row.type,
        "tags": row.tags,
        "jobStateTimeLimitActions": row.time_limit_actions,
    }


OPERATIONS: dict[str, Operation] = {
    "CreateJobQueue": Operation(
        create_job_queue,
        differs="Types `EKS` and `ECS_MANAGED_INSTANCES` are refused. Environments that are still "
        "`CREATING` or `UPDATING` may be named, so that no script has to wait for them; `name`s do as "
        "well as ARNs. A queue made here lets smaller jobs pass one that waits for room (backfill).",
        names=NAMES,
    ),
    "DescribeJobQueues": Operation(
        describe_job_queues,
        differs="A queue is `INVALID` while all of its environments are, and recovers with them.",
    ),
    "UpdateJobQueue": Operation(
        update_job_queue,
        differs="A queue that is still `CREATING` or `UPDATING` may be changed again at once.",
        names=NAMES,
    ),
    "DeleteJobQueue": Operation(
        delete_job_queue,
        differs="Finished jobs of a deleted queue are kept, with their history and cost: `DescribeJobs` "
        "knows them by their ids, `ListJobs` does not list them.",
    ),
}
