"""SubmitJob."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from jobs.domain import arns, ids
from jobs.domain.retry import NEEDS_ATTEMPTS
from jobs.models import JobDefinition
from jobs.selectors.named import definition_named
from jobs.services.requests.submit import submit_job as submit

from ...calls import Caller, Operation, Request
from ...errors import client_error, shown
from ..lookup import not_found, queue_named
from ..names import job_id_in, named_definition

# Our fields, by AWS's members that say the same.
FIELDS = {
    "jobName": "name",
    "jobQueue": "queue",
    "jobDefinition": "definition",
    "containerOverrides": "container_overrides",
    "ecsPropertiesOverride": "ecs_overrides",
    "nodeOverrides": "node_overrides",
    "parameters": "parameters",
    "arrayProperties": "array_size",
    "dependsOn": "depends_on",
    "shareIdentifier": "share_identifier",
    "schedulingPriorityOverride": "scheduling_priority",
    "consumableResourcePropertiesOverride": "consumables",
    "tags": "tags",
    "propagateTags": "propagate_tags",
}
NAMES = {
    **{field: member for member, field in FIELDS.items()},
    "attempts": "retryStrategy.attempts",
    "evaluate_on_exit": "retryStrategy.evaluateOnExit",
    "timeout_seconds": "timeout.attemptDurationSeconds",
}


def submit_job(caller: Caller, request: Request, now: datetime) -> Mapping[str, Any]:
    """Submits a job and answers its name, id and ARN."""
    if request.get("eksPropertiesOverride"):
        raise client_error(
            "eksPropertiesOverride: There is no EKS here. Use containerOverrides or "
            "ecsPropertiesOverride instead."
        )
    job = submit(
        owner=caller.user, fields=_fields(caller, request), now=now, address=caller.address
    )
    text = ids.text_of(job.id)
    return {"jobArn": caller.arns.of(arns.JOB, text), "jobName": job.name, "jobId": text}


def _fields(caller: Caller, request: Request) -> dict[str, Any]:
    fields = {FIELDS[member]: value for member, value in request.items() if member in FIELDS}
    fields["queue"] = queue_named(caller, request["jobQueue"])
    fields["definition"] = _definition(caller, request["jobDefinition"])
    if "dependsOn" in request:
        fields["depends_on"] = [_dependency(caller, each) for each in request["dependsOn"]]
    strategy = request.get("retryStrategy")
    if strategy:
        # It replaces the definition's as a whole.
        fields["attempts"] = strategy.get("attempts")
        fields["evaluate_on_exit"] = strategy.get("evaluateOnExit", [])
        if strategy.get("evaluateOnExit") and "attempts" not in strategy:
            raise client_error(f"retryStrategy: {NEEDS_ATTEMPTS}")
    fields["timeout_seconds"] = request.get("timeout", {}).get("attemptDurationSeconds")
    return fields


def _definition(caller: Caller, text: str) -> JobDefinition:
    wanted = named_definition(caller, text)
    definition = definition_named(wanted) if wanted else None
    if definition is not None:
        return definition
    if wanted is None or wanted.revision is not None or text.startswith("arn:"):
        raise not_found("JobDefinition", text)
    raise client_error(
        f"JobDefinition name {shown(text)} does not exist or is not in ACTIVE status"
    )


def _dependency(caller: Caller, each: Mapping[str, str]) -> Mapping[str, str]:
    if "jobId" not in each:
        return each
    return {**each, "jobId": job_id_in(caller, each["jobId"])}


OPERATIONS = {
    "SubmitJob": Operation(
        submit_job,
        "`eksPropertiesOverride` is refused: there is no EKS. Secrets, consumable resources and the paths of machines "
        "that a job needs must be there when it is submitted, not only when it starts. Where the queue runs jobs on "
        "Fargate, one of a size that Fargate does not have is refused.",
        names=NAMES,
    )
}
