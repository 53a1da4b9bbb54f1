from datetime import timedelta

import pytest
from pytest_django import DjangoAssertNumQueries

from jobs.domain.errors import LostLease
from jobs.models import Attempt, Job, JobStatus, Transition, WaitReason
from jobs.scheduling.decide import decide
from jobs.scheduling.scouts import Scouts
from jobs.selectors.passes.snapshot import load_snapshot
from jobs.services.passes.accept import accept_submitted
from jobs.services.passes.lease import Lease
from jobs.services.passes.placement import apply_plan
from jobs.services.requests.stop import cancel_job
from tests.builders import NOW, a_definition, a_job, a_node, a_queue, an_environment

pytestmark = pytest.mark.django_db


def test_new_jobs_become_runnable_in_one_go(lease: Lease) -> None:
    jobs = [a_job(), a_job(), a_job(status=JobStatus.FAILED)]
    assert accept_submitted(lease=lease, now=NOW) == 2
    assert [Job.objects.get(id=job.id).status for job in jobs] == ["RUNNABLE", "RUNNABLE", "FAILED"]


def test_a_placement_is_an_attempt_with_its_resources_and_the_price_of_now(lease: Lease) -> None:
    environment = an_environment(usd_per_vcpu_hour="1.5", usd_per_gib_hour="0.5")
    job = a_job(queue=a_queue(environment), status=JobStatus.RUNNABLE)
    assert apply_plan(plan=decide(load_snapshot(front=100), NOW), lease=lease) == 1
    job.refresh_from_db()
    assert (job.status, job.attempts_made) == (JobStatus.STARTING, 1)
    attempt = Attempt.objects.get(job=job)
    assert (attempt.number, attempt.environment, attempt.placed_at) == (1, environment, NOW)
    assert (attempt.milli_vcpus, attempt.memory_mib) == (1000, 512)
    assert (str(attempt.usd_per_vcpu_hour), str(attempt.usd_per_gib_hour)) == (
        "1.500000",
        "0.500000",
    )
    line = Transition.objects.filter(job=job).last()
    assert line is not None
    assert (line.to_status, line.attempt_number) == ("STARTING", 1)


def test_live_attempts_take_room_in_the_next_pass(lease: Lease) -> None:
    queue = a_queue(an_environment(engine=a_node(milli_vcpus=2000).engine))
    definition = a_definition()
    for _ in range(3):
        a_job(queue=queue, definition=definition, status=JobStatus.RUNNABLE)
    assert apply_plan(plan=decide(load_snapshot(front=1), NOW), lease=lease) == 1
    assert apply_plan(plan=decide(load_snapshot(front=9), NOW), lease=lease) == 1
    assert apply_plan(plan=decide(load_snapshot(front=9), NOW), lease=lease) == 0
    assert Attempt.objects.count() == 2


def test_a_job_cancelled_after_the_snapshot_is_left_alone(lease: Lease) -> None:
    job = a_job(status=JobStatus.RUNNABLE)
    plan = decide(load_snapshot(front=9), NOW)
    cancel_job(job=job, reason="changed my mind", now=NOW)
    assert apply_plan(plan=plan, lease=lease) == 0
    assert not Attempt.objects.exists()


def test_a_scheduler_that_lost_its_lease_writes_nothing(lease: Lease) -> None:
    job = a_job(status=JobStatus.RUNNABLE)
    plan = decide(load_snapshot(front=9), NOW)
    with pytest.raises(LostLease):
        apply_plan(plan=plan, lease=Lease(token=lease.token - 1))
    job.refresh_from_db()
    assert job.status == JobStatus.RUNNABLE
    assert not Attempt.objects.exists()


