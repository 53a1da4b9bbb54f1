"""StartLiveTail over HTTP: a session ends with its client, and with the server."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from botocore.eventstream import EventStreamBuffer
from django.contrib.auth.models import User
from django.utils import timezone

from jobs.api.asgi import with_api
from jobs.models import DEFAULT_LOG_GROUP
from tests.builders import a_user
from tests.web.asgi import Stream

from .live_tail import (
    TIMEOUT_SECONDS,
    in_thread,
    run,
)
from .signing import a_signer


@contextlib.asynccontextmanager
async def served(user: User, stopping: asyncio.Event) -> AsyncIterator[tuple[Stream, Any]]:
    """A session by a signed request to the application, as a web server hands it on."""
    calls: list[Any] = []

    def sign() -> None:
        body = json.dumps({"logGroupIdentifiers": [DEFAULT_LOG_GROUP]}).encode()
        signer = a_signer(user, service="logs", at=timezone.now())
        headers = (
            ("content-type", "application/x-amz-json-1.1"),
            ("x-amz-target", "Logs_20140328.StartLiveTail"),
        )
        calls.append(signer.in_headers(target="/", body=body, headers=headers))

    await in_thread(sign)
    (call,) = calls

    async def pages(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError(scope)

    async def stops() -> None:
        await stopping.wait()

    stream, requested = Stream(), False

    async def receive() -> dict[str, Any]:
        nonlocal requested
        if not requested:
            requested = True
            return {"type": "http.request", "body": call.body, "more_body": False}
        await stream.gone.wait()
        return {"type": "http.disconnect"}

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/",
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in call.headers.items()],
    }
    application: Any = with_api(pages, stops)
    task: asyncio.Task[None] = asyncio.create_task(application(scope, receive, stream.send))
    await stream.begun()
    try:
        yield stream, task
    finally:
        stream.gone.set()
        await asyncio.wait_for(task, TIMEOUT_SECONDS)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("quick")
def test_a_session_ends_with_its_client() -> None:
    owner = a_user()

    async def test() -> None:
        async with served(owner, asyncio.Event()) as (stream, task):
            assert stream.status == 200
            assert "content-length" not in stream.headers
            assert not task.done()
            stream.gone.set()
            await asyncio.wait_for(task, TIMEOUT_SECONDS)
        assert len(asyncio.all_tasks()) == 1

    run(test)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("quick")
def test_a_session_ends_whole_when_the_server_stops() -> None:
    owner, stopping = a_user(), asyncio.Event()

    async def test() -> None:
        async with served(owner, stopping) as (stream, task):
            stopping.set()
            await asyncio.wait_for(task, TIMEOUT_SECONDS)
            assert stream.ended.is_set()
            buffer = EventStreamBuffer()
            buffer.add_data(await stream.body())
            # Nothing is cut off within a message.
            kinds: list[Any] = [message.headers for message in buffer]
            assert kinds[0][":event-type"] == "initial-response"

    run(test)
