"""The turns of a pass, in two rounds, because Spot capacity is what On-Demand work leaves free.

First come the queues that try other capacity first; what they find no room for is kept for them. Then those that try
Spot capacity first, and, by the same order, jobs of the first round that still wait and may use Spot
capacity besides. Else a job that was interrupted for another, and is older, would take the room that it had to
give.
"""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from .judge import Judge
from .order import Line, Order
from .plan import Placement, Wait
from .snapshot import JobView, Snapshot


class Rounds:
    """Gives every job its turn. `placements` and `waits` are in the order of turns."""

    def __init__(self, snapshot: Snapshot, judge: Judge, now: datetime) -> None:
        self.placements: list[Placement] = []
        self.placed = dict.fromkeys((queue.id for queue in snapshot.queues), 0)
        self.lines: dict[int, Line] = {}
        self._waits: dict[UUID, Wait] = {}
        self._snapshot = snapshot
        self._judge = judge
        self._now = now
        self._late = {queue.id for queue in snapshot.queues if snapshot.prefers_spot(queue)}
        self._with_spot = {queue.id for queue in snapshot.queues if snapshot.uses_spot(queue)}
        self._left: set[UUID] = set()

    @property
    def waits(self) -> list[Wait]:
        return list(self._waits.values())

    def run(self) -> None:
        """Both rounds; the second only where there is Spot capacity."""
        early = [job for job in self._snapshot.jobs if job.queue_id not in self._late]
        order = self._order(early)
        for job in order.turns():
            order.done(placed=self._first_turn(job))
        self.lines = order.lines
        if not self._with_spot:
            return
        waiting = [
            job
            for job in early
            if job.queue_id in self._with_spot and (job.id in self._waits or job.id in self._left)
        ]
        late = [job for job in self._snapshot.jobs if job.queue_id in self._late]
        order = self._order([*late, *waiting])
        for job in order.turns():
            order.done(placed=self._second_turn(job))
        self.lines = {**self.lines, **{id_: order.lines[id_] for id_ in self._late}}

    def _order(self, jobs: list[JobView]) -> Order:
        return Order(replace(self._snapshot, jobs=tuple(jobs)), self._now)

    def _first_turn(self, job: JobView) -> bool:
        if job.queue_id in self._with_spot and self._judge.leave_for_spot(job):
            self._left.add(job.id)
            return False
        return self._turn(job)

    def _second_turn(self, job: JobView) -> bool:
        if job.id not in self._waits:
            return self._turn(job)
        placement = self._judge.judge_on_spot(job)
        if placement is None:
            return False
        del self._waits[job.id]
        self._note(placement)
        return True

    def _turn(self, job: JobView) -> bool:
        if job.scouted and not self._judge.has_waiting(job.queue_id):
            # All before it start, and those right behind them come first.
            return False
        verdict = self._judge.judge(job)
        if isinstance(verdict, Placement):
            self._note(verdict)
            return True
        if not job.scouted:
            self._waits[job.id] = verdict
        return False

    def _note(self, placement: Placement) -> None:
        self.placements.append(placement)
        self.placed[placement.job.queue_id] += 1
