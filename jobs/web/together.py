"""Work that many want at the same time is done once for all of them."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Hashable
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
    under way waits for its end, and shares the one that follows with all who came by then.
    """

    _keys: dict[Hashable, _Rounds[T]] = field(default_factory=dict)

    async def result(self, key: Hashable, work: Work[T]) -> T | None:
        """What the round gave; None if it gave nothing or failed, which is logged."""
        rounds = self._keys.setdefault(key, _Rounds())
        if rounds.next is None:
            rounds.next = _Round(work, asyncio.get_running_loop().create_future())
        mine = rounds.next
        if rounds.task is None:
            rounds.task = asyncio.create_task(self._do_all(key, rounds))
        # Others wait for it, too, when this viewer leaves.
        return await asyncio.shield(mine.result)

    async def _do_all(self, key: Hashable, rounds: _Rounds[T]) -> None:
        try:
            while rounds.next is not None:
                mine, rounds.next = rounds.next, None
                mine.result.set_result(await _done(mine.work))
        finally:
            del self._keys[key]


async def _done(work: Work[T]) -> T | None:
    try:
        return await work()
    except Exception:
        logger.exception("what many wait for has failed; each tries by himself")
        return None
