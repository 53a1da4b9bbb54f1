"""Each way to list jobs goes along an index of its own, in its order: a page costs the same of a million jobs.

The database is asked how it would find the rows. SQLite is asked as it is in production: nobody ever
called ANALYZE there.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from jobs.domain.ids import new_job_id
from jobs.models import Job, JobDefinition, JobQueue, JobStatus
from jobs.selectors.jobs import run_seconds
from jobs.selectors.listing.filters import JobFilters
from jobs.selectors.listing.pages import list_jobs, matching_ids
from tests.api.asking import ask
from tests.builders import (
    NOW,
    a_consumable,
    a_definition,
    a_job,
    a_policy,
    a_queue,
    a_user,
    an_array,
)
from tests.selectors.test_plans import statements_of

pytestmark = pytest.mark.django_db

OF_JOBS = re.compile(r'FROM "jobs_job"')
# Fine for rows whose keys are known.
BY_KEY = {"sqlite_autoindex_jobs_job_1", "jobs_job_pkey"}
CHILDREN = {"job_child_unique", "job_children_by_status"}
MILLIS = str(int((NOW - timedelta(days=1)).timestamp() * 1000))


@pytest.fixture
def queue() -> JobQueue:
    """A queue with many jobs of a kind, and few of another; SQLite does not look at how many there are."""
    few = 1 if connection.vendor == "postgresql" else 100
    queue = a_queue(name="q", scheduling_policy=a_policy())
    for name, status, share, count in (
        ("common", JobStatus.SUCCEEDED, "blue", 1500),
        ("rare", JobStatus.FAILED, "red", 10),
        ("waiting", JobStatus.RUNNABLE, "blue", 200),
        ("running", JobStatus.RUNNING, "blue", 20),
    ):
        job = a_job(
            name=name,
            queue=queue,
            status=status,
            share_identifier=share,
            definition=a_definition(name=name),
        )
        _copies(job, count // few)
    a_definition(name="rare", revision=2)
    a_job(definition=a_definition(name="rare", revision=3), queue=queue)
    needs = [{"consumableResource": a_consumable(name="licence").name, "quantity": 1}]
    a_job(queue=queue, has_consumables=True, consumables=needs)
    an_array(3, queue=queue)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
    return queue


def _copies(job: Job, count: int) -> None:
    values = {field.attname: getattr(job, field.attname) for field in Job._meta.concrete_fields}
    Job.objects.bulk_create(Job(**{**values, "id": new_job_id()}) for _ in range(count))


def filtered(name: str, value: str) -> dict[str, Any]:
    return {"jobQueue": "q", "filters": [{"name": name, "values": [value]}]}


# What is asked, and along which index an administrator's answer is found.
LISTS: dict[str, tuple[dict[str, Any], str]] = {
    "running": ({"jobQueue": "q"}, "job_queue_status_newest"),
    "failed": ({"jobQueue": "q", "jobStatus": "FAILED"}, "job_queue_status_newest"),
    "a name": (filtered("JOB_NAME", "rare"), "job_queue_by_name"),
    "the beginning of a name": (filtered("JOB_NAME", "ra*"), "job_queue_by_name"),
    "a definition": (filtered("JOB_DEFINITION", "rare"), "job_definition_queue_newest"),
    "a share": (filtered("SHARE_IDENTIFIER", "red"), "job_queue_share_newest"),
    "created since": (filtered("AFTER_CREATED_AT", MILLIS), "job_queue_newest"),
    "created before": (filtered("BEFORE_CREATED_AT", "99999999999999"), "job_queue_newest"),
}


@pytest.mark.parametrize("kind", LISTS)
def test_a_list_of_jobs_goes_along_its_index(kind: str, queue: JobQueue) -> None:
    params, index = LISTS[kind]
    used = indices_of(lambda: pages(a_user(is_staff=True), params))
    # Where a queue has nearly all jobs, a range of ids alone is as good.
    assert index in used or kind.startswith("created")
    assert used <= {index, *BY_KEY}


@pytest.mark.parametrize("kind", LISTS)
def test_a_list_of_one_s_own_jobs_goes_along_an_index_too(kind: str, queue: JobQueue) -> None:
    stranger = a_user()
    used = indices_of(lambda: pages(stranger, LISTS[kind][0]))
    assert used <= {"job_owner_newest", "job_owner_status_newest"}


def test_jobs_of_a_definition_are_sought_in_their_queue_alone(queue: JobQueue) -> None:
    definition = JobDefinition.objects.get(name="common")
    a_queue(name="another")
    _copies(a_job(queue=a_queue(name="busy"), definition=definition), 500)
    asked = {"jobQueue": "another", "filters": [{"name": "JOB_DEFINITION", "values": ["common"]}]}
    boss = a_user(is_staff=True)
    # Both begin with the queue; where it has next to no jobs, PostgreSQL may take either.
    in_the_queue = {"job_definition_queue_newest", "job_queue_newest"}
    assert indices_of(lambda: pages(boss, asked)) <= {*in_the_queue, *BY_KEY}
    statements = statements_of(lambda: pages(boss, asked))
    assert any('"queue_id" = ' in sql for sql, _ in statements)


@pytest.mark.parametrize("status", ["FAILED", "RUNNING"])
def test_the_jobs_page_finds_jobs_of_a_status_in_each_queue(status: str, queue: JobQueue) -> None:
    boss, filters = a_user(is_staff=True), JobFilters(statuses=(status,))
    expected = {"job_queue_status_newest", *BY_KEY}
    assert indices_of(lambda: list_jobs(user=boss, filters=filters, limit=2)) <= expected
    assert indices_of(lambda: _failed(boss, filters)) <= expected


def test_what_is_known_of_a_definition_s_run_times_is_found_in_each_queue(queue: JobQueue) -> None:
    definition = JobDefinition.objects.get(name="common")
    used = indices_of(lambda: run_seconds(definition))
    assert used <= {"job_definition_queue_newest", *CHILDREN, *BY_KEY}


def test_children_are_found_by_their_array(queue: JobQueue) -> None:
    array = Job.objects.get(array_size__isnull=False, array_index=None)
    boss = a_user(is_staff=True)
    used = indices_of(lambda: ask(boss, "ListJobs", arrayJobId=str(array.id), jobStatus="RUNNABLE"))
    assert used <= {*CHILDREN, *BY_KEY}


def test_jobs_that_need_a_resource_are_sought_among_those_that_need_any(queue: JobQueue) -> None:
    for user in (a_user(is_staff=True), a_user()):
        used = indices_of(partial(_needing, user, []))
        used |= indices_of(partial(_needing, user, [{"name": "JOB_STATUS", "values": ["FAILED"]}]))
        assert used == {"job_with_consumables"}


@pytest.mark.parametrize("kind", LISTS)
def test_as_many_queries_for_a_hundred_jobs_as_for_one(kind: str, queue: JobQueue) -> None:
    params, _ = LISTS[kind]
    boss = a_user(is_staff=True)
    counts = []
    for size in (1, 100):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            ask(boss, "ListJobs", maxResults=size, **params)
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 6


def _needing(user: User, filters: list[dict[str, Any]]) -> None:
    ask(user, "ListJobsByConsumableResource", consumableResource="licence", filters=filters)


def _failed(user: User, filters: JobFilters) -> list[UUID]:
    return matching_ids(user=user, filters=filters, statuses={JobStatus.FAILED}, limit=2).job_ids


def pages(user: User, params: dict[str, Any]) -> None:
    """The first page and, if there is one, the second."""
    first = ask(user, "ListJobs", maxResults=2, **params)
    if "nextToken" in first:
        ask(user, "ListJobs", maxResults=2, nextToken=first["nextToken"], **params)


def indices_of(action: Callable[[], object]) -> set[str]:
    """The indices of jobs that an action's statements read; fails where one is read whole or sorted."""
    steps = _postgresql_indices if connection.vendor == "postgresql" else _sqlite_indices
    statements = statements_of(action)
    return {
        index for sql, values in statements if OF_JOBS.search(sql) for index in steps(sql, values)
    }


