"""Sessions of StartLiveTail in tests: begun, read as botocore reads them, and ended."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from botocore.eventstream import EventStreamBuffer, EventStreamMessage
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from jobs.api.calls import Answer
from jobs.api.door import answer_to
from jobs.api.service_models import service_model
from jobs.api.shapes import problems
from jobs.models import DEFAULT_LOG_GROUP
from jobs.services.access.access_keys import create_access_key
from tests.builders import a_job, an_attempt
from tests.joblogs.writing import Writer, frame

from .asking import a_caller, call_of

TIMEOUT_SECONDS = 20.0


def a_log(owner: User) -> Writer:
    return Writer(an_attempt(job=a_job(owner=owner, status="STARTING", attempts_made=1)))


def write(writer: Writer, *texts: str) -> None:
    now_ns = time.time_ns()
    writer.write([frame(f"{text}\n".encode(), at_ns=now_ns + at) for at, text in enumerate(texts)])


def a_key_of(user: User) -> str:
    """The id of a new access key of his."""
    return create_access_key(user=user, name="tail", now=timezone.now())[0].access_key_id


def begun(user: User, key_id: str | None = None, **params: Any) -> Answer:
    call = call_of(
        "StartLiveTail", {"logGroupIdentifiers": [DEFAULT_LOG_GROUP], **params}, service="logs"
    )
    caller = a_caller(user, access_key_id=a_key_of(user) if key_id is None else key_id)
    found = answer_to(caller, call, timezone.now())
    assert found.headers["Content-Type"] == "application/vnd.amazon.eventstream"
    return found


class Events:
    """Reads a stream as botocore does; each event is held against its shape."""

    def __init__(self, parts: AsyncIterator[bytes]) -> None:
        self._parts = parts
        self._buffer = EventStreamBuffer()
        self._shape: Any = service_model("logs").shape_for("StartLiveTailResponseStream")

    async def next(self) -> tuple[str, dict[str, Any]]:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while True:
                for message in self._buffer:
                    return self._read(message)
                self._buffer.add_data(await anext(self._parts))

    async def update(self) -> dict[str, Any]:
        """The next one with lines in it."""
        while True:
            kind, content = await self.next()
            assert kind == "sessionUpdate", content
            if content["sessionResults"]:
                return content

    async def messages(self) -> list[str]:
        return [each["message"] for each in (await self.update())["sessionResults"]]

    def _read(self, message: EventStreamMessage) -> tuple[str, dict[str, Any]]:
        headers: Any = message.headers
        kind = headers.get(":event-type") or headers[":exception-type"]
        assert headers[":message-type"] == ("event" if ":event-type" in headers else "exception")
        content: dict[str, Any] = json.loads(message.payload)
        if kind != "initial-response":
            assert problems(self._shape.members[kind], content) == []
        return kind, content


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(60):
            await test()

    asyncio.run(limited())


async def in_thread(work: Callable[..., None], *args: Any) -> None:
    """The database may not be used on the event loop's thread."""

    def worked() -> None:
        try:
            work(*args)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as threads:
        await asyncio.get_running_loop().run_in_executor(threads, worked)


async def opened(user: User, **params: Any) -> Events:
    """A session that has begun."""
    found: list[Answer] = []
    await in_thread(lambda: found.append(begun(user, **params)))
    assert found[0].stream is not None
    events = Events(found[0].stream)
    assert await events.next() == ("initial-response", {})
    kind, start = await events.next()
    assert kind == "sessionStart"
    assert start["logGroupIdentifiers"] == [DEFAULT_LOG_GROUP]
    assert start["sessionId"]
    return events
