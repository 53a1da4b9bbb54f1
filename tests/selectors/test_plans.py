"""What runs every second must not read what has ended, however much of that is stored.

The database is asked how it would find the rows of each query of a scheduling pass and of the sweep. SQLite
is asked as it is in production: nobody ever called ANALYZE there. PostgreSQL does that by itself.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import Index, UniqueConstraint

from jobs.domain.ids import new_job_id
from jobs.models import (
    Attempt,
    Job,
    JobDependency,
    JobQueue,
    JobStatus,
    NodeState,
    StopKind,
)
from jobs.models.job import LIVE_LITERALS
from jobs.processes.scheduler import schedule_once
from jobs.scheduling.scouts import Scouts
from jobs.selectors.definitions import list_definitions
from jobs.selectors.overview import live_counts, placed_jobs
from jobs.selectors.queues import find_queue, list_queues
from jobs.selectors.waiting.run_times import run_times
from jobs.services.attempts.stopping import next_stop_at
from jobs.services.costs.right_sizing import mark_stale
from jobs.services.passes.lease import Lease, Standby
from jobs.services.passes.sweep import sweep
from jobs.services.requests.stop import stop_jobs
from jobs.services.setup.consumable_resources import is_needed
from tests.builders import NOW, a_job, a_node, a_policy, a_queue, a_user, an_array, an_environment

pytestmark = pytest.mark.django_db

ENDED = 3000
LATER = NOW + timedelta(hours=1)
BIG = {"jobs_job", "jobs_attempt"}
# Indices with nothing in them that has ended, except ends that somebody still has to look at.
LIVE_INDICES = {
    *("job_live", "job_submitted", "job_runnable", "job_by_share", "job_to_settle", "job_stopping"),
    *("attempt_live", "attempt_deadline", "attempt_asked_to_stop", "attempt_stopping"),
    *("attempt_interrupted", "attempt_on_instance"),
    *("attempt_to_clean_up", "attempt_one_live_try"),
}
# Fine for rows whose key is known: a job, an array's children, a job's attempts.
KEYED_INDICES = {
    *("PRIMARY KEY", "sqlite_autoindex_jobs_job_1", "jobs_job_pkey", "jobs_attempt_pkey"),
    "sqlite_autoindex_jobs_attempt_1",
    *("job_child_unique", "job_children_by_status", "attempt_container_unique"),
}

# An environment's attempts by when they ended: with both columns given, those that have not.
NOT_ENDED = "attempt_environment_ended (environment_id=? AND ended_at=?)"
# What has ended since the last look, no earlier.
SINCE = "job_ended_when (status=? AND stopped_at>? AND stopped_at<?)"
OF_BIG = re.compile(r"(sqlite_autoindex_)?jobs_(job|attempt)_|job_|attempt_|PRIMARY KEY")
ALIASES = re.compile(r'"?(jobs_job|jobs_attempt)"?\s+(?:AS\s+)?"?(\w+)"?')
STEP = re.compile(
    r"(?P<how>SCAN|SEARCH) (?P<table>\w+)"
    r"(?: USING (?:INTEGER )?(?:COVERING )?(?:INDEX )?(?P<index>PRIMARY KEY|\w+))?"
)

Statement = tuple[str, Sequence[Any]]


@pytest.fixture
def lease() -> Lease:
    held = Standby(holder="test").try_acquire(monotonic=0.0)
    assert held is not None
    return held


@pytest.fixture
def queues() -> list[JobQueue]:
    """Two queues, one of fair shares, with a few live jobs of each kind beside thousands that have ended."""
    environment = an_environment(engine=a_node().engine)
    queues = [a_queue(environment), a_queue(environment, scheduling_policy=a_policy())]
    for queue in queues:
        template = a_job(queue=queue, status=JobStatus.SUCCEEDED, started_at=NOW)
        _copies(template, ENDED // 2, ended=True)
        waiting = a_job(queue=queue, status=JobStatus.RUNNABLE, share_identifier="share")
        _copies(waiting, 200)
        _copies(a_job(queue=queue, status=JobStatus.RUNNING, started_at=NOW), 3)
        _dependents(queue)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
    return queues


def _copies(job: Job, count: int, *, ended: bool = False) -> None:
    values = {field.attname: getattr(job, field.attname) for field in Job._meta.concrete_fields}
    rows = [Job(**{**values, "id": new_job_id()}) for _ in range(count)]
    Job.objects.bulk_create(rows)
    if job.status in {JobStatus.RUNNABLE, JobStatus.SUBMITTED}:
        return
    environment = job.queue.environments.get()
    node = environment.engine.nodes.get()
    end = {"ended_at": NOW, "stopped_at": NOW, "removed_at": NOW} if ended else {}
    Attempt.objects.bulk_create(
        Attempt(
            job=row,
            number=1,
            environment=environment,
            node=node,
            image="busybox",
            milli_vcpus=100,
            memory_mib=64,
            usd_per_vcpu_hour=0,
            usd_per_gib_hour=0,
            placed_at=NOW,
            started_at=NOW,
            container_id="c",
            **end,
        )
        for row in rows
    )


def _dependents(queue: JobQueue) -> None:
    """Ends that are to be settled, and arrays: one to be let go, one to be stopped."""
    for status in (JobStatus.SUCCEEDED, JobStatus.FAILED):
        upstream = a_job(queue=queue, status=status, has_dependents=True, needs_settling=True)
        waiting = a_job(queue=queue, status=JobStatus.PENDING)
        JobDependency.objects.create(job=waiting, on=upstream)
    an_array(5, queue=queue, status_changed_at=NOW, children=JobStatus.PENDING)
    stopping = an_array(5, queue=queue, children=JobStatus.RUNNING)
    Job.objects.filter(id=stopping.id).update(
        stop_requested_at=NOW, stop_kind=StopKind.TERMINATE, stop_reason="x"
    )
    Job.objects.filter(array_size__isnull=False, array_index=None).update(needs_settling=True)
    a_job(queue=queue, status=JobStatus.SUBMITTED)


def statements_of(action: Callable[[], object]) -> list[Statement]:
    """What an action asks the database, with the values apart, as the database gets them."""
    asked: list[Statement] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        asked.append((sql, params[0] if many else params or ()))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        action()
    return list({sql: (sql, values) for sql, values in asked}.values())


def bad_steps(statements: Sequence[Statement]) -> list[str]:
    """Where a big table would be read by something else than a key or an index of what is live."""
    steps = _postgresql_steps if connection.vendor == "postgresql" else _sqlite_steps
    return [
        f"{step}\n    {sql}"
        for sql, values in statements
        if re.match(r"\s*(SELECT|WITH|UPDATE|DELETE)", sql) and any(name in sql for name in BIG)
        for step in steps(sql, values)
    ]


def _sqlite_steps(sql: str, values: Sequence[Any]) -> Iterator[str]:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {sql}", values)
        rows = [row[3] for row in cursor.fetchall()]
    names = BIG | {alias for _, alias in ALIASES.findall(sql)}
    for row in rows:
        found = STEP.match(row)
        if not found or found["table"] not in names:
            continue
        index = found["index"] or ""
        if index and not OF_BIG.match(index):
            # The same alias of another table.
            continue
        is_bound = index in KEYED_INDICES or NOT_ENDED in row or SINCE in row
        is_keyed = found["how"] == "SEARCH" and is_bound
        if index not in LIVE_INDICES and not is_keyed:
            yield row


def _postgresql_steps(sql: str, values: Sequence[Any]) -> Iterator[str]:
    with connection.cursor() as cursor:
        # So few rows as a test has it would rather read whole.
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}", values)
        found = cursor.fetchone()[0]
    plan = found if isinstance(found, list) else json.loads(found)
    waiting = [plan[0]["Plan"]]
    while waiting:
        step = waiting.pop()
        waiting += step.get("Plans", [])
        index = step.get("Index Name")
        if step["Node Type"] == "Seq Scan" and step["Relation Name"] in BIG:
            yield f"Seq Scan on {step['Relation Name']}"
        elif index and OF_BIG.match(index):
            condition = step.get("Index Cond", "")
            keyed = index in KEYED_INDICES and condition
            not_ended = index == "attempt_environment_ended" and "ended_at IS NULL" in condition
            since = index == "job_ended_when" and "stopped_at >=" in condition
            if index not in LIVE_INDICES and not keyed and not not_ended and not since:
                yield f"{step['Node Type']} {index} {condition}"


def test_no_query_of_a_scheduling_pass_reads_what_has_ended(
    queues: list[JobQueue], lease: Lease
) -> None:
    # What it asks about run times reads the newest ends, so many at most.
    run_times.refresh()

    def passes() -> None:
        for number in range(3):
            now = LATER + timedelta(seconds=number)
            schedule_once(lease=lease, now=now, scouts=Scouts())

    statements = statements_of(passes)
    assert bad_steps(statements) == []


def test_no_query_of_the_sweep_reads_what_has_ended(queues: list[JobQueue]) -> None:
    live = Attempt.objects.filter(ended_at__isnull=True).order_by("id")
    Attempt.objects.filter(id=live[0].id).update(deadline_at=NOW)
    a_node(engine=live[0].node.engine, state=NodeState.DOWN)
    # The first look ever, for right-sizing, is at all definitions: once.
    mark_stale(now=LATER - timedelta(minutes=5))
    assert bad_steps(statements_of(lambda: sweep(now=LATER))) == []


def test_no_query_for_the_next_stop_reads_what_has_ended(queues: list[JobQueue]) -> None:
    assert bad_steps(statements_of(lambda: next_stop_at(LATER))) == []


@pytest.mark.parametrize("kind", [StopKind.CANCEL, StopKind.TERMINATE])
def test_no_query_of_a_stop_reads_what_has_ended(queues: list[JobQueue], kind: StopKind) -> None:
    jobs = [*Job.objects.filter(status=JobStatus.RUNNABLE).order_by("id")[:5]]
    jobs += Job.objects.filter(status=JobStatus.RUNNING, parent=None).order_by("id")[:5]
    jobs += Job.objects.filter(status=JobStatus.PENDING).order_by("id")

    def stop() -> None:
        stop_jobs(jobs=jobs, kind=kind, reason="", now=LATER)

    assert bad_steps(statements_of(stop)) == []


def test_no_query_for_the_pages_of_queues_reads_what_has_ended(queues: list[JobQueue]) -> None:
    assert bad_steps(statements_of(list_queues)) == []
    assert bad_steps(statements_of(lambda: find_queue(name=queues[0].name))) == []


def test_no_count_of_live_jobs_reads_what_has_ended(queues: list[JobQueue]) -> None:
    administrator = a_user(is_staff=True)
    definition = Job.objects.filter(queue=queues[0])[0].definition

    def count() -> None:
        live_counts(user=administrator)
        placed_jobs(user=administrator)
        list_definitions()
        is_needed(name="licences")
        Job.objects.filter(queue=queues[0], status__in=LIVE_LITERALS).exists()
        Job.objects.filter(definition=definition, status__in=LIVE_LITERALS).count()

    assert bad_steps(statements_of(count)) == []


@pytest.mark.parametrize(
    ("status", "entries"),
    [("SUBMITTED", 9), ("RUNNABLE", 10), ("STARTING", 8), ("RUNNING", 8), ("SUCCEEDED", 8)],
)
def test_a_plain_job_is_in_few_indices(status: str, entries: int) -> None:
    # PostgreSQL writes all of them anew with each status. Who adds one takes another one away.
    job = a_job(status=status)
    rows = Job.objects.filter(pk=job.pk)
    conditions = [
        each.condition
        for each in (*Job._meta.indexes, *Job._meta.constraints)
        if isinstance(each, Index | UniqueConstraint)
    ]
    found = [each is None or rows.filter(each).exists() for each in conditions]
    fields = Job._meta.concrete_fields
    by_key = sum(field.unique or getattr(field, "db_index", False) for field in fields)
    assert sum(found) + by_key == entries


def test_a_query_that_reads_what_has_ended_would_be_found(queues: list[JobQueue]) -> None:
    ended = Job.objects.filter(status=JobStatus.SUCCEEDED).order_by("-stopped_at")
    assert bad_steps(statements_of(lambda: list(ended[:1]))) != []
    assert bad_steps(statements_of(lambda: list(Attempt.objects.filter(exit_code=1)))) != []
