"""Reads tries of jobs and machines as ECS and EC2 would have them: tasks, container instances, instances."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import Count, Q, Sum

from jobs.domain.ecs_arns import TaskKey
from jobs.domain.resources import Resources
from jobs.models import Attempt, ComputeEnvironment, EngineStatus, Instance, Node, NodeState

from .jobs import seen_by

NOTHING = Resources(0, 0)


def find_environment(uuid: UUID) -> ComputeEnvironment | None:
    """The environment with that uuid, deleted or not: its tasks can still be described."""
    return ComputeEnvironment.with_deleted.filter(uuid=uuid).first()


def find_tasks(
    *, user: User, environment: ComputeEnvironment, keys: Collection[TaskKey]
) -> dict[TaskKey, list[Attempt]]:
    """The containers of each of these tasks that there is for the user in the environment. One query."""
    rows = seen_by(Attempt.objects.filter(environment=environment), user)
    rows = rows.filter(job__in={key.job_id for key in keys}).select_related("node", "instance")
    found: dict[TaskKey, list[Attempt]] = {}
    for row in rows.order_by("node_index", "container_index"):
        key = TaskKey(row.job_id, row.number, row.node_index)
        if key in keys:
            found.setdefault(key, []).append(row)
    return found


@dataclass(frozen=True, slots=True)
class Machine:
    """What tasks run on: a node, or an instance of a managed environment (which has its node).

    `used` is what an environment's tasks hold of it; and how many of them run, and are about to.
    """

    host: Node | Instance
    used: Resources
    running: int
    pending: int

    @property
    def instance(self) -> Instance | None:
        return self.host if isinstance(self.host, Instance) else None

    @property
    def node(self) -> Node:
        return self.host.node if isinstance(self.host, Instance) else self.host

    @property
    def is_up(self) -> bool:
        """Whether it answers."""
        if self.instance is not None and self.instance.ended_at is not None:
            return False
        node = self.node
        return node.state == NodeState.READY and node.engine.status == EngineStatus.CONNECTED


def find_machines(
    *, environment: ComputeEnvironment, instance_ids: Collection[str]
) -> dict[str, Machine]:
    """Those of the environment's machines and instances, by instance id. Two queries, or four with both."""
    nodes = Node.objects.filter(engine=environment.engine_id, instance_id__in=instance_ids)
    instances = Instance.objects.filter(environment=environment, instance_id__in=instance_ids)
    found: dict[str, Machine] = {}
    hosts: tuple[tuple[str, Iterable[Node | Instance]], ...] = (
        ("node", nodes.select_related("engine")),
        ("instance", instances.select_related("node__engine")),
    )
    for field, rows in hosts:
        by_id = {row.pk: row for row in rows}
        held = _held(environment, field, by_id)
        for pk, row in by_id.items():
            found[row.instance_id] = Machine(row, *held.get(pk, (NOTHING, 0, 0)))
    return found


def _held(
    environment: ComputeEnvironment, field: str, ids: Collection[int]
) -> dict[int, tuple[Resources, int, int]]:
    """By the id of a node or an instance: what live tasks hold, how many run, how many are about to."""
    if not ids:
        return {}
    live = Attempt.objects.filter(environment=environment, ended_at__isnull=True)
    if field == "node":
        live = live.filter(instance__isnull=True)
    first = Q(container_index=0)
    rows = (
        live.filter(**{f"{field}__in": ids})
        .values(field)
        .annotate(
            Sum("milli_vcpus"),
            Sum("memory_mib"),
            running=Count("id", filter=first & Q(started_at__isnull=False)),
            pending=Count("id", filter=first & Q(started_at__isnull=True)),
        )
        .order_by()
        .values_list(field, "milli_vcpus__sum", "memory_mib__sum", "running", "pending")
    )
    return {
        pk: (Resources(milli_vcpus, memory_mib), running, pending)
        for pk, milli_vcpus, memory_mib, running, pending in rows
    }


def list_hosts(
    *,
    instance_ids: Collection[str] | None,
    node_states: Collection[str] | None,
    instance_states: Collection[str] | None,
    ended_since: datetime,
    after: str,
    limit: int,
) -> list[Node | Instance]:
    """At most `limit` machines and instances behind an instance id, in their order. Two queries.

    States: None for all. Instances that ended before `ended_since` are there for those alone who name them.
    """
    nodes = Node.objects.select_related("engine")
    instances = Instance.objects.select_related("node", "environment")
    if instance_ids is not None:
        nodes = nodes.filter(instance_id__in=instance_ids)
        instances = instances.filter(instance_id__in=instance_ids)
    else:
        instances = instances.filter(Q(ended_at__isnull=True) | Q(ended_at__gt=ended_since))
    if node_states is not None:
        nodes = nodes.filter(state__in=node_states)
    if instance_states is not None:
        instances = instances.filter(state__in=instance_states)
    behind: list[Node | Instance] = [
        *nodes.filter(instance_id__gt=after).order_by("instance_id")[:limit],
        *instances.filter(instance_id__gt=after).order_by("instance_id")[:limit],
    ]
    return sorted(behind, key=lambda row: row.instance_id)[:limit]
