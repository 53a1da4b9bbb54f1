"""Reads what a scheduling pass needs: a handful of queries, each over live rows only."""

from collections import defaultdict

from django.db.models import Sum

from jobs.domain.resources import Resources
from jobs.models import (
    Attempt,
    ComputeEnvironment,
    EngineStatus,
    EnvironmentState,
    EnvironmentStatus,
    Job,
    JobQueue,
    JobQueueEnvironment,
    JobStatus,
    Node,
    NodeState,
)
from jobs.scheduling.snapshot import EnvironmentView, JobView, NodeView, QueueView, Snapshot

NOTHING = Resources(milli_vcpus=0, memory_mib=0)


def load_snapshot(*, front: int, even_if_idle: bool = False) -> Snapshot:
    """The snapshot with the first `front` RUNNABLE jobs of each queue.

    If none waits it is empty, unless `even_if_idle` asks for the machines all the same.
    """
    queues = _queues()
    # One look at the index per queue: a count of all that waits would grow with it.
    jobs = tuple(job for queue in queues for job in _front(queue.id, front))
    if not jobs and not even_if_idle:
        return Snapshot(nodes=(), environments=(), queues=(), jobs=())
    used_by_node, used_by_environment = _used()
    nodes, node_ids_by_engine = _nodes(used_by_node)
    return Snapshot(
        nodes=nodes,
        environments=_environments(node_ids_by_engine, used_by_environment),
        queues=queues,
        jobs=jobs,
    )


def _used() -> tuple[dict[int, Resources], dict[int, int]]:
    """What live attempts hold, by node; and their vCPUs, by environment."""
    by_node: dict[int, Resources] = defaultdict(lambda: NOTHING)
    by_environment: dict[int, int] = defaultdict(int)
    rows = (
        Attempt.objects.filter(ended_at__isnull=True)
        .order_by()
        .values_list("node_id", "environment_id")
        .annotate(milli_vcpus=Sum("milli_vcpus"), memory_mib=Sum("memory_mib"))
    )
    for node_id, environment_id, milli_vcpus, memory_mib in rows:
        by_node[node_id] = by_node[node_id] + Resources(milli_vcpus, memory_mib)
        by_environment[environment_id] += milli_vcpus
    return by_node, by_environment


def _nodes(used: dict[int, Resources]) -> tuple[tuple[NodeView, ...], dict[int, tuple[int, ...]]]:
    views: list[NodeView] = []
    by_engine: dict[int, tuple[int, ...]] = defaultdict(tuple)
    rows = Node.objects.filter(
        state=NodeState.READY, engine__status=EngineStatus.CONNECTED
    ).order_by("id")
    for node in rows:
        capacity = Resources(node.milli_vcpus, node.memory_mib)
        views.append(NodeView(node.id, node.name, capacity, used[node.id]))
        by_engine[node.engine_id] = (*by_engine[node.engine_id], node.id)
    return tuple(views), by_engine


def _environments(
    node_ids_by_engine: dict[int, tuple[int, ...]], used: dict[int, int]
) -> tuple[EnvironmentView, ...]:
    views = []
    for row in ComputeEnvironment.objects.select_related("engine").order_by("id"):
        invalid_reason = ""
        if row.status == EnvironmentStatus.INVALID:
            invalid_reason = row.status_reason or "It cannot be used."
        elif row.engine.status != EngineStatus.CONNECTED:
            invalid_reason = row.engine.status_reason or (
                f"The supervisor has not reached the engine {row.engine.name} yet."
            )
        views.append(
            EnvironmentView(
                id=row.id,
                name=row.name,
                enabled=row.state == EnvironmentState.ENABLED,
                invalid_reason=invalid_reason,
                max_milli_vcpus=row.max_milli_vcpus,
                used_milli_vcpus=used[row.id],
                node_ids=node_ids_by_engine[row.engine_id],
            )
        )
    return tuple(views)


def _queues() -> tuple[QueueView, ...]:
    order: dict[int, list[int]] = defaultdict(list)
    for queue_id, environment_id in JobQueueEnvironment.objects.order_by(
        "queue_id", "order"
    ).values_list("queue_id", "environment_id"):
        order[queue_id].append(environment_id)
    return tuple(
        QueueView(queue.id, queue.name, queue.priority, tuple(order[queue.id]))
        for queue in JobQueue.objects.order_by("id")
    )


def _front(queue_id: int, limit: int) -> list[JobView]:
    rows = (
        Job.objects.filter(status=JobStatus.RUNNABLE, queue_id=queue_id)
        .order_by("id")
        .values_list("id", "milli_vcpus", "memory_mib", "attempts_made")[:limit]
    )
    return [
        JobView(id_, queue_id, Resources(milli_vcpus, memory_mib), attempts_made)
        for id_, milli_vcpus, memory_mib, attempts_made in rows
    ]
