"""What is free where a queue's jobs may run: its environments in order, and of each the place with the most room."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from jobs.domain.resources import Resources
from jobs.scheduling.snapshot import EnvironmentView, Snapshot

from .groups import group_of


@dataclass(frozen=True, slots=True)
class Place:
    """A machine, or an instance on one: what it has, and what is free of it."""

    name: str
    capacity: Resources
    free: Resources


@dataclass(frozen=True, slots=True)
class EnvironmentRoom:
    """`places`: how many it has; `best` of them has the most room, None without any.

    `maximum` and what is `used` of it are thousandths of vCPUs; None where all that the machines have may be used. Of
    one that has instances, `used` is what these have together, whatever runs on them.
    """

    name: str
    is_usable: bool
    has_instances: bool
    places: int
    best: Place | None
    maximum: int | None
    used: int


def free_room(queue_id: int, now: datetime) -> Sequence[EnvironmentRoom]:
    """As it was some seconds ago: see `queue_groups`."""
    snapshot = group_of(queue_id, now).snapshot
    by_id = {env.id: env for env in snapshot.environments}
    return [
        _room(snapshot, by_id[id_])
        for queue in snapshot.queues
        if queue.id == queue_id
        for id_ in queue.environment_ids
        if id_ in by_id
    ]


def _room(snapshot: Snapshot, environment: EnvironmentView) -> EnvironmentRoom:
    places = list(_places(snapshot, environment))
    has_instances = environment.kind.has_instances
    return EnvironmentRoom(
        name=environment.name,
        is_usable=environment.enabled and not environment.invalid_reason,
        has_instances=has_instances,
        places=len(places),
        best=max(places, key=_roominess, default=None),
        maximum=environment.max_milli_vcpus,
        used=(
            sum(place.capacity.milli_vcpus for place in places)
            if has_instances
            else environment.used_milli_vcpus
        ),
    )


def _roominess(place: Place) -> tuple[int, int, int, str]:
    free = place.free
    return (free.gpus, free.milli_vcpus, free.memory_mib, place.name)


def _places(snapshot: Snapshot, environment: EnvironmentView) -> Iterable[Place]:
    if environment.kind.has_instances:
        for each in snapshot.instances:
            if each.environment_id == environment.id and each.is_open:
                yield Place(each.name, each.type.size, each.type.size - each.used)
        return
    nodes = {node.id: node for node in snapshot.nodes}
    for node_id in environment.node_ids:
        node = nodes.get(node_id)
        if node is not None:
            yield Place(node.name, node.capacity, node.capacity - node.used)
