"""Job definitions as AWS Batch describes them."""

from collections.abc import Mapping
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

# Members of a registration whose newest values stand elsewhere.
CHANGING = frozenset({"jobDefinitionName", "type", "tags"})


def definition_arn(realm: Arns, definition: JobDefinition) -> str:
    """`...:job-definition/<name>:<revision>`."""
    return realm.of(arns.JOB_DEFINITION, definition)


def definition_detail(realm: Arns, definition: JobDefinition) -> dict[str, Any]:
    """`JobDefinition`. What AWS's API registered comes back as it came, whatever it means here."""
    given = definition.registered_as
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
        **(_as_it_came(given) if given else _in_aws_form(definition)),
    }


def with_lists(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Container properties with the lists that AWS always answers."""
    return {**{member: [] for member in LISTS}, **properties}


def _as_it_came(given: Mapping[str, Any]) -> dict[str, Any]:
    """The members that never change; AWS fills some of them up."""
    kept = {member: value for member, value in given.items() if member not in CHANGING}
    if "containerProperties" in kept:
        kept["containerProperties"] = with_lists(kept["containerProperties"])
    if "retryStrategy" in kept:
        strategy = kept["retryStrategy"]
        rules = [
            {**rule, "action": rule["action"].upper()}
            for rule in strategy.get("evaluateOnExit", ())
        ]
        kept["retryStrategy"] = {"attempts": 1, **strategy, "evaluateOnExit": rules}
    return kept


def _in_aws_form(definition: JobDefinition) -> dict[str, Any]:
    """Of one that was registered in our own words."""
    attempts, rules = definition.attempts, definition.evaluate_on_exit
    limit, needed = definition.timeout_seconds, definition.consumables
    return {
        **_work(definition),
        "schedulingPriority": definition.scheduling_priority,
        "retryStrategy": {"attempts": attempts, "evaluateOnExit": rules},
        "timeout": {"attemptDurationSeconds": limit} if limit else None,
        "consumableResourceProperties": {"consumableResourceList": needed} if needed else None,
        "platformCapabilities": definition.extra.get("platformCapabilities"),
    }


def _work(definition: JobDefinition) -> dict[str, Any]:
    if definition.node_properties:
        return {"nodeProperties": definition.node_properties}
    if definition.ecs_properties:
        return {"ecsProperties": definition.ecs_properties}
    return {"containerProperties": with_lists(properties_of(work_of_definition(definition)))}
