"""What the pages of compute environments, their forms and their JSON are drawn from."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.http import HttpRequest, QueryDict
from django.urls import reverse

from jobs.domain.compute_resources import defaulted
from jobs.domain.errors import InvalidInput, NotFound
from jobs.domain.host_paths import THE_WHOLE_MACHINE
from jobs.domain.resources import format_vcpus
from jobs.models import (
    ComputeEnvironment,
    Engine,
    EngineKind,
    EngineStatus,
    EnvironmentState,
    EnvironmentStatus,
    EnvironmentType,
    Node,
    default_usd_per_gib_hour,
    default_usd_per_vcpu_hour,
)
from jobs.selectors import environments as selectors

from .. import answers
from .forms import errors_elsewhere, is_checked, posted_rows, rows_of
from .lazily import lazily
from .named import NameQuery, read_query

FIELDS = (
    "name",
    "engine",
    "state",
    "max_vcpus",
    "usd_per_vcpu_hour",
    "usd_per_gib_hour",
    "allow_privileged",
    "allowed_host_paths",
)
# What a change of the engine's state or of its jobs is told by.
TOPICS = "environments jobs"


def list_query(query: QueryDict) -> NameQuery:
    return read_query("environments", query)


def build_list(*, query: NameQuery) -> dict[str, Any]:
    """Read when drawn; see `lazily`."""
    page = lazily(lambda: selectors.list_environments(after=query.after, search=query.search))
    return {
        "query": query,
        "page": page,
        "next_url": lazily(lambda: query.next_url(page().next)),
        "topics": TOPICS,
    }


def list_as_json(*, query: NameQuery) -> dict[str, Any]:
    """`results` by name, and `next`: the URL of the page that follows, or null."""
    page = selectors.list_environments(after=query.after, search=query.search)
    return {
        "results": [summary(row) for row in page.rows],
        "next": query.next_url(page.next),
    }


def find(*, name: str) -> selectors.EnvironmentRow:
    """The environment. Raises NotFound."""
    found = selectors.find_environment(name=name)
    if found is None:
        raise NotFound(f"There is no compute environment {name}.")
    return found


def find_node(*, row: selectors.EnvironmentRow, instance_id: str) -> Node:
    """A machine of the environment's engine. Raises NotFound."""
    found = selectors.find_node(environment=row.environment, instance_id=instance_id)
    if found is None:
        raise NotFound(f"There is no node {instance_id} in {row.environment.name}.")
    return found


def build(
    *, row: selectors.EnvironmentRow, refused: tuple[Node, InvalidInput] | None = None
) -> dict[str, Any]:
    """Read when drawn; see `lazily`. `refused`: a node whose change was, and why."""
    node, error = refused or (None, None)
    environment = row.environment
    return {
        "row": row,
        "environment": environment,
        "engine": environment.engine,
        "is_enabled": environment.state == EnvironmentState.ENABLED,
        "is_invalid": environment.status == EnvironmentStatus.INVALID,
        "is_deleting": environment.status == EnvironmentStatus.DELETING,
        "resources": resources_of(environment),
        "advice": advice(environment.engine),
        "lends_all": any(
            each["path"] == THE_WHOLE_MACHINE for each in environment.allowed_host_paths
        ),
        "prices": [
            _dollars(environment.usd_per_vcpu_hour),
            _dollars(environment.usd_per_gib_hour),
        ],
        "nodes": lazily(lambda: selectors.list_nodes(environment=environment)),
        "queues": lazily(lambda: selectors.queues_using(environment=environment)),
        "topics": TOPICS,
        "refused_node": node,
        "refusal": [text for texts in error.errors.values() for text in texts] if error else [],
    }


def resources_of(environment: ComputeEnvironment) -> list[tuple[str, str, bool]]:
    """The compute resources of a managed environment: names, texts (nested ones as JSON), and whether they
    are what comes by default; those last."""
    resources = environment.compute_resources
    default = defaulted(resources) if resources else frozenset()
    rows = [
        (member, _resource_text(value), member in default) for member, value in resources.items()
    ]
    return sorted(rows, key=lambda row: row[2])


