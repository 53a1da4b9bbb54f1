"""Reads tries of jobs and machines as ECS and EC2 would have them: tasks, container instances, instances."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import Count, Q

from jobs.domain.ecs_arns import TaskKey
from jobs.models import Attempt, ComputeEnvironment, Node

from .jobs import seen_by


def find_environment(uuid: UUID) -> ComputeEnvironment | None:
    """The environment with that uuid, deleted or not: its tasks can still be described."""
    return ComputeEnvironment.with_deleted.filter(uuid=uuid).first()


def find_tasks(
    *, user: User, environment: ComputeEnvironment, keys: Collection[TaskKey]
) -> dict[TaskKey, list[Attempt]]:
    """The containers of each of these tasks that there is for the user in the environment. One query."""
    rows = seen_by(Attempt.objects.filter(environment=environment), user)
    rows = rows.filter(job__in={key.job_id for key in keys}).select_related("node")
    found: dict[TaskKey, list[Attempt]] = {}
    for row in rows.order_by("node_index", "container_index"):
        key = TaskKey(row.job_id, row.number, row.node_index)
        if key in keys:
            found.setdefault(key, []).append(row)
    return found


@dataclass(frozen=True, slots=True)
class Machine:
    """A node with how many tasks of an environment run on it, and how many are about to."""

    node: Node
    running: int
    pending: int


def find_machines(
    *, environment: ComputeEnvironment, instance_ids: Iterable[str]
) -> dict[str, Machine]:
    """Those of the environment's machines, by instance id. Two queries."""
    rows = Node.objects.filter(engine=environment.engine_id, instance_id__in=list(instance_ids))
    nodes = {node.id: node for node in rows.select_related("engine")}
    live = Attempt.objects.filter(
        node__in=nodes, environment=environment, ended_at__isnull=True, container_index=0
    )
    counts = {
        node_id: (running, pending)
        for node_id, running, pending in live.values("node")
        .annotate(
            running=Count("id", filter=Q(started_at__isnull=False)),
            pending=Count("id", filter=Q(started_at__isnull=True)),
        )
        .order_by()
        .values_list("node", "running", "pending")
    }
    return {
        node.instance_id: Machine(node, *counts.get(node.id, (0, 0))) for node in nodes.values()
    }


def list_nodes(
    *, instance_ids: Collection[str] | None, states: Collection[str] | None, after: str, limit: int
) -> list[Node]:
    """At most `limit` machines behind an instance id, in their order. One query."""
    rows = Node.objects.filter(instance_id__gt=after).select_related("engine")
    if instance_ids is not None:
        rows = rows.filter(instance_id__in=instance_ids)
    if states is not None:
        rows = rows.filter(state__in=states)
    return list(rows.order_by("instance_id")[:limit])
