"""The end of a container: the rest of its log is stored before its exit is handed on."""

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from django import db
from django.utils import timezone

from jobs import queueing
from jobs.engines.base import Engine, EngineUnreachable, LogFrame, NoSuchContainer
from jobs.joblogs.position import Anchor, Position
from jobs.services.supervision import logs
from jobs.services.supervision.logs import LogCursor, LogMoved

from .background import Pool
from .following import MAX_BYTES, MAX_FRAMES, Follower
from .timing import Timing

logger = logging.getLogger("batchweb.supervisor")

# More would only compete for two cores and for SQLite's one write lock.
THREADS = 4
SHORT_LOG_THREADS = 2
# Logs that end together are read for so long, and then stored in one transaction.
SLICE_SECONDS = 0.05
TOGETHER_AT_MOST = 100
# Of storing a log, at growing distances: together about 15 seconds.
TRIES = 6
FIRST_RETRY_SECONDS = 0.5
# Somebody else can overtake us a few times, if two supervisors follow one engine by mistake.
OVERTAKEN_AT_MOST = 5


@dataclass(slots=True, eq=False)
class _Ending:
    container_id: str
    attempt_id: int
    follower: Follower | None
    cursor: LogCursor | None
    tries: int = 0
    handed_on_at: float | None = None


class Endings:
    """The containers that have ended, until they are removed. Used by one thread, the session's.

    For each, the rest of its log is stored, by one of a few threads, and then its exit is handed to a
    worker. A log that cannot be stored holds its job for some seconds, not for ever: it is completed
    with the problem noted. But while the engine or the database is away everything waits for it.
    """

    def __init__(
        self,
        engine: Engine,
        timing: Timing,
        *,
        later: Callable[[float, Callable[[], None]], None],
    ) -> None:
        self._engine = engine
        self._timing = timing
        self._later = later
        self._pool = Pool("log end", THREADS)
        # While one of these stores a portion, the next one gathers.
        self._short_logs = Pool("short logs", SHORT_LOG_THREADS)
        self._all: dict[str, _Ending] = {}
        # Of which nothing was read yet: short jobs, as a rule, which can end in their hundreds.
        self._unread: deque[_Ending] = deque()

    def __contains__(self, container_id: str) -> bool:
        return container_id in self._all

    def begin(
        self,
        container_id: str,
        attempt_id: int,
        *,
        follower: Follower | None,
        cursor: LogCursor | None,
    ) -> None:
        """`follower` has read the log so far; `cursor`: where it stands, if that is known."""
        ending = self._all[container_id] = _Ending(container_id, attempt_id, follower, cursor)
        if follower is None and cursor is None:
            self._unread.append(ending)
            self._short_logs.submit(self._store_unread)
        else:
            self._pool.submit(partial(self._store, ending))

    def hand_on_again(self, container_ids: Iterable[str]) -> None:
        """Hands on once more what was handed on long ago and had no effect: Redis may have lost it."""
        now = time.monotonic()
        late: list[int] = []
        for container_id in container_ids:
            ending = self._all.get(container_id)
            if ending is None or ending.handed_on_at is None:
                continue
            if now - ending.handed_on_at >= self._timing.reap_again_after:
                ending.handed_on_at = now
                late.append(ending.attempt_id)
        queueing.enqueue_after_commit(queueing.REAP, late)

    def forget_all_but(self, container_ids: set[str]) -> None:
        """Forgets those that are dealt with and not among these."""
        for container_id in self._all.keys() - container_ids:
            if self._all[container_id].handed_on_at is not None:
                del self._all[container_id]

    def close(self) -> None:
        self._short_logs.close(self._timing.stop_within)
        self._pool.close(self._timing.stop_within)

    def _store_unread(self) -> None:
        """In a thread of the pool: stores together what ended together. A single one waits for nobody."""
        while endings := self._read_some():
            stored = self._store_together(endings)
            self._hand_on([ending for ending in endings if ending in stored])
            for ending in endings:
                if ending not in stored:
                    self._store(ending)

    def _read_some(self) -> dict[_Ending, list[LogFrame] | None]:
        """Whole logs, as many as can be read in a short time; None: it takes another way."""
        read: dict[_Ending, list[LogFrame] | None] = {}
        until = time.monotonic() + SLICE_SECONDS
        while len(read) < TOGETHER_AT_MOST and (not read or time.monotonic() < until):
            try:
                ending = self._unread.popleft()
            except IndexError:
                break
            try:
                read[ending] = _short_log(self._engine, ending.container_id)
            # Whatever it is, `_store` meets it again and deals with it.
            except Exception as error:
                logger.debug("log of %s not read yet: %s", ending.container_id[:12], error)
                read[ending] = None
        return read

    def _store_together(self, endings: Mapping[_Ending, list[LogFrame] | None]) -> set[_Ending]:
        """Those whose logs are stored now."""
        frames = {each.attempt_id: read for each, read in endings.items() if read is not None}
        try:
            stored = logs.record_whole_logs(logs=frames, now=timezone.now()) if frames else set()
        except Exception as error:
            logger.warning("%d logs not stored together: %s", len(frames), error)
            db.connections.close_all()
            stored = set()
        return {ending for ending in endings if ending.attempt_id in stored}

    def _hand_on(self, endings: Sequence[_Ending]) -> None:
        queueing.enqueue_after_commit(queueing.REAP, [ending.attempt_id for ending in endings])
        for ending in endings:
            ending.handed_on_at = time.monotonic()

    def _store(self, ending: _Ending) -> None:
        """In a thread of the pool."""
        ending.tries += 1
        try:
            if ending.follower is not None:
                follower, ending.follower = ending.follower, None
                ending.cursor = follower.finish(self._timing.follower_ends_within)
            store_rest(
                engine=self._engine,
                container_id=ending.container_id,
                attempt_id=ending.attempt_id,
                cursor=ending.cursor,
            )
        except NoSuchContainer:
            give_up(
                attempt_id=ending.attempt_id,
                problem="The container was removed before the end of its log was read.",
            )
        except Exception as error:
            db.connections.close_all()
            if not self._give_up_on(ending, error):
                return
        self._hand_on([ending])

    def _give_up_on(self, ending: _Ending, error: Exception) -> bool:
        """Whether to hand the exit on with an incomplete log. Else it is tried again.

        An engine that is away is no reason to: the next session begins anew with what has ended.
        """
        ending.cursor = None
        logger.warning(
            "log of %s not stored (try %d): %s", ending.container_id[:12], ending.tries, error
        )
        if isinstance(error, EngineUnreachable) and self._engine.closed:
            return False
        if ending.tries >= TRIES:
            try:
                give_up(
                    attempt_id=ending.attempt_id, problem=f"The log could not be stored: {error}"
                )
                return True
            except db.Error as worse:
                logger.warning("attempt %s waits for the database: %s", ending.attempt_id, worse)
                db.connections.close_all()
        pause = FIRST_RETRY_SECONDS * 2 ** (min(ending.tries, TRIES) - 1)
        self._later(pause, lambda: self._pool.submit(partial(self._store, ending)))
        return False


