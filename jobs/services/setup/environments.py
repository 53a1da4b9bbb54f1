"""Making, changing and deleting compute environments. `services.setup.engines` has what they lie on.

The scheduler carries them on: see `services.passes.statuses`.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from jobs import changes
from jobs.domain import reasons
from jobs.domain.errors import Conflict
from jobs.models import ComputeEnvironment, Engine, EnvironmentState, EnvironmentStatus
from jobs.services.writing.races import second_look, still_there

from .environment_checks import EnvironmentFields, check_environment, first_engine_name

__all__ = [
    "EnvironmentFields",
    "check_environment",
    "create_environment",
    "delete_environment",
    "first_engine_name",
    "update_environment",
]


def create_environment(
    *, fields: Mapping[str, object], now: datetime, may_lend: bool = True
) -> ComputeEnvironment:
    """Writes a new environment, CREATING until the scheduler sees it.

    `may_lend`: see `check_environment`. Raises InvalidInput; then nothing changed.
    """

    def check() -> EnvironmentFields:
        return check_environment(fields=fields, may_lend=may_lend)

    clean = check()
    with second_look(check), transaction.atomic():
        _lock_lending(clean.engine.pk)
        check()
        environment = ComputeEnvironment.objects.create(
            name=clean.name,
            type=clean.type,
            engine=clean.engine,
            status=EnvironmentStatus.CREATING,
            created_at=now,
            **_columns(clean),
        )
        _announce()
    return environment


def update_environment(
    *, environment: ComputeEnvironment, fields: Mapping[str, object], may_lend: bool = True
) -> ComputeEnvironment:
    """Changes what `fields` names: UPDATING until the scheduler has seen it.

    New prices hold for attempts placed from now on. `may_lend`: see `check_environment`.
    Raises InvalidInput, Conflict if the environment is being deleted, or NotFound if it was.
    """
    with transaction.atomic():
        _lock_lending(environment.engine_id)
        row = still_there(_locked(), environment, called=f"The environment {environment.name}")
        if row.status == EnvironmentStatus.DELETING:
            raise Conflict(reasons.being_deleted("environment", row.name))
        clean = check_environment(fields=fields, environment=row, may_lend=may_lend)
        columns = {**_columns(clean), "status_reason": "", "status": EnvironmentStatus.UPDATING}
        if row.status == EnvironmentStatus.CREATING:
            columns["status"] = EnvironmentStatus.CREATING
        for column, value in columns.items():
            setattr(row, column, value)
        row.save(update_fields=list(columns))
        _announce()
    return row


def delete_environment(*, environment: ComputeEnvironment) -> None:
    """Asks for the end of a disabled environment that no queue names: it is gone when nothing runs there.

    For one that is gone, or on its way there, does nothing. Raises Conflict, which says what stands against it.
    """
    with transaction.atomic():
        row = _locked().filter(pk=environment.pk).first()
        if row is None or row.status == EnvironmentStatus.DELETING:
            return
        if row.state != EnvironmentState.DISABLED:
            raise Conflict(
                f"The environment {row.name} is enabled. Disable it before you delete it."
            )
        place = row.queue_places.select_related("queue").order_by("queue_id").first()
        if place is not None:
            # The first words are AWS's.
            raise Conflict(
                f"Cannot delete, found existing JobQueue relationship: the queue {place.queue.name} "
                f"uses the environment {row.name}. Take it out of the queue first."
            )
        row.status, row.status_reason = EnvironmentStatus.DELETING, ""
        row.save(update_fields=["status", "status_reason"])
        _announce()


def _locked() -> QuerySet[ComputeEnvironment]:
    return ComputeEnvironment.objects.select_for_update(no_key=True)


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
        "compute_resources": clean.compute_resources,
        "idle_seconds": clean.idle_seconds,
        "interruption_seconds": clean.interruption_seconds,
        "unmanaged_vcpus": clean.unmanaged_vcpus,
        "service_role": clean.service_role,
        "update_policy": clean.update_policy,
        "extra": clean.extra,
        "tags": clean.tags,
    }


def _lock_lending(engine_id: int) -> None:
    """Until the end of the transaction nobody else changes what environments of this engine lend."""
    Engine.objects.select_for_update().filter(pk=engine_id).first()
