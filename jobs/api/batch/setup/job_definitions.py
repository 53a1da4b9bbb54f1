"""Job definitions."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from jobs.domain.definitions.definition_document import definition_fields
from jobs.selectors.named import definition_named, definitions_after
from jobs.services.setup.definitions import deregister_definition, register_definition

from ...calls import Caller, Operation, Request
from ...errors import client_error, shown
from ...paging import page
from ..lookup import not_found
from ..names import check_count, named_definition
from ..shapes.definitions import definition_arn, definition_detail

NAMES = {
    "name": "jobDefinitionName",
    "attempts": "retryStrategy.attempts",
    "evaluate_on_exit": "retryStrategy.evaluateOnExit",
    "timeout_seconds": "timeout.attemptDurationSeconds",
    "image": "containerProperties.image",
    "command": "containerProperties.command",
    "environment": "containerProperties.environment",
    "vcpus": "containerProperties.resourceRequirements",
    "memory_mib": "containerProperties.resourceRequirements",
    "gpus": "containerProperties.resourceRequirements",
    "container": "containerProperties",
    "ecs_properties": "ecsProperties",
    "node_properties": "nodeProperties",
    "scheduling_priority": "schedulingPriority",
    "consumables": "consumableResourceProperties",
    "propagate_tags": "propagateTags",
    "platform_capabilities": "platformCapabilities",
}


def register_job_definition(caller: Caller, request: Request, now: datetime) -> Mapping[str, Any]:
    """Registers the next revision of a name."""
    definition = register_definition(
        fields=definition_fields(request),
        by=caller.user,
        now=now,
        registered_as=request,
        address=caller.address,
    )
    return {
        "jobDefinitionName": definition.name,
        "jobDefinitionArn": definition_arn(caller.arns, definition),
        "revision": definition.revision,
    }


def deregister_job_definition(caller: Caller, request: Request, now: datetime) -> Mapping[str, Any]:
    """Makes a revision INACTIVE. One that is so already stays so."""
    text = request["jobDefinition"]
    wanted = named_definition(caller, text)
    if wanted is not None and wanted.revision is None:
        raise client_error(f"jobDefinition: Name the revision, too: {shown(text)}:1, say.")
    definition = definition_named(wanted) if wanted else None
    if definition is None:
        raise not_found("JobDefinition", text)
    deregister_definition(definition=definition, by=caller.user, now=now, address=caller.address)
    return {}


def describe_job_definitions(caller: Caller, request: Request, now: datetime) -> Mapping[str, Any]:
    """Definitions by name, older revisions first; INACTIVE ones too unless `status` says otherwise."""
    texts = request.get("jobDefinitions")
    check_count(texts or (), "jobDefinitions")
    named = [each for text in texts if (each := named_definition(caller, text))] if texts else None
    found = page(
        request,
        "DescribeJobDefinitions",
        lambda after, limit: definitions_after(
            names=named,
            name=request.get("jobDefinitionName"),
            status=request.get("status"),
            after=after,
            limit=limit,
        ),
        key=lambda definition: [definition.name, definition.revision],
    )
    return {
        "jobDefinitions": [definition_detail(caller.arns, each) for each in found.rows],
        **found.more,
    }


OPERATIONS = {
    "RegisterJobDefinition": Operation(
        register_job_definition,
        "What cannot be done here is refused by its path: `eksProperties`, EFS and S3 volumes, "
        "`firelensConfiguration`, `enableExecuteCommand`, log drivers other than "
        "`awslogs` and `json-file`. `repositoryCredentials` name a secret of Batchweb's own store, which holds AWS's "
        "JSON. For `FARGATE` the sizes and members that Fargate has are checked; an "
        "`executionRoleArn` is not needed. A `jobRoleArn` or `taskRoleArn` gives containers the "
        "rights of their job's owner here, but never an administrator's, whatever role it names. A name belongs to "
        "whoever registered its first revision: others, except administrators, get `AccessDeniedException`. What "
        "means something to AWS alone is kept and described as it came.",
        names=NAMES,
    ),
    "DeregisterJobDefinition": Operation(
        deregister_job_definition,
        "Only by whom the name belongs to, and administrators; see `RegisterJobDefinition`.",
    ),
    "DescribeJobDefinitions": Operation(
        describe_job_definitions,
        "`jobDefinitions` may be used with the other parameters, and a name without a revision stands for all of "
        "its revisions. INACTIVE ones are never removed.",
    ),
}
