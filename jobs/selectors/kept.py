"""What is read once in some seconds for all who ask, because pages ask each time that anything changes."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Kept(Generic[K, V]):
    """Values by key, each kept for `seconds` or until `forget`, at most `most` of them. Safe to share by threads."""

    def __init__(
        self, *, seconds: float, most: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._seconds, self._most, self._clock = seconds, most, clock
        # Until when each is kept; the oldest first.
        self._kept: OrderedDict[K, tuple[float, V]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: K, read: Callable[[], V]) -> V:
        """The value, which `read` gives where none is kept. It is read outside the lock: two may read at once."""
        at = self._clock()
        with self._lock:
            found = self._kept.get(key)
        if found is not None and at < found[0]:
            return found[1]
        value = read()
        with self._lock:
            self._kept[key] = (at + self._seconds, value)
            self._kept.move_to_end(key)
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return value

    def forget(self) -> None:
        """As if nothing had been read."""
        with self._lock:
            self._kept.clear()
