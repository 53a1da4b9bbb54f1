"""What is free where a queue's jobs may run: its environments in order, and of each the place with the most room."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from jobs.domain.resources import Resources
from jobs.scheduling.snapshot import EnvironmentView, Snapshot

from .kept import Kept
from .passes.snapshot import load_snapshot

# Shared by all who look within these seconds.
KEPT_SECONDS = 3.0
KEPT_QUEUES = 1_000
NOTHING = Resources(0, 0)


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


# By queue.
kept_room: Kept[int, Sequence[EnvironmentRoom]] = Kept(seconds=KEPT_SECONDS, most=KEPT_QUEUES)


def free_room(queue_id: int, now: datetime) -> Sequence[EnvironmentRoom]:
    """A handful of queries over live rows, or none."""
    return kept_room.get(queue_id, lambda: _read(queue_id, now))


def _read(queue_id: int, now: datetime) -> list[EnvironmentRoom]:
    snapshot = load_snapshot(front=1, only={queue_id}, even_if_idle=True, now=now)
    by_id = {env.id: env for env in snapshot.environments}
    return [
        _room(snapshot, by_id[id_])
        for queue in snapshot.queues
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
