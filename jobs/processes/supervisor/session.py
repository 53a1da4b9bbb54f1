"""One connection to one engine, from its reconciliation to its loss.

All state is kept by one thread, the session's own: other threads hand it actions through an inbox. It
blocks on nothing but the inbox and short calls. Beside it run:
- a thread that reads the engine's events;
- a thread for each log that is followed, and one that writes them (`following`);
- a few that store what is left of the logs of containers that ended (`ending`);
- one that takes usage samples (`sampling`).
"""

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from queue import Empty, SimpleQueue

from django.utils import timezone

from jobs import queueing
from jobs.engines import base
from jobs.engines.base import (
    ContainerStatus,
    EngineError,
    EngineEvent,
    EngineUnreachable,
    EventKind,
)
from jobs.models import Engine
from jobs.selectors import supervision
from jobs.services.attempts import belongings
from jobs.services.supervision import contact, logs
from jobs.services.supervision.logs import LogCursor

from .background import Pool, database_may_fail, start_thread
from .ending import Endings
from .following import Flusher, Follower, LogBuffer
from .reconcile import Found, attempt_of, plan
from .sampling import Running, Sampler
from .service_address import ServiceAddress
from .timing import Timing

logger = logging.getLogger("batchweb.supervisor")

# Events from shortly before the reconciliation are read, too: to hear of an exit twice does no harm.
OVERLAP_NS = 2_000_000_000

Action = Callable[[], None]


@dataclass(slots=True)
class Tracked:
    """A container that runs, as far as is known."""

    running: Running
    since: float
    follower: Follower | None = None
    # Its log has reached its limit, or its attempt is gone: there is nothing to follow.
    unfollowed: bool = False


