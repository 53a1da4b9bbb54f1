"""The machines of a scheduling pass, and what holds room on them: live rows only."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime
from uuid import UUID

from django.conf import settings

from jobs.domain.environments.instance_choice import architecture_of
from jobs.domain.reasons import being_deleted
from jobs.domain.resources import Resources, overcommitted
from jobs.models import (
    Attempt,
    Capacity,
    ComputeEnvironment,
    EngineStatus,
    EnvironmentState,
    EnvironmentStatus,
    Instance,
    Node,
    NodeState,
)
from jobs.scheduling.snapshot import EnvironmentView, NodeView, RunningView, place_of_instance
from jobs.selectors.waiting.run_times import run_times

from .capacity import kind_of, managed_views

NOTHING = Resources(milli_vcpus=0, memory_mib=0)
OF_NODE = (
    *("id", "name", "milli_vcpus", "memory_mib", "gpus", "architecture", "engine_id"),
    "engine__cpu_overcommit",
)


def load_running(*, instance_ids: Collection[int], now: datetime) -> tuple[RunningView, ...]:
    """Every container that holds room. One query; what earlier runs tell of its end at `now`: see `run_times`.

    `instance_ids` are the live instances: what is on one holds room of that, and not of its machine.
    """
    rows = (
        Attempt.objects.filter(ended_at__isnull=True)
        # The order of the index of live attempts: by id, SQLite would read all that ever were.
        .order_by("node_id", "environment_id", "id")
        .values_list(
            "job__queue_id",
            "environment_id",
            "node_id",
            "milli_vcpus",
            "memory_mib",
            "gpus",
            "started_at",
            "job__timeout_seconds",
            "job__definition_id",
            "job__share_identifier",
            "instance_id",
            "capacity",
            "interruption_kill_at",
            "id",
            "job_id",
        )
    )
    estimates: dict[int, float | None] = {}
    first_of_try: dict[UUID, int] = {}
    views: list[RunningView] = []
    for (
        queue_id,
        environment_id,
        node_id,
        milli_vcpus,
        memory_mib,
        gpus,
        started_at,
        limit_seconds,
        definition_id,
        share_identifier,
        instance_id,
        capacity,
        kill_at,
        attempt_id,
        job_id,
    ) in rows:
        if definition_id not in estimates:
            estimates[definition_id] = run_times.expected(definition_id)
        views.append(
            RunningView(
                queue_id=queue_id,
                environment_id=environment_id,
                node_id=place_of_instance(instance_id) if instance_id in instance_ids else node_id,
                holds=Resources(milli_vcpus, memory_mib, len(gpus)),
                started_at=started_at,
                limit_seconds=limit_seconds,
                estimate_seconds=estimates[definition_id],
                outlived_seconds=_outlived(
                    definition_id, estimates[definition_id], started_at, now
                ),
                share_identifier=share_identifier,
                attempt_id=(
                    first_of_try.setdefault(job_id, attempt_id)
                    if capacity == Capacity.FARGATE_SPOT
                    else 0
                ),
                kill_at=kill_at if capacity == Capacity.FARGATE_SPOT else None,
            )
        )
    return tuple(views)


def _outlived(
    definition_id: int, estimate: float | None, started_at: datetime | None, now: datetime
) -> float | None:
    elapsed = (now - started_at).total_seconds() if started_at else 0.0
    if estimate is None or elapsed < estimate:
        return None
    return run_times.expected(definition_id, longer_than=elapsed)


def load_nodes(
    running: Iterable[RunningView], instances: Iterable[Instance]
) -> tuple[tuple[NodeView, ...], dict[int, tuple[int, ...]]]:
    """The machines that are ready, with what is used of each; and their ids by engine. One query.

    A machine has as many vCPUs as its engine's `cpu_overcommit` makes of them.
    """
    used: dict[int, Resources] = defaultdict(lambda: NOTHING)
    for run in running:
        used[run.node_id] = used[run.node_id] + run.holds
    for instance in instances:
        size = Resources(instance.milli_vcpus, instance.memory_mib, instance.gpus)
        used[instance.node_id] = used[instance.node_id] + size
    views: list[NodeView] = []
    by_engine: dict[int, tuple[int, ...]] = defaultdict(tuple)
    rows = Node.objects.filter(
        state=NodeState.READY, engine__status=EngineStatus.CONNECTED
    ).order_by("id")
    # Of an engine with a hundred machines, a hundred rows of models would take most of the time.
    for node in rows.values_list(*OF_NODE, named=True):
        milli_vcpus = overcommitted(node.milli_vcpus, node.engine__cpu_overcommit)
        views.append(
            NodeView(
                id=node.id,
                name=node.name,
                capacity=Resources(milli_vcpus, node.memory_mib, node.gpus),
                used=used[node.id],
                architecture=architecture_of(node.architecture),
                engine_id=node.engine_id,
            )
        )
        by_engine[node.engine_id] = (*by_engine[node.engine_id], node.id)
    return tuple(views), by_engine


def load_environments(
    node_ids_by_engine: dict[int, tuple[int, ...]], running: Iterable[RunningView]
) -> tuple[EnvironmentView, ...]:
    """All compute environments with what is used of their maxima. One query, one more where some are managed."""
    used: dict[int, int] = defaultdict(int)
    for run in running:
        used[run.environment_id] += run.holds.milli_vcpus
    rows = list(ComputeEnvironment.objects.select_related("engine").order_by("id"))
    managed = managed_views(rows)
    return tuple(
        EnvironmentView(
            id=row.id,
            name=row.name,
            enabled=row.state == EnvironmentState.ENABLED,
            invalid_reason=_invalid_reason(row),
            max_milli_vcpus=row.max_milli_vcpus,
            used_milli_vcpus=used[row.id],
            node_ids=node_ids_by_engine[row.engine_id],
            kind=kind_of(row),
            managed=managed.get(row.id),
            notice_seconds=(
                settings.BATCHWEB_INTERRUPTION_SECONDS
                if row.interruption_seconds is None
                else row.interruption_seconds
            ),
            is_ending=row.status == EnvironmentStatus.DELETING,
        )
        for row in rows
    )


def _invalid_reason(row: ComputeEnvironment) -> str:
    if row.status == EnvironmentStatus.DELETING:
        return being_deleted("environment", row.name)
    if row.status == EnvironmentStatus.INVALID:
        return row.status_reason or "It cannot be used."
    if row.engine.status != EngineStatus.CONNECTED:
        return row.engine.status_reason or (
            f"The supervisor has not reached the engine {row.engine.name} yet."
        )
    return ""
