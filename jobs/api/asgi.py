"""The API's place in the web server: AWS's requests go to the door, all others to Django.

Django's middleware (sessions, CSRF, pages' errors) has nothing to do with a signed request, and its handler takes a new
thread, and so a new database connection, for each. These threads and their connections stay.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.conf import settings

from jobs.threads import with_connections

from .calls import Answer, Call

Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]


class Gone(Exception):
    """The client went away before its request was whole."""


class TooLarge(Exception):
    """A body of more bytes than are read."""


def with_api(pages: Application, stopping: Callable[[], Awaitable[None]]) -> Application:
    """An application that answers the API's requests itself and hands all others to `pages`.

    Called when Django is set up: the rest of the API needs its models. `stopping` waits until the server is
    about to stop: answers that last end then, and when their clients go.
    """
    from .door import answer, too_large
    from .routing import is_for_the_api

    threads = ThreadPoolExecutor(settings.BATCHWEB_API_THREADS, thread_name_prefix="api")

    async def application(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not is_for_the_api(head := _head(scope)):
            await pages(scope, receive, send)
            return
        try:
            body = await _body(receive, head.headers)
        except Gone:
            return
        except TooLarge:
            # What is left of the body is never read, so the connection is of no use any more.
            await _send(too_large(head), send, close=True)
            return
        call = Call(head.method, head.path, head.query, head.headers, body)
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(threads, with_connections, answer, call)
        if found.stream is None:
            await _send(found, send)
        else:
            stops = asyncio.ensure_future(stopping())
            await _first(_send(found, send), _disconnected(receive), stops)
            if stops.done() and not stops.cancelled():
                await send({"type": "http.response.body", "body": b""})
        if found.afterwards is not None:
            await loop.run_in_executor(threads, with_connections, found.afterwards)

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
    )


async def _body(receive: Receive, headers: Mapping[str, str]) -> bytes:
    """The whole body. Raises TooLarge as soon as it is known to be that, or Gone."""
    most = settings.BATCHWEB_API_BODY_BYTES
    told = headers.get("content-length", "0")
    if told.isdigit() and int(told[:20]) > most:
        raise TooLarge
    parts: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Gone
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > most:
            raise TooLarge
        more = message.get("more_body", False)
    return b"".join(parts)


async def _send(found: Answer, send: Send, *, close: bool = False) -> None:
    headers = [
        (name.lower().encode(), value.encode("latin-1")) for name, value in found.headers.items()
    ]
    if found.stream is None:
        headers.append((b"content-length", str(len(found.body)).encode()))
    if close:
        headers.append((b"connection", b"close"))
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
