"""What a scheduling pass sees: plain frozen data, read from the database by `selectors.passes.snapshot`."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from jobs.domain.resources import Resources

# What a container has between SIGTERM and SIGKILL when its time limit is over, in seconds.
DEFAULT_GRACE_SECONDS = 30


class Kind(StrEnum):
    """What an environment's jobs run on. Instances of EC2 and SPOT are reservations on machines."""

    UNMANAGED = "UNMANAGED"
    EC2 = "EC2"
    SPOT = "SPOT"
    FARGATE = "FARGATE"
    FARGATE_SPOT = "FARGATE_SPOT"

    @property
    def has_instances(self) -> bool:
        return self in (Kind.EC2, Kind.SPOT)

    @property
    def is_spot(self) -> bool:
        """Whether it has only what On-Demand work leaves free, and may be interrupted."""
        return self in (Kind.SPOT, Kind.FARGATE_SPOT)


@dataclass(frozen=True, slots=True)
class NodeView:
    """A machine that takes jobs: ready, on an engine that answers. Or an instance on one.

    Of a machine `used` is what its instances reserve and what runs on it beside them; of an instance,
    what runs on it. An instance's id is negative, so that both share one space of ids (`place_of_instance`).
    """

    id: int
    name: str
    capacity: Resources
    used: Resources
    architecture: str = ""
    engine_id: int = 0


def place_of_instance(instance_id: int) -> int:
    """The id under which an instance is a place for jobs, from the id of its row (and back)."""
    return -instance_id


@dataclass(frozen=True, slots=True)
class TypeView:
    """An instance type that an environment may launch. Prices in US dollars per hour."""

    name: str
    size: Resources
    architecture: str
    usd_per_hour: Decimal
    # At an idle engine; None where it cannot be had as Spot.
    spot_usd_per_hour: Decimal | None = None


@dataclass(frozen=True, slots=True)
class ManagedView:
    """What an EC2 or SPOT environment launches.

    `types` are in the order in which the environment names them, a family's by size; each is a machine
    that some node could hold or not. `idle_seconds`: how long an instance may be idle; `notice_seconds`: what an
    interrupted one still has.
    """

    types: tuple[TypeView, ...]
    strategy: str
    min_milli_vcpus: int = 0
    desired_milli_vcpus: int = 0
    bid_percentage: int = 100
    idle_seconds: int = 300
    # What jobs on an outdated instance still have before they are interrupted.
    update_seconds: int = 1800


@dataclass(frozen=True, slots=True)
class InstanceView:
    """A live instance. `used` is of the jobs on it; one that is not `open` takes no more.

    `kill_at` is when what is on it is killed, if it was interrupted. `outdated`: its environment would not
    launch it today.
    """

    id: int
    name: str
    environment_id: int
    node_id: int
    type: TypeView
    used: Resources
    launched_at: datetime
    is_spot: bool = False
    is_open: bool = True
    idle_since: datetime | None = None
    kill_at: datetime | None = None
    bid_percentage: int = 100
    outdated: bool = False
    # Since when it takes no more jobs.
    draining_since: datetime | None = None

    @property
    def place_id(self) -> int:
        return place_of_instance(self.id)

    @property
    def is_idle(self) -> bool:
        return self.used == Resources(0, 0)


@dataclass(frozen=True, slots=True)
class EnvironmentView:
    """A compute environment. `max_milli_vcpus` is None where all that the engine has may be used.

    `node_ids` are machines; the instances of one that has any are `Snapshot.instances`, and they are what
    its maximum counts. `used_milli_vcpus` is of its jobs. `is_ending`: it is being deleted.
    """

    id: int
    name: str
    enabled: bool
    # Empty while the environment is VALID, else why it is not.
    invalid_reason: str
    max_milli_vcpus: int | None
    used_milli_vcpus: int
    node_ids: tuple[int, ...]
    kind: Kind = Kind.UNMANAGED
    managed: ManagedView | None = None
    # What an interrupted job of it still has.
    notice_seconds: int = 120
    is_ending: bool = False


@dataclass(frozen=True, slots=True)
class ShareUsageView:
    """What a share had used as of a moment, decayed until then; what runs now is not in it."""

    share_identifier: str
    milli_vcpu_seconds: float
    as_of: datetime