def _sqlite_indices(sql: str, values: Sequence[Any]) -> Iterator[str]:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {sql}", values)
        rows = [row[3] for row in cursor.fetchall()]
    for row in rows:
        if re.search(r"(SCAN|SEARCH) (jobs_job|U\d+)\b", row) and "jobs_job" in sql:
            found = re.search(r"USING (?:COVERING )?INDEX (\w+)", row)
            if found is not None and not found[1].startswith(
                ("job_", "sqlite_autoindex_jobs_job_")
            ):
                continue
            assert found is not None, f"{row}\n{sql}"
            yield found[1]
        elif "TEMP B-TREE" in row and not _sorts_few(sql):
            pytest.fail(f"{row}\n{sql}")


def _postgresql_indices(sql: str, values: Sequence[Any]) -> Iterator[str]:
    with connection.cursor() as cursor:
        # So few rows as a test has it would rather read whole, or sort.
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_sort = off")
        cursor.execute("SET LOCAL enable_bitmapscan = off")
        cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}", values)
        found = cursor.fetchone()[0]
    plan = found if isinstance(found, list) else json.loads(found)
    waiting = [plan[0]["Plan"]]
    while waiting:
        step = waiting.pop()
        waiting += step.get("Plans", [])
        assert step.get("Relation Name") != "jobs_job" or "Index Name" in step, f"{step}\n{sql}"
        if step.get("Relation Name") == "jobs_job":
            yield step["Index Name"]
        if "Sort" in step["Node Type"] and not _sorts_few(sql):
            pytest.fail(f"{step['Node Type']}\n{sql}")


def _sorts_few(sql: str) -> bool:
    """Of a page's jobs by their keys, of the newest of each part of a list, or of definitions or queues by their newest
    jobs: as few as the page has."""
    return (
        '"jobs_job"."id" IN' in sql
        or re.search(r"LIMIT \d+\) AS part", sql) is not None
        or 'FROM "jobs_jobdefinition"' in sql
        or 'FROM "jobs_jobqueue"' in sql
    )
