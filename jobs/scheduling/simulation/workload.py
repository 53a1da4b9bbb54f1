"""What is replayed: jobs with the times at which they came, and the queues that they came to."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from jobs.domain.resources import Resources

from ..snapshot import FairShareView

# A Monday: generated days and weekends are counted from here.
DEFAULT_START = datetime(2026, 1, 5, tzinfo=UTC)
DEFAULT_QUEUE = "default"


class Task(NamedTuple):
    """A job to come: `submitted` is seconds from the start of the workload, `needs` is of each of its `nodes`.

    It takes `run_seconds` where nothing interrupts it. Jobs of a `definition` are alike: how long earlier ones
    took tells the scheduler what to expect of the next.
    """

    submitted: float
    needs: Resources
    run_seconds: float
    queue: str = DEFAULT_QUEUE
    definition: str = ""
    attempts: int = 1
    share: str = ""
    scheduling_priority: int = 0
    limit_seconds: int | None = None
    nodes: int = 1

    @property
    def milli_vcpus(self) -> int:
        """Of all its nodes together."""
        return self.needs.milli_vcpus * self.nodes


@dataclass(frozen=True, slots=True)
class QueueModel:
    """A job queue as it is imagined. Of `fair_share` only the policy counts: its use is what the simulation makes."""

    name: str = DEFAULT_QUEUE
    priority: int = 1
    backfill: bool = True
    fair_share: FairShareView | None = None


@dataclass(frozen=True, slots=True)
class Workload:
    """Jobs in the order of their submission, and all queues that they name."""

    tasks: tuple[Task, ...]
    queues: tuple[QueueModel, ...]
    starts_at: datetime = DEFAULT_START

    @property
    def span_seconds(self) -> float:
        """From its start to the last submission."""
        return self.tasks[-1].submitted if self.tasks else 0.0

    @property
    def vcpu_hours(self) -> float:
        """What its jobs use where nothing interrupts them."""
        return sum(task.milli_vcpus * task.run_seconds for task in self.tasks) / 3_600_000


def a_workload(
    tasks: Iterable[Task],
    *,
    queues: Iterable[QueueModel] = (),
    starts_at: datetime = DEFAULT_START,
) -> Workload:
    """The tasks in order, with a queue for each that they name.

    Queues that are not given are first in, first out with priority 1; those whose jobs name shares divide by
    fair share, all shares weighing the same.
    """
    ordered = tuple(sorted(tasks, key=lambda task: task.submitted))
    known = {queue.name: queue for queue in queues}
    shared = {task.queue for task in ordered if task.share}
    for name in dict.fromkeys(task.queue for task in ordered):
        policy = FairShareView() if name in shared else None
        known.setdefault(name, QueueModel(name, fair_share=policy))
    return Workload(ordered, tuple(known.values()), starts_at)
