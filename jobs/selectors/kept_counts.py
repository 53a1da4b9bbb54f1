"""How many live jobs there are: small numbers are counted anew for each page, large ones once in some seconds."""

import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping

# From so many on, nobody sees whether the number is some seconds old.
KEPT_FROM = 10_000
KEPT_SECONDS = 5.0

Counts = dict[str, int]


class KeptCounts:
    """The counts of queues, or of whatever else `read` counts by id, of which each is kept for some seconds or until
    `forget` if it has very many jobs.

    To count them all anew with each view would cost more than all else on the page. Safe to share by threads.
    """

    def __init__(self, read: Callable[[Collection[int]], Mapping[int, Counts]]) -> None:
        self._read = read
        self._kept: dict[int, tuple[float, Counts]] = {}
        self._lock = threading.Lock()

    def get(self, ids: Iterable[int]) -> dict[int, Counts]:
        """Of each with live jobs, how many are in which status. At most one query."""
        at, wanted = time.monotonic(), set(ids)
        with self._lock:
            self._kept = {id_: kept for id_, kept in self._kept.items() if at < kept[0]}
            counts = {id_: self._kept[id_][1] for id_ in wanted & self._kept.keys()}
        fresh = dict(self._read(wanted - counts.keys()))
        large = {id_: each for id_, each in fresh.items() if sum(each.values()) > KEPT_FROM}
        with self._lock:
            self._kept.update((id_, (at + KEPT_SECONDS, each)) for id_, each in large.items())
        return counts | fresh

    def forget(self) -> None:
        """As if nothing had been counted."""
        with self._lock:
            self._kept.clear()