def store_rest(
    *, engine: Engine, container_id: str, attempt_id: int, cursor: LogCursor | None
) -> None:
    """Stores what is not stored yet of the log of a container that has ended, and completes it.

    `cursor`: where the log stands, if that is known. Does nothing if the attempt is gone. Raises
    what the engine, the database and the storage raise; it can then be repeated.
    """
    for _ in range(OVERTAKEN_AT_MOST):
        try:
            if cursor is None and _store_at_once(engine, container_id, attempt_id):
                return
            cursor = cursor or logs.open_log(attempt_id=attempt_id)
            if cursor is not None:
                _append_rest(engine, container_id, cursor)
            return
        except LogMoved:
            cursor = logs.open_log(attempt_id=attempt_id)
    raise LogMoved(f"the log of attempt {attempt_id} is written by somebody else")


def give_up(*, attempt_id: int, problem: str) -> None:
    """Completes a log that could not be read or stored to its end, and says so in it."""
    cursor = logs.open_log(attempt_id=attempt_id)
    if cursor is not None:
        logs.finish_stream(stream_id=cursor.stream_id, now=timezone.now(), problem=problem)


def _store_at_once(engine: Engine, container_id: str, attempt_id: int) -> bool:
    """The way of a short log: one call to the engine, one transaction. False: it is not that short,
    or was stored in part."""
    frames = _short_log(engine, container_id)
    return frames is not None and logs.record_whole_log(
        attempt_id=attempt_id, frames=frames, now=timezone.now()
    )


def _short_log(engine: Engine, container_id: str) -> list[LogFrame] | None:
    """All of it, or None: it is too long to be read and stored in one go."""
    frames: list[LogFrame] = []
    size = 0
    for frame in engine.logs(container_id, since_ns=0, follow=False):
        frames.append(frame)
        size += len(frame.data)
        if len(frames) >= MAX_FRAMES or size >= MAX_BYTES:
            return None
    return frames


def _append_rest(engine: Engine, container_id: str, cursor: LogCursor) -> None:
    if not cursor.closed:
        cursor = _append_new(engine, container_id, cursor)
    logs.finish_stream(stream_id=cursor.stream_id, now=timezone.now())


def _append_new(engine: Engine, container_id: str, cursor: LogCursor) -> LogCursor:
    position = Position(cursor.anchor)
    batch: list[LogFrame] = []
    size = 0
    for frame in engine.logs(container_id, since_ns=position.since_ns, follow=False):
        if not position.is_new(frame):
            continue
        batch.append(frame)
        size += len(frame.data)
        if len(batch) >= MAX_FRAMES or size >= MAX_BYTES:
            cursor = _append(cursor, batch, position.anchor)
            if cursor.closed:
                return cursor
            batch, size = [], 0
    return _append(cursor, batch, position.anchor) if batch else cursor


def _append(cursor: LogCursor, batch: list[LogFrame], anchor: Anchor) -> LogCursor:
    return logs.append_frames(cursor=cursor, frames=batch, anchor=anchor, now=timezone.now())
