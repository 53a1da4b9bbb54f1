"""How long jobs of a definition took so far, as the scheduler would know it in the middle of a simulation."""

from bisect import bisect_left, insort
from collections import deque

# As `jobs.selectors.waiting.run_times` has them for passes; a test holds the two together.
SAMPLE = 20
LEAST = 3
CAUTIOUS = 0.9
# In simulated seconds. A look costs something only where runs have ended.
REFRESH_SECONDS = 60.0


class RunTimes:
    """The newest runs of each definition; what is expected of the next changes only at a `refresh`."""

    def __init__(self) -> None:
        self._runs: dict[str, deque[float]] = {}
        self._sorted: dict[str, list[float]] = {}
        self._expected: dict[str, float] = {}
        self._changed: set[str] = set()
        self._fresh_until = 0.0

    def add(self, definition: str, seconds: float) -> None:
        """A run has succeeded."""
        runs = self._runs.setdefault(definition, deque())
        ordered = self._sorted.setdefault(definition, [])
        if len(runs) == SAMPLE:
            del ordered[bisect_left(ordered, runs.popleft())]
        runs.append(seconds)
        insort(ordered, seconds)
        self._changed.add(definition)

    def refresh(self, now: float) -> list[str]:
        """The definitions of which something else is expected from now on; none a moment after the last look."""
        if not self._changed or now < self._fresh_until:
            return []
        self._fresh_until = now + REFRESH_SECONDS
        changed: list[str] = []
        for definition in sorted(self._changed):
            ordered = self._sorted[definition]
            if len(ordered) < LEAST:
                continue
            expected = ordered[min(int(len(ordered) * CAUTIOUS), len(ordered) - 1)]
            if self._expected.get(definition) != expected:
                self._expected[definition] = expected
                changed.append(definition)
        self._changed.clear()
        return changed

    def expected(self, definition: str) -> float | None:
        """Seconds that nine of ten runs did not exceed; None where too few have ended."""
        return self._expected.get(definition)
