"""What is asked of a compute environment, checked: see `services.setup.environments` for the writing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from jobs.domain import members, validation
from jobs.domain.environments import compute_resources
from jobs.domain.environments.compute_resource_members import MAX_VCPUS, extra_members
from jobs.domain.environments.host_paths import HostPath, allowed_host_paths, check_none_is_inside
from jobs.domain.errors import Conflict
from jobs.domain.flags import flag
from jobs.domain.resources import MILLI
from jobs.domain.validation import Checker, FieldError
from jobs.domain.variables import tags
from jobs.models import (
    ComputeEnvironment,
    Engine,
    EnvironmentState,
    EnvironmentType,
    default_usd_per_gib_hour,
    default_usd_per_vcpu_hour,
)

from .environment_capacity import ONLY_MANAGED, capacity
from .names import lasting_name

# What there is of every environment, and what only the API asks for.
COMMON_FIELDS = frozenset(
    {
        "name",
        "engine",
        "state",
        "max_vcpus",
        "usd_per_vcpu_hour",
        "usd_per_gib_hour",
        "allow_privileged",
        "allowed_host_paths",
    }
)
FIELDS = COMMON_FIELDS | {
    "type",
    "compute_resources",
    "idle_seconds",
    "interruption_seconds",
    "unmanaged_vcpus",
    "service_role",
    "update_policy",
    "extra",
    "tags",
}
ENGINE_STAYS = "An environment keeps its engine. Make a new environment on the other one."
TYPE_STAYS = "An environment keeps its type. Make a new environment instead."
ONLY_UNMANAGED = "Only an UNMANAGED environment has this."
ONLY_ADMINISTRATORS_LEND = (
    "Only administrators change this, since jobs reach the host by it. Leave it as it is."
)


@dataclass(frozen=True, slots=True)
class EnvironmentFields:
    """An environment that passed every check, as it will be written."""

    name: str
    type: str
    engine: Engine
    state: str
    max_milli_vcpus: int | None
    usd_per_vcpu_hour: Decimal
    usd_per_gib_hour: Decimal
    allow_privileged: bool
    allowed_host_paths: list[HostPath]
    compute_resources: dict[str, Any]
    idle_seconds: int | None
    interruption_seconds: int | None
    unmanaged_vcpus: int | None
    service_role: str
    update_policy: dict[str, Any]
    extra: dict[str, Any]
    tags: dict[str, str]


def check_environment(
    *,
    fields: Mapping[str, object],
    environment: ComputeEnvironment | None = None,
    may_lend: bool = True,
) -> EnvironmentFields:
    """The clean environment, or InvalidInput with every field that is wrong. Writes nothing.

    `name`, `engine` (its name), `state`, `max_vcpus` (empty: all of the engine's), `usd_per_vcpu_hour`,
    `usd_per_gib_hour`, `allow_privileged`, `allowed_host_paths`, `tags`; `type` (UNMANAGED unless it says
    MANAGED); of a MANAGED one `idle_seconds` and `interruption_seconds` (empty: the usual); and of AWS's
    `compute_resources`, `update_policy`, `unmanaged_vcpus`, `service_role` and `extra`. `domain.environments` has
    what may stand in paths and resources. Without `environment` (a new one) `name` and `engine` are required; with it,
    what is left out stays as it is, also of the members of `extra`. Without `may_lend`, what lets jobs reach the host
    stays as it is, and a new environment lies on the engine that AWS's API takes.
    """
    checker = Checker()
    checker.only(fields, FIELDS)
    given = {**_defaults(environment), **fields}
    type_ = checker.check("type", lambda value: _type(value, environment), given["type"], "")
    name = checker.check(
        "name", lambda value: _free_name(value, environment), given.get("name"), ""
    )
    engine = checker.check(
        "engine", lambda value: _find_engine(value, environment), given.get("engine"), None
    )
    columns = {
        **_lent(checker, given, fields, engine, environment),
        **capacity(
            checker,
            given=given,
            fields=fields,
            type_=type_,
            engine=engine,
            environment=environment,
        ),
        **_from_aws(checker, given, fields, type_, environment),
    }
    made_disabled = environment is None and columns["state"] == EnvironmentState.DISABLED
    if made_disabled and type_ == EnvironmentType.MANAGED:
        checker.add("state", compute_resources.MADE_ENABLED)
    if not may_lend:
        _check_not_lent(checker, columns, engine, environment)
    checker.done()
    assert engine is not None
    return EnvironmentFields(name=name, type=type_, engine=engine, **columns)


def _lent(
    checker: Checker,
    given: Mapping[str, object],
    fields: Mapping[str, object],
    engine: Engine | None,
    environment: ComputeEnvironment | None,
) -> dict[str, Any]:
    """State, prices, and what of the machines jobs may use."""
    clean: dict[str, Any] = {"state": checker.check("state", validation.state, given["state"], "")}
    for field in ("usd_per_vcpu_hour", "usd_per_gib_hour"):
        clean[field] = checker.check(field, validation.usd_per_hour, given[field], Decimal(0))
    clean["allow_privileged"] = checker.check(
        "allow_privileged", flag, given["allow_privileged"], False
    )
    no_paths: list[HostPath] = []
    host_paths = checker.check(
        "allowed_host_paths", allowed_host_paths, given["allowed_host_paths"], no_paths
    )
    if engine is not None and (environment is None or "allowed_host_paths" in fields):
        checker.check(
            "allowed_host_paths",
            lambda _: _none_inside(host_paths, engine, environment),
            None,
            None,
        )
    return {**clean, "allowed_host_paths": host_paths}


def _check_not_lent(
    checker: Checker,
    columns: Mapping[str, Any],
    engine: Engine | None,
    environment: ComputeEnvironment | None,
) -> None:
    before = _defaults(environment)
    for field in ("allow_privileged", "allowed_host_paths"):
        if columns[field] != before[field]:
            checker.add(field, ONLY_ADMINISTRATORS_LEND)
    if environment is None and engine is not None:
        first = first_engine_name()
        if engine.name != first:
            checker.add("engine", f"Only administrators choose another engine than {first}.")


def _from_aws(
    checker: Checker,
    given: Mapping[str, object],
    fields: Mapping[str, object],
    type_: str,
    environment: ComputeEnvironment | None,
) -> dict[str, Any]:
    """What only AWS's API asks for."""
    managed = type_ == EnvironmentType.MANAGED
    for field, is_its in (("update_policy", managed), ("unmanaged_vcpus", not managed)):
        if fields.get(field) not in (None, {}) and not is_its:
            checker.add(field, ONLY_MANAGED if field == "update_policy" else ONLY_UNMANAGED)
    nothing: dict[str, Any] = {}
    no_tags: dict[str, str] = {}

    def check(field: str, reader: Callable[[object], Any], default: Any) -> Any:
        return checker.check(field, reader, given[field], default)

    return {
        "unmanaged_vcpus": check("unmanaged_vcpus", _unmanaged_vcpus, None),
        "service_role": check("service_role", lambda value: _role(value, environment), ""),
        "update_policy": check(
            "update_policy",
            lambda value: compute_resources.update_policy(
                value, environment.update_policy if environment else {}
            ),
            nothing,
        )
        if managed
        else {},
        "extra": check(
            "extra",
            lambda value: {
                **(environment.extra if environment else {}),
                **extra_members(value),
            },
            nothing,
        ),
        "tags": check("tags", tags, no_tags),
    }


def _defaults(environment: ComputeEnvironment | None) -> dict[str, object]:
    if environment is None:
        return {
            "type": EnvironmentType.UNMANAGED,
            "state": EnvironmentState.ENABLED,
            "max_vcpus": None,
            "usd_per_vcpu_hour": default_usd_per_vcpu_hour(),
            "usd_per_gib_hour": default_usd_per_gib_hour(),
            "allow_privileged": False,
            "allowed_host_paths": [],
            "idle_seconds": None,
            "interruption_seconds": None,
            "unmanaged_vcpus": None,
            "service_role": "",
            "update_policy": {},
            "extra": {},
            "tags": {},
        }
    maximum = environment.max_milli_vcpus
    return {
        "name": environment.name,
        "type": environment.type,
        "engine": environment.engine.name,
        "state": environment.state,
        "max_vcpus": None if maximum is None else Decimal(maximum) / MILLI,
        "usd_per_vcpu_hour": environment.usd_per_vcpu_hour,
        "usd_per_gib_hour": environment.usd_per_gib_hour,
        "allow_privileged": environment.allow_privileged,
        "allowed_host_paths": environment.allowed_host_paths,
        "idle_seconds": environment.idle_seconds,
        "interruption_seconds": environment.interruption_seconds,
        "unmanaged_vcpus": environment.unmanaged_vcpus,
        "service_role": environment.service_role,
        "update_policy": environment.update_policy,
        "extra": environment.extra,
        "tags": environment.tags,
    }


def _type(value: object, environment: ComputeEnvironment | None) -> str:
    text = validation.read_text(value)
    if text not in EnvironmentType.values:
        raise FieldError("The type is MANAGED or UNMANAGED.")
    if environment is not None and text != environment.type:
        raise FieldError(TYPE_STAYS)
    return text


def _unmanaged_vcpus(value: object) -> int | None:
    if validation.is_empty(value):
        return None
    amount: int = members.a_number(0, MAX_VCPUS, "vCPUs")(value)
    return amount


def _role(value: object, environment: ComputeEnvironment | None) -> str:
    role = members.a_text(value)
    if environment is None or environment.type != EnvironmentType.MANAGED:
        return role
    return compute_resources.changed_role(environment.service_role, role)


def _none_inside(
    paths: list[HostPath], engine: Engine, environment: ComputeEnvironment | None
) -> None:
    """What a job can write to in one environment, it can put links into for a job of another one."""
    others = ComputeEnvironment.objects.filter(engine=engine)
    for other in others.exclude(pk=environment.pk if environment else 0).order_by("name"):
        check_none_is_inside(paths, other.allowed_host_paths, lender=other.name)


def _free_name(value: object, environment: ComputeEnvironment | None) -> str:
    return lasting_name(
        value,
        ComputeEnvironment.objects.all(),
        environment.name if environment else None,
        kind="an environment",
        stays="An environment keeps its name. Make a new environment instead.",
    )


def _find_engine(value: object, environment: ComputeEnvironment | None) -> Engine:
    if not isinstance(value, str) or not value.strip():
        raise FieldError("Choose an engine.")
    if environment is not None:
        if value.strip() != environment.engine.name:
            raise FieldError(ENGINE_STAYS)
        return environment.engine
    name = value.strip()
    engine = None if validation.UNSTORABLE_PATTERN.search(name) else _engine_named(name)
    if engine is None:
        raise FieldError(f"There is no engine named {name[:128]}.")
    return engine


def first_engine_name() -> str:
    """The engine that an environment lies on if it names none. Raises Conflict if there is none."""
    name = Engine.objects.order_by("name").values_list("name", flat=True).first()
    if name is None:
        raise Conflict("There is no engine to run on yet. Make one in the administration first.")
    return name


def _engine_named(name: str) -> Engine | None:
    return Engine.objects.filter(name=name).first()
