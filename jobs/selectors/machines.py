"""The machines of a scheduling pass, and what holds room on them: live rows only."""

from collections import defaultdict
from collections.abc import Iterable

from jobs.domain.reasons import being_deleted
from jobs.domain.resources import Resources
from jobs.models import (
    Attempt,
    ComputeEnvironment,
    EngineStatus,
    EnvironmentState,
    EnvironmentStatus,
    Node,
    NodeState,
)
from jobs.scheduling.snapshot import EnvironmentView, NodeView, RunningView

from .run_times import run_times

NOTHING = Resources(milli_vcpus=0, memory_mib=0)


def load_running(*, part: float) -> tuple[RunningView, ...]:
    """Every container that holds room. One query; `part`: how cautious estimates are, see `run_times`."""
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
        )
    )
    estimates: dict[int, float | None] = {}
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
    ) in rows:
        if definition_id not in estimates:
            estimates[definition_id] = run_times.expected(definition_id, part=part)
        views.append(
            RunningView(
                queue_id=queue_id,
                environment_id=environment_id,
                node_id=node_id,
                holds=Resources(milli_vcpus, memory_mib, len(gpus)),
                started_at=started_at,
                limit_seconds=limit_seconds,
                estimate_seconds=estimates[definition_id],
                share_identifier=share_identifier,
            )
        )
    return tuple(views)


def load_nodes(
    running: Iterable[RunningView],
) -> tuple[tuple[NodeView, ...], dict[int, tuple[int, ...]]]:
    """The machines that are ready, with what is used of each; and their ids by engine. One query."""
    used: dict[int, Resources] = defaultdict(lambda: NOTHING)
    for run in running:
        used[run.node_id] = used[run.node_id] + run.holds
    views: list[NodeView] = []
    by_engine: dict[int, tuple[int, ...]] = defaultdict(tuple)
    rows = Node.objects.filter(
        state=NodeState.READY, engine__status=EngineStatus.CONNECTED
    ).order_by("id")
    for node in rows:
        capacity = Resources(node.milli_vcpus, node.memory_mib, node.gpus)
        views.append(NodeView(node.id, node.name, capacity, used[node.id]))
        by_engine[node.engine_id] = (*by_engine[node.engine_id], node.id)
    return tuple(views), by_engine


def load_environments(
    node_ids_by_engine: dict[int, tuple[int, ...]], running: Iterable[RunningView]
) -> tuple[EnvironmentView, ...]:
    """All compute environments with what is used of their maxima. One query."""
    used: dict[int, int] = defaultdict(int)
    for run in running:
        used[run.environment_id] += run.holds.milli_vcpus
    return tuple(
        EnvironmentView(
            id=row.id,
            name=row.name,
            enabled=row.state == EnvironmentState.ENABLED,
            invalid_reason=_invalid_reason(row),
            max_milli_vcpus=row.max_milli_vcpus,
            used_milli_vcpus=used[row.id],
            node_ids=node_ids_by_engine[row.engine_id],
        )
        for row in ComputeEnvironment.objects.select_related("engine").order_by("id")
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
