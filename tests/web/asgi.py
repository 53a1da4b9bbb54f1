"""Speaks ASGI to the application, as a server would: for streams, which Django's test client cannot end."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

from jobs.web.streaming import StreamingASGIHandler

EVENT_TIMEOUT_SECONDS = 20.0


class Stream:
    """One open request: its status, headers and body as they come."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.gone = asyncio.Event()
        self.ended = asyncio.Event()
        self._begun = asyncio.Event()
        self._chunks: asyncio.Queue[bytes] = asyncio.Queue()
        self._text = ""

    async def send(self, message: Mapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {
                key.decode().lower(): value.decode() for key, value in message["headers"]
            }
            self._begun.set()
            return
        await self._chunks.put(message.get("body", b""))
        if not message.get("more_body"):
            self.ended.set()
            await self._chunks.put(b"")

    async def begun(self) -> None:
        async with asyncio.timeout(EVENT_TIMEOUT_SECONDS):
            await self._begun.wait()

    async def event(self, name: str) -> str:
        """The data of the next event of that name; others and comments are passed over."""
        async with asyncio.timeout(EVENT_TIMEOUT_SECONDS):
            while True:
                block = await self._block()
                lines = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
                if lines.get("event") == name:
                    return lines["data"]

    async def body(self) -> bytes:
        """All of it, to its end."""
        parts = []
        async with asyncio.timeout(EVENT_TIMEOUT_SECONDS):
            while not (self.ended.is_set() and self._chunks.empty()):
                parts.append(await self._chunks.get())
        return b"".join(parts)

    async def _block(self) -> str:
        while "\n\n" not in self._text:
            assert not (self.ended.is_set() and self._chunks.empty()), "the stream has ended"
            self._text += (await self._chunks.get()).decode()
        block, _, self._text = self._text.partition("\n\n")
        return block


@contextlib.asynccontextmanager
async def open_stream(
    path: str,
    *,
    cookie: str,
    headers: Mapping[str, str] | None = None,
    server: StreamingASGIHandler | None = None,
) -> AsyncIterator[Stream]:
    """A GET, open until the context is left; of a server of its own if none is given."""
    stream = Stream()
    requested = False

    async def receive() -> dict[str, Any]:
        nonlocal requested
        if not requested:
            requested = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await stream.gone.wait()
        return {"type": "http.disconnect"}

    where, _, query = path.partition("?")
    fields = {"host": "testserver", "cookie": cookie, **(headers or {})}
    scope: dict[str, Any] = {
        "type": "http",
        "method": "GET",
        "path": where,
        "query_string": query.encode(),
        "headers": [(key.encode(), value.encode()) for key, value in fields.items()],
    }
    task = asyncio.create_task((server or StreamingASGIHandler())(scope, receive, stream.send))
    try:
        await stream.begun()
        yield stream
    finally:
        stream.gone.set()
        async with asyncio.timeout(EVENT_TIMEOUT_SECONDS):
            await task
