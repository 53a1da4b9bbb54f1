"""How long runs of a definition took, kept for a while: a page asks each time that anything changes."""

import threading
import time
from collections import OrderedDict

from jobs.models import JobDefinition

from .jobs import RunSeconds, run_seconds

KEPT_SECONDS = 60.0
KEPT_DEFINITIONS = 1_000


class _EarlierRuns:
    """Percentiles by a definition's name, each kept for a minute or until `forget`. Safe to share by threads."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[float, RunSeconds | None]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, definition: JobDefinition) -> RunSeconds | None:
        """As `run_seconds`; a few queries, or none."""
        at, name = time.monotonic(), definition.name
        with self._lock:
            until, runs = self._kept.get(name, (0.0, None))
        if at < until:
            return runs
        runs = run_seconds(definition)
        with self._lock:
            self._kept[name] = (at + KEPT_SECONDS, runs)
            self._kept.move_to_end(name)
            if len(self._kept) > KEPT_DEFINITIONS:
                self._kept.popitem(last=False)
        return runs

    def forget(self) -> None:
        with self._lock:
            self._kept.clear()


earlier_runs = _EarlierRuns()
