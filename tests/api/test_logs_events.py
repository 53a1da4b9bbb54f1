"""GetLogEvents: pages of one stream, in both directions."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from pytest_django import DjangoAssertNumQueries, Settings

from jobs.engines.base import LogSource
from jobs.models import DEFAULT_LOG_GROUP, LogChunk
from jobs.selectors.logs import events as log_events
from jobs.selectors.logs.lines import lines_of_chunk
from tests.builders import NOW, a_job, a_user, an_attempt
from tests.joblogs.writing import NOW_NS, Writer, frame, numbered

from .asking import Refused, ask

pytestmark = pytest.mark.django_db
NOW_MS = NOW_NS // 1_000_000


@pytest.fixture
def owner() -> User:
    return a_user()


def a_log(owner: User, count: int = 0) -> Writer:
    """The log of a job of his, with numbered lines a millisecond apart."""
    job = a_job(owner=owner, status="STARTING", attempts_made=1)
    writer = Writer(an_attempt(job=job))
    writer.write(numbered(count))
    return writer


def get(user: User, writer: Writer, **params: Any) -> dict[str, Any]:
    named = {"logGroupName": DEFAULT_LOG_GROUP, "logStreamName": writer.stream.name}
    return ask(user, "GetLogEvents", service="logs", **{**named, **params})


def lines(output: dict[str, Any]) -> list[int]:
    return [int(event["message"].removeprefix("line ")) for event in output["events"]]


def test_the_newest_events_come_first_unless_asked_otherwise(owner: User) -> None:
    writer = a_log(owner, 10)

    assert lines(get(owner, writer, limit=3)) == [7, 8, 9]
    assert lines(get(owner, writer, limit=3, startFromHead=False)) == [7, 8, 9]
    assert lines(get(owner, writer, limit=3, startFromHead=True)) == [0, 1, 2]


def test_an_event_has_its_time_in_milliseconds(owner: User) -> None:
    writer = a_log(owner, 2)

    assert get(owner, writer)["events"] == [
        {"message": "line 0", "timestamp": NOW_MS, "ingestionTime": NOW_MS},
        {"message": "line 1", "timestamp": NOW_MS + 1, "ingestionTime": NOW_MS + 1},
    ]


def test_forward_tokens_lead_to_the_end_and_stay_there_until_there_is_more(owner: User) -> None:
    writer = a_log(owner, 10)
    seen: list[int] = []
    output = get(owner, writer, limit=4, startFromHead=True)
    while True:
        seen += lines(output)
        token = output["nextForwardToken"]
        output = get(owner, writer, limit=4, startFromHead=True, nextToken=token)
        if output["nextForwardToken"] == token:
            break
    assert seen == list(range(10))
    assert output["events"] == []

    writer.write(numbered(2, first=10))

    assert lines(get(owner, writer, nextToken=token)) == [10, 11]


def test_backward_tokens_lead_to_the_beginning_and_stay_there(owner: User) -> None:
    writer = a_log(owner, 10)
    seen: list[int] = []
    output = get(owner, writer, limit=4)
    while True:
        seen = lines(output) + seen
        token = output["nextBackwardToken"]
        output = get(owner, writer, limit=4, nextToken=token)
        if output["nextBackwardToken"] == token:
            break

    assert seen == list(range(10))
    assert output["events"] == []


def test_either_token_of_a_page_turns_around(owner: User) -> None:
    writer = a_log(owner, 10)
    middle = get(owner, writer, nextToken=get(owner, writer, limit=3)["nextBackwardToken"], limit=3)
    assert lines(middle) == [4, 5, 6]

    assert lines(get(owner, writer, nextToken=middle["nextForwardToken"])) == [7, 8, 9]
    assert lines(get(owner, writer, nextToken=middle["nextBackwardToken"])) == [0, 1, 2, 3]


@pytest.mark.parametrize("from_head", [True, False])
@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (3, 6, [3, 4, 5]),
        (None, 2, [0, 1]),
        (8, None, [8, 9]),
        (20, None, []),
        (None, 0, []),
        (5, 5, []),
        (6, 3, []),
    ],
)
def test_a_time_range_has_its_start_and_not_its_end(
    owner: User, start: int | None, end: int | None, expected: list[int], from_head: bool
) -> None:
    writer = a_log(owner, 10)
    times = {"startTime": start, "endTime": end}
    given = {name: NOW_MS + value for name, value in times.items() if value is not None}

    output = get(owner, writer, startFromHead=from_head, **given)

    assert lines(output) == expected
    again = get(owner, writer, nextToken=output["nextForwardToken"], **given)
    assert again["events"] == []
    assert again["nextForwardToken"] == output["nextForwardToken"]


def test_the_largest_times_are_no_error(owner: User) -> None:
    assert get(owner, a_log(owner, 1), startTime=2**63 - 1, endTime=2**63 - 1)["events"] == []


def test_a_page_holds_no_more_than_a_mebibyte(owner: User) -> None:
    writer = a_log(owner)
    # In UTF-8, three bytes stand for each that is none.
    writer.write([frame(b"\xff" * 10_000 + b"\n", at_ns=NOW_NS + each) for each in range(60)])

    first = get(owner, writer, startFromHead=True)
    rest = get(owner, writer, nextToken=first["nextForwardToken"])

    assert len(first["events"]) == 34
    assert len(rest["events"]) == 26


def test_bytes_that_are_no_text_come_out_as_valid_json(owner: User) -> None:
    writer = a_log(owner)
    writer.write([frame(b"a\xff\x00\x1b[31m\xed\xa0\x80\n"), frame("grün \U0001f600\r\n".encode())])

    messages = [event["message"] for event in get(owner, writer)["events"]]

    assert messages == ["a\ufffd\x00\x1b[31m\ufffd\ufffd\ufffd", "grün \U0001f600\r"]


def test_lines_without_text_are_no_events(owner: User) -> None:
    writer = a_log(owner)
    writer.write([frame(b"\n"), frame(b"line 1\n"), frame(b"\n"), frame(b"line 2\n")])

    assert lines(get(owner, writer, limit=2)) == [1, 2]
    assert lines(get(owner, writer, limit=2, startFromHead=True)) == [1, 2]


def test_standard_output_and_error_are_one_stream(owner: User) -> None:
    writer = a_log(owner)
    writer.write([frame(b"line 1\n"), frame(b"line 2\n", source=LogSource.STDERR)])

    assert lines(get(owner, writer)) == [1, 2]


def test_a_page_far_into_a_long_log_reads_few_chunks(
    owner: User,
    monkeypatch: pytest.MonkeyPatch,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    writer = a_log(owner, 5_000)
    for part in range(1, 8):
        writer.write(numbered(5_000, first=5_000 * part))
    assert LogChunk.objects.count() >= 3
    token = get(owner, writer, limit=20_00)["nextBackwardToken"]
    opened: list[LogChunk] = []

    def counting(row: LogChunk, **portion: Any) -> Any:
        opened.append(row)
        return lines_of_chunk(row, **portion)

    monkeypatch.setattr(log_events, "lines_of_chunk", counting)
    # The group, the stream, the chunks.
    with django_assert_num_queries(4):
        name = writer.stream.name
        output = ask(
            owner,
            "GetLogEvents",
            service="logs",
            logGroupName=DEFAULT_LOG_GROUP,
            logStreamName=name,
            nextToken=token,
            limit=10,
        )
    assert lines(output) == list(range(37_990, 38_000))
    assert len(opened) == 1


def test_a_log_of_empty_lines_only_is_looked_through_in_portions(
    owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_events, "PAGE_CHUNKS", 1)
    writer = a_log(owner)
    for _ in range(3):
        writer.write([frame(b"\n")] * 2_000)
    writer.write([frame(b"line 1\n")])

    output = get(owner, writer, startFromHead=True)
    pages = 1
    while not output["events"]:
        output = get(owner, writer, nextToken=output["nextForwardToken"])
        pages += 1

    assert lines(output) == [1]
    assert pages == LogChunk.objects.count() > 1


@pytest.mark.parametrize(
    ("params", "code", "said"),
    [
        (
            {"logStreamName": "none"},
            "ResourceNotFoundException",
            "The specified log stream does not exist.",
        ),
        (
            {"logGroupName": "none"},
            "ResourceNotFoundException",
            "The specified log group does not exist.",
        ),
        ({"logGroupName": None}, "InvalidParameterException", "Give either logGroupName or"),
        ({"logGroupIdentifier": "x"}, "InvalidParameterException", "Give either logGroupName or"),
        ({"nextToken": "x"}, "InvalidParameterException", "The specified nextToken is invalid."),
        (
            {"nextToken": "f/MTI"},
            "InvalidParameterException",
            "The specified nextToken is invalid.",
        ),
        ({"nextToken": "f/é:\udfff"}, "SerializationException", "UTF-8"),
        ({"nextToken": ""}, "InvalidParameterException", "nextToken: At least 1 characters"),
        ({"limit": 0}, "InvalidParameterException", "limit: At least 1"),
        ({"limit": 10_001}, "InvalidParameterException", "limit: At most 10000"),
        ({"startTime": -1}, "InvalidParameterException", "startTime: At least 0"),
        ({"startTime": 2**63}, "InvalidParameterException", "is too large"),
        (
            {"startFromHead": "yes"},
            "InvalidParameterException",
            "startFromHead: This is true or false.",
        ),
        ({"logStreamName": "a:b"}, "InvalidParameterException", "logStreamName:"),
        ({"more": 1}, "InvalidParameterException", "more: Unknown member."),
    ],
)
def test_bad_requests(owner: User, params: dict[str, Any], code: str, said: str) -> None:
    writer = a_log(owner, 1)

    with pytest.raises(Refused) as refused:
        get(owner, writer, **params)

    assert (refused.value.code, refused.value.status) == (code, 400)
    assert said in refused.value.message


def test_a_token_is_good_for_its_own_stream_and_direction_only(owner: User) -> None:
    writer, other = a_log(owner, 3), a_log(owner, 3)
    token = get(owner, writer)["nextForwardToken"]

    for bad in (token.replace("f/", "b/", 1), token[2:], token + "x", token[:-1]):
        with pytest.raises(Refused, match="nextToken is invalid"):
            get(owner, writer, nextToken=bad)
    with pytest.raises(Refused, match="nextToken is invalid"):
        get(owner, other, nextToken=token)


def test_a_group_may_be_named_by_its_arn(owner: User) -> None:
    writer = a_log(owner, 1)
    arn = "arn:aws:logs:us-east-1:123456789012:log-group:/aws/batch/job"

    for good in (arn, "/aws/batch/job"):
        assert lines(get(owner, writer, logGroupName=None, logGroupIdentifier=good)) == [0]
    for bad in (arn.replace("us-east-1", "eu-west-1"), arn.replace("1234", "9234"), "arn:x"):
        with pytest.raises(Refused, match="log group does not exist"):
            get(owner, writer, logGroupName=None, logGroupIdentifier=bad)


def test_others_streams_do_not_exist_but_for_administrators(owner: User) -> None:
    writer = a_log(owner, 1)

    with pytest.raises(Refused, match="log stream does not exist"):
        get(a_user(), writer)
    assert lines(get(a_user(is_staff=True), writer)) == [0]


def test_a_part_that_cannot_be_read_is_told_as_an_error_that_passes(
    owner: User, settings: Settings
) -> None:
    writer = a_log(owner, 1)
    LogChunk.objects.update(path="gone")

    with pytest.raises(Refused) as refused:
        get(owner, writer)

    assert (refused.value.code, refused.value.status) == ("ServiceUnavailableException", 503)


def test_a_stream_without_lines_has_tokens(owner: User) -> None:
    writer = a_log(owner)

    output = get(owner, writer, startTime=int((NOW - timedelta(1)).timestamp() * 1000))

    assert output["events"] == []
    assert get(owner, writer, nextToken=output["nextForwardToken"]) == output
