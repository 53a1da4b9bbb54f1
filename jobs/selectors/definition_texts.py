"""A definition as texts that a form sends back and `services.setup.definitions` reads to the same."""

import json
import shlex

from jobs.domain.exit_rules import rules_text
from jobs.domain.resources import format_vcpus
from jobs.domain.variables import pairs_text, variables_text
from jobs.models import JobDefinition


def definition_texts(definition: JobDefinition) -> dict[str, str]:
    """Each field's text, empty for what there is none of.

    Of several containers or nodes, those are one text in JSON, and the fields of one container are empty.
    """
    is_group = bool(definition.ecs_properties or definition.node_properties)
    container = _container_texts(definition)
    return {
        "name": definition.name,
        "description": definition.description,
        **(dict.fromkeys(container, "") if is_group else container),
        "ecs_properties": _json_text(definition.ecs_properties),
        "node_properties": _json_text(definition.node_properties),
        "parameters": pairs_text(definition.parameters),
        "attempts": str(definition.attempts),
        "evaluate_on_exit": rules_text(definition.evaluate_on_exit),
        "timeout_seconds": str(definition.timeout_seconds or ""),
        "scheduling_priority": _number_text(definition.scheduling_priority),
        "consumables": _json_text(definition.consumables),
        "tags": pairs_text(definition.tags),
        "propagate_tags": "true" if definition.propagate_tags else "",
    }


def _container_texts(definition: JobDefinition) -> dict[str, str]:
    # Where the older members are given, they say it; a field beside them would replace them.
    older = definition.container.keys() & {"vcpus", "memory"}
    return {
        "image": definition.image,
        "command": shlex.join(definition.command),
        "environment": variables_text(definition.environment),
        "vcpus": "" if "vcpus" in older else format_vcpus(definition.milli_vcpus),
        "memory_mib": "" if "memory" in older else str(definition.memory_mib),
        "gpus": str(definition.gpus or ""),
        "container": _json_text(definition.container),
    }


def _json_text(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) if value else ""


def _number_text(value: int | None) -> str:
    return "" if value is None else str(value)
