"""Database work beside requests: in a few threads that last, and keep connections that come from no pool."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from django.conf import settings
from django.db import close_old_connections, connections

P = ParamSpec("P")
T = TypeVar("T")


def lasting_threads(count: int, name: str) -> ThreadPoolExecutor:
    """Threads whose connections last, too, where Django would open a new one for each piece of work."""
    return ThreadPoolExecutor(count, thread_name_prefix=name, initializer=_keep_connections)


def _keep_connections() -> None:
    for connection in connections.all() if settings.BATCHWEB_KEEP_CONNECTIONS else ():
        if not connection.settings_dict["OPTIONS"].get("pool"):
            # This thread's own settings. What the database has dropped meanwhile is found at its next use.
            kept = {"CONN_MAX_AGE": None, "CONN_HEALTH_CHECKS": True}
            connection.settings_dict = {**connection.settings_dict, **kept}


# What lasts (logs, events) reads here: many who follow share few connections.
_readers = lasting_threads(4, "live-read")


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
