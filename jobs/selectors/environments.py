"""Reads of compute environments: what they hold, what is used of it, and by whom."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Sum

from jobs.domain.resources import Resources, overcommitted
from jobs.models import (
    Attempt,
    ComputeEnvironment,
    Engine,
    EnvironmentStatus,
    EnvironmentType,
    Instance,
    JobQueue,
    Node,
    NodeState,
)

from .measured import Load, loads_of
from .paging import PAGE_SIZE, Page, page_of

# More running attempts than this are not listed one by one.
ATTEMPTS_SHOWN = 200
NOTHING = Resources(milli_vcpus=0, memory_mib=0)


@dataclass(frozen=True, slots=True)
class EnvironmentRow:
    """An environment (with its engine), and its use: `total` is what may be used at most now.

    `reserved` is what its live instances have together: all that their machines keep for them.
    """

    environment: ComputeEnvironment
    used: Resources
    total: Resources
    live_attempts: int
    nodes_ready: int
    reserved: Resources = NOTHING
    live_instances: int = 0


@dataclass(frozen=True, slots=True)
class NodeRow:
    """A machine (with its engine): what this environment and what all environments hold of it.

    Instances hold all of their size, attempts what they asked for. `attempts`, and their number, are those
    without an instance. `load` is what all containers there really use, where that was measured just now.
    """

    node: Node
    used_here: Resources
    used: Resources
    live_attempts: int
    attempts: list[Attempt]
    load: Load | None = None

    @property
    def total(self) -> Resources:
        """What it hands out."""
        return self.own + Resources(self.handed_out_milli_vcpus - self.node.milli_vcpus, 0)

    @property
    def own(self) -> Resources:
        """What it has."""
        return Resources(self.node.milli_vcpus, self.node.memory_mib, self.node.gpus)

    @property
    def handed_out_milli_vcpus(self) -> int:
        return overcommitted(self.node.milli_vcpus, self.node.engine.cpu_overcommit)

    @property
    def used_by_others(self) -> Resources:
        return self.used - self.used_here

    @property
    def hidden_attempts(self) -> int:
        """How many live attempts are not in `attempts`."""
        return self.live_attempts - len(self.attempts)


def list_environments(
    *, after: str = "", search: str = "", size: int = PAGE_SIZE
) -> Page[EnvironmentRow]:
    """Environments by name. Three queries, whatever the size; one more where one has instances."""
    rows = ComputeEnvironment.objects.select_related("engine").filter(name__gt=after)
    if search:
        rows = rows.filter(name__icontains=search)
    found = page_of(
        list(rows.order_by("name")[: size + 1]),
        size=size,
        key=lambda environment: environment.name,
    )
    return Page(rows=_rows(found.rows), next=found.next)


def find_environment(*, name: str) -> EnvironmentRow | None:
    """One environment by its name."""
    environment = ComputeEnvironment.objects.select_related("engine").filter(name=name).first()
    return None if environment is None else _rows([environment])[0]


def list_nodes(*, environment: ComputeEnvironment, now: datetime) -> list[NodeRow]:
    """The machines of an environment's engine, what is held of each, and what is used.

    Five queries; one more where there are GPUs.
    """
    rows = Node.objects.filter(engine=environment.engine_id).select_related("engine")
    nodes = list(rows.order_by("name"))
    used: dict[int, Resources] = defaultdict(lambda: NOTHING)
    used_here: dict[int, Resources] = defaultdict(lambda: NOTHING)
    live_here: dict[int, int] = {}
    for node_id, environment_id, held, count in [*_held_by_attempts(nodes), *_reserved(nodes)]:
        used[node_id] += held
        if environment_id == environment.id:
            used_here[node_id] += held
            live_here[node_id] = live_here.get(node_id, 0) + count
    attempts = _live_attempts(environment, nodes)
    loads = loads_of(nodes, now=now)
    return [
        NodeRow(
            node=node,
            used_here=used_here[node.id],
            used=used[node.id],
            live_attempts=live_here.get(node.id, 0),
            attempts=attempts.get(node.id, []),
            load=loads.get(node.id),
        )
        for node in nodes
    ]


def find_node(*, environment: ComputeEnvironment, instance_id: str) -> Node | None:
    """A machine of the environment's engine, by its id."""
    return Node.objects.filter(engine=environment.engine_id, instance_id=instance_id).first()


def queues_using(*, environment: ComputeEnvironment) -> list[JobQueue]:
    """The queues that name an environment, highest priority first."""
    return list(JobQueue.objects.filter(environments=environment).order_by("-priority", "name"))


def list_engines() -> list[Engine]:
    """All engines by name, for a form's choices."""
    return list(Engine.objects.order_by("name"))


def environment_names() -> list[str]:
    """The names of environments that a queue may be given, for a form's choices."""
    rows = ComputeEnvironment.objects.exclude(status=EnvironmentStatus.DELETING)
    return list(rows.order_by("name").values_list("name", flat=True))


def _live_attempts(
    environment: ComputeEnvironment, nodes: Sequence[Node]
) -> dict[int, list[Attempt]]:
    by_node: dict[int, list[Attempt]] = defaultdict(list)
    # By their nodes, through the index of what lives: else SQLite walks all attempts in the order of their ids.
    attempts = Attempt.objects.filter(
        node__in=nodes, environment=environment, ended_at__isnull=True, instance__isnull=True
    )
    for attempt in attempts.select_related("job__queue").order_by("id")[:ATTEMPTS_SHOWN]:
        by_node[attempt.node_id].append(attempt)
    return by_node


