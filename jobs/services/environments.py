"""Making, changing and deleting compute environments. `services.engines` has what they lie on."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, transaction

from jobs import changes
from jobs.domain import validation
from jobs.domain.errors import Conflict, NotFound
from jobs.domain.flags import flag
from jobs.domain.host_paths import HostPath, allowed_host_paths, check_none_is_inside
from jobs.domain.validation import Checker, FieldError
from jobs.models import (
    ComputeEnvironment,
    Engine,
    EngineStatus,
    EnvironmentState,
    EnvironmentStatus,
    default_usd_per_gib_hour,
    default_usd_per_vcpu_hour,
)

FIELDS = frozenset(
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
ENGINE_STAYS = "An environment keeps its engine. Make a new environment on the other one."


@dataclass(frozen=True, slots=True)
class EnvironmentFields:
    """An environment that passed every check, as it will be written."""

    name: str
    engine: Engine
    state: str
    max_milli_vcpus: int | None
    usd_per_vcpu_hour: Decimal
    usd_per_gib_hour: Decimal
    allow_privileged: bool
    allowed_host_paths: list[HostPath]


def check_environment(
    *, fields: Mapping[str, object], environment: ComputeEnvironment | None = None
) -> EnvironmentFields:
    """The clean environment, or InvalidInput with every field that is wrong. Writes nothing.

    `name`, `engine` (its name), `state`, `max_vcpus` (empty: all of the engine's), `usd_per_vcpu_hour`,
    `usd_per_gib_hour`, `allow_privileged`, and `allowed_host_paths` (`domain.host_paths`). Without
    `environment` (a new one) `name` and `engine` are required; with it, what is left out stays as it is.
    """
    checker = Checker()
    checker.only(fields, FIELDS)
    given = {**_defaults(environment), **fields}
    name = checker.check(
        "name", lambda value: _free_name(value, environment), given.get("name"), ""
    )
    engine = checker.check(
        "engine", lambda value: _find_engine(value, environment), given.get("engine"), None
    )
    state = checker.check("state", validation.state, given["state"], "")
    maximum = checker.check("max_vcpus", validation.max_milli_vcpus, given["max_vcpus"], None)
    prices = {
        field: checker.check(field, validation.usd_per_hour, given[field], Decimal(0))
        for field in ("usd_per_vcpu_hour", "usd_per_gib_hour")
    }
    allow_privileged = checker.check("allow_privileged", flag, given["allow_privileged"], False)
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
    checker.done()
    assert engine is not None
    return EnvironmentFields(
        name=name,
        engine=engine,
        state=state,
        max_milli_vcpus=maximum,
        **prices,
        allow_privileged=allow_privileged,
        allowed_host_paths=host_paths,
    )


def create_environment(*, fields: Mapping[str, object], now: datetime) -> ComputeEnvironment:
    """Writes a new environment. Raises InvalidInput; then nothing changed."""
    clean = check_environment(fields=fields)
    lost = clean.engine.status == EngineStatus.UNREACHABLE
    try:
        with transaction.atomic():
            _lock_lending(clean.engine.pk)
            check_environment(fields=fields)
            environment = ComputeEnvironment.objects.create(
                name=clean.name,
                engine=clean.engine,
                status=EnvironmentStatus.INVALID if lost else EnvironmentStatus.VALID,
                status_reason=clean.engine.status_reason if lost else "",
                created_at=now,
                **_columns(clean),
            )
            _announce()
    except IntegrityError:
        # The checks passed, so somebody was faster: the second look says at what.
        check_environment(fields=fields)
        raise
    return environment


def update_environment(
    *, environment: ComputeEnvironment, fields: Mapping[str, object], now: datetime
) -> ComputeEnvironment:
    """Changes what `fields` names. New prices hold for attempts placed from now on.

    Raises InvalidInput, or NotFound if the environment was deleted meanwhile.
    """
    with transaction.atomic():
        _lock_lending(environment.engine_id)
        row = ComputeEnvironment.objects.select_for_update().filter(id=environment.id).first()
        if row is None:
            raise NotFound(f"The environment {environment.name} was deleted.")
        clean = check_environment(fields=fields, environment=row)
        columns = _columns(clean)
        for column, value in columns.items():
            setattr(row, column, value)
        # Not `status`: the supervisor may write that at the same moment.
        row.save(update_fields=list(columns))
        _announce()
    return row


def delete_environment(*, environment: ComputeEnvironment, now: datetime) -> None:
    """Deletes a disabled environment that no queue names and no attempt ran in.

    Raises Conflict, which says what stands against it.
    """
    try:
        with transaction.atomic():
            _delete(environment)
    except IntegrityError:
        # Foreign keys are checked at the commit: a queue or an attempt came in between.
        raise Conflict(f"The environment {environment.name} has just come into use.") from None


def _delete(environment: ComputeEnvironment) -> None:
    row = ComputeEnvironment.objects.select_for_update().filter(id=environment.id).first()
    if row is None:
        return
    if row.state != EnvironmentState.DISABLED:
        raise Conflict(f"The environment {row.name} is enabled. Disable it before you delete it.")
    place = row.queue_places.select_related("queue").first()
    if place is not None:
        raise Conflict(
            f"The queue {place.queue.name} uses the environment {row.name}. "
            "Take it out of the queue first."
        )
    # Asked first: Django would load every attempt to say that it cannot delete.
    if row.attempts.exists():
        raise Conflict(
            f"Jobs have run in the environment {row.name}; their history and cost name it, so it "
            "is kept. Leave it disabled: nothing is placed there."
        )
    row.delete()
    _announce()


def _announce() -> None:
    changes.publish([changes.ENVIRONMENTS, changes.QUEUES])
    changes.wake_scheduler()


def _columns(clean: EnvironmentFields) -> dict[str, Any]:
    """What an update may change."""
    return {
        "state": clean.state,
        "max_milli_vcpus": clean.max_milli_vcpus,
        "usd_per_vcpu_hour": clean.usd_per_vcpu_hour,
        "usd_per_gib_hour": clean.usd_per_gib_hour,
        "allow_privileged": clean.allow_privileged,
        "allowed_host_paths": clean.allowed_host_paths,
    }


def _defaults(environment: ComputeEnvironment | None) -> dict[str, object]:
    if environment is None:
        return {
            "state": EnvironmentState.ENABLED,
            "max_vcpus": None,
            "usd_per_vcpu_hour": default_usd_per_vcpu_hour(),
            "usd_per_gib_hour": default_usd_per_gib_hour(),
            "allow_privileged": False,
            "allowed_host_paths": [],
        }
    maximum = environment.max_milli_vcpus
    return {
        "name": environment.name,
        "engine": environment.engine.name,
        "state": environment.state,
        "max_vcpus": None if maximum is None else Decimal(maximum) / 1000,
        "usd_per_vcpu_hour": environment.usd_per_vcpu_hour,
        "usd_per_gib_hour": environment.usd_per_gib_hour,
        "allow_privileged": environment.allow_privileged,
        "allowed_host_paths": environment.allowed_host_paths,
    }


def _lock_lending(engine_id: int) -> None:
    """Until the end of the transaction nobody else changes what environments of this engine lend."""
    Engine.objects.select_for_update().filter(pk=engine_id).first()


def _none_inside(
    paths: list[HostPath], engine: Engine, environment: ComputeEnvironment | None
) -> None:
    """What a job can write to in one environment, it can put links into for a job of another one."""
    others = engine.environments.exclude(pk=environment.pk if environment else 0)
    for other in others.order_by("name"):
        check_none_is_inside(paths, other.allowed_host_paths, lender=other.name)


def _free_name(value: object, environment: ComputeEnvironment | None) -> str:
    name = validation.name(value)
    if environment is not None:
        if name != environment.name:
            raise FieldError("An environment keeps its name. Make a new environment instead.")
        return name
    if ComputeEnvironment.objects.filter(name=name).exists():
        raise FieldError(f"There is an environment named {name} already.")
    return name


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


def _engine_named(name: str) -> Engine | None:
    return Engine.objects.filter(name=name).first()
