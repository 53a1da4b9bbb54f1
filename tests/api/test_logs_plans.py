"""Each way to find log streams goes along an index: it costs the same of a million streams, also for who has none.

The database is asked how it finds the rows; PostgreSQL also how many it looked at.
"""

import json
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection

from jobs.models import DEFAULT_LOG_GROUP, Attempt, LogStream
from jobs.selectors.logs import events as log_events
from tests.builders import NOW, a_job, a_user, an_attempt
from tests.joblogs.writing import NOW_NS
from tests.selectors.test_plans import statements_of

from .asking import ask

pytestmark = pytest.mark.django_db

MANY = 2000
MINUTE_NS = 60 * 1_000_000_000


@pytest.fixture
def owner() -> User:
    """The owner of many streams, of which few are like the others: some names, and some that are still written to."""
    user = a_user()
    job = a_job(owner=user, status="SUCCEEDED", attempts_made=1)
    first = an_attempt(job=job, ended_at=NOW)
    values = {
        field.attname: getattr(first, field.attname) for field in Attempt._meta.concrete_fields
    }
    made = Attempt.objects.bulk_create(
        Attempt(**{**values, "id": None, "number": number}) for number in range(2, MANY + 2)
    )
    LogStream.objects.bulk_create(
        LogStream(
            attempt=attempt,
            owner=user,
            name=f"{'rare' if at % 200 == 0 else 'common'}/default/{at:06d}",
            line_count=1,
            first_ns=NOW_NS + at * MINUTE_NS,
            last_ns=NOW_NS + at * MINUTE_NS,
            last_minute=NOW_NS // MINUTE_NS + at,
        )
        for at, attempt in enumerate(made)
    )
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
    return user


def streams(user: User, **params: Any) -> Callable[[], object]:
    """The first page, and the second."""

    def asked() -> None:
        given = {"logGroupName": DEFAULT_LOG_GROUP, "limit": 3, **params}
        page = ask(user, "DescribeLogStreams", service="logs", **given)
        if "nextToken" in page:
            given["nextToken"] = page["nextToken"]
            ask(user, "DescribeLogStreams", service="logs", **given)

    return asked


BY_TIME = {"orderBy": "LastEventTime", "descending": True}
LISTS: dict[str, tuple[dict[str, Any], str, str]] = {
    "all": ({}, "log_stream_name_unique", "log_stream_own_name"),
    "a prefix": (
        {"logStreamNamePrefix": "rare/"},
        "log_stream_name_unique",
        "log_stream_own_name",
    ),
    "no such prefix": (
        {"logStreamNamePrefix": "comma"},
        "log_stream_name_unique",
        "log_stream_own_name",
    ),
    "by time": (BY_TIME, "log_stream_by_minute", "log_stream_own_minute"),
}


@pytest.mark.parametrize("kind", LISTS)
def test_streams_are_listed_along_an_index(kind: str, owner: User) -> None:
    params, index, own_index = LISTS[kind]
    # On SQLite, an index of a constraint has no name of its own.
    of_all = {index, "sqlite_autoindex_jobs_logstream_2"}
    assert indices_of(streams(a_user(is_staff=True), **params)) <= of_all
    assert indices_of(streams(a_user(), **params)) <= {own_index}
    assert indices_of(streams(owner, **params)) <= of_all | {own_index}


def test_what_was_printed_lately_is_found_by_its_minute(owner: User) -> None:
    since = NOW_NS + (MANY - 5) * MINUTE_NS

    def newest(user: User) -> Callable[[], object]:
        mine = log_events.streams_of(user=user, group=DEFAULT_LOG_GROUP)
        return lambda: log_events.newest_streams(mine, since_ns=since, limit=500)

    assert indices_of(newest(a_user(is_staff=True))) == {"log_stream_by_minute"}
    assert indices_of(newest(a_user())) == {"log_stream_own_minute"}
    found = newest(owner)()
    assert isinstance(found, list)
    assert [row.name[-6:] for row in found] == [f"{MANY - at:06d}" for at in range(1, 6)]


def test_a_search_by_prefix_reads_the_names_that_begin_so(owner: User) -> None:
    def search(user: User) -> Callable[[], object]:
        given: dict[str, Any] = {
            "logGroupName": DEFAULT_LOG_GROUP,
            "logStreamNamePrefix": "none/",
        }
        return lambda: ask(user, "FilterLogEvents", service="logs", **given)

    of_all = {"log_stream_name_unique", "sqlite_autoindex_jobs_logstream_2"}
    assert indices_of(search(a_user(is_staff=True))) <= of_all
    assert indices_of(search(a_user())) <= {"log_stream_own_name"}


@pytest.mark.parametrize("name", ["B", "a", "a-b", "a.b", "a_b", "ab", "é"])
def test_streams_are_in_the_order_of_ascii_in_every_database(name: str) -> None:
    user = a_user(is_staff=True)
    job = a_job(owner=user, status="SUCCEEDED", attempts_made=1)
    names = ["B", "a", "a-b", "a.b", "a_b", "ab", "é"]
    for number, each in enumerate(reversed(names), start=1):
        attempt = an_attempt(job=job, number=number, ended_at=NOW + timedelta(seconds=number))
        LogStream.objects.create(attempt=attempt, owner=user, name=each)

    def found(**params: Any) -> list[str]:
        page = ask(
            user, "DescribeLogStreams", service="logs", logGroupName=DEFAULT_LOG_GROUP, **params
        )
        return [each["logStreamName"] for each in page["logStreams"]]

    assert found() == names
    assert found(logStreamNamePrefix=name) == [each for each in names if each.startswith(name)]


def indices_of(action: Callable[[], object]) -> set[str]:
    """The indices of streams that an action's statements read; fails where more is read than is answered."""
    steps = _of_postgresql if connection.vendor == "postgresql" else _of_sqlite
    asked = [each for each in statements_of(action) if 'FROM "jobs_logstream"' in each[0]]
    found = {index for sql, values in asked for index in steps(sql, values)}
    assert found
    return found


def _of_sqlite(sql: str, values: Any) -> Iterator[str]:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {sql}", values)
        rows = [row[3] for row in cursor.fetchall()]
    for row in rows:
        if "jobs_logstream" not in row:
            by_id = re.search(r'ORDER BY (1|"jobs_logstream"."id") ASC', sql)
            assert by_id or row != "USE TEMP B-TREE FOR ORDER BY", rows
            continue
        assert row.startswith("SEARCH"), rows
        found = row.partition("INDEX ")[2]
        assert "group=?" in found, rows
        if "LIKE" in sql or '"name" >= ' in sql:
            assert "name>? AND name<?" in found, rows
        yield found.partition(" ")[0]


def _of_postgresql(sql: str, values: Any) -> Iterator[str]:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", values)
        (text,) = cursor.fetchone()
    plan = (json.loads(text) if isinstance(text, str) else text)[0]["Plan"]
    for step in _steps(plan):
        if step.get("Relation Name") == "jobs_logstream":
            looked_at = step["Actual Rows"] + step.get("Rows Removed by Filter", 0)
            assert looked_at <= 20, step
        if "Index Name" in step and step["Index Name"].startswith("log_stream"):
            yield step["Index Name"]


def _steps(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for each in plan.get("Plans", ()):
        yield from _steps(each)
