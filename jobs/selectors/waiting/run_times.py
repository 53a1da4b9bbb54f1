"""How long jobs ran before: by definition, from what ended lately, kept in the process for some seconds.

Asked by every scheduling pass, so it costs one look at the newest ends every now and then, however many jobs
are stored, and nothing in between. A definition's runs are remembered for as long as the process lives.
"""

import threading
import time
from bisect import bisect_right
from collections import OrderedDict, deque
from datetime import datetime

from jobs.domain.states import JobStatus
from jobs.models import Job
from jobs.models.expressions import ONE_BY_ONE

REFRESH_SECONDS = 10.0
# Read at once; of more that ended since the last look, the oldest are missed.
NEWEST = 500
SAMPLE = 20
# Fewer runs tell nothing.
LEAST = 3
DEFINITIONS = 10_000
# Nine of ten runs did not take longer. The one part that is taken, by passes and by all that tells people of
# starts: where some runs are far longer than others, the median tells of starts that are minutes too early.
CAUTIOUS = 0.9


class RunTimes:
    """The lengths of the newest successful runs of each definition, in seconds. Safe to share by threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.forget()

    def forget(self) -> None:
        """Back to the beginning: the next `refresh` reads."""
        self._runs: OrderedDict[int, deque[float]] = OrderedDict()
        self._newest: datetime | None = None
        self._fresh_until = 0.0

    def expected(self, definition_id: int, *, longer_than: float = 0.0) -> float | None:
        """The length that nine of ten runs did not exceed; None if there were too few.

        Of one that goes on already, `longer_than` says for how long: only runs that took longer count then, and
        None means that none did.
        """
        with self._lock:
            runs = sorted(self._runs.get(definition_id, ()))
        if len(runs) < LEAST:
            return None
        if longer_than:
            runs = runs[bisect_right(runs, longer_than) :]
        return runs[min(int(len(runs) * CAUTIOUS), len(runs) - 1)] if runs else None

    def refresh(self, *, monotonic: float | None = None) -> None:
        """Reads what has ended since the last look, unless that was a moment ago. One query or none."""
        at = time.monotonic() if monotonic is None else monotonic
        with self._lock:
            if at < self._fresh_until:
                return
            self._fresh_until = at + REFRESH_SECONDS
            newest = self._newest
        # An array's own length says nothing: its children run one beside the other.
        ended = Job.objects.filter(
            ONE_BY_ONE,
            status=JobStatus.SUCCEEDED,
            started_at__isnull=False,
            stopped_at__isnull=False,
        )
        if newest is not None:
            ended = ended.filter(stopped_at__gt=newest)
        rows = list(
            ended.order_by("-stopped_at").values_list("definition_id", "started_at", "stopped_at")[
                :NEWEST
            ]
        )
        with self._lock:
            for definition_id, started_at, stopped_at in reversed(rows):
                assert started_at is not None
                assert stopped_at is not None
                self._remember(definition_id, (stopped_at - started_at).total_seconds())
                self._newest = stopped_at

    def _remember(self, definition_id: int, seconds: float) -> None:
        runs = self._runs.setdefault(definition_id, deque(maxlen=SAMPLE))
        runs.append(max(seconds, 0.0))
        self._runs.move_to_end(definition_id)
        if len(self._runs) > DEFINITIONS:
            self._runs.popitem(last=False)


run_times = RunTimes()
