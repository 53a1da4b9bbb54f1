"""The API's place in the web server: AWS's requests go to the door, all others to Django.

Django's middleware (sessions, CSRF, pages' errors) has nothing to do with a signed request, and its handler takes a new
thread, and so a new database connection, for each. These threads and their connections stay.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from django.conf import settings

from jobs.threads import lasting_threads, with_connections

from .bodies import Bodies, Gone, Message, Receive, Unread, read_body
from .calls import Answer, Call

Send = Callable[[Message], Awaitable[None]]
Application = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]


def with_api(pages: Application, stopping: Callable[[], Awaitable[None]]) -> Application:
    """An application that answers the API's requests itself and hands all others to `pages`.

    Called when Django is set up: the rest of the API needs its models. `stopping` waits until the server is
    about to stop: answers that last end then, and when their clients go.
    """
    from .door import answer, refused_by_head, unread
    from .routing import is_for_batch, is_for_the_api

    # Batch's calls take a millisecond or two of work in Python, which one thread at a time can do anyway: a few are
    # for the waits for the database, more would only take the interpreter from each other.
    batch = lasting_threads(settings.BATCHWEB_API_BATCH_THREADS, "api-batch")
    # A search of logs may take a second, and nobody else is to wait for it.
    others = lasting_threads(settings.BATCHWEB_API_THREADS, "api")
    bodies = Bodies()

    async def answered(head: Call, receive: Receive) -> Answer:
        if (refused := refused_by_head(head)) is not None:
            return refused
        loop = asyncio.get_running_loop()
        with bodies.one() as grow:
            try:
                call = replace(head, body=await read_body(receive, grow))
            except Unread as error:
                return unread(head, error)
            threads = batch if is_for_batch(call) else others
            return await loop.run_in_executor(threads, with_connections, answer, call)

    async def application(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not is_for_the_api(head := _head(scope)):
            await pages(scope, receive, send)
            return
        try:
            found = await answered(head, receive)
        except Gone:
            return
        await _send_all(found, receive, send, stopping)
        if found.afterwards is not None:
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(others, with_connections, found.afterwards)

    return application


def _head(scope: Mapping[str, Any]) -> Call:
    headers: dict[str, str] = {}
    raw: Iterable[tuple[bytes, bytes]] = scope["headers"]
    for name, value in raw:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        # Several of one name count as one, as HTTP and the signature have it.
        headers[key] = f"{headers[key]},{text}" if key in headers else text
    path = scope.get("raw_path") or scope["path"].encode()
    return Call(
        method=scope["method"],
        path=path.decode("latin-1").partition("?")[0],
        query=scope["query_string"].decode("latin-1"),
        headers=headers,
        address=str((scope.get("client") or ("",))[0]),
    )


async def _send_all(
    found: Answer, receive: Receive, send: Send, stopping: Callable[[], Awaitable[None]]
) -> None:
    if found.stream is None:
        await _send(found, send)
        return
    stops = asyncio.ensure_future(stopping())
    await _first(_send(found, send), _disconnected(receive), stops)
    if stops.done() and not stops.cancelled():
        await send({"type": "http.response.body", "body": b""})


async def _send(found: Answer, send: Send) -> None:
    headers = [
        (name.lower().encode(), value.encode("latin-1")) for name, value in found.headers.items()
    ]
    if found.stream is None:
        headers.append((b"content-length", str(len(found.body)).encode()))
    await send({"type": "http.response.start", "status": found.status, "headers": headers})
    streams = found.stream is not None
    await send({"type": "http.response.body", "body": found.body, "more_body": streams})
    if found.stream is not None:
        async for part in found.stream:
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


async def _first(*waiting: Awaitable[None]) -> None:
    """Waits until one of these is done, and ends the others. An error of the first of them is raised."""
    tasks = [asyncio.ensure_future(each) for each in waiting]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    if isinstance(results[0], Exception) and not isinstance(results[0], OSError):
        raise results[0]


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
