"""When a queue is newly blocked: what the event "Batch Job Queue Blocked" is made of."""

from datetime import datetime, timedelta

import pytest
from pytest_django import DjangoAssertNumQueries

from jobs.domain.errors import LostLease
from jobs.models import Job, JobQueue, JobStatus, QueueBlock
from jobs.scheduling.decide import decide
from jobs.selectors.passes.snapshot import load_snapshot
from jobs.services.passes.lease import Lease
from jobs.services.passes.placement import apply_plan
from jobs.services.passes.queue_blocks import newly_blocked
from tests.builders import NOW, a_job, a_node, a_queue, an_attempt, an_environment

pytestmark = pytest.mark.django_db(transaction=True)


def a_small_queue(**fields: object) -> JobQueue:
    return a_queue(an_environment(engine=a_node(milli_vcpus=1000).engine), **fields)


def runnable(queue: JobQueue, **fields: object) -> Job:
    return a_job(queue=queue, status=JobStatus.RUNNABLE, **fields)


def one_pass(lease: Lease, seconds: float = 0) -> None:
    now = NOW + timedelta(seconds=seconds)
    apply_plan(plan=decide(load_snapshot(front=9, now=now), now), lease=lease)


def blocks() -> list[tuple[Job, str, datetime]]:
    return [
        (row.job, row.reason.partition(" - ")[0], row.at)
        for row in QueueBlock.objects.select_related("job").order_by("id")
    ]


def test_a_head_that_cannot_start_is_written_down_once(lease: Lease) -> None:
    queue = a_small_queue()
    job = runnable(queue, milli_vcpus=9000)
    for seconds in range(3):
        one_pass(lease, seconds)
    code = "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE"
    assert blocks() == [(job, code, NOW)]
    job.refresh_from_db()
    assert QueueBlock.objects.get().reason == job.status_reason


def test_who_stands_behind_the_head_blocks_nobody(lease: Lease) -> None:
    queue = a_small_queue()
    head, _ = (runnable(queue, milli_vcpus=9000) for _ in range(2))
    one_pass(lease)
    assert [job for job, *_ in blocks()] == [head]


def test_a_job_that_becomes_the_head_blocks_anew(lease: Lease) -> None:
    queue = a_small_queue()
    head, second = (runnable(queue, milli_vcpus=9000) for _ in range(2))
    one_pass(lease)
    Job.objects.filter(id=head.id).update(status=JobStatus.FAILED, stopped_at=NOW)
    one_pass(lease, 5)
    assert [job for job, *_ in blocks()] == [head, second]


def test_another_reason_is_a_new_block_and_so_is_the_first_one_again(lease: Lease) -> None:
    queue = a_small_queue()
    environment = queue.environments.get()
    runnable(queue, milli_vcpus=9000)
    for seconds, state in enumerate(("ENABLED", "DISABLED", "ENABLED")):
        environment.state = state
        environment.save(update_fields=["state"])
        one_pass(lease, seconds)
    assert [code for _, code, _ in blocks()] == [
        "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE",
        "MISCONFIGURATION:NO_ENABLED_COMPUTE_ENVIRONMENT",
        "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE",
    ]


def test_a_job_that_was_tried_meanwhile_blocks_anew(lease: Lease) -> None:
    queue = a_small_queue()
    holder = a_job(queue=queue, status=JobStatus.RUNNING, attempts_made=1)
    an_attempt(job=holder)
    job = runnable(queue)
    one_pass(lease)
    later = NOW + timedelta(seconds=5)
    Job.objects.filter(id=job.id).update(status_changed_at=later, status_reason="")
    # A scheduler that has just begun knows nothing.
    other = Lease(token=lease.token + 1)
    plan = decide(load_snapshot(front=9, now=later), later)
    assert [wait.job_id for wait in newly_blocked(plan=plan, lease=other)] == [job.id]


def test_a_new_scheduler_repeats_nothing(lease: Lease) -> None:
    runnable(a_small_queue(), milli_vcpus=9000)
    one_pass(lease)
    plan = decide(load_snapshot(front=9, now=NOW), NOW)
    assert newly_blocked(plan=plan, lease=Lease(token=lease.token + 1)) == []


def test_nothing_is_asked_where_nothing_is_new(
    lease: Lease, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    runnable(a_small_queue(), milli_vcpus=9000)
    one_pass(lease)
    plan = decide(load_snapshot(front=9, now=NOW), NOW)
    with django_assert_num_queries(0):
        assert newly_blocked(plan=plan, lease=lease) == []


def test_a_lost_lease_leaves_nothing_behind(lease: Lease) -> None:
    job = runnable(a_small_queue(), milli_vcpus=9000)
    lost = Lease(token=lease.token - 1)
    with pytest.raises(LostLease):
        one_pass(lost)
    assert blocks() == []
    one_pass(lease)
    assert [found for found, *_ in blocks()] == [job]


def test_a_job_that_was_cancelled_since_is_not_written(lease: Lease) -> None:
    job = runnable(a_small_queue(), milli_vcpus=9000)
    plan = decide(load_snapshot(front=9, now=NOW), NOW)
    Job.objects.filter(id=job.id).update(status=JobStatus.FAILED, stopped_at=NOW)
    apply_plan(plan=plan, lease=lease)
    assert blocks() == []
