"""Database work beside requests: in threads that hold no connection longer than they need it."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from django.db import close_old_connections, connections

P = ParamSpec("P")
T = TypeVar("T")

# What lasts (logs, events) reads here: many who follow share few connections.
_readers = ThreadPoolExecutor(max_workers=4, thread_name_prefix="live-read")


async def read_in_thread(read: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Runs a blocking read (of the database or a file) in one of a few threads."""
    work = partial(with_connections, read, *args, **kwargs)
    return await asyncio.get_running_loop().run_in_executor(_readers, work)


def with_connections(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Does work in this thread with connections that are good, and gives back those that others may wait for."""
    close_old_connections()
    try:
        return work(*args, **kwargs)
    finally:
        _let_go()


def _let_go() -> None:
    """Closes this thread's connections that are too old, or that come from a pool."""
    close_old_connections()
    for connection in connections.all(initialized_only=True):
        # With a pool, connections are shared with the pages: give it back.
        if connection.settings_dict["OPTIONS"].get("pool"):
            connection.close()
