"""Database work for answers that last: in a few threads, and in none while there is nothing to read."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from django.db import close_old_connections, connections

P = ParamSpec("P")
T = TypeVar("T")

# Many who follow a log share few connections.
_readers = ThreadPoolExecutor(max_workers=2, thread_name_prefix="api-read")


async def read_in_thread(read: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Runs a blocking read (of the database or a file) in one of the threads."""

    def work() -> T:
        close_old_connections()
        try:
            return read(*args, **kwargs)
        finally:
            let_go()

    return await asyncio.get_running_loop().run_in_executor(_readers, partial(work))


def let_go() -> None:
    """Closes this thread's connections that are too old, or that come from a pool others wait for."""
    close_old_connections()
    for connection in connections.all(initialized_only=True):
        # With a pool, connections are shared with the pages: give it back.
        if connection.settings_dict["OPTIONS"].get("pool"):
            connection.close()
