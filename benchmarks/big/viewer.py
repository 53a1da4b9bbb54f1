"""A viewer of a live page, without a browser: does what static/js/live.js does, and notes when he had what."""

import asyncio
import contextlib
import json
import re
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from urllib.parse import urlencode

# As static/js/live.js has it: after a renewal that took longer, it rests three times as long.
QUICK_SECONDS, MOST_REST_SECONDS = 0.1, 5.0
# Of a browser that has been on a page with a form.
CSRF_SECRET = "a" * 32
LIVE_PART = re.compile(r'<div id="([^"]+)" class="bw-live[^"]*" data-live="([^"]*)"')


@dataclass(slots=True)
class Viewer:
    """One open page. `seen` has, for each word looked for, when it was first in a part that came."""

    port: int
    path: str
    cookie: str
    seen: dict[str, float] = field(default_factory=dict)
    renewals: int = 0
    received: int = 0
    wanted: str = ""
    ready: asyncio.Event = field(default_factory=asyncio.Event)

    async def watch(self) -> None:
        """Opens the page, listens, and renews parts until it is cancelled."""
        page = await self._get({})
        parts = [(name, set(topics.split())) for name, topics in LIVE_PART.findall(page)]
        topics = sorted(set().union(*(each for _, each in parts)))
        async for name, data in self._events(topics):
            if name == "resync":
                self.ready.set()
                continue
            changed = set(json.loads(data))
            concerned = [part for part, topics in parts if topics & changed]
            await self._renew(concerned)

    async def _renew(self, parts: list[str]) -> None:
        begun = time.monotonic()
        html = await self._get({"HX-Request": "true", "X-Live-Regions": " ".join(parts)})
        now = time.monotonic()
        self.renewals += 1
        self.received += len(html)
        if self.wanted and self.wanted in html:
            self.seen.setdefault(self.wanted, now)
        if now - begun > QUICK_SECONDS:
            await asyncio.sleep(min(3 * (now - begun), MOST_REST_SECONDS))

    async def _get(self, headers: dict[str, str]) -> str:
        async with self._request(self.path, {"Accept": "text/html", **headers}) as (reader, _):
            return (await reader.read()).decode(errors="replace")

    async def _events(self, topics: list[str]) -> AsyncIterator[tuple[str, str]]:
        path = "/live/?" + urlencode([("topic", topic) for topic in topics])
        async with self._request(path, {"Accept": "text/event-stream"}) as (reader, _):
            name = ""
            while line := (await reader.readline()).decode().strip("\r\n") or "-":
                kind, _, rest = line.partition(": ")
                if kind == "event":
                    name = rest
                elif kind == "data":
                    yield name, rest
                elif reader.at_eof():
                    return

    @contextlib.asynccontextmanager
    async def _request(
        self, path: str, headers: dict[str, str]
    ) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """A GET on a connection of its own; its body is what is left to read, but for the marks of chunks."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 22)
        lines = [f"GET {path} HTTP/1.1", "Host: 127.0.0.1", "Connection: close"]
        lines += [f"{name}: {text}" for name, text in headers.items()]
        lines += [f"Cookie: {self.cookie}; csrftoken={CSRF_SECRET}", "", ""]
        writer.write("\r\n".join(lines).encode())
        try:
            status = (await reader.readline()).decode()
            if " 200 " not in status:
                raise ConnectionError(f"{path}: {status.strip() or 'no answer'}")
            while await reader.readline() not in {b"\r\n", b""}:
                pass
            yield reader, writer
        finally:
            writer.close()
