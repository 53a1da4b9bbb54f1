"""StartLiveTail: botocore reads our stream; it ends with its client, and with the server."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from botocore.eventstream import EventStreamBuffer, EventStreamMessage
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.utils import timezone

from jobs.api.asgi import with_api
from jobs.api.calls import Answer
from jobs.api.door import answer_to
from jobs.api.logs import live_tail, sessions
from jobs.api.service_models import service_model
from jobs.api.shapes import problems
from jobs.models import DEFAULT_LOG_GROUP, AccessKey, Attempt, JobCredentials, LogChunk
from jobs.selectors import log_events
from jobs.services.access.access_keys import create_access_key
from tests.builders import a_job, a_user, an_attempt
from tests.joblogs.writing import Writer, frame
from tests.web.asgi import Stream

from .asking import Refused, a_caller, ask, call_of
from .signing import a_signer

TIMEOUT_SECONDS = 20.0


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_tail, "TICK_SECONDS", 0.01)


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


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("quick")
def test_lines_come_as_they_are_printed_and_once() -> None:
    owner = a_user()
    first, others = a_log(owner), a_log(a_user())
    first.write([frame(b"old\n")])

    async def test() -> None:
        events = await opened(owner)
        await in_thread(write, first, "one", "two")
        await in_thread(write, others, "hers")
        update = await events.update()
        assert [each["message"] for each in update["sessionResults"]] == ["one", "two"]
        assert update["sessionMetadata"] == {"sampled": False}
        result = update["sessionResults"][0]
        assert result["logGroupIdentifier"] == f"123456789012:{DEFAULT_LOG_GROUP}"
        assert result["logStreamName"].startswith("definition-")
        # A stream that comes later, and more of the one before.
        made: list[Writer] = []
        await in_thread(lambda: made.append(a_log(owner)))
        await in_thread(write, made[0], "three")
        assert await events.messages() == ["three"]
        await in_thread(write, first, "four")
        assert await events.messages() == ["four"]

    run(test)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("quick")
def test_a_pattern_and_prefixes_choose_lines() -> None:
    owner = a_user()
    first, second = a_log(owner), a_log(owner)
    prefix = first.stream.name[:-5]

    async def test() -> None:
        events = await opened(
            owner, logStreamNamePrefixes=[prefix, "none"], logEventFilterPattern="ERROR -minor"
        )
        await in_thread(write, second, "ERROR elsewhere")
        await in_thread(write, first, "fine", "ERROR minor", "ERROR here")
        assert await events.messages() == ["ERROR here"]

    run(test)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("quick")
def test_of_too_many_lines_the_first_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_tail, "MAX_EVENTS", 3)
    owner = a_user()
    writer = a_log(owner)

    async def test() -> None:
        events = await opened(owner)
        await in_thread(write, writer, *(f"line {at}" for at in range(50)))
        update = await events.update()
        assert [each["message"] for each in update["sessionResults"]] == [
            "line 0",
            "line 1",
            "line 2",
        ]
        assert update["sessionMetadata"] == {"sampled": True}
        await in_thread(write, writer, "next")
        assert await events.messages() == ["next"]

    run(test)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("quick")
def test_what_would_take_too_long_to_search_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_tail, "TICK_BYTES", 20)
    owner = a_user()
    writers = [a_log(owner), a_log(owner)]

    def write_both() -> None:
        with transaction.atomic():
            for writer in writers:
                write(writer, "a line of more than twenty characters")

    async def test() -> None:
        events = await opened(owner)
        await in_thread(write_both)
        update = await events.update()
        assert len(update["sessionResults"]) == 1
        assert update["sessionMetadata"] == {"sampled": True}

    run(test)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("quick")
def test_lines_that_there_is_no_time_to_search_are_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(log_events, "SEARCH_SECONDS", 0)
    owner = a_user()
    writer = a_log(owner)

    async def test() -> None:
        events = await opened(owner)
        await in_thread(write, writer, "one", "two")
        content: dict[str, Any] = {}
        while content != {"sessionMetadata": {"sampled": True}, "sessionResults": []}:
            kind, content = await events.next()
            assert kind == "sessionUpdate", content
            assert content["sessionResults"] == []
        monkeypatch.setattr(log_events, "SEARCH_SECONDS", 60)
        await in_thread(write, writer, "three")
        assert await events.messages() == ["three"]

    run(test)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("quick")
def test_a_session_ends_after_three_hours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_tail, "SESSION", timedelta(0))
    owner = a_user()

    async def test() -> None:
        events = await opened(owner)
        kind, content = await events.next()
        assert (kind, content["message"]) == (
            "SessionTimeoutException",
            "The session has been open for three hours.",
        )
        with pytest.raises(StopAsyncIteration):
            await events.next()

    run(test)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("quick")
def test_a_log_that_cannot_be_read_is_told_in_the_stream() -> None:
    owner = a_user()
    writer = a_log(owner)

    def damage() -> None:
        LogChunk.objects.update(path="gone")

    async def test() -> None:
        events = await opened(owner)
        await in_thread(write, writer, "one")
        await in_thread(damage)
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while (await events.next())[0] != "SessionStreamingException":
                pass
        await events.next()

    run(test)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("params", "code", "said"),
    [
        ({"logGroupIdentifiers": ["none"]}, "ResourceNotFoundException", "log group"),
        ({"logGroupIdentifiers": []}, "InvalidParameterException", "At least 1"),
        ({"logStreamNames": ["none"]}, "ResourceNotFoundException", "log stream"),
        (
            {"logStreamNames": ["a"], "logStreamNamePrefixes": ["a"]},
            "InvalidParameterException",
            "not both",
        ),
        (
            {"logGroupIdentifiers": [DEFAULT_LOG_GROUP] * 2, "logStreamNames": ["a"]},
            "InvalidParameterException",
            "a single log group",
        ),
        ({"logEventFilterPattern": "{"}, "InvalidParameterException", "Invalid filter pattern"),
    ],
)
def test_bad_requests(params: dict[str, Any], code: str, said: str) -> None:
    given = {"logGroupIdentifiers": [DEFAULT_LOG_GROUP], **params}
    with pytest.raises(Refused, match=said) as refused:
        ask(a_user(), "StartLiveTail", service="logs", **given)

    assert refused.value.code == code


# --- whose it is ---------------------------------------------------------------------

ENDED = (
    "SessionTimeoutException",
    {"message": "The credentials of this session are not valid any more."},
)


def revoke(user: User) -> None:
    AccessKey.objects.filter(user=user).update(revoked_at=timezone.now())


def dismiss(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


async def ends(events: Events) -> None:
    """It is told why, and that is the end. What was read before the change may still come."""
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while (told := await events.next())[0] == "sessionUpdate":
            pass
    assert told == ENDED
    with pytest.raises(StopAsyncIteration):
        await events.next()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("lose", [revoke, dismiss])
def test_a_session_ends_with_its_key_and_its_user(lose: Callable[[User], None]) -> None:
    owner = a_user()

    async def test() -> None:
        events = await opened(owner)
        await in_thread(lose, owner)
        await ends(events)

    run(test)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("quick")
def test_a_session_of_a_job_ends_with_the_job() -> None:
    owner = a_user()
    attempt = an_attempt(job=a_job(owner=owner, status="STARTING", attempts_made=1))
    now = timezone.now()
    row = JobCredentials.objects.create(
        attempt=attempt,
        role_arn="arn:aws:iam::123456789012:role/r",
        access_key_id="ASIAEXAMPLE",
        encrypted_secret=b"",
        encrypted_session_token=b"",
        session_digest="",
        created_at=now,
        expires_at=now + timedelta(hours=1),
    )

    def finish() -> None:
        Attempt.objects.filter(pk=attempt.pk).update(ended_at=timezone.now())

    async def test() -> None:
        events = await opened(owner, key_id=row.access_key_id)
        assert (await events.next())[0] == "sessionUpdate"
        await in_thread(finish)
        await ends(events)

    run(test)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("quick")
def test_a_session_with_any_key_ends_when_that_is_forbidden(settings: Any) -> None:
    owner = a_user()
    settings.BATCHWEB_ANY_ACCESS_KEY_USER = owner.username

    async def test() -> None:
        events = await opened(owner, key_id="")
        assert (await events.next())[0] == "sessionUpdate"
        settings.BATCHWEB_ANY_ACCESS_KEY_USER = ""
        await ends(events)

    run(test)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("quick")
def test_who_is_no_administrator_any_more_sees_only_his_own() -> None:
    boss = a_user(is_staff=True)
    own, others = a_log(boss), a_log(a_user())

    def demote() -> None:
        User.objects.filter(pk=boss.pk).update(is_staff=False)

    async def test() -> None:
        events = await opened(boss)
        await in_thread(write, others, "hers")
        assert await events.messages() == ["hers"]
        await in_thread(demote)
        # What was being read meanwhile.
        await events.next()
        await in_thread(write, others, "hers again")
        await in_thread(write, own, "his")
        assert await events.messages() == ["his"]

    run(test)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("quick")
def test_a_user_has_so_many_sessions_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "MAX_SESSIONS", 2)
    owner, other = a_user(), a_user()

    def one_more() -> None:
        with pytest.raises(Refused, match="LimitExceededException"):
            ask(owner, "StartLiveTail", service="logs", logGroupIdentifiers=[DEFAULT_LOG_GROUP])

    async def test() -> None:
        # That it was asked for is no session yet: its client may be gone before it begins.
        waiting: list[Answer] = []
        await in_thread(lambda: waiting.extend(begun(owner) for _ in range(3)))
        first, _ = await opened(owner), await opened(owner)
        await in_thread(one_more)
        await opened(other)
        assert waiting[0].stream is not None
        late = Events(waiting[0].stream)
        await late.next()
        assert (await late.next())[0] == "SessionStreamingException"
        await in_thread(revoke, owner)
        await ends(first)
        await opened(owner)

    run(test)


# --- over HTTP -----------------------------------------------------------------------


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
