"""Job definitions as AWS Batch describes them."""

from typing import Any

from jobs.domain import arns
from jobs.domain.arns import Arns
from jobs.domain.work import properties_of
from jobs.models import JobDefinition
from jobs.selectors.plans import work_of_definition

# AWS answers these lists of a container even where they are empty.
LISTS = (
    "command",
    "environment",
    "mountPoints",
    "resourceRequirements",
    "secrets",
    "ulimits",
    "volumes",
)


def definition_arn(realm: Arns, definition: JobDefinition) -> str:
    """`...:job-definition/<name>:<revision>`."""
    return realm.of(arns.JOB_DEFINITION, definition)


def definition_detail(realm: Arns, definition: JobDefinition) -> dict[str, Any]:
    """`JobDefinition`. What it was registered with comes back as it came."""
    return {
        "jobDefinitionName": definition.name,
        "jobDefinitionArn": definition_arn(realm, definition),
        "revision": definition.revision,
        "status": definition.status,
        "type": definition.type,
        "containerOrchestrationType": "ECS",
        "parameters": definition.parameters,
        "tags": definition.tags,
        "propagateTags": definition.propagate_tags,
        "schedulingPriority": definition.scheduling_priority,
        "retryStrategy": _retry_strategy(definition),
        "timeout": _timeout(definition),
        **_work(definition),
        **_consumables(definition),
        "platformCapabilities": definition.extra.get("platformCapabilities"),
    }


def with_lists(properties: dict[str, Any]) -> dict[str, Any]:
    """Container properties with the lists that AWS always answers."""
    return {**{member: [] for member in LISTS}, **properties}


def _work(definition: JobDefinition) -> dict[str, Any]:
    if definition.node_properties:
        return {"nodeProperties": definition.node_properties}
    if definition.ecs_properties:
        return {"ecsProperties": definition.ecs_properties}
    return {"containerProperties": with_lists(properties_of(work_of_definition(definition)))}


def _retry_strategy(definition: JobDefinition) -> dict[str, Any] | None:
    if definition.attempts == 1 and not definition.evaluate_on_exit:
        return None
    return {"attempts": definition.attempts, "evaluateOnExit": definition.evaluate_on_exit}


def _timeout(definition: JobDefinition) -> dict[str, Any] | None:
    if definition.timeout_seconds is None:
        return None
    return {"attemptDurationSeconds": definition.timeout_seconds}


def _consumables(definition: JobDefinition) -> dict[str, Any]:
    if not definition.consumables:
        return {}
    return {
        "consumableResourceProperties": {"consumableResourceList": definition.consumables},
    }
