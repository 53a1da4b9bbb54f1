"""When waiting jobs will start, as far as earlier runs and time limits tell: for people, never a promise."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from .judge import Judge
from .order import Order
from .room import Slot
from .snapshot import EnvironmentView, JobView, Snapshot
from .timeline import NEVER, Clock


def estimate(snapshot: Snapshot, now: datetime) -> Mapping[UUID, datetime]:
    """The likely start of each of the snapshot's jobs; a job that nobody can tell of is left out.

    Each job in its turn gets the earliest place that is left, for as long as its like ran before (list
    scheduling). What is submitted later, or ends earlier, changes it.
    """
    simulation = _Simulation(snapshot, now)
    order = Order(snapshot, now)
    starts: dict[UUID, datetime] = {}
    for job in order.turns():
        start = simulation.start_of(job)
        order.done(placed=start != NEVER)
        moment = simulation.clock.moment(start)
        if moment is not None:
            starts[job.id] = moment
    return starts


class _Simulation:
    def __init__(self, snapshot: Snapshot, now: datetime) -> None:
        self.clock = Clock(now, snapshot.grace_seconds, likely=True)
        self._judge = Judge(snapshot, self.clock)
        self._strict = {queue.id: queue.line_id for queue in snapshot.queues if not queue.backfill}
        self._free = {view.name: view.free for view in snapshot.consumables}
        # Of queues without backfill: nobody starts before the one that came before.
        self._after: dict[int, float] = {}

    def start_of(self, job: JobView) -> float:
        """In seconds from now; NEVER if nothing tells."""
        line = self._strict.get(job.queue_id)
        after = 0.0 if line is None else self._after.get(line, 0.0)
        slot = None if after == NEVER else self._find(job, after)
        start = NEVER if slot is None else slot.start
        if line is not None:
            self._after[line] = start
        return start

    def _find(self, job: JobView, after: float) -> Slot | None:
        possible = self._judge.possible(job)
        # When a resource comes back is known to nobody.
        if isinstance(possible, tuple) or not self._has_consumables(job):
            return None
        slot = self._judge.room.find_later(possible, job, after=after)
        if slot is None:
            slot = self._on_new_instances(possible, job, after)
        if slot is not None:
            self._judge.room.reserve(job, slot)
            for name, quantity in job.consumables:
                self._free[name] -= quantity
        return slot

    def _on_new_instances(
        self, environments: Iterable[EnvironmentView], job: JobView, after: float
    ) -> Slot | None:
        """As soon as it may start, where there is room for more instances now."""
        for environment in environments:
            if environment.kind.has_instances:
                slot = self._judge.capacity.launch_for(environment, job)
                if slot is not None:
                    return replace(slot, start=after)
        return None

    def _has_consumables(self, job: JobView) -> bool:
        return all(self._free.get(name, -1) >= quantity for name, quantity in job.consumables)
