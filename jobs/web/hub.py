"""News for all viewers of this process, from one Redis subscription.

A message names topics only (see `jobs.changes`), so what a viewer has not been told yet is a set of topics: it can
never grow beyond what he listens to, however slow he is.
"""

import asyncio
import contextlib
import json
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import redis.asyncio
from django.conf import settings
from redis.exceptions import RedisError

from jobs.changes import CHANGES_CHANNEL

logger = logging.getLogger("batchweb.live")

# redis-py can swallow a cancellation, so the end is also looked for between two waits for a message.
LISTEN_SECONDS = 1.0
FIRST_RETRY_SECONDS = 0.2
MAX_RETRY_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class News:
    """What a viewer has to be told. `resync`: anything may have changed."""

    resync: bool
    topics: frozenset[str]


class Viewer:
    """One open stream: what it listens to, and what it has not been told yet."""

    def __init__(self, topics: Iterable[str]) -> None:
        self.topics = frozenset(topics)
        self.closed = False
        self._pending: set[str] = set()
        self._resync = False
        self._news = asyncio.Event()

    def tell(self, topics: Iterable[str]) -> None:
        """Notes those of the topics that it listens to."""
        self._pending.update(self.topics.intersection(topics))
        if self._pending:
            self._news.set()

    def resync(self) -> None:
        """Notes that anything may have changed: news was, or may have been, missed."""
        self._resync = True
        self._news.set()

    def close(self) -> None:
        """Ends the stream: `next_news` gives None from now on."""
        self.closed = True
        self._news.set()

    async def next_news(self, *, patience_seconds: float) -> News | None:
        """What changed since the last call; after that many seconds without any news, empty news.

        None once the stream is to end.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience_seconds):
                await self._news.wait()
        if self.closed:
            return None
        self._news.clear()
        news = News(resync=self._resync, topics=frozenset(self._pending))
        self._pending, self._resync = set(), False
        return news


class Hub:
    """Fans Redis messages out to the viewers of one event loop. Connects anew by itself, for ever."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._viewers: dict[str, set[Viewer]] = defaultdict(set)
        self._all: set[Viewer] = set()
        self._task: asyncio.Task[None] | None = None
        self._connected = False
        self._closed = False

    @contextlib.asynccontextmanager
    async def viewer(self, topics: Iterable[str]) -> AsyncIterator[Viewer]:
        """A viewer of these topics while the context is open.

        His first news is a resync, as soon as Redis is subscribed to: from then on nothing is missed.
        """
        viewer = Viewer(topics)
        self._add(viewer)
        try:
            yield viewer
        finally:
            self._remove(viewer)

    def close(self) -> None:
        """Ends all streams, now and in future: the server is shutting down."""
        self._closed = True
        for viewer in list(self._all):
            viewer.close()
        if self._task is not None:
            self._task.cancel()

    async def stop(self) -> None:
        """Ends all streams and waits until the connection to Redis is given back."""
        self.close()
        if self._task is not None:
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    @property
    def viewer_count(self) -> int:
        return len(self._all)

    def _add(self, viewer: Viewer) -> None:
        self._all.add(viewer)
        for topic in viewer.topics:
            self._viewers[topic].add(viewer)
        if self._closed:
            viewer.close()
            return
        if self._connected:
            viewer.resync()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._listen_for_ever(), name="live-hub")

    def _remove(self, viewer: Viewer) -> None:
        self._all.discard(viewer)
        for topic in viewer.topics:
            self._viewers[topic].discard(viewer)
            if not self._viewers[topic]:
                del self._viewers[topic]

    async def _listen_for_ever(self) -> None:
        retry = FIRST_RETRY_SECONDS
        while not self._closed:
            try:
                async for message in self._messages():
                    retry = FIRST_RETRY_SECONDS
                    self._fan_out(message)
            except (RedisError, OSError) as error:
                logger.warning("live news: Redis is not reachable, trying again: %s", error)
            finally:
                self._connected = False
            await asyncio.sleep(retry)
            retry = min(retry * 2, MAX_RETRY_SECONDS)

    async def _messages(self) -> AsyncIterator[bytes]:
        """Messages while the connection lasts. The viewers are told to resync once it is made."""
        client = redis.asyncio.Redis.from_url(
            self._url, health_check_interval=15, socket_connect_timeout=5
        )
        pubsub = client.pubsub()
        try:
            await pubsub.subscribe(CHANGES_CHANNEL)
            while not self._closed:
                message = await pubsub.get_message(timeout=LISTEN_SECONDS)
                if message is None:
                    continue
                if message["type"] == "subscribe":
                    self._connected = True
                    for viewer in self._all:
                        viewer.resync()
                elif message["type"] == "message":
                    yield message["data"]
        finally:
            await pubsub.aclose()  # type: ignore[no-untyped-call]
            await client.aclose()

    def _fan_out(self, message: bytes) -> None:
        try:
            topics = json.loads(message)
        except ValueError:
            topics = None
        if not isinstance(topics, list):
            logger.warning("live news: not a message of ours: %r", message[:200])
            return
        for topic in topics:
            if isinstance(topic, str):
                for viewer in self._viewers.get(topic, ()):
                    viewer.tell([topic])


_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = WeakKeyDictionary()


def hub() -> Hub:
    """The hub of the running event loop; a server process has one."""
    loop = asyncio.get_running_loop()
    found = _hubs.get(loop)
    if found is None:
        found = _hubs[loop] = Hub(settings.REDIS_URL)
    return found


async def streams_end() -> None:
    """Waits until the server is about to stop: no stream may last any longer."""
    async with hub().viewer(()) as viewer:
        while await viewer.next_news(patience_seconds=3600) is not None:
            pass
