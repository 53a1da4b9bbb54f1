"""StartLiveTail: botocore reads our stream, with the lines that were asked for."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction

from jobs.api.logs import live_tail
from jobs.models import DEFAULT_LOG_GROUP, LogChunk
from jobs.selectors.logs import events as log_events
from tests.builders import a_user
from tests.joblogs.writing import Writer, frame

from .asking import Refused, ask
from .live_tail import (
    TIMEOUT_SECONDS,
    a_log,
    in_thread,
    opened,
    run,
    write,
)


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
