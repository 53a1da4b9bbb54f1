"""DescribeLogStreams, and when streams are there and under which names."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from pytest_django import DjangoAssertNumQueries

from jobs.models import DEFAULT_LOG_GROUP, Attempt, LogGroup, LogStream
from jobs.services.attempts.running import mark_all_running, mark_running
from jobs.services.supervision import logs
from tests.builders import (
    NOW,
    a_definition,
    a_group,
    a_job,
    a_queue,
    a_user,
    an_attempt,
    an_environment,
    containers_of,
)
from tests.joblogs.writing import NOW_NS, Writer, frame, numbered

from .asking import Refused, ask, ask_all

pytestmark = pytest.mark.django_db
NOW_MS = NOW_NS // 1_000_000


@pytest.fixture
def owner() -> User:
    return a_user()


def a_log(owner: User, *, definition: str = "", at_ms: int | None = None) -> LogStream:
    made = a_definition(name=definition) if definition else a_definition()
    job = a_job(owner=owner, definition=made, status="STARTING", attempts_made=1)
    writer = Writer(an_attempt(job=job))
    if at_ms is not None:
        writer.write([frame(b"line\n", at_ns=NOW_NS + at_ms * 1_000_000)])
    return writer.stream


def describe(user: User, **params: Any) -> dict[str, Any]:
    return ask(
        user, "DescribeLogStreams", service="logs", **{"logGroupName": DEFAULT_LOG_GROUP, **params}
    )


def names(output: dict[str, Any]) -> list[str]:
    return [each["logStreamName"].partition("/")[0] for each in output["logStreams"]]


def all_names(user: User, **params: Any) -> list[str]:
    where = {"logGroupName": DEFAULT_LOG_GROUP, **params}
    found = ask_all(user, "DescribeLogStreams", "logStreams", service="logs", **where)
    return names({"logStreams": found})


def test_a_stream_tells_its_times_and_arn(owner: User) -> None:
    stream = a_log(owner, at_ms=5)
    empty = a_log(owner)

    output = describe(owner)

    by_name = {each["logStreamName"]: each for each in output["logStreams"]}
    assert by_name[stream.name] == {
        "logStreamName": stream.name,
        "creationTime": NOW_MS,
        "firstEventTimestamp": NOW_MS + 5,
        "lastEventTimestamp": NOW_MS + 5,
        "lastIngestionTime": NOW_MS + 5,
        "arn": "arn:aws:logs:us-east-1:123456789012:log-group:/aws/batch/job:log-stream:"
        + stream.name,
        "storedBytes": 0,
    }
    assert "lastEventTimestamp" not in by_name[empty.name]


@pytest.mark.parametrize("limit", [1, 2, 50])
@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ({}, "abcd"),
        ({"descending": True}, "dcba"),
        ({"orderBy": "LogStreamName", "descending": False}, "abcd"),
        ({"orderBy": "LastEventTime"}, "cadb"),
        ({"orderBy": "LastEventTime", "descending": True}, "bdac"),
    ],
)
def test_streams_come_in_the_order_asked_for(
    owner: User, order: dict[str, Any], expected: str, limit: int
) -> None:
    for name, at in zip("dbca", (20, 20, 5, 10), strict=True):
        a_log(owner, definition=name, at_ms=at)
    a_log(a_user(), definition="e", at_ms=1)

    assert "".join(all_names(owner, limit=limit, **order)) == expected


def test_a_prefix_is_taken_letter_by_letter(owner: User) -> None:
    for name in ("train", "Train", "tr_in", "trail"):
        a_log(owner, definition=name)

    assert all_names(owner, logStreamNamePrefix="tra") == ["trail", "train"]
    assert all_names(owner, logStreamNamePrefix="tr_") == ["tr_in"]
    assert all_names(owner, logStreamNamePrefix="T", limit=1) == ["Train"]
    assert all_names(owner, logStreamNamePrefix="%") == []
    assert all_names(owner, logStreamNamePrefix="train/default/") == ["train"]


def test_a_page_takes_few_queries(
    owner: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(20):
        a_log(owner, at_ms=1)

    # The group, the streams with their attempts.
    with django_assert_num_queries(2):
        assert len(describe(owner)["logStreams"]) == 20


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"logGroupName": "none"}, "ResourceNotFoundException"),
        ({"orderBy": "LastEventTime", "logStreamNamePrefix": "a"}, "InvalidParameterException"),
        ({"orderBy": "Size"}, "InvalidParameterException"),
        ({"limit": 51}, "InvalidParameterException"),
        ({"nextToken": "x"}, "InvalidParameterException"),
    ],
)
def test_bad_requests(owner: User, params: dict[str, Any], code: str) -> None:
    with pytest.raises(Refused) as refused:
        describe(owner, **params)

    assert refused.value.code == code


def test_a_token_is_good_for_its_own_order_only(owner: User) -> None:
    for name in "ab":
        a_log(owner, definition=name)
    token = describe(owner, limit=1)["nextToken"]

    with pytest.raises(Refused, match="of another order"):
        describe(owner, limit=1, nextToken=token, descending=True)


# --- when streams are there -----------------------------------------------------------


def launched(owner: User, count: int = 1, **fields: Any) -> list[Attempt]:
    """Attempts as a launcher reads them."""
    queue = a_queue(an_environment())
    for _ in range(count):
        job = a_job(owner=owner, queue=queue, status="STARTING", attempts_made=1, **fields)
        an_attempt(job=job)
    rows = Attempt.objects.filter(job__owner=owner).order_by("id")
    return list(rows.select_related("job__definition", "job__spec"))


def test_a_stream_is_there_as_soon_as_its_container_runs(owner: User) -> None:
    (attempt,) = launched(owner)

    mark_running(attempt=attempt, now=NOW)

    (stream,) = describe(owner)["logStreams"]
    assert stream["creationTime"] == NOW_MS
    assert stream["logStreamName"].startswith(f"{attempt.job.definition.name}/default/")


def test_several_that_start_together_get_their_streams_in_one_statement(
    owner: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    attempts = launched(owner, 5)

    with django_assert_num_queries(1):
        logs.open_streams(attempts=attempts)
    mark_all_running(addresses=dict.fromkeys(attempts, ""), now=NOW)

    assert LogStream.objects.count() == 5


def test_a_start_that_is_recorded_after_the_log_was_stored_changes_nothing(owner: User) -> None:
    (attempt,) = launched(owner)
    assert logs.record_whole_log(attempt_id=attempt.id, frames=numbered(2), now=NOW)

    mark_running(attempt=attempt, now=NOW)

    stream = LogStream.objects.get()
    assert (stream.line_count, stream.completed_at) == (2, NOW)


def test_a_whole_log_fills_the_stream_that_the_start_made(
    owner: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    (attempt,) = launched(owner)
    mark_running(attempt=attempt, now=NOW)

    # The attempt with its stream; the stream and its lines are written.
    with django_assert_max_num_queries(5):
        assert logs.record_whole_log(attempt_id=attempt.id, frames=numbered(3), now=NOW)
    assert not logs.record_whole_log(attempt_id=attempt.id, frames=numbered(3), now=NOW)

    stream = LogStream.objects.get()
    assert (stream.line_count, stream.created_at, stream.completed_at) == (3, NOW, NOW)
    assert stream.chunks.count() == 1


@pytest.mark.parametrize(
    ("options", "group", "prefix"),
    [
        ({}, DEFAULT_LOG_GROUP, None),
        ({"awslogs-group": "mine/a"}, "mine/a", None),
        ({"awslogs-stream-prefix": "pre"}, DEFAULT_LOG_GROUP, "pre"),
        ({"awslogs-group": "mine", "awslogs-stream-prefix": "a/b"}, "mine", "a/b"),
        # As older versions took them.
        ({"awslogs-group": "x" * 600, "awslogs-stream-prefix": "a:b"}, DEFAULT_LOG_GROUP, None),
    ],
)
def test_a_definition_may_name_group_and_prefix(
    owner: User, options: dict[str, str], group: str, prefix: str | None
) -> None:
    configuration = {"logDriver": "awslogs", "options": options}
    (attempt,) = launched(owner, container={"logConfiguration": configuration})

    mark_running(attempt=attempt, now=NOW)

    stream = LogStream.objects.get()
    assert stream.group == group
    assert stream.name.startswith(f"{prefix or attempt.job.definition.name}/default/")
    assert describe(owner, logGroupName=group)["logStreams"][0]["logStreamName"] == stream.name
    assert LogGroup.objects.filter(name=group).exists() == (group != DEFAULT_LOG_GROUP)


def test_each_container_of_a_node_may_log_elsewhere() -> None:
    configuration = {"logDriver": "awslogs", "options": {"awslogs-group": "side"}}
    attempts = a_group(
        ecs_properties=containers_of(
            {"name": "app"}, {"name": "b", "logConfiguration": configuration}
        )
    )

    for attempt in attempts:
        logs.open_stream(attempt=attempt)

    assert set(LogStream.objects.values_list("group", "attempt__container_name")) == {
        (DEFAULT_LOG_GROUP, "app"),
        ("side", "b"),
    }
