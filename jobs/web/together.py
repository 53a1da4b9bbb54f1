"""Work that many want at the same time is done once for all of them."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Generic, TypeVar

logger = logging.getLogger("batchweb.web")

T = TypeVar("T")
Work = Callable[[], Awaitable[T | None]]


@dataclass(slots=True)
class _Round(Generic[T]):
    """One doing of the work, for all who asked before it began."""

    work: Work[T]
    result: "asyncio.Future[T | None]"


@dataclass(slots=True)
class _Rounds(Generic[T]):
    """Of one key: the task that does one round after the other, and the round that has not begun."""

    task: "asyncio.Task[None] | None" = None
    next: _Round[T] | None = None


@dataclass(slots=True)
class Together(Generic[T]):
    """Does what has the same key once for all who ask meanwhile. Of one event loop.

    What somebody gets was begun after he asked, so it is never older than his question: who comes while a round is
    under way waits for its end, and shares the one that follows with all who came by then. Each round takes its
    `turn`, and is shared by those, too, who come while it waits for that.
    """

    turn: Callable[[], AbstractAsyncContextManager[None]] = contextlib.nullcontext
    _keys: dict[Hashable, _Rounds[T]] = field(default_factory=dict)

    def result(self, key: Hashable, work: Work[T]) -> "asyncio.Future[T | None]":
        """What the round gives, asked for at once; None if it gives nothing or fails, which is logged."""
        rounds = self._keys.setdefault(key, _Rounds())
        if rounds.next is None:
            rounds.next = _Round(work, asyncio.get_running_loop().create_future())
        mine = rounds.next
        if rounds.task is None:
            rounds.task = asyncio.create_task(self._do_all(key, rounds))
        # Others wait for it, too, when this viewer leaves.
        return asyncio.shield(mine.result)

    async def _do_all(self, key: Hashable, rounds: _Rounds[T]) -> None:
        try:
            while rounds.next is not None:
                async with self.turn():
                    mine, rounds.next = rounds.next, None
                    mine.result.set_result(await _done(mine.work))
        finally:
            del self._keys[key]


class Turns:
    """Lets work begin when nobody is about to ask for more of it, and little of it at a time. Of one event loop.

    Two hundred who ask at once have asked before the first work begins, so that all of them share it. Who asks alone
    waits for nobody.
    """

    def __init__(self, *, at_a_time: int, patience_seconds: float) -> None:
        """Work waits no longer than `patience_seconds` for those who are asking."""
        self._patience_seconds = patience_seconds
        self._asking = 0
        self._nobody_asks = asyncio.Event()
        self._nobody_asks.set()
        self._places = asyncio.Semaphore(at_a_time)

    @contextlib.contextmanager
    def asking(self) -> Iterator[None]:
        """Open while it is found out what somebody asks for."""
        self._asking += 1
        self._nobody_asks.clear()
        try:
            yield
        finally:
            self._asking -= 1
            if not self._asking:
                self._nobody_asks.set()

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Open while work is done; entered when its turn has come."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._patience_seconds):
                await self._nobody_asks.wait()
        async with self._places:
            yield


async def _done(work: Work[T]) -> T | None:
    try:
        return await work()
    except Exception:
        logger.exception("what many wait for has failed; each tries by himself")
        return None
