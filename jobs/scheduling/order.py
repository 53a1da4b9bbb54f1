"""Whose turn it is: the jobs of all queues, one after the other.

1. Queues with a higher priority come first. Where two are alike, the older job at their heads does.
2. A first-in-first-out queue goes by submission (ids grow with time, so the order is total).
3. A fair-share queue gives the turn to the share with the least weighted use (weight factor x decayed
   vCPU-seconds); within it to the higher scheduling priority, then to the older job. Each placement is charged at
   once, so that shares take turns within a pass, too.
"""

import heapq
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Protocol
from uuid import UUID

from .shares import advance_charge, usage_by_share, weight_of
from .snapshot import FairShareView, JobView, RunningView, Snapshot

# Behind all that there can be: ids grow with time.
LAST_ID = UUID(int=2**128 - 1)


class Line(Protocol):
    """The jobs of one queue in their order, which may depend on what was placed."""

    def first(self) -> JobView | None:
        """Whose turn it is; None at the end."""

    def advance(self, *, placed: bool) -> None:
        """The first one's turn is over."""

    @property
    def broken_off(self) -> bool:
        """Whether it ended because the next job is not in the snapshot."""


class FifoLine:
    """By submission."""

    broken_off = False

    def __init__(self, jobs: Iterable[JobView]) -> None:
        self._jobs = deque(sorted(jobs, key=lambda job: job.id.int))

    def first(self) -> JobView | None:
        return self._jobs[0] if self._jobs else None

    def advance(self, *, placed: bool) -> None:
        del placed
        self._jobs.popleft()


class ShareLine:
    """By fair share. `usage` is every share's use so far, not weighted."""

    def __init__(
        self, jobs: Iterable[JobView], policy: FairShareView, usage: dict[str, float]
    ) -> None:
        self.broken_off = False
        self._policy = policy
        self._usage = usage
        self._jobs: dict[str, deque[JobView]] = defaultdict(deque)
        for job in sorted(jobs, key=lambda job: (-job.scheduling_priority, job.id.int)):
            self._jobs[job.share_identifier].append(job)
        shares = self._jobs.keys() | policy.partial
        self._weights = {share: weight_of(share, policy.weights) for share in shares}
        # Shares of which every job so far found room.
        self._flowing = set(shares)
        self._turns: list[tuple[float, int, str]] = [self._turn(share) for share in shares]
        heapq.heapify(self._turns)

    def first(self) -> JobView | None:
        while self._turns and not self._jobs[self._turns[0][2]]:
            # It has the next turn, and a job that nobody here knows of.
            if self._turns[0][2] in self._flowing:
                self.broken_off = True
                return None
            heapq.heappop(self._turns)
        return self._jobs[self._turns[0][2]][0] if self._turns else None

    def advance(self, *, placed: bool) -> None:
        share = self._turns[0][2]
        job = self._jobs[share].popleft()
        if placed:
            self._usage[share] = self._usage.get(share, 0.0) + advance_charge(
                job, decay_seconds=self._policy.decay_seconds
            )
        else:
            self._flowing.discard(share)
        if self._jobs[share] or share in self._policy.partial:
            heapq.heapreplace(self._turns, self._turn(share))
        else:
            heapq.heappop(self._turns)

    def _turn(self, share: str) -> tuple[float, int, str]:
        """The share's first job breaks ties: of shares that used nothing yet, the older job goes first."""
        jobs = self._jobs[share]
        usage = self._usage.get(share, 0.0)
        return (self._weights[share] * usage, jobs[0].id.int if jobs else LAST_ID.int, share)


class Order:
    """All jobs of a snapshot by turn. Say after each whether it was `placed`."""

    def __init__(self, snapshot: Snapshot, now: datetime) -> None:
        jobs: dict[int, list[JobView]] = defaultdict(list)
        for job in snapshot.jobs:
            jobs[job.queue_id].append(job)
        running: dict[int, list[RunningView]] = defaultdict(list)
        for run in snapshot.running:
            running[run.queue_id].append(run)
        self.lines: dict[int, Line] = {}
        self._by_priority: dict[int, list[Line]] = defaultdict(list)
        for queue in snapshot.queues:
            line: Line
            if queue.fair_share is None:
                line = FifoLine(jobs[queue.id])
            else:
                usage = usage_by_share(queue.fair_share, running[queue.id], now)
                line = ShareLine(jobs[queue.id], queue.fair_share, usage)
            self.lines[queue.id] = line
            self._by_priority[queue.priority].append(line)
        self._current: Line | None = None

    def turns(self) -> Iterator[JobView]:
        """Each job at its turn; `done` must be called before the next one is asked for."""
        for _, lines in sorted(self._by_priority.items(), reverse=True):
            heads = [(job.id.int, n) for n, line in enumerate(lines) if (job := line.first())]
            heapq.heapify(heads)
            while heads:
                number = heads[0][1]
                line = self._current = lines[number]
                job = line.first()
                assert job is not None
                yield job
                following = line.first()
                if following is None:
                    heapq.heappop(heads)
                else:
                    heapq.heapreplace(heads, (following.id.int, number))

    def done(self, *, placed: bool) -> None:
        """The job that came last had its turn."""
        assert self._current is not None
        self._current.advance(placed=placed)


def in_order(snapshot: Snapshot, now: datetime) -> list[JobView]:
    """The snapshot's jobs in the order of their turns, if each in its turn found room."""
    order = Order(snapshot, now)
    jobs: list[JobView] = []
    for job in order.turns():
        jobs.append(job)
        order.done(placed=True)
    return jobs
