"""Threads that outlive errors and never keep the process from ending."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue

from django import db

logger = logging.getLogger("batchweb.supervisor")


@contextmanager
def database_may_fail(doing: str) -> Iterator[None]:
    """Logs a database error and goes on, on a fresh connection: what was not done is found again
    by the next reconciliation."""
    try:
        yield
    except db.Error as error:
        logger.warning("%s: %s", doing, error)
        db.connections.close_all()


def start_thread(name: str, run: Callable[[], None]) -> threading.Thread:
    """A thread that gives back its database connections, and logs what it did not expect."""

    def guarded() -> None:
        try:
            run()
        except Exception:
            logger.exception("%s ended", name)
        finally:
            db.connections.close_all()

    thread = threading.Thread(target=guarded, name=name, daemon=True)
    thread.start()
    return thread


class Pool:
    """Runs tasks in at most `size` threads, which start as they are needed."""

    def __init__(self, name: str, size: int) -> None:
        self._name = name
        self._size = size
        self._tasks: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._unfinished = 0
        self._closed = False

    def submit(self, task: Callable[[], None]) -> None:
        with self._lock:
            self._unfinished += 1
            if len(self._threads) < min(self._size, self._unfinished):
                self._threads.append(start_thread(self._name, self._work))
        self._tasks.put(task)

    def close(self, timeout: float) -> None:
        """Runs no further tasks; waits at most `timeout` seconds in all for those that run."""
        self._closed = True
        for _ in self._threads:
            self._tasks.put(None)
        deadline = time.monotonic() + timeout
        for thread in self._threads:
            thread.join(max(deadline - time.monotonic(), 0))

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None and not self._closed:
            try:
                task()
            except Exception:
                logger.exception("%s: a task failed", self._name)
                db.connections.close_all()
            finally:
                with self._lock:
                    self._unfinished -= 1
