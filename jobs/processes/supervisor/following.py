"""Follows the logs of containers that run: a thread reads each, one thread writes them all."""

import logging
import threading
import time
from collections.abc import Callable

from django import db
from django.utils import timezone

from jobs.engines.base import Engine, EngineError, LogFrame, NoSuchContainer
from jobs.joblogs.position import Position
from jobs.services.supervision import logs
from jobs.services.supervision.logs import LogCursor, LogMoved

from .background import start_thread
from .timing import Timing

logger = logging.getLogger("batchweb.supervisor")

MAX_FRAMES = 1000
MAX_BYTES = 128 * 1024


class LogBuffer:
    """Frames on their way from one container into its log. Safe to use from several threads.

    If a write fails or somebody else wrote meanwhile, the buffer closes: what it held is read from
    the engine again, from where the database says that the log stands.
    """

    def __init__(self, cursor: LogCursor, on_new: Callable[["LogBuffer"], None]) -> None:
        self.cursor = cursor
        self._on_new = on_new
        self._position = Position(cursor.anchor)
        self._frames: list[LogFrame] = []
        self._bytes = 0
        self._closed = cursor.closed
        self._changed = threading.Condition()
        self._writing = threading.Lock()

    @property
    def since_ns(self) -> int:
        return self._position.since_ns

    @property
    def full(self) -> bool:
        return len(self._frames) >= MAX_FRAMES or self._bytes >= MAX_BYTES

    @property
    def closed(self) -> bool:
        return self._closed

    def put(self, frame: LogFrame) -> bool:
        """Takes the next frame that the engine gave, and waits while there is no room for more.

        False: it takes no more.
        """
        with self._changed:
            if self._closed or not self._position.is_new(frame):
                return not self._closed
            self._frames.append(frame)
            self._bytes += len(frame.data)
            self._on_new(self)
            self._changed.wait_for(lambda: self._closed or not self.full)
            return not self._closed

    def flush(self) -> None:
        """Writes what has gathered. Raises LogMoved or a database error, and is closed then."""
        with self._writing:
            with self._changed:
                if self._closed or not self._frames:
                    return
                frames, self._frames, self._bytes = self._frames, [], 0
                anchor = self._position.anchor
                self._changed.notify_all()
            try:
                self.cursor = logs.append_frames(
                    cursor=self.cursor, frames=frames, anchor=anchor, now=timezone.now()
                )
            except Exception:
                self.close()
                raise
            if self.cursor.closed:
                self.close()

    def close(self) -> None:
        """Takes no more and forgets what was not written."""
        with self._changed:
            self._closed = True
            self._frames = []
            self._changed.notify_all()


class Follower:
    """Reads one container's log until the container ends, the buffer closes or the engine fails."""

    def __init__(self, engine: Engine, container_id: str, buffer: LogBuffer) -> None:
        self.buffer = buffer
        self._engine = engine
        self._container_id = container_id
        self._ended = threading.Event()
        start_thread(f"log of {container_id[:12]}", self._follow)

    @property
    def ended(self) -> bool:
        return self._ended.is_set()

    def finish(self, timeout: float) -> LogCursor | None:
        """Waits for the log's end and writes the rest. Where the log stands then; None: not known."""
        self._ended.wait(timeout)
        try:
            self.buffer.flush()
        except (LogMoved, db.Error) as error:
            logger.warning("log of %s: %s", self._container_id[:12], error)
            return None
        finally:
            self.buffer.close()
        return self.buffer.cursor

    def _follow(self) -> None:
        buffer = self.buffer
        try:
            frames = self._engine.logs(self._container_id, since_ns=buffer.since_ns, follow=True)
            for frame in frames:
                if not buffer.put(frame):
                    return
        except NoSuchContainer:
            return
        except EngineError as error:
            logger.info("log of %s no longer followed: %s", self._container_id[:12], error)
        finally:
            self._ended.set()


class Flusher:
    """Writes buffers that have something new: at once after a quiet time, else a few times a second."""

    def __init__(self, timing: Timing) -> None:
        self._timing = timing
        self._dirty: dict[LogBuffer, None] = {}
        self._urgent = False
        self._stopped = False
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def notice(self, buffer: LogBuffer) -> None:
        """The buffer has something new."""
        if buffer in self._dirty and not buffer.full:
            return
        with self._changed:
            self._dirty[buffer] = None
            self._urgent = self._urgent or buffer.full
            if self._thread is None:
                self._thread = start_thread("log writer", self._run)
            self._changed.notify()

    def stop(self, timeout: float) -> None:
        """Writes what there is, and ends."""
        with self._changed:
            self._stopped = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(timeout)

    def _run(self) -> None:
        pause = 0.0
        while not self._stopped:
            with self._changed:
                self._changed.wait_for(lambda: self._urgent or self._stopped, pause)
                self._changed.wait_for(lambda: self._dirty or self._stopped)
                buffers, self._dirty, self._urgent = list(self._dirty), {}, False
            began = time.monotonic()
            for buffer in buffers:
                _flush(buffer)
            # A writer that is always busy would slow down everything else on a small machine.
            spent = time.monotonic() - began
            pause = min(max(self._timing.flush_every, 9 * spent), self._timing.flush_at_least_every)


def _flush(buffer: LogBuffer) -> None:
    try:
        buffer.flush()
    except LogMoved as error:
        logger.info("%s: it is read anew", error)
    # Whatever it is, the other logs go on; this one is closed and read anew.
    except Exception as error:
        logger.warning("log stream %s: %s", buffer.cursor.stream_id, error)
        db.connections.close_all()