def _resource_text(value: object) -> str:
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ", ".join(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def advice(engine: Engine) -> list[str]:
    """What to do when the environment is INVALID because of its engine."""
    if engine.status == EngineStatus.CONNECTED:
        return ["The engine answers; the reason above says what else stands against it."]
    if engine.kind != EngineKind.DOCKER:
        return [f"Start the engine {engine.name}, or change its URL in the administration."]
    where = engine.url or "the address in DOCKER_HOST, or this machine's own socket"
    return [
        f"See that Docker Engine runs there ({where}): systemctl status docker.",
        "See that the supervisor may reach it: its user is in the docker group, or the TLS "
        "certificates are in place.",
        "Is the address wrong? Change the engine's URL in the administration.",
    ]


def as_json(*, row: selectors.EnvironmentRow) -> dict[str, Any]:
    """An environment with its nodes."""
    engine = row.environment.engine
    return {
        **summary(row),
        "engine_version": engine.version,
        "engine_last_seen_at": engine.last_seen_at,
        "queues": [queue.name for queue in selectors.queues_using(environment=row.environment)],
        "nodes": [
            {
                "name": each.node.name,
                "instance_id": each.node.instance_id,
                "state": each.node.state,
                "architecture": each.node.architecture,
                "used_vcpus": format_vcpus(each.used.milli_vcpus),
                "total_vcpus": format_vcpus(each.node.milli_vcpus),
                "used_memory_mib": each.used.memory_mib,
                "total_memory_mib": each.node.memory_mib,
                "used_gpus": each.used.gpus,
                "total_gpus": each.node.gpus,
                "live_attempts": each.live_attempts,
            }
            for each in selectors.list_nodes(environment=row.environment)
        ],
    }


def summary(row: selectors.EnvironmentRow) -> dict[str, Any]:
    """An environment as lists of environments give it."""
    environment = row.environment
    return {
        "name": environment.name,
        "type": environment.type,
        "state": environment.state,
        "status": environment.status,
        "status_reason": environment.status_reason,
        "engine": environment.engine.name,
        "engine_status": environment.engine.status,
        "max_vcpus": _max_vcpus(environment) or None,
        "used_vcpus": format_vcpus(row.used.milli_vcpus),
        "total_vcpus": format_vcpus(row.total.milli_vcpus),
        "used_memory_mib": row.used.memory_mib,
        "total_memory_mib": row.total.memory_mib,
        "live_attempts": row.live_attempts,
        "nodes_ready": row.nodes_ready,
        "usd_per_vcpu_hour": _dollars(environment.usd_per_vcpu_hour),
        "usd_per_gib_hour": _dollars(environment.usd_per_gib_hour),
        "allow_privileged": environment.allow_privileged,
        "allowed_host_paths": environment.allowed_host_paths,
        "compute_resources": environment.compute_resources,
        "unmanaged_vcpus": environment.unmanaged_vcpus,
        "service_role": environment.service_role,
        "update_policy": environment.update_policy,
        "tags": environment.tags,
        "created_at": environment.created_at,
        "url": reverse("environment", args=[environment.name]),
    }


def build_form(
    *,
    values: Mapping[str, object],
    errors: Mapping[str, list[str]] | None = None,
    row: selectors.EnvironmentRow | None = None,
) -> dict[str, Any]:
    """The form with these values; with `row` it changes that environment."""
    return {
        "row": row,
        "values": values,
        "engines": selectors.list_engines(),
        "is_managed": row is not None and row.environment.type == EnvironmentType.MANAGED,
        "states": EnvironmentState.values,
        "allow_privileged": is_checked(values.get("allow_privileged")),
        "host_paths": rows_of(values.get("allowed_host_paths")),
        "errors": dict(errors or {}),
        "form_errors": errors_elsewhere(errors, fields=FIELDS),
    }


def new_values() -> dict[str, object]:
    """The form's values for a new environment: its only engine, and the default prices."""
    engines = selectors.list_engines()
    return {
        "engine": engines[0].name if len(engines) == 1 else "",
        "state": EnvironmentState.ENABLED,
        "usd_per_vcpu_hour": _dollars(default_usd_per_vcpu_hour()),
        "usd_per_gib_hour": _dollars(default_usd_per_gib_hour()),
    }


def values_of(row: selectors.EnvironmentRow) -> dict[str, object]:
    """The form's values for changing this environment."""
    environment = row.environment
    return {
        "name": environment.name,
        "engine": environment.engine.name,
        "state": environment.state,
        "max_vcpus": _max_vcpus(environment),
        "usd_per_vcpu_hour": _dollars(environment.usd_per_vcpu_hour),
        "usd_per_gib_hour": _dollars(environment.usd_per_gib_hour),
        "allow_privileged": environment.allow_privileged,
        "allowed_host_paths": environment.allowed_host_paths,
    }


def posted_fields(request: HttpRequest) -> dict[str, object]:
    """What was posted; a form's host paths come as rows of `host_path` and `host_path_mode`."""
    fields = answers.posted(request)
    rows = posted_rows(request, "host_path", "host_path_mode")
    if rows is not None:
        fields.pop("host_path", None)
        fields.pop("host_path_mode", None)
        fields["allowed_host_paths"] = [
            {"path": path, "readOnly": mode != "write"} for path, mode in rows if path.strip()
        ]
    return fields


def _dollars(price: Decimal) -> str:
    """All of its digits, without the zeros that the database fills it up with."""
    return f"{price.normalize():f}"


def _max_vcpus(environment: ComputeEnvironment) -> str:
    maximum = environment.max_milli_vcpus
    return "" if maximum is None else format_vcpus(maximum)