# Of a node: its id, an environment's, what that holds there, in how many attempts.
_Held = tuple[int, int, Resources, int]


def _held_by_attempts(nodes: Iterable[Node]) -> list[_Held]:
    """What live attempts hold of nodes, and not of instances. One query, two where there are GPUs."""
    live = Attempt.objects.filter(
        node__in=nodes, ended_at__isnull=True, instance__isnull=True
    ).order_by()
    sums = live.values_list("node_id", "environment_id").annotate(
        Sum("milli_vcpus"), Sum("memory_mib"), Count("id")
    )
    held = [
        (node_id, environment_id, Resources(milli_vcpus, memory_mib), count)
        for node_id, environment_id, milli_vcpus, memory_mib, count in sums
    ]
    if any(node.gpus for node in nodes):
        with_gpus = live.exclude(gpus=[]).values_list("node_id", "environment_id", "gpus")
        held += [
            (node_id, environment_id, Resources(0, 0, len(gpus)), 0)
            for node_id, environment_id, gpus in with_gpus
        ]
    return held


def _reserved(nodes: Iterable[Node]) -> list[_Held]:
    """What instances reserve of nodes. One query."""
    live = Instance.objects.filter(node__in=nodes, ended_at__isnull=True).order_by()
    sums = live.values_list("node_id", "environment_id").annotate(
        Sum("milli_vcpus"), Sum("memory_mib"), Sum("gpus")
    )
    return [
        (node_id, environment_id, Resources(milli_vcpus, memory_mib, gpus), 0)
        for node_id, environment_id, milli_vcpus, memory_mib, gpus in sums
    ]


def _rows(environments: list[ComputeEnvironment]) -> list[EnvironmentRow]:
    used = {
        environment_id: (Resources(milli_vcpus, memory_mib), count)
        for environment_id, milli_vcpus, memory_mib, count in Attempt.objects.filter(
            environment__in=environments, ended_at__isnull=True
        )
        .order_by()
        .values_list("environment_id")
        .annotate(Sum("milli_vcpus"), Sum("memory_mib"), Count("id"))
    }
    capacity = capacity_of_engines(environment.engine_id for environment in environments)
    gpus = _gpus_by_environment(environments, capacity)
    instances = _instances(environments)
    rows = []
    for environment in environments:
        there, ready = capacity.get(environment.engine_id, (NOTHING, 0))
        held, count = used.get(environment.id, (NOTHING, 0))
        reserved, live_instances = instances.get(environment.id, (NOTHING, 0))
        rows.append(
            EnvironmentRow(
                environment=environment,
                used=held + Resources(0, 0, gpus[environment.id]),
                total=_within_maximum(environment, there),
                live_attempts=count,
                nodes_ready=ready,
                reserved=reserved,
                live_instances=live_instances,
            )
        )
    return rows


def _instances(environments: list[ComputeEnvironment]) -> dict[int, tuple[Resources, int]]:
    """What the live instances of each environment have together, and how many they are."""
    managed = [each for each in environments if each.type == EnvironmentType.MANAGED]
    if not managed:
        return {}
    live = Instance.objects.filter(environment__in=managed, ended_at__isnull=True).order_by()
    sums = live.values_list("environment_id").annotate(
        Sum("milli_vcpus"), Sum("memory_mib"), Sum("gpus"), Count("id")
    )
    return {
        environment_id: (Resources(milli_vcpus, memory_mib, gpus), count)
        for environment_id, milli_vcpus, memory_mib, gpus, count in sums
    }


def _gpus_by_environment(
    environments: list[ComputeEnvironment], capacity: dict[int, tuple[Resources, int]]
) -> dict[int, int]:
    held: dict[int, int] = defaultdict(int)
    # One query more, for those few installations that have GPUs.
    if any(there.gpus for there, _ in capacity.values()):
        rows = Attempt.objects.filter(environment__in=environments, ended_at__isnull=True)
        for environment_id, gpus in rows.exclude(gpus=[]).values_list("environment_id", "gpus"):
            held[environment_id] += len(gpus)
    return held


def capacity_of_engines(engine_ids: Iterable[int]) -> dict[int, tuple[Resources, int]]:
    """What the READY nodes of each engine hand out together, and how many they are. One query."""
    found: dict[int, tuple[Resources, int]] = {}
    rows = Node.objects.filter(engine__in=set(engine_ids), state=NodeState.READY)
    for engine_id, overcommit, milli_vcpus, memory_mib, gpus in rows.values_list(
        "engine_id", "engine__cpu_overcommit", "milli_vcpus", "memory_mib", "gpus"
    ):
        # Node by node, as the scheduler rounds.
        handed_out = Resources(overcommitted(milli_vcpus, overcommit), memory_mib, gpus)
        there, count = found.get(engine_id, (NOTHING, 0))
        found[engine_id] = (there + handed_out, count + 1)
    return found


def _within_maximum(environment: ComputeEnvironment, there: Resources) -> Resources:
    if environment.max_milli_vcpus is None:
        return there
    milli_vcpus = min(there.milli_vcpus, environment.max_milli_vcpus)
    return Resources(milli_vcpus, there.memory_mib, there.gpus)
