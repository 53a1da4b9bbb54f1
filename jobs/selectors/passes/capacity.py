"""The instances of a scheduling pass, and what environments may launch: live rows only."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from django.conf import settings
from django.db.models import OuterRef, Subquery

from jobs.domain.environments.compute_resources import (
    DEFAULT_BID_PERCENTAGE,
    bid_percentage,
    idle_seconds,
    update_policy,
)
from jobs.domain.resources import MILLI, Resources
from jobs.models import (
    Attempt,
    Capacity,
    ComputeEnvironment,
    Engine,
    EnvironmentType,
    Instance,
    InstanceState,
    InstanceType,
    SpotPressure,
)
from jobs.scheduling.snapshot import (
    EnvironmentView,
    InstanceView,
    Kind,
    ManagedView,
    RunningView,
    TypeView,
)
from jobs.selectors.instance_types import types_of_each

NOTHING = Resources(0, 0)


def live_instances() -> list[Instance]:
    """Every instance that holds room. One look at a small index."""
    return list(
        Instance.objects.filter(ended_at__isnull=True).order_by("environment_id", "node_id", "id")
    )


def needs_a_look() -> bool:
    """Whether there is something to decide though no job waits and no instance lives.

    An environment that is to have instances at any time, Fargate Spot work whose price moves, or a price
    that has not come down yet. One query where no environment is managed.
    """
    managed = ComputeEnvironment.objects.filter(type=EnvironmentType.MANAGED).order_by()
    resources = list(managed.values_list("compute_resources", flat=True))
    if any(each.get("minvCpus") or each.get("desiredvCpus") for each in resources):
        return True
    if not any(Kind(each["type"]).is_spot for each in resources):
        return False
    return Attempt.objects.filter(
        ended_at__isnull=True, capacity=Capacity.FARGATE_SPOT
    ).exists() or any(current_pressures().values())


def current_pressures() -> Mapping[int, Decimal]:
    """By engine, how much of it is asked for as far as was written; an engine without Spot is left out."""
    newest = SpotPressure.objects.filter(engine=OuterRef("pk")).order_by("-at")
    rows = Engine.objects.annotate(pressure=Subquery(newest.values("pressure")[:1]))
    return dict(rows.exclude(pressure=None).values_list("id", "pressure"))


def kind_of(row: ComputeEnvironment) -> Kind:
    """What the environment's jobs run on."""
    if row.type != EnvironmentType.MANAGED:
        return Kind.UNMANAGED
    return Kind(row.compute_resources["type"])


def managed_views(rows: Sequence[ComputeEnvironment]) -> dict[int, ManagedView]:
    """What each environment with instances may launch, by its id. One query if there is one."""
    managed = [row for row in rows if kind_of(row).has_instances]
    if not managed:
        return {}
    types = types_of_each([row.compute_resources["instanceTypes"] for row in managed])
    return {
        row.id: _managed(row, [type_view(each) for each in found])
        for row, found in zip(managed, types, strict=True)
    }


def instance_views(
    rows: Iterable[Instance],
    running: Iterable[RunningView],
    environments: Iterable[EnvironmentView],
) -> tuple[InstanceView, ...]:
    """The instances, with what runs on each, and whether its environment would launch it today. No query."""
    used: dict[int, Resources] = {}
    for run in running:
        used[run.node_id] = used.get(run.node_id, NOTHING) + run.holds
    by_id = {env.id: env for env in environments}
    return tuple(_instance(row, used, by_id.get(row.environment_id)) for row in rows)


def _managed(row: ComputeEnvironment, types: list[TypeView]) -> ManagedView:
    resources = row.compute_resources
    policy = update_policy({}, row.update_policy)
    if kind_of(row).is_spot:
        # What has no Spot price is not to be had as Spot.
        types = [each for each in types if each.spot_usd_per_hour is not None]
    return ManagedView(
        types=tuple(types),
        strategy=resources["allocationStrategy"],
        min_milli_vcpus=resources["minvCpus"] * MILLI,
        desired_milli_vcpus=resources["desiredvCpus"] * MILLI,
        bid_percentage=bid_percentage(resources),
        idle_seconds=idle_seconds(
            resources, own=row.idle_seconds, usual=settings.BATCHWEB_INSTANCE_IDLE_SECONDS
        ),
        update_seconds=(
            0 if policy["terminateJobsOnUpdate"] else 60 * policy["jobExecutionTimeoutMinutes"]
        ),
    )


def type_view(row: InstanceType) -> TypeView:
    """A type of the catalogue as passes see it."""
    return TypeView(
        name=row.name,
        size=Resources(row.milli_vcpus, row.memory_mib, row.gpus),
        architecture=row.architecture,
        usd_per_hour=row.usd_per_hour,
        spot_usd_per_hour=row.spot_usd_per_hour,
    )


def _instance(
    row: Instance, used: Mapping[int, Resources], environment: EnvironmentView | None
) -> InstanceView:
    view = InstanceView(
        id=row.id,
        name=row.instance_id,
        environment_id=row.environment_id,
        node_id=row.node_id,
        type=TypeView(
            name=row.type_name,
            size=Resources(row.milli_vcpus, row.memory_mib, row.gpus),
            architecture="",
            usd_per_hour=row.usd_per_hour,
            spot_usd_per_hour=row.spot_usd_per_hour,
        ),
        used=NOTHING,
        launched_at=row.launched_at,
        is_spot=row.is_spot,
        is_open=row.state != InstanceState.DRAINING,
        idle_since=row.idle_since,
        kill_at=row.kill_at,
        bid_percentage=row.bid_percentage or DEFAULT_BID_PERCENTAGE,
        outdated=_is_outdated(row, environment),
        draining_since=row.draining_at,
    )
    return replace(view, used=used.get(view.place_id, NOTHING))


def _is_outdated(row: Instance, environment: EnvironmentView | None) -> bool:
    """Whether its environment has other types, another kind of capacity or another bid now."""
    if environment is None or environment.managed is None:
        return True
    managed = environment.managed
    if environment.kind.is_spot != row.is_spot:
        return True
    if row.is_spot and row.bid_percentage != managed.bid_percentage:
        return True
    return all(each.name != row.type_name for each in managed.types)
