"""FilterLogEvents: a search over streams, in the order of time."""

from collections.abc import Sequence
from typing import Any

import pytest
from django.contrib.auth.models import User
from pytest_django import DjangoAssertNumQueries

from jobs.models import DEFAULT_LOG_GROUP, LogChunk, LogStream
from jobs.selectors.logs import events as log_events
from jobs.selectors.logs.events import Budget, Cursor, LogEvent, Window
from jobs.selectors.logs.lines import lines_of_chunk
from tests.builders import a_definition, a_job, a_user, an_attempt
from tests.joblogs.writing import NOW_NS, Writer, frame

from .asking import Refused, ask, ask_all

pytestmark = pytest.mark.django_db
NOW_MS = NOW_NS // 1_000_000


@pytest.fixture
def owner() -> User:
    return a_user()


def a_log(owner: User, at: Sequence[int], *, text: str = "line", definition: str = "") -> Writer:
    """A log of his with a line at each of these milliseconds."""
    made = a_definition(name=definition) if definition else a_definition()
    job = a_job(owner=owner, definition=made, status="STARTING", attempts_made=1)
    writer = Writer(an_attempt(job=job))
    writer.write([frame(f"{text} {ms}\n".encode(), at_ns=NOW_NS + ms * 1_000_000) for ms in at])
    return writer


def find(user: User, **params: Any) -> dict[str, Any]:
    return ask(
        user, "FilterLogEvents", service="logs", **{"logGroupName": DEFAULT_LOG_GROUP, **params}
    )


def find_all(user: User, **params: Any) -> list[dict[str, Any]]:
    """All events, page by page; none comes twice."""
    where = {"logGroupName": DEFAULT_LOG_GROUP, **params}
    events = ask_all(user, "FilterLogEvents", "events", service="logs", **where)
    ids = [event["eventId"] for event in events]
    assert len(set(ids)) == len(ids)
    return events


def messages(events: Sequence[dict[str, Any]]) -> list[str]:
    return [event["message"] for event in events]


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_events_of_several_streams_come_in_the_order_of_time(owner: User, limit: int) -> None:
    a_log(owner, [0, 3, 6, 9], text="a")
    a_log(owner, [1, 4, 7], text="b")
    a_log(owner, [2, 5, 8], text="c")

    found = find_all(owner, limit=limit)

    assert messages(found) == "a 0,b 1,c 2,a 3,b 4,c 5,a 6,b 7,c 8,a 9".split(",")


def test_an_event_tells_its_stream_and_has_an_id(owner: User) -> None:
    writer = a_log(owner, [5])

    output = find(owner)

    (event,) = output["events"]
    assert len(event.pop("eventId")) == 56
    assert event == {
        "logStreamName": writer.stream.name,
        "timestamp": NOW_MS + 5,
        "ingestionTime": NOW_MS + 5,
        "message": "line 5",
    }
    assert output["searchedLogStreams"] == []
    assert "nextToken" not in output


@pytest.mark.parametrize("chunks", [1, 2, 400])
@pytest.mark.parametrize("size", [1, 10**9])
def test_nothing_is_lost_or_told_twice_wherever_a_page_ends(
    owner: User, monkeypatch: pytest.MonkeyPatch, chunks: int, size: int
) -> None:
    monkeypatch.setattr(log_events, "SEARCH_CHUNKS", chunks)
    monkeypatch.setattr(log_events, "SEARCH_BYTES", size)
    monkeypatch.setattr("jobs.services.supervision.logs.ROW_BYTES", 1)
    monkeypatch.setattr(log_events, "SEARCH_STREAMS", 3)
    for number in range(5):
        writer = a_log(owner, [])
        # Many of one time, as the pieces of a long line have, and clocks that go back.
        for ms in (number, 5, 5, 5, 7, 6, 6 + number, 3):
            writer.write([frame(b"line\n", at_ns=NOW_NS + ms * 1_000_000)])

    found = find_all(owner, limit=3)

    assert len(found) == 40
    first, second = found[:24], found[24:]
    for portion in (first, second):
        assert [event["timestamp"] for event in portion] == sorted(
            event["timestamp"] for event in portion
        )


