"""The types that a managed environment may launch, and which of them it has and can have."""

from dataclasses import dataclass

from jobs.domain.environments.compute_resource_members import SPOT
from jobs.domain.environments.instance_choice import Choice, Machine
from jobs.domain.resources import Resources, overcommitted
from jobs.models import ComputeEnvironment, Instance, InstanceType, Node

from .instance_types import types_named


@dataclass(frozen=True, slots=True)
class OfferedType:
    """A type of the environment's `instanceTypes`. `is_too_large`: for its maximum, or for every machine."""

    row: InstanceType
    is_live: bool
    is_too_large: bool


def offered_types(*, environment: ComputeEnvironment) -> list[OfferedType]:
    """Those it has instances of now first, then those that it can launch, then those too large. Three queries.

    Those of a Spot environment have a Spot price. Machines that are not known yet may hold any type.
    """
    resources = environment.compute_resources
    rows = types_named(resources.get("instanceTypes") or ())
    if resources.get("type") == SPOT:
        rows = [row for row in rows if row.spot_usd_per_hour is not None]
    live = set(
        Instance.objects.filter(environment=environment, ended_at__isnull=True).values_list(
            "type_name", flat=True
        )
    )
    machines = _machines(environment)
    maximum = environment.max_milli_vcpus
    found = [
        OfferedType(
            row,
            is_live=row.name in live,
            is_too_large=(maximum is not None and row.milli_vcpus > maximum)
            or (bool(machines) and not any(each.can_hold(_choice(row)) for each in machines)),
        )
        for row in rows
    ]
    return sorted(found, key=lambda each: (not each.is_live, each.is_too_large))


def _machines(environment: ComputeEnvironment) -> list[Machine]:
    overcommit = environment.engine.cpu_overcommit
    return [
        Machine(
            node.name,
            Resources(overcommitted(node.milli_vcpus, overcommit), node.memory_mib, node.gpus),
            node.architecture,
        )
        for node in Node.objects.filter(engine=environment.engine_id)
    ]


def _choice(row: InstanceType) -> Choice:
    size = Resources(row.milli_vcpus, row.memory_mib, row.gpus)
    return Choice(row.name, size, row.architecture, row.spot_usd_per_hour is not None)
