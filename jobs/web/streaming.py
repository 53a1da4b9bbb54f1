"""Answers that last: Django decides who gets one, and then lets go of thread and database.

Django's own handler keeps a thread, and with it a database connection, for as long as a response lasts. With a
stream per viewer that would be a thread per viewer. `StreamingASGIHandler` lets the whole request run as
usual (middleware, login, view), ends it, and only then sends what the view's generator yields.
"""

import asyncio
import contextlib
import contextvars
import signal
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from io import BytesIO
from types import FrameType
from typing import Any

import django
from django.core.handlers.asgi import ASGIHandler
from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase

from .hub import hub

Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

EVENT_STREAM_HEADERS = {
    "Cache-Control": "no-cache, no-transform",
    # Else nginx would collect events until its buffer is full.
    "X-Accel-Buffering": "no",
}


class LastingResponse(StreamingHttpResponse):
    """A response that goes on after its request's thread and connection are given back.

    The generator must not use the database itself but `jobs.threads.read_in_thread`.
    """


def event_stream(events: AsyncIterator[str]) -> LastingResponse:
    """Server-sent events."""
    return LastingResponse(
        events, content_type="text/event-stream; charset=utf-8", headers=EVENT_STREAM_HEADERS
    )


def event(name: str, data: str, *, event_id: int | None = None) -> str:
    """One server-sent event. `data` may not hold line breaks."""
    lines = [f"event: {name}", f"data: {data}"]
    if event_id is not None:
        lines.insert(0, f"id: {event_id}")
    return "\n".join(lines) + "\n\n"


_lasting: contextvars.ContextVar[list[LastingResponse] | None] = contextvars.ContextVar(
    "lasting", default=None
)


class StreamingASGIHandler(ASGIHandler):
    """Django's handler, with lasting responses sent after the request has ended, and streams ended
    when the server stops (it would wait for them otherwise)."""

    def __init__(self) -> None:
        super().__init__()
        # Only now: models cannot be imported before Django is set up, and this module is.
        from .renewing import Renewals

        self._renewals = Renewals()

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        if self._renewals.concern(scope):
            await self._renew(scope, receive, send)
            return
        kept: list[LastingResponse] = []
        _lasting.set(kept)
        await super().__call__(scope, receive, send)
        for response in kept:
            await _send_until_gone(super().send_response, response, receive, send)

    async def _renew(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Answers a renewal of live parts, which many may ask for at once (`renewing`)."""
        request, response = self.create_request(scope, BytesIO())
        if request is not None:
            response = await self._renewals.answer(request)
        if response is not None:
            await _send_until_gone(super().send_response, response, receive, send)

    async def send_response(self, response: HttpResponseBase, send: Send) -> None:
        """Sends it, or keeps it for after the request if it is a lasting one."""
        kept = _lasting.get()
        if isinstance(response, LastingResponse) and kept is not None:
            kept.append(response)
        else:
            await super().send_response(response, send)


async def _send_until_gone(
    send_response: Callable[[HttpResponseBase, Send], Awaitable[None]],
    response: HttpResponseBase,
    receive: Receive,
    send: Send,
) -> None:
    """Sends a response until its end, or until the viewer has gone."""
    sending = asyncio.ensure_future(send_response(response, send))
    leaving = asyncio.ensure_future(_disconnected(receive))
    try:
        await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (sending, leaving):
            task.cancel()
        results = await asyncio.gather(sending, leaving, return_exceptions=True)
    if isinstance(results[0], Exception) and not isinstance(results[0], OSError):
        raise results[0]


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _lifespan(receive: Receive, send: Send) -> None:
    with _streams_end_on_signal():
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            else:
                await hub().stop()
                await send({"type": "lifespan.shutdown.complete"})
                return


@contextlib.contextmanager
def _streams_end_on_signal() -> Iterator[None]:
    """Servers wait for open answers before they stop, and a stream never ends: so end the streams first."""
    if threading.current_thread() is not threading.main_thread():
        # Only the main thread may set handlers; elsewhere the embedder ends the server himself.
        yield
        return
    loop, streams = asyncio.get_running_loop(), hub()
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def handler(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(streams.close)
        previous = before[signal.Signals(number)]
        if callable(previous):
            previous(number, frame)

    for number in before:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)


def get_asgi_application() -> StreamingASGIHandler:
    """Django's ASGI application with lasting responses."""
    django.setup(set_prefix=False)
    return StreamingASGIHandler()