def test_patterns_choose_events(owner: User) -> None:
    a_log(owner, [0, 2], text="ERROR")
    a_log(owner, [1, 3], text='{"level": "error"}'.replace(" ", ""))

    assert messages(find_all(owner, filterPattern="ERROR")) == ["ERROR 0", "ERROR 2"]
    assert messages(find_all(owner, filterPattern="?ERROR ?level")) != []
    assert find_all(owner, filterPattern='{ $.level = "error" }') == []
    assert len(find_all(owner, filterPattern="")) == 4
    assert find_all(owner, filterPattern="nowhere") == []


def test_both_ends_of_a_time_range_are_in_it(owner: User) -> None:
    a_log(owner, [0, 1, 2, 3, 4])

    found = find_all(owner, startTime=NOW_MS + 1, endTime=NOW_MS + 3)

    assert messages(found) == ["line 1", "line 2", "line 3"]
    assert find_all(owner, startTime=2**63 - 1) == []


def test_streams_are_chosen_by_name_or_prefix(owner: User) -> None:
    first = a_log(owner, [0], text="a", definition="train")
    second = a_log(owner, [1], text="b", definition="Train")
    a_log(owner, [2], text="c", definition="trail_")

    def chosen(**params: Any) -> list[str]:
        return messages(find_all(owner, **params))

    assert chosen(logStreamNames=[first.stream.name, second.stream.name]) == ["a 0", "b 1"]
    assert chosen(logStreamNames=[first.stream.name, "none"]) == ["a 0"]
    assert chosen(logStreamNamePrefix="train") == ["a 0"]
    assert chosen(logStreamNamePrefix="trai") == ["a 0", "c 2"]
    assert chosen(logStreamNamePrefix="trail_/") == ["c 2"]
    assert chosen(logStreamNamePrefix="%") == []


def test_a_search_that_finds_nothing_for_long_gives_a_token_all_the_same(
    owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_events, "SEARCH_STREAMS", 2)
    for number in range(5):
        a_log(owner, [number], text="needle" if number == 4 else "hay")

    output = find(owner, filterPattern="needle")
    assert output["events"] == []
    assert messages(find_all(owner, filterPattern="needle")) == ["needle 4"]


