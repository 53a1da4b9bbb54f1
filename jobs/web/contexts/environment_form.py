"""The form of a compute environment: its values, and what was posted as the services take it.

A form has inputs where the services take AWS's `computeResources`: those have AWS's member names here. `kind` is
UNMANAGED, or the type of the compute resources.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from jobs.domain.environments import compute_resource_members as members
from jobs.domain.environments.compute_resources import with_stand_ins
from jobs.domain.environments.instance_types import ALIASES, BUNDLES
from jobs.domain.validation import read_text
from jobs.models import (
    ComputeEnvironment,
    EnvironmentState,
    EnvironmentType,
    default_usd_per_gib_hour,
    default_usd_per_vcpu_hour,
)
from jobs.selectors import environments as selectors
from jobs.selectors.instance_types import known_types

from .. import answers
from .forms import is_checked, posted_rows, rows_of, shown_errors
from .lazily import lazily
from .texts import dollars, max_vcpus

OWN_FIELDS = (
    "name",
    "engine",
    "state",
    "max_vcpus",
    "usd_per_vcpu_hour",
    "usd_per_gib_hour",
    "allow_privileged",
    "allowed_host_paths",
    "idle_seconds",
    "interruption_seconds",
)
# AWS's members that have an input.
RESOURCE_FIELDS = (
    "type",
    "instanceTypes",
    "allocationStrategy",
    "minvCpus",
    "maxvCpus",
    "desiredvCpus",
    "bidPercentage",
)
KINDS = (
    (EnvironmentType.UNMANAGED.value, "Machines as they are"),
    (members.EC2, "On-Demand instances"),
    (members.SPOT, "Spot instances"),
    (members.FARGATE, "Fargate"),
    (members.FARGATE_SPOT, "Fargate Spot"),
)
KIND_NAMES = dict(KINDS)
# Each with what it prefers, in the order in which a form offers them.
STRATEGIES: dict[str, tuple[tuple[str, str], ...]] = {
    members.EC2: (
        ("BEST_FIT_PROGRESSIVE", "the cheapest vCPUs that fit, then others"),
        ("BEST_FIT", "the cheapest type that fits, and no other"),
        ("BEST_FIT_PROGRESSIVE_ORDERED", "in the order of the list"),
    ),
    members.SPOT: (
        ("SPOT_PRICE_CAPACITY_OPTIMIZED", "cheap, and seldom interrupted"),
        ("SPOT_CAPACITY_OPTIMIZED", "least likely to be interrupted"),
        ("SPOT_CAPACITY_OPTIMIZED_PRIORITIZED", "the same, but in the order of the list"),
        ("BEST_FIT_PROGRESSIVE", "the cheapest vCPUs that fit, then others"),
        ("BEST_FIT", "the cheapest type that fits, and no other"),
    ),
}
_MEMBER = re.compile(r"(\w+)")
_TYPE_AT = re.compile(r"instanceTypes\[(\d+)\]")
# A row is for one name, but people type several.
_BETWEEN_NAMES = re.compile(r"[\s,;]+")


def kind_of(environment: ComputeEnvironment) -> str:
    """UNMANAGED, or the type of its compute resources."""
    return str(environment.compute_resources.get("type") or EnvironmentType.UNMANAGED)


def asked_kind(text: str) -> str:
    """The kind that a URL asks for; nonsense is UNMANAGED."""
    return text if text in KIND_NAMES else EnvironmentType.UNMANAGED.value


def build_form(
    *,
    values: Mapping[str, object],
    errors: Mapping[str, list[str]] | None = None,
    row: selectors.EnvironmentRow | None = None,
) -> dict[str, Any]:
    """The form with these values; with `row` it changes that environment."""
    kind = asked_kind(read_text(values.get("kind")))
    shown = _by_input(errors or {}, _type_rows(values.get("instanceTypes")))
    has_instances = kind in STRATEGIES
    return {
        "row": row,
        "values": values,
        "kind": kind,
        "kinds": KINDS,
        "kind_name": KIND_NAMES[kind],
        "has_instances": has_instances,
        "is_fargate": kind in members.FARGATE_TYPES,
        "is_managed": kind != EnvironmentType.UNMANAGED,
        "is_spot": kind in (members.SPOT, members.FARGATE_SPOT),
        "idle_help": "After so long without a job an instance ends. Empty: the usual "
        f"{settings.BATCHWEB_INSTANCE_IDLE_SECONDS}.",
        "notice_help": "What an interrupted job still has. Empty: the usual "
        f"{settings.BATCHWEB_INTERRUPTION_SECONDS}.",
        "engines": selectors.list_engines(),
        "strategies": _strategies(kind, values.get("allocationStrategy"), is_new=row is None),
        "type_rows": _type_rows(values.get("instanceTypes")),
        "type_names": lazily(type_names),
        "states": EnvironmentState.values,
        "allow_privileged": is_checked(values.get("allow_privileged")),
        "host_paths": rows_of(values.get("allowed_host_paths")),
        **shown_errors(shown, fields=(*OWN_FIELDS, *RESOURCE_FIELDS)),
    }


def new_values(*, kind: str = EnvironmentType.UNMANAGED) -> dict[str, object]:
    """The form's values for a new environment: its only engine, and the default prices."""
    engines = selectors.list_engines()
    return {
        "kind": kind,
        "engine": engines[0].name if len(engines) == 1 else "",
        "state": EnvironmentState.ENABLED,
        "usd_per_vcpu_hour": dollars(default_usd_per_vcpu_hour()),
        "usd_per_gib_hour": dollars(default_usd_per_gib_hour()),
    }


