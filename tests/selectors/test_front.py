"""A queue's front, a job's place in it, and its likely start."""

from datetime import timedelta

import pytest
from pytest_django import DjangoAssertNumQueries

from jobs.models import Job, JobQueue, JobStatus, ShareUsage, WaitReason
from jobs.selectors.kept import Kept
from jobs.selectors.waiting import groups as queue_groups
from jobs.selectors.waiting.free_room import free_room
from jobs.selectors.waiting.front import (
    behind_at_least,
    estimated_start,
    front_of,
    position_of,
    turn_of,
)
from tests.builders import (
    NOW,
    a_definition,
    a_job,
    a_node,
    a_policy,
    a_queue,
    an_attempt,
    an_environment,
)

pytestmark = pytest.mark.django_db


def runnable(queue: JobQueue, **fields: object) -> Job:
    return a_job(queue=queue, status=JobStatus.RUNNABLE, **fields)


def test_the_front_of_a_queue_is_in_order_of_submission_with_since_when_each_waits() -> None:
    queue = a_queue()
    jobs = [
        runnable(queue, status_changed_at=NOW + timedelta(seconds=number)) for number in range(3)
    ]
    runnable(a_queue())
    a_job(queue=queue, status=JobStatus.RUNNING)
    found = front_of(queue=queue, now=NOW)
    assert [(row.job_id, row.position) for row in found] == [
        (job.id, position) for position, job in enumerate(jobs, start=1)
    ]
    assert found[2].earliest_time_at_position == NOW + timedelta(seconds=2)
    assert [row.job_id for row in front_of(queue=queue, limit=2, now=NOW)] == [
        job.id for job in jobs[:2]
    ]


def test_the_front_of_a_fair_share_queue_is_in_order_of_turns() -> None:
    queue = a_queue(scheduling_policy=a_policy())
    one = [runnable(queue, share_identifier="one") for _ in range(2)]
    two = [runnable(queue, share_identifier="two", scheduling_priority=n) for n in (1, 2)]
    ShareUsage.objects.create(
        queue=queue, share_identifier="one", milli_vcpu_seconds=1.0, as_of=NOW
    )
    expected = [two[1].id, one[0].id, two[0].id, one[1].id]
    assert [row.job_id for row in front_of(queue=queue, now=NOW)] == expected
    assert [position_of(job=job, now=NOW) for job in (*one, *two)] == [2, 4, 3, 1]


def test_a_position_counts_the_jobs_ahead_in_the_same_queue() -> None:
    queue = a_queue()
    jobs = [runnable(queue) for _ in range(3)]
    assert [position_of(job=job, now=NOW) for job in jobs] == [1, 2, 3]
    assert position_of(job=jobs[2], limit=2, now=NOW) is None
    assert position_of(job=a_job(queue=queue, status=JobStatus.PENDING), now=NOW) is None


def test_a_job_deep_in_its_queue_is_told_how_many_come_before_it_at_least() -> None:
    queue = a_queue(name="deep")
    first, *_, last = [runnable(queue) for _ in range(4)]
    assert behind_at_least(job=last, limit=2, now=NOW) == 2
    assert behind_at_least(job=last, now=NOW) is None
    told = turn_of(job=last, limit=2, now=NOW)
    assert told is not None
    assert told.reason == (
        "QUEUED:BEHIND_EARLIER_JOBS - Waits its turn in the queue deep: "
        "at least 2 jobs come before it."
    )
    assert (told.code, told.since) == ("QUEUED:BEHIND_EARLIER_JOBS", last.status_changed_at)
    assert turn_of(job=first, now=NOW) is None


@pytest.mark.parametrize(
    ("code", "is_for_all"),
    [
        ("MISCONFIGURATION:NO_ENABLED_COMPUTE_ENVIRONMENT", True),
        ("ACTION_REQUIRED", True),
        ("MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT", False),
    ],
)
def test_what_is_wrong_with_a_queue_s_environments_is_told_to_its_last_job_too(
    code: str, is_for_all: bool
) -> None:
    queue = a_queue()
    first, *_, last = [runnable(queue) for _ in range(3)]
    WaitReason.objects.create(job=first, code=code, reason=f"{code} - why", since=NOW)
    told = turn_of(job=last, limit=1, now=NOW)
    assert told is not None
    assert (told.code == code, told.reason == f"{code} - why") == (is_for_all, is_for_all)


def a_full_queue() -> tuple[JobQueue, Job]:
    """A queue whose only machine is full with a job that has a minute to go, and its next job."""
    engine = a_node(milli_vcpus=1000).engine
    queue = a_queue(an_environment(engine=engine))
    running = a_job(queue=queue, status=JobStatus.RUNNING, attempts_made=1, timeout_seconds=90)
    an_attempt(job=running, started_at=NOW - timedelta(seconds=60))
    return queue, runnable(queue, timeout_seconds=60)


def test_a_start_is_estimated_from_the_ends_of_what_runs_and_waits() -> None:
    queue, first = a_full_queue()
    second = runnable(queue)
    # Time limits of 90 and 60 seconds, each with 30 seconds to stop.
    assert estimated_start(job=first, now=NOW) == NOW + timedelta(seconds=60)
    assert estimated_start(job=second, now=NOW) == NOW + timedelta(seconds=150)


def test_a_queue_that_shares_the_machines_counts_too() -> None:
    queue, first = a_full_queue()
    other = a_queue(*queue.environments.all(), priority=9)
    urgent = runnable(other, timeout_seconds=600)
    assert estimated_start(job=urgent, now=NOW) == NOW + timedelta(seconds=60)
    assert estimated_start(job=first, now=NOW) == NOW + timedelta(seconds=690)


def test_earlier_runs_tell_more_than_time_limits() -> None:
    queue, _ = a_full_queue()
    definition = a_definition()
    for _ in range(3):
        a_job(
            definition=definition,
            status=JobStatus.SUCCEEDED,
            started_at=NOW - timedelta(seconds=100),
            stopped_at=NOW - timedelta(seconds=80),
        )
    Job.objects.filter(status=JobStatus.RUNNABLE).update(definition=definition)
    later = runnable(queue)
    assert estimated_start(job=later, now=NOW) == NOW + timedelta(seconds=80)


def test_queues_that_share_machines_are_read_together(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    queue, first = a_full_queue()
    other = a_queue(*queue.environments.all())
    later = runnable(other, timeout_seconds=600)
    assert estimated_start(job=first, now=NOW)
    # Which those are.
    with django_assert_num_queries(1):
        assert estimated_start(job=later, now=NOW)
    with django_assert_num_queries(0):
        (room,) = free_room(other.pk, NOW)
    assert room.best is not None
    assert room.best.free.milli_vcpus == 0


def test_where_nothing_is_known_nothing_is_told() -> None:
    queue, first = a_full_queue()
    Job.objects.update(timeout_seconds=None)
    assert estimated_start(job=first, now=NOW) is None
    ended = a_job(queue=queue, status=JobStatus.FAILED)
    assert estimated_start(job=ended, now=NOW) is None


def test_all_who_look_at_a_queue_within_seconds_share_an_estimate(
    django_assert_num_queries: DjangoAssertNumQueries, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue, first = a_full_queue()
    second = runnable(queue)
    estimated_start(job=first, now=NOW)
    with django_assert_num_queries(0):
        assert estimated_start(job=second, now=NOW)
    monkeypatch.setattr(queue_groups, "kept_groups", Kept(seconds=0.0, most=1))
    estimated_start(job=first, now=NOW)
    first.delete()
    assert estimated_start(job=second, now=NOW) == NOW + timedelta(seconds=60)