@dataclass(frozen=True, slots=True)
class FairShareView:
    """A queue's fair-share policy, and what its shares have used.

    `weights` are (share identifier, or a prefix and `*`, weight factor). `waiting` names every share that
    has RUNNABLE jobs, `partial` those of which more wait than the snapshot holds (or all: those of the
    greatest use).
    """

    decay_seconds: int = 0
    compute_reservation: int = 0
    weights: tuple[tuple[str, float], ...] = ()
    usage: tuple[ShareUsageView, ...] = ()
    waiting: frozenset[str] = frozenset()
    partial: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class QueueView:
    """A job queue with the environments that it tries, first one first.

    Without `backfill`, a head that cannot start blocks all behind it. Without `fair_share` it is first
    in, first out. `has_more`: more jobs wait than the snapshot holds. `beside` is the queue behind whose jobs those
    of this one come, where it is imagined.
    """

    id: int
    name: str
    priority: int
    environment_ids: tuple[int, ...]
    backfill: bool = True
    fair_share: FairShareView | None = None
    has_more: bool = False
    beside: int | None = None

    @property
    def line_id(self) -> int:
        """The queue whose head blocks what is behind it, without `backfill`."""
        return self.id if self.beside is None else self.beside


@dataclass(frozen=True, slots=True)
class JobView:
    """A RUNNABLE job. Ids grow with time: their order is the order of submission.

    `needs` is what one node of it needs: all containers of that node together. A multi-node job has the
    needs of each of its nodes in `gang`, and all of them start together or not at all. `limit_seconds`
    is the time limit of an attempt, which holds; `estimate_seconds` comes from earlier runs and is a guess.
    """

    id: UUID
    queue_id: int
    needs: Resources
    attempts_made: int
    gang: tuple[Resources, ...] = ()
    limit_seconds: int | None = None
    estimate_seconds: float | None = None
    share_identifier: str = ""
    scheduling_priority: int = 0
    # (name of the resource, quantity)
    consumables: tuple[tuple[str, int], ...] = ()
    name: str = ""
    # Who may be told its name.
    owner_id: int = 0
    # From far behind the front, where that is full of jobs that cannot start; see `scouts`.
    scouted: bool = False

    @property
    def parts(self) -> tuple[Resources, ...]:
        """The needs of each of its nodes."""
        return self.gang or (self.needs,)

    @property
    def milli_vcpus(self) -> int:
        """Of all its nodes together."""
        if not self.gang:
            return self.needs.milli_vcpus
        return sum(part.milli_vcpus for part in self.gang)


@dataclass(frozen=True, slots=True)
class RunningView:
    """A container that holds room, with what is known about its end.

    `started_at` is None while it is starting; limit and estimate are those of its job, and `outlived_seconds` is what
    to expect of one that has outlived its estimate, where earlier runs went on for longer. `node_id` is its
    machine's or its instance's. Of FARGATE_SPOT work, `attempt_id` names its try (all containers of a try have the
    same), and `kill_at` is when it is killed if it was interrupted.
    """

    queue_id: int
    environment_id: int
    node_id: int
    holds: Resources
    started_at: datetime | None = None
    limit_seconds: int | None = None
    estimate_seconds: float | None = None
    share_identifier: str = ""
    attempt_id: int = 0
    kill_at: datetime | None = None
    outlived_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class ConsumableView:
    """A consumable resource. What is taken of one that is not `replenishable` never comes back."""

    name: str
    total: int
    free: int
    replenishable: bool = True


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`jobs` holds the front of each queue only; those behind it cannot start before them.

    Nodes and environments know what is used of them now, `running` when it ends.
    """

    nodes: tuple[NodeView, ...]
    environments: tuple[EnvironmentView, ...]
    queues: tuple[QueueView, ...]
    jobs: tuple[JobView, ...]
    running: tuple[RunningView, ...] = ()
    consumables: tuple[ConsumableView, ...] = ()
    grace_seconds: int = DEFAULT_GRACE_SECONDS
    instances: tuple[InstanceView, ...] = ()

    def uses_spot(self, queue: QueueView) -> bool:
        """Whether a job of the queue may run on Spot capacity."""
        return any(env.kind.is_spot for env in self._enabled(queue))

    def prefers_spot(self, queue: QueueView) -> bool:
        """Whether Spot capacity is what its jobs try first."""
        first = next(iter(self._enabled(queue)), None)
        return first is not None and first.kind.is_spot

    def _enabled(self, queue: QueueView) -> list[EnvironmentView]:
        """The queue's environments that take jobs, in its order."""
        by_id = {env.id: env for env in self.environments}
        found = [by_id[id_] for id_ in queue.environment_ids if id_ in by_id]
        return [env for env in found if env.enabled and not env.invalid_reason]
