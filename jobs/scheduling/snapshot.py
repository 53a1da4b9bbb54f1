"""What a scheduling pass sees: plain frozen data, read from the database by `selectors.snapshot`."""

from dataclasses import dataclass
from uuid import UUID

from jobs.domain.resources import Resources


@dataclass(frozen=True, slots=True)
class NodeView:
    """A machine that takes jobs: ready, on an engine that answers."""

    id: int
    name: str
    capacity: Resources
    used: Resources


@dataclass(frozen=True, slots=True)
class EnvironmentView:
    """A compute environment. `max_milli_vcpus` is None where all that the engine has may be used."""

    id: int
    name: str
    enabled: bool
    # Empty while the environment is VALID, else why it is not.
    invalid_reason: str
    max_milli_vcpus: int | None
    used_milli_vcpus: int
    node_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class QueueView:
    """A job queue with the environments that it tries, first one first."""

    id: int
    name: str
    priority: int
    environment_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class JobView:
    """A RUNNABLE job. Ids grow with time: their order is the order of submission."""

    id: UUID
    queue_id: int
    needs: Resources
    attempts_made: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`jobs` holds the front of each queue only; those behind it cannot start before them."""

    nodes: tuple[NodeView, ...]
    environments: tuple[EnvironmentView, ...]
    queues: tuple[QueueView, ...]
    jobs: tuple[JobView, ...]