class Ticks:
    """A clock that is a second later whenever somebody looks at it."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        self.seconds += 1
        return self.seconds


def test_a_search_stops_when_its_time_is_over_and_goes_on_just_there(
    owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_events, "LEAST_BYTES", 1)
    a_log(owner, range(0, 100, 2), text="a")
    a_log(owner, range(1, 100, 2), text="b")
    looked_at: list[str] = []

    def matches(text: str) -> bool:
        looked_at.append(text)
        return text.endswith("7")

    found: list[LogEvent] = []
    cursor: Cursor | None = Cursor()
    calls = 0
    while cursor is not None:
        page = log_events.search(
            streams=LogStream.objects.all(),
            window=Window(),
            matches=matches,
            cursor=cursor,
            limit=100,
            budget=Budget(10.0, Ticks()),
        )
        found += [event for _, event in page.events]
        cursor = page.cursor
        calls += 1

    assert calls >= 10
    assert looked_at == [f"{'ab'[at % 2]} {at}" for at in range(100)]
    assert [event.message for event in found] == [f"b {at}" for at in range(7, 100, 10)]


def test_a_search_gets_on_even_if_its_time_is_over_at_once(
    owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_events, "SEARCH_SECONDS", 0)
    monkeypatch.setattr(log_events, "LEAST_BYTES", 1)
    monkeypatch.setattr("jobs.services.supervision.logs.ROW_BYTES", 1)
    for text in "ab":
        # Clocks that go back, too.
        for at in ([0, 5, 5, 5], [3, 2, 1], [4]):
            a_log(owner, at, text=text)

    output = find(owner, filterPattern="a")
    assert "nextToken" in output
    assert messages(find_all(owner, filterPattern="a")) == "a 0,a 1,a 2,a 3,a 4,a 5,a 5,a 5".split(
        ","
    )
    monkeypatch.setattr(log_events, "LEAST_BYTES", 10**9)
    assert len(messages(find_all(owner, filterPattern="a"))) == 8


@pytest.mark.parametrize(
    ("text", "searched"),
    [
        ("a" * 16_384, "a" * 16_384),
        ("a" * 262_145, "a" * 262_144),
        # A letter that is cut is left out.
        ("a" + "\u00e9" * 200_000, "a" + "\u00e9" * 131_071),
    ],
    ids=["short", "long", "letters"],
)
def test_of_a_long_line_the_first_256_kib_are_searched(text: str, searched: str) -> None:
    assert LogEvent(1, 0, 0, text).searched == searched


def test_what_stands_behind_that_in_a_line_is_not_found_and_told_all_the_same(
    owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_events, "SEARCHED_BYTES_OF_LINE", 8)
    a_log(owner, [1234567])

    assert find_all(owner, filterPattern="4567") == []
    assert messages(find_all(owner, filterPattern="123")) == ["line 1234567"]


def test_lines_that_come_between_two_pages_are_found(owner: User) -> None:
    writer = a_log(owner, [0, 1])
    token = find(owner, limit=1)["nextToken"]
    writer.write([frame(b"line 2\n", at_ns=NOW_NS + 2_000_000)])
    writer.finish()

    assert messages(find(owner, nextToken=token)["events"]) == ["line 1", "line 2"]


def test_a_search_takes_few_queries_however_many_streams_there_are(
    owner: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(30):
        a_log(owner, range(number, number + 5))

    # The group, the streams, their chunks.
    with django_assert_num_queries(3):
        assert len(find(owner)["events"]) == 150


def test_others_events_are_not_found(owner: User) -> None:
    a_log(owner, [0], text="his")
    a_log(a_user(), [1], text="hers")

    assert messages(find_all(owner)) == ["his 0"]
    assert messages(find_all(a_user(is_staff=True))) == ["his 0", "hers 1"]


@pytest.mark.parametrize(
    ("params", "code", "said"),
    [
        ({"logGroupName": "none"}, "ResourceNotFoundException", "log group does not exist."),
        ({"logStreamNames": ["none"]}, "ResourceNotFoundException", "log stream does not exist."),
        ({"logStreamNames": []}, "InvalidParameterException", "At least 1"),
        (
            {"logStreamNames": ["a"], "logStreamNamePrefix": "a"},
            "InvalidParameterException",
            "not both",
        ),
        ({"filterPattern": "%(a)%"}, "InvalidParameterException", "Invalid filter pattern"),
        ({"filterPattern": "x" * 1025}, "InvalidParameterException", "At most 1024"),
        ({"nextToken": "x"}, "InvalidParameterException", "nextToken is invalid"),
        ({"startFromHead": False}, "InvalidParameterException", "oldest events first"),
        ({"limit": 10_001}, "InvalidParameterException", "At most 10000"),
    ],
)
def test_bad_requests(owner: User, params: dict[str, Any], code: str, said: str) -> None:
    a_log(owner, [0])

    with pytest.raises(Refused) as refused:
        find(owner, **params)

    assert (refused.value.code, refused.value.status) == (code, 400)
    assert said in refused.value.message


def test_a_token_of_another_operation_is_refused(owner: User) -> None:
    writer = a_log(owner, [0, 1])
    token = ask(
        owner,
        "GetLogEvents",
        service="logs",
        logGroupName=DEFAULT_LOG_GROUP,
        logStreamName=writer.stream.name,
    )["nextForwardToken"]

    with pytest.raises(Refused, match="nextToken is invalid"):
        find(owner, nextToken=token)


def test_streams_of_other_groups_are_not_looked_at(owner: User) -> None:
    a_log(owner, [0])
    LogStream.objects.update(group="other")

    assert find_all(owner) == []


def test_of_a_pattern_that_is_much_work_less_is_searched_at_once(
    owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For each character RE2 may have to follow as many places as the expression has."""
    monkeypatch.setattr("jobs.services.supervision.logs.ROW_BYTES", 1)
    monkeypatch.setattr(log_events, "SEARCH_BYTES", 1000)
    opened: list[int] = []

    def counted(row: LogChunk) -> object:
        opened.append(row.byte_count)
        return lines_of_chunk(row)

    monkeypatch.setattr(log_events, "lines_of_chunk", counted)
    writer = a_log(owner, [])
    for ms in range(20):
        writer.write([frame(b"x" * 49 + b"\n", at_ns=NOW_NS + ms * 1_000_000)])

    read = []
    for pattern in ("%z%", "%xa{0,90}z%", "%xa{0,290}z%"):
        opened.clear()
        assert find(owner, filterPattern=pattern)["events"] == []
        read.append(sum(opened))
        assert find_all(owner, filterPattern=pattern) == []

    assert read == [1000, 100, 50]
