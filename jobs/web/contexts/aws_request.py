"""A job as the request that would submit one like it: members of AWS's SubmitJob, and the AWS CLI's command.

What a job's definition says already is left out, so what is left are its overrides.
Source: AWS Batch API, `SubmitJob`; AWS CLI Command Reference, `batch submit-job`.
"""

import json
import re
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from jobs.domain import ids
from jobs.domain.consumables import total
from jobs.domain.definitions.overrides import requirements
from jobs.domain.plans import Work
from jobs.domain.resources import format_vcpus
from jobs.domain.validation import FieldError
from jobs.domain.work import node_consumables, substitute_parameters
from jobs.models import Job
from jobs.selectors.dependencies import Edge
from jobs.selectors.plans import work_of_definition

from ..plaintext import in_json
from .overridden import ecs_overrides_of, node_overrides_of

# Of `containerOverrides` the one that is ours alone: AWS's own clients refuse to send it.
OURS_ALONE = "image"
# In words, what each override changes.
WORDS = {
    "image": "image",
    "command": "command",
    "environment": "environment variables",
    "resourceRequirements": "resources",
    "parameters": "parameters",
    "ecsPropertiesOverride": "containers",
    "nodeOverrides": "nodes",
    "retryStrategy": "retries",
    "timeout": "time limit",
    "consumableResourcePropertiesOverride": "consumable resources",
    "schedulingPriorityOverride": "priority within its share",
    "propagateTags": "whether tags are passed on",
}


def request_of(job: Job, edges: Iterable[Edge] = ()) -> dict[str, Any]:
    """SubmitJob's members for a job like this one; of an array's child, for its whole array.

    `edges` are what it waits for. No query if the job was read with definition, queue and spec.
    """
    spec = job.spec
    members: dict[str, Any] = {
        "jobName": job.name,
        "jobQueue": job.queue.name,
        "jobDefinition": str(job.definition),
        "arrayProperties": {"size": job.array_size} if job.array_size is not None else None,
        "dependsOn": _depends_on(job, edges),
        "shareIdentifier": job.share_identifier,
        **_overrides(job),
        "tags": spec.tags,
    }
    return {member: value for member, value in members.items() if value not in (None, "", {}, [])}


def overrides_in_words(request: Mapping[str, Any]) -> list[str]:
    """What the request changes of its definition."""
    named = [*request.get("containerOverrides", {}), *request]
    return [WORDS[member] for member in named if member in WORDS]


def command_of(request: Mapping[str, Any], endpoint_url: str) -> str:
    """The AWS CLI's command for a request, a line an option, for a POSIX shell.

    It names the server that it is for: in a shell that has AWS's own keys it would go to AWS otherwise.

    What AWS's clients do not know is left out: see `OURS_ALONE`.
    """
    return " \\\n  ".join(
        [
            "aws batch submit-job",
            f"--endpoint-url {shlex.quote(endpoint_url)}",
            *(_option(name, value) for name, value in _sendable(request)),
        ]
    )


def _overrides(job: Job) -> dict[str, Any]:
    spec, definition = job.spec, job.definition
    defined = _defined(job)
    is_group = bool(spec.ecs_properties or spec.node_properties)
    changed = (job.attempts_allowed, spec.evaluate_on_exit) != (
        definition.attempts,
        definition.evaluate_on_exit,
    )
    priority = job.scheduling_priority if job.share_identifier else None
    return {
        "parameters": {
            name: value
            for name, value in spec.parameters.items()
            if definition.parameters.get(name) != value
        },
        "containerOverrides": {} if is_group else _container(job, defined),
        "ecsPropertiesOverride": ecs_overrides_of(defined, spec),
        "nodeOverrides": node_overrides_of(defined, spec),
        "retryStrategy": _retry_strategy(job) if changed else {},
        "timeout": (
            {"attemptDurationSeconds": job.timeout_seconds}
            if job.timeout_seconds and job.timeout_seconds != definition.timeout_seconds
            else {}
        ),
        "schedulingPriorityOverride": (
            priority if priority != definition.scheduling_priority else None
        ),
        "consumableResourcePropertiesOverride": _consumables(job, defined),
        "propagateTags": (
            spec.propagate_tags if spec.propagate_tags != definition.propagate_tags else None
        ),
    }


def _defined(job: Job) -> Work:
    work = work_of_definition(job.definition)
    try:
        return substitute_parameters(work, job.spec.parameters)
    except FieldError:
        # The definition's own command would be too long with these; the job has one of its own.
        return work


def _container(job: Job, defined: Work) -> dict[str, Any]:
    spec = job.spec
    own = {
        "VCPU": _if_other(job.milli_vcpus, defined.milli_vcpus, format_vcpus),
        "MEMORY": _if_other(job.memory_mib, defined.memory_mib, str),
        "GPU": _if_other(job.gpus, defined.gpus, str),
    }
    members = {
        "image": spec.image if spec.image != defined.image else None,
        "command": spec.command if list(spec.command) != list(defined.command) else None,
        "environment": [row for row in spec.environment if row not in defined.environment],
        "resourceRequirements": requirements(own),
    }
    return {member: value for member, value in members.items() if value}


def _if_other(value: int, defined: int, write: Callable[[int], str]) -> str | None:
    return write(value) if value and value != defined else None


def _retry_strategy(job: Job) -> dict[str, Any]:
    rules = {"evaluateOnExit": job.spec.evaluate_on_exit} if job.spec.evaluate_on_exit else {}
    return {"attempts": job.attempts_allowed, **rules}


def _consumables(job: Job, defined: Work) -> dict[str, Any]:
    by_definition = total([job.definition.consumables, node_consumables(job.spec.node_properties)])
    if job.spec.node_properties or job.spec.consumables == by_definition:
        # Those of nodes stand with their nodes.
        return {}
    return {"consumableResourceList": job.spec.consumables}


def _depends_on(job: Job, edges: Iterable[Edge]) -> list[dict[str, str]]:
    found = [{"type": "SEQUENTIAL"}] if job.spec.sequential else []
    for edge in edges:
        kind = {"type": str(edge.type)} if edge.type else {}
        found.append({"jobId": ids.text_of(edge.job.pk), **kind})
    return found


def _sendable(request: Mapping[str, Any]) -> Sequence[tuple[str, Any]]:
    members = dict(request)
    own = members.get("containerOverrides", {})
    if OURS_ALONE in own:
        members["containerOverrides"] = {
            member: value for member, value in own.items() if member != OURS_ALONE
        }
        if not members["containerOverrides"]:
            del members["containerOverrides"]
    return list(members.items())


def _option(member: str, value: Any) -> str:
    name = re.sub("[A-Z]", lambda match: f"-{match.group().lower()}", member)
    if isinstance(value, bool):
        return f"--{name}" if value else f"--no-{name}"
    if isinstance(value, Mapping | list):
        value = in_json(json.dumps(value, ensure_ascii=False))
    return f"--{name} {shlex.quote(str(value))}"
