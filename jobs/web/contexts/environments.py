"""What the pages of compute environments, their forms and their JSON are drawn from."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.http import QueryDict
from django.urls import reverse
from django.utils import timezone

from jobs.domain import reasons
from jobs.domain.environments import compute_resources
from jobs.domain.environments.compute_resource_members import FARGATE_TYPES
from jobs.domain.environments.host_paths import THE_WHOLE_MACHINE
from jobs.domain.errors import InvalidInput, NotFound
from jobs.domain.resources import MILLI, format_vcpus
from jobs.models import (
    ComputeEnvironment,
    Engine,
    EngineKind,
    EngineStatus,
    EnvironmentState,
    EnvironmentStatus,
    Node,
    NodeState,
)
from jobs.selectors import environments as selectors
from jobs.selectors.instances import ended_instances, live_instances
from jobs.selectors.offered_types import offered_types

from . import instances as instance_contexts
from . import spot, type_prices
from .environment_form import KIND_NAMES, STRATEGIES, kind_of
from .lazily import lazily
from .named import NameQuery, read_query
from .texts import dollars, max_vcpus

# What a change of the engine's state or of its jobs is told by.
TOPICS = "environments jobs"


def list_query(query: QueryDict) -> NameQuery:
    return read_query("environments", query)


def build_list(*, query: NameQuery) -> dict[str, Any]:
    """Read when drawn; see `lazily`."""
    page = lazily(lambda: selectors.list_environments(after=query.after, search=query.search))
    return {
        **query.shown(page),
        "topics": TOPICS,
    }


def list_as_json(*, query: NameQuery) -> dict[str, Any]:
    """`results` by name, and `next`: the URL of the page that follows, or null."""
    page = selectors.list_environments(after=query.after, search=query.search)
    return query.as_json(page, summary)


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


def ended_query(query: QueryDict) -> str:
    """The `ended` of a URL: the id of the last instance on the page of ended ones before."""
    return query.get("ended", "").replace("\0", "").strip()


def build(
    *,
    row: selectors.EnvironmentRow,
    ended_after: str = "",
    refused: tuple[Node | Engine, InvalidInput] | None = None,
) -> dict[str, Any]:
    """Read when drawn; see `lazily`. `refused`: a node or an engine whose change was, and why."""
    subject, error = refused or (None, None)
    environment, kind = row.environment, kind_of(row.environment)
    now = timezone.now()
    ended = lazily(lambda: ended_instances(environment=environment, after=ended_after))
    going = lazily(lambda: spot.build(environment=environment, kind=kind, now=now))
    nodes = lazily(lambda: selectors.list_nodes(environment=environment, now=now))
    return {
        "row": row,
        "environment": environment,
        "engine": environment.engine,
        "is_enabled": environment.state == EnvironmentState.ENABLED,
        "is_invalid": environment.status == EnvironmentStatus.INVALID,
        "is_deleting": environment.status == EnvironmentStatus.DELETING,
        "kind_name": KIND_NAMES[kind],
        "has_instances": kind in STRATEGIES,
        "is_fargate": kind in FARGATE_TYPES,
        "times": times_of(environment),
        "scale": scale_of(row),
        "instances": lazily(
            lambda: instance_contexts.list_live(
                live_instances(environment=environment, now=now), environment
            )
        ),
        "ended": ended,
        "ended_url": lazily(lambda: _ended_url(environment.name, ended().next)),
        "first_ended_url": reverse("environment", args=[environment.name]) if ended_after else "",
        "spot": going,
        "type_prices": lazily(lambda: _type_prices(environment, going())),
        "resources": resources_of(environment),
        "advice": advice(environment.engine),
        "lends_all": any(
            each["path"] == THE_WHOLE_MACHINE for each in environment.allowed_host_paths
        ),
        "prices": [
            dollars(environment.usd_per_vcpu_hour),
            dollars(environment.usd_per_gib_hour),
        ],
        "nodes": nodes,
        "out_of_reach": lazily(lambda: _out_of_reach(environment, nodes())),
        "queues": lazily(lambda: selectors.queues_using(environment=environment)),
        "topics": TOPICS,
        "refused": subject,
        "refusal": [text for texts in error.errors.values() for text in texts] if error else [],
    }


def build_delete(*, row: selectors.EnvironmentRow) -> dict[str, Any]:
    """The page that asks before it is deleted, or says what stands against it."""
    return {
        "name": row.environment.name,
        "is_enabled": row.environment.state == EnvironmentState.ENABLED,
    }


def _out_of_reach(environment: ComputeEnvironment, nodes: Sequence[selectors.NodeRow]) -> str:
    """What there is to say of a minimum that its machines will never have, were they all its own."""
    minimum = environment.compute_resources.get("minvCpus", 0) * MILLI
    ready = [each for each in nodes if each.node.state == NodeState.READY]
    total = sum(each.total.milli_vcpus for each in ready)
    return reasons.minimum_out_of_reach(minimum, total) if ready and minimum > total else ""


def _type_prices(
    environment: ComputeEnvironment, going: spot.SpotView | None
) -> type_prices.TypePrices | None:
    """None where there are no instances."""
    if going is not None:
        return type_prices.table(going.types)
    if kind_of(environment) not in STRATEGIES:
        return None
    return type_prices.table(
        [type_prices.on_demand(each) for each in offered_types(environment=environment)]
    )


def _ended_url(name: str, after: str) -> str:
    return f"{reverse('environment', args=[name])}?{urlencode({'ended': after})}" if after else ""


def times_of(environment: ComputeEnvironment) -> Mapping[str, int]:
    """The seconds that count for its instances: its own, or the usual ones."""
    own = environment.interruption_seconds
    return {
        "idle_seconds": compute_resources.idle_seconds(
            environment.compute_resources,
            own=environment.idle_seconds,
            usual=settings.BATCHWEB_INSTANCE_IDLE_SECONDS,
        ),
        "interruption_seconds": settings.BATCHWEB_INTERRUPTION_SECONDS if own is None else own,
    }


def scale_of(row: selectors.EnvironmentRow) -> Mapping[str, Any] | None:
    """What a managed environment has of its maximum, in thousandths of vCPUs and as parts of 100.

    `desired` and `minimum` only where it has instances. None for an unmanaged one.
    """
    resources = row.environment.compute_resources
    if not resources:
        return None
    maximum = resources["maxvCpus"] * MILLI
    amounts = {"used": row.used.milli_vcpus, "reserved": row.reserved.milli_vcpus}
    if kind_of(row.environment) in STRATEGIES:
        amounts["minimum"] = resources.get("minvCpus", 0) * MILLI
        amounts["desired"] = resources.get("desiredvCpus", 0) * MILLI
    parts = {
        f"{name}_part": round(min(amount / maximum, 1) * 100, 2) for name, amount in amounts.items()
    }
    return {"maximum": maximum, **amounts, **parts}


def resources_of(environment: ComputeEnvironment) -> list[tuple[str, str, bool]]:
    """The compute resources of a managed environment: names, texts (nested ones as JSON), and whether they
    are what comes by default; those last."""
    resources = environment.compute_resources
    default = compute_resources.defaulted(resources) if resources else frozenset()
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


def as_json(
    *, row: selectors.EnvironmentRow, ended_after: str, user: User | AnonymousUser
) -> dict[str, Any]:
    """An environment with its nodes and instances. Jobs that the user may not see have no names."""
    environment, now = row.environment, timezone.now()
    engine = environment.engine
    return {
        **summary(row),
        **_instances_as_json(environment, ended_after=ended_after, user=user, now=now),
        "engine_version": engine.version,
        "engine_last_seen_at": engine.last_seen_at,
        "engine_cpu_overcommit": dollars(engine.cpu_overcommit),
        "queues": [queue.name for queue in selectors.queues_using(environment=row.environment)],
        "nodes": [
            {
                "name": each.node.name,
                "instance_id": each.node.instance_id,
                "state": each.node.state,
                "architecture": each.node.architecture,
                "used_vcpus": format_vcpus(each.used.milli_vcpus),
                "total_vcpus": format_vcpus(each.total.milli_vcpus),
                "own_vcpus": format_vcpus(each.node.milli_vcpus),
                "used_memory_mib": each.used.memory_mib,
                "total_memory_mib": each.node.memory_mib,
                "used_gpus": each.used.gpus,
                "total_gpus": each.node.gpus,
                "measured_vcpus": format_vcpus(each.load.milli_vcpus) if each.load else None,
                "measured_memory_mib": each.load.memory_mib if each.load else None,
                "live_attempts": each.live_attempts,
            }
            for each in selectors.list_nodes(environment=row.environment, now=now)
        ],
    }


def _instances_as_json(
    environment: ComputeEnvironment,
    *,
    ended_after: str,
    user: User | AnonymousUser,
    now: datetime,
) -> dict[str, Any]:
    kind = kind_of(environment)
    if kind not in STRATEGIES:
        return {"spot": spot.as_json(environment=environment, kind=kind, now=now)}
    live = live_instances(environment=environment, now=now)
    ended = ended_instances(environment=environment, after=ended_after)
    return {
        "instances": [instance_contexts.live_as_json(each, user=user) for each in live.rows],
        "instances_hidden": live.hidden,
        "ended_instances": [instance_contexts.facts(each) for each in ended.rows],
        "next_ended": _ended_url(environment.name, ended.next) or None,
        "spot": spot.as_json(environment=environment, kind=kind, now=now),
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
        "max_vcpus": max_vcpus(environment) or None,
        "used_vcpus": format_vcpus(row.used.milli_vcpus),
        "total_vcpus": format_vcpus(row.total.milli_vcpus),
        "used_memory_mib": row.used.memory_mib,
        "total_memory_mib": row.total.memory_mib,
        "live_attempts": row.live_attempts,
        "live_instances": row.live_instances,
        "reserved_vcpus": format_vcpus(row.reserved.milli_vcpus),
        "nodes_ready": row.nodes_ready,
        "usd_per_vcpu_hour": dollars(environment.usd_per_vcpu_hour),
        "usd_per_gib_hour": dollars(environment.usd_per_gib_hour),
        "allow_privileged": environment.allow_privileged,
        "allowed_host_paths": environment.allowed_host_paths,
        "compute_resources": environment.compute_resources,
        "idle_seconds": environment.idle_seconds,
        "interruption_seconds": environment.interruption_seconds,
        "unmanaged_vcpus": environment.unmanaged_vcpus,
        "service_role": environment.service_role,
        "update_policy": environment.update_policy,
        "tags": environment.tags,
        "created_at": environment.created_at,
        "url": reverse("environment", args=[environment.name]),
    }