def test_a_wait_is_recorded_once_per_reason_and_its_numbers_are_kept_fresh(lease: Lease) -> None:
    node = a_node(milli_vcpus=1000)
    queue = a_queue(an_environment(engine=node.engine))
    running = a_job(queue=queue, status=JobStatus.RUNNABLE)
    waiting = a_job(queue=queue, status=JobStatus.RUNNABLE)
    apply_plan(plan=decide(load_snapshot(front=9), NOW), lease=lease)
    apply_plan(plan=decide(load_snapshot(front=9), NOW + timedelta(seconds=3)), lease=lease)
    row = WaitReason.objects.get()
    assert (row.job, row.code, row.since) == (
        waiting,
        "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY",
        NOW,
    )
    waiting.refresh_from_db()
    assert waiting.status_reason == row.reason
    assert "0 vCPU, 7.5 GiB free" in row.reason

    Attempt.objects.filter(job=running).update(milli_vcpus=500)
    apply_plan(plan=decide(load_snapshot(front=9), NOW + timedelta(seconds=6)), lease=lease)
    row.refresh_from_db()
    assert "0.5 vCPU" in row.reason
    assert row.since == NOW


def test_a_job_that_waits_again_after_a_retry_is_told_why(lease: Lease) -> None:
    queue = a_queue(an_environment(engine=a_node(milli_vcpus=500).engine))
    job = a_job(queue=queue, status=JobStatus.RUNNABLE)
    apply_plan(plan=decide(load_snapshot(front=9), NOW), lease=lease)
    later = NOW + timedelta(hours=1)
    Job.objects.update(status_reason="Essential container in task exited", status_changed_at=later)

    for _ in range(2):
        apply_plan(plan=decide(load_snapshot(front=9), later), lease=lease)
    first, second = WaitReason.objects.all()
    assert (first.since, second.since) == (NOW, later)
    assert first.reason == second.reason
    job.refresh_from_db()
    assert job.status_reason == second.reason


def test_jobs_that_wait_for_the_same_reason_are_told_together(
    lease: Lease, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    definition, queue = a_definition(milli_vcpus=64_000), a_queue()
    for _ in range(20):
        a_job(queue=queue, definition=definition, status=JobStatus.RUNNABLE)
    plan = decide(load_snapshot(front=100), NOW)
    # However many they are. One of these is PostgreSQL's alone: a lock that SQLite does not need.
    with django_assert_max_num_queries(10):
        apply_plan(plan=plan, lease=lease)
    assert WaitReason.objects.count() == 20
    assert Job.objects.exclude(status_reason="").count() == 20


def test_an_environment_that_was_deleted_after_the_snapshot_takes_nothing(lease: Lease) -> None:
    environment = an_environment()
    queue = a_queue(environment)
    job = a_job(queue=queue, status=JobStatus.RUNNABLE)
    plan = decide(load_snapshot(front=9), NOW)
    queue.environment_order.all().delete()
    environment.delete()
    assert apply_plan(plan=plan, lease=lease) == 0
    job.refresh_from_db()
    assert job.status == JobStatus.RUNNABLE


def test_a_pass_reads_the_front_of_each_queue_and_not_the_rest(
    lease: Lease, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    definition, queue = a_definition(), a_queue()
    owner = a_job(queue=queue, definition=definition).owner
    for _ in range(30):
        a_job(queue=queue, definition=definition, owner=owner, status=JobStatus.RUNNABLE)
    with django_assert_max_num_queries(8):
        snapshot = load_snapshot(front=10)
    assert len(snapshot.jobs) == 10


def test_a_front_clogged_with_jobs_that_never_fit_holds_up_those_behind_for_a_while_only(
    lease: Lease,
) -> None:
    queue, never = a_queue(), a_definition(milli_vcpus=64_000)
    owner = a_job(queue=queue, definition=never).owner
    for _ in range(12):
        a_job(queue=queue, definition=never, owner=owner, status=JobStatus.RUNNABLE)
    job = a_job(queue=queue, owner=owner, status=JobStatus.RUNNABLE)
    scouts = Scouts()
    for _ in range(4):
        snapshot = load_snapshot(front=4, scouts=scouts)
        plan = decide(snapshot, NOW)
        apply_plan(plan=plan, lease=lease)
        scouts.learn(snapshot, plan)
    job.refresh_from_db()
    assert job.status == JobStatus.STARTING
    # Nothing was written for those in between.
    assert WaitReason.objects.count() == 4