def values_of(row: selectors.EnvironmentRow) -> dict[str, object]:
    """The form's values for changing this environment."""
    environment = row.environment
    return {
        "kind": kind_of(environment),
        "name": environment.name,
        "engine": environment.engine.name,
        "state": environment.state,
        "max_vcpus": max_vcpus(environment),
        "usd_per_vcpu_hour": dollars(environment.usd_per_vcpu_hour),
        "usd_per_gib_hour": dollars(environment.usd_per_gib_hour),
        "allow_privileged": environment.allow_privileged,
        "allowed_host_paths": environment.allowed_host_paths,
        "idle_seconds": environment.idle_seconds,
        "interruption_seconds": environment.interruption_seconds,
        **_resource_values(environment),
    }


def posted_fields(
    request: HttpRequest, *, environment: ComputeEnvironment | None = None
) -> tuple[dict[str, object], dict[str, object]]:
    """What was posted, as the services take it, and as the form shows it again.

    A form's host paths come as rows of `host_path` and `host_path_mode`, its instance types as rows too.
    """
    typed = answers.posted(request)
    rows = posted_rows(request, "host_path", "host_path_mode")
    if rows is not None:
        typed.pop("host_path", None)
        typed.pop("host_path_mode", None)
        typed["allowed_host_paths"] = [
            {"path": path, "readOnly": mode != "write"} for path, mode in rows if path.strip()
        ]
    type_rows = posted_rows(request, "instanceTypes")
    if type_rows is not None:
        typed["instanceTypes"] = [
            name for (row,) in type_rows for name in _BETWEEN_NAMES.split(row) if name
        ]
    if "kind" not in typed:
        return typed, typed
    return _as_fields(typed, environment), typed


def type_names() -> list[str]:
    """What may stand in `instanceTypes`: bundles, families and types."""
    known = known_types()
    types = [row.name for rows in known.values() for row in rows]
    return [*ALIASES, *BUNDLES, *known, *types]


def _as_fields(
    typed: Mapping[str, object], environment: ComputeEnvironment | None
) -> dict[str, object]:
    own = {
        name: value
        for name, value in typed.items()
        if name not in (*RESOURCE_FIELDS, "kind", "desired_shown")
    }
    kind = read_text(typed["kind"])
    if kind == EnvironmentType.UNMANAGED:
        return own
    if environment is None:
        given = {name: typed[name] for name in RESOURCE_FIELDS if typed.get(name)}
        resources = with_stand_ins({**given, "type": kind})
        return {**own, "type": EnvironmentType.MANAGED, "compute_resources": resources}
    changed = _changed(typed, environment)
    return {**own, "compute_resources": changed} if changed else own


def _changed(typed: Mapping[str, object], environment: ComputeEnvironment) -> dict[str, object]:
    """The members that somebody changed: the others may have moved on since the form was drawn."""
    shown = {**_resource_values(environment), "type": kind_of(environment)}
    if "desired_shown" in typed:
        shown["desiredvCpus"] = typed["desired_shown"]
    changed: dict[str, object] = {}
    for name in RESOURCE_FIELDS:
        if name not in typed or _same(typed[name], shown.get(name)):
            continue
        value = typed[name]
        # Emptied: no bid and no minimum of its own; the desired number is the scheduler's.
        if value != "" or name == "maxvCpus":
            changed[name] = value or (0 if name == "maxvCpus" else [])
        elif name != "desiredvCpus":
            changed[name] = 0
    return changed


def _same(typed: object, shown: object) -> bool:
    if isinstance(typed, list) or isinstance(shown, list):
        return typed == shown
    return read_text(typed) == ("" if shown is None else str(shown))


def _resource_values(environment: ComputeEnvironment) -> dict[str, object]:
    resources = environment.compute_resources
    return {name: resources[name] for name in RESOURCE_FIELDS if name in resources}


def _strategies(kind: str, chosen: object, *, is_new: bool) -> list[tuple[str, str]]:
    """Those of the kind; a form that may change the kind offers those of both."""
    found = dict(STRATEGIES.get(kind, ()))
    if not is_new and found:
        for offered in STRATEGIES.values():
            found = {**dict(offered), **found}
    text = read_text(chosen)
    return [*found.items(), *([(text, "")] if text and text not in found else [])]


def _type_rows(value: object) -> list[str]:
    rows = [str(each) for each in value] if isinstance(value, list) else []
    # One to type into.
    return rows or [""]


def _by_input(errors: Mapping[str, list[str]], type_rows: Sequence[str]) -> dict[str, list[str]]:
    """Errors of compute resources under the member that they begin with, where that has an input.

    An instance type is called by its name there, not by its index.
    """
    found = {field: list(texts) for field, texts in errors.items() if field != "compute_resources"}
    for text in errors.get("compute_resources", ()):
        start = _MEMBER.match(text)
        member = start[1] if start else ""
        field = member if member in RESOURCE_FIELDS else "compute_resources"
        found.setdefault(field, []).append(
            _TYPE_AT.sub(lambda at: _at(type_rows, int(at[1])) or at[0], text)
        )
    return found


def _at(rows: Sequence[str], index: int) -> str:
    return rows[index] if index < len(rows) else ""