class Session:
    """Give it a fresh connection; `run` until it is lost or `stop` is called. Use it once."""

    def __init__(self, row: Engine, connection: base.Engine, timing: Timing) -> None:
        self._row = row
        self._engine = connection
        self._timing = timing
        self._tracked: dict[str, Tracked] = {}
        self._strangers: dict[str, float] = {}
        self._inbox: SimpleQueue[Action] = SimpleQueue()
        self._timers: list[tuple[float, int, Action]] = []
        self._order = itertools.count()
        self._stopped = threading.Event()
        self._lost: str | None = None
        self.met = False
        self._flusher = Flusher(timing)
        self._endings = Endings(connection, timing, later=self._later)
        self._samplers = Pool("usage", 1)
        self._sampler = Sampler(connection)
        self._service_address = ServiceAddress(row, connection)
        self._sampling = False

    def run(self, lost_at: datetime | None) -> None:
        """Raises EngineUnreachable when the connection is lost. `lost_at`: when the one before was."""
        try:
            self._meet(lost_at)
            self.met = True
            self._listen(time.time_ns() - OVERLAP_NS)
            timing = self._timing
            self._repeat(timing.reconcile_every, self._reconcile, first=0)
            self._repeat(timing.heartbeat_every, self._beat)
            self._repeat(timing.nodes_every, partial(self._meet, None))
            self._repeat(timing.usage_every, self._take_samples)
            self._repeat(timing.left_overs_every, self._remove_left_over)
            self._repeat(timing.service_address_every, self._service_address.look, first=0)
            while not self._stopped.is_set() and self._lost is None:
                self._next()()
            if self._lost is not None:
                raise EngineUnreachable(self._lost)
        finally:
            self._close()

    def stop(self) -> None:
        """Ends `run` soon. Safe from any thread and from a signal handler."""
        self._stopped.set()
        self._inbox.put(lambda: None)

    # --- the loop ------------------------------------------------------------------

    def _next(self) -> Action:
        """The next thing to do: waits for it. What is due goes before what comes in."""
        while True:
            wait = self._timers[0][0] - time.monotonic()
            if wait <= 0:
                return heapq.heappop(self._timers)[2]
            try:
                return self._inbox.get(timeout=wait)
            except Empty:
                continue

    def _after(self, seconds: float, action: Action) -> None:
        heapq.heappush(self._timers, (time.monotonic() + seconds, next(self._order), action))

    def _later(self, seconds: float, action: Action) -> None:
        """`_after` for other threads."""
        self._inbox.put(partial(self._after, seconds, action))

    def _repeat(self, seconds: float, action: Action, first: float | None = None) -> None:
        def run() -> None:
            try:
                with database_may_fail(f"engine {self._row.name}"):
                    action()
            finally:
                self._after(seconds, run)

        self._after(seconds if first is None else first, run)

    def _close(self) -> None:
        self._engine.close()
        # What was read is written, so that the next session starts from there.
        for tracked in self._tracked.values():
            if tracked.follower:
                tracked.follower.finish(timeout=1)
        self._flusher.stop(self._timing.stop_within)
        self._endings.close()
        self._samplers.close(self._timing.stop_within)

    # --- the engine ----------------------------------------------------------------

    def _meet(self, lost_at: datetime | None) -> None:
        info, nodes = self._engine.info(), self._engine.nodes()
        contact.record_contact(
            engine=self._row, info=info, nodes=nodes, now=timezone.now(), lost_at=lost_at
        )

    def _beat(self) -> None:
        info = self._engine.info()
        if not contact.record_heartbeat(engine=self._row, info=info, now=timezone.now()):
            self._meet(None)

    def _listen(self, since_ns: int) -> None:
        """Subscribes to events, so that nothing is missed between now and the reconciliation."""
        events = self._engine.events(since_ns)

        def read() -> None:
            reason = f"The engine {self._row.name} closed its stream of events"
            try:
                for event in events:
                    self._inbox.put(partial(self._on_event, event))
            except EngineError as error:
                reason = str(error)
            finally:
                self._inbox.put(partial(self._lose, reason))

        start_thread(f"events of {self._row.name}", read)

    def _lose(self, reason: str) -> None:
        self._lost = reason

    def _on_event(self, event: EngineEvent) -> None:
        attempt_id = attempt_of(event.labels)
        if attempt_id is None:
            return
        if event.kind is EventKind.DIED:
            self._end(event.container_id, attempt_id, None)
        elif event.container_id not in self._endings:
            self._track(Running(event.container_id, attempt_id, event.at_ns))
            self._after(self._timing.follow_after, partial(self._follow, event.container_id, None))

    # --- containers that run -------------------------------------------------------

    def _track(self, running: Running) -> None:
        self._tracked.setdefault(running.container_id, Tracked(running, time.monotonic()))

    def _follow(self, container_id: str, cursor: LogCursor | None) -> None:
        """Begins to follow a log, where nobody follows it now."""
        tracked = self._tracked.get(container_id)
        if tracked is None or tracked.unfollowed:
            return
        if tracked.follower and not tracked.follower.ended:
            return
        with database_may_fail(f"log of {container_id[:12]} not followed yet"):
            cursor = cursor or logs.open_log(attempt_id=tracked.running.attempt_id)
            if cursor is None or cursor.closed:
                tracked.unfollowed = True
                return
            buffer = LogBuffer(cursor, self._flusher.notice)
            tracked.follower = Follower(self._engine, container_id, buffer)

    def _take_samples(self) -> None:
        if self._sampling:
            return
        longer_than = time.monotonic() - self._timing.usage_every
        running = [each.running for each in self._tracked.values() if each.since <= longer_than]
        if running:
            self._sampling = True
            self._samplers.submit(partial(self._sample, running))

    def _sample(self, running: list[Running]) -> None:
        try:
            self._sampler.sample(running)
        finally:
            self._inbox.put(self._sampled)

    def _sampled(self) -> None:
        self._sampling = False

    # --- containers that ended -----------------------------------------------------

    def _end(self, container_id: str, attempt_id: int, cursor: LogCursor | None) -> None:
        tracked = self._tracked.pop(container_id, None)
        if container_id not in self._endings:
            follower = tracked.follower if tracked else None
            self._endings.begin(container_id, attempt_id, follower=follower, cursor=cursor)

    # --- what events did not tell --------------------------------------------------

    def _reconcile(self) -> None:
        # In this order, so that a container that was recorded by then is listed unless it is gone.
        attempts = supervision.live_attempts(engine_id=self._row.id)
        containers = self._engine.containers()
        # A restart that nobody has noticed yet is noted first: it tells why containers have ended.
        self._beat()
        found = plan(attempts, containers, timezone.now())
        queueing.enqueue_after_commit(queueing.LAUNCH, found.to_launch)
        for each in found.ended:
            self._end(each.container_id, each.attempt.id, _begun(each))
        for each in found.running:
            if each.container_id not in self._endings:
                self._track(Running(each.container_id, each.attempt.id, 0))
                self._follow(each.container_id, _cursor(each))
        self._forget_all_but({container.id for container in containers})
        self._endings.hand_on_again([each.container_id for each in found.ended])
        self._remove_strangers(found.strangers)

    def _forget_all_but(self, listed: set[str]) -> None:
        """Forgets what is gone. An attempt whose container is gone was among the ended ones."""
        for container_id in self._tracked.keys() - listed:
            tracked = self._tracked.pop(container_id)
            if tracked.follower:
                tracked.follower.buffer.close()
        self._endings.forget_all_but(listed)

    def _remove_strangers(self, containers: list[ContainerStatus]) -> None:
        """Removes containers whose attempts were deleted, but not at first sight."""
        attempts = {each.id: attempt_of(each.labels) for each in containers}
        ids = {attempt_id for attempt_id in attempts.values() if attempt_id is not None}
        stored = supervision.stored_attempts(ids=ids) if ids else set()
        strangers = [
            container_id
            for container_id, attempt_id in attempts.items()
            if attempt_id is not None and attempt_id not in stored
        ]
        now = time.monotonic()
        self._strangers = {each: self._strangers.get(each, now) for each in strangers}
        for container_id, since in self._strangers.items():
            if now - since >= self._timing.remove_strangers_after:
                logger.warning("container %s belongs to no attempt: removed", container_id[:12])
                self._engine.remove(container_id)

    def _remove_left_over(self) -> None:
        count = belongings.remove_left_over(engine=self._engine)
        if count:
            logger.info("removed %d pods, volumes and networks that nobody uses any more", count)


def _cursor(found: Found) -> LogCursor | None:
    return logs.cursor_of(found.attempt.log) if found.attempt.log else None


def _begun(found: Found) -> LogCursor | None:
    """None, too, where nothing of the log was stored: it goes the way of short jobs' logs."""
    cursor = _cursor(found)
    return cursor if cursor and (cursor.closed or cursor.anchor.frames) else None
