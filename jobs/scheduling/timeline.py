"""What becomes free of a node or of an environment's maximum, and when.

Times here are seconds from the moment of the pass; `NEVER` stands for an end that nobody knows.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate

from jobs.domain.resources import Resources

from .snapshot import JobView, RunningView

NEVER = math.inf
NOTHING = Resources(0, 0)


class Timeline:
    """Amounts that are given back at known times.

    Sums are kept as plain numbers, one list a dimension: passes ask for them most of all.
    """

    __slots__ = ("_ends", "_gpus", "_memory_mib", "_milli_vcpus", "_sorted", "_steps")

    def __init__(self) -> None:
        self._steps: list[tuple[float, int, int, int]] = []
        self._sorted = True
        self._ends: list[float] = []
        # What has come back with each step and those before it.
        self._milli_vcpus: list[int] = []
        self._memory_mib: list[int] = []
        self._gpus: list[int] = []

    def add(self, end: float, amount: Resources) -> None:
        """`amount` comes back at `end`; one that never does is no step."""
        if end != NEVER:
            self._steps.append((end, amount.milli_vcpus, amount.memory_mib, amount.gpus))
            self._sorted = False

    def released(self, at: float) -> Resources:
        """What has come back until `at`, that moment included."""
        self._sort()
        step = bisect_right(self._ends, at) - 1
        if step < 0:
            return NOTHING
        return Resources(self._milli_vcpus[step], self._memory_mib[step], self._gpus[step])

    def first(self, needs: Resources, free: Resources) -> float:
        """When `needs` fits in what is `free` now and what has come back; NEVER if it does not."""
        if needs.fits_in(free):
            return 0.0
        self._sort()
        # What is free only grows, so the first step that is enough can be bisected.
        step = max(
            bisect_left(self._milli_vcpus, needs.milli_vcpus - free.milli_vcpus),
            bisect_left(self._memory_mib, needs.memory_mib - free.memory_mib),
            bisect_left(self._gpus, needs.gpus - free.gpus),
        )
        return self._ends[step] if step < len(self._ends) else NEVER

    def ends(self) -> list[float]:
        """The times at which something comes back, in order."""
        self._sort()
        return self._ends

    def _sort(self) -> None:
        if self._sorted:
            return
        self._steps.sort()
        ends, milli_vcpus, memory_mib, gpus = zip(*self._steps, strict=True)
        self._ends = list(ends)
        self._milli_vcpus = list(accumulate(milli_vcpus))
        self._memory_mib = list(accumulate(memory_mib))
        self._gpus = list(accumulate(gpus))
        self._sorted = True


@dataclass(frozen=True, slots=True)
class Reservation:
    """Room that is kept for a job from `start` to `end`; `parts` are (node id, amount)."""

    job: JobView
    start: float
    end: float
    environment_id: int
    milli_vcpus: int
    parts: tuple[tuple[int, Resources], ...]


def tight_moments(kept: Sequence[Reservation], start: float, end: float) -> Iterator[float]:
    """When room is least: what runs only ends, so at the start, and whenever a reservation begins."""
    yield start
    for other in kept:
        if start < other.start < end:
            yield other.start


def reserved(kept: Iterable[Reservation], node_id: int, moment: float) -> Resources:
    """What is kept of a node at that moment."""
    milli_vcpus = memory_mib = gpus = 0
    for other in kept:
        if other.start <= moment < other.end:
            for part_node_id, amount in other.parts:
                if part_node_id == node_id:
                    milli_vcpus += amount.milli_vcpus
                    memory_mib += amount.memory_mib
                    gpus += amount.gpus
    return Resources(milli_vcpus, memory_mib, gpus)


@dataclass(frozen=True, slots=True)
class Clock:
    """Turns what is known about runs into ends, in seconds from `now`.

    `likely` prefers what earlier runs tell over the time limit: right for an estimate that people
    read, too bold for a promise to a job that waits.
    """

    now: datetime
    grace_seconds: int
    likely: bool = False

    def end_of(self, job: JobView) -> float:
        """When a job that starts now ends at the latest (or likely); NEVER if nothing is known."""
        return self._length(job.limit_seconds, job.estimate_seconds)

    def end_of_run(self, run: RunningView) -> float:
        """The same for one that holds room already. Past its time limit it is anybody's guess: NEVER.

        One that has outlived what earlier runs tell is taken to be in the middle of its run: else a job that waits for
        it would hold on to idle machines for as long as it goes on. Its likely end is that of runs that went on for
        longer, where there are any.
        """
        end = self._end_by_itself(run)
        if run.kill_at is None:
            return end
        return min(end, max(0.001, (run.kill_at - self.now).total_seconds()))

    def _end_by_itself(self, run: RunningView) -> float:
        length = self._length(run.limit_seconds, run.estimate_seconds)
        elapsed = (self.now - run.started_at).total_seconds() if run.started_at else 0.0
        if elapsed < length:
            return length - elapsed
        limit = self._length(run.limit_seconds, None)
        if run.estimate_seconds is None or elapsed >= limit:
            return NEVER
        if self.likely and elapsed < (run.outlived_seconds or 0.0):
            return min(run.outlived_seconds or 0.0, limit) - elapsed
        return min(elapsed, limit - elapsed)

    def moment(self, seconds: float) -> datetime | None:
        """The time of day of a moment in seconds from now; None for NEVER and for what is too far off."""
        if seconds > timedelta(days=3650).total_seconds():
            return None
        return self.now + timedelta(seconds=seconds)

    def _length(self, limit_seconds: int | None, estimate_seconds: float | None) -> float:
        limit = NEVER if limit_seconds is None else float(limit_seconds + self.grace_seconds)
        if estimate_seconds is None:
            return limit
        if self.likely or limit_seconds is None:
            return min(estimate_seconds, limit)
        return limit
