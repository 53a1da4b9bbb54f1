"""Rules on jobs that stand at the head of a queue for too long."""

from datetime import datetime, timedelta

import pytest
from pytest_django import DjangoAssertNumQueries

from jobs.domain.errors import LostLease
from jobs.models import Job, JobQueue, JobStatus, Transition
from jobs.scheduling.decide import decide
from jobs.scheduling.plan import WaitCode
from jobs.selectors.passes.snapshot import load_snapshot
from jobs.services.passes.lease import Lease
from jobs.services.passes.placement import apply_plan
from jobs.services.passes.time_limit_actions import apply_time_limits
from jobs.web.contexts.job import explanation_of
from tests.builders import NOW, a_job, a_node, a_policy, a_queue, an_attempt, an_environment

pytestmark = pytest.mark.django_db


def a_strict_queue(code: WaitCode, seconds: int = 600, **fields: object) -> JobQueue:
    """A queue of one vCPU, with a rule on jobs that wait for this reason."""
    rule = {"reason": code, "state": "RUNNABLE", "maxTimeSeconds": seconds, "action": "CANCEL"}
    environment = an_environment(engine=a_node(milli_vcpus=1000).engine)
    return a_queue(environment, time_limit_actions=[rule], **fields)


def one_pass(lease: Lease, now: datetime) -> list[Job]:
    """Those that were cancelled."""
    plan = decide(load_snapshot(front=9, now=now), now)
    apply_plan(plan=plan, lease=lease)
    cancelled = apply_time_limits(plan=plan, lease=lease, now=now)
    return list(Job.objects.filter(id__in=cancelled))


def runnable(queue: JobQueue, **fields: object) -> Job:
    return a_job(queue=queue, status=JobStatus.RUNNABLE, **fields)


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def test_a_head_that_waits_too_long_for_the_reason_is_cancelled_in_the_words_of_aws(
    lease: Lease,
) -> None:
    job = runnable(a_strict_queue(WaitCode.MAX_RESOURCE), milli_vcpus=9000)
    assert one_pass(lease, NOW) == []
    assert one_pass(lease, after(600)) == []
    assert one_pass(lease, after(601)) == [job]
    job.refresh_from_db()
    text = (
        "Canceled by JobStateTimeLimit action due to reason: "
        "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE"
    )
    assert (job.status, job.status_reason, job.stop_reason) == ("FAILED", text, text)
    assert explanation_of(job, []).startswith("It waited longer at the head of its queue than")
    assert Transition.objects.filter(job=job, to_status="FAILED", reason=text).exists()


def test_another_reason_cancels_nobody(lease: Lease) -> None:
    runnable(a_strict_queue(WaitCode.CAPACITY), milli_vcpus=9000)
    one_pass(lease, NOW)
    assert one_pass(lease, after(9999)) == []


def test_one_pass_cancels_only_the_head_of_a_queue(lease: Lease) -> None:
    queue = a_strict_queue(WaitCode.MAX_RESOURCE)
    first, second = (runnable(queue, milli_vcpus=9000) for _ in range(2))
    one_pass(lease, NOW)
    assert one_pass(lease, after(700)) == [first]
    assert one_pass(lease, after(701)) == [second]


def test_the_time_behind_others_does_not_count(lease: Lease) -> None:
    queue = a_strict_queue(WaitCode.CAPACITY, backfill=False)
    an_attempt(job=a_job(queue=queue, status=JobStatus.RUNNING, attempts_made=1))
    first, second = (runnable(queue) for _ in range(2))
    one_pass(lease, NOW)
    assert one_pass(lease, after(700)) == [first]
    # It becomes the head now: so far it waited for its turn.
    assert one_pass(lease, after(800)) == []
    assert one_pass(lease, after(1400)) == []
    assert one_pass(lease, after(1401)) == [second]


def test_of_a_fair_share_queue_the_head_is_whose_turn_it_is(lease: Lease) -> None:
    queue = a_strict_queue(WaitCode.MAX_RESOURCE, scheduling_policy=a_policy())
    fields = {"milli_vcpus": 9000, "share_identifier": "red"}
    runnable(queue, scheduling_priority=1, **fields)
    head = runnable(queue, scheduling_priority=2, **fields)
    one_pass(lease, NOW)
    assert one_pass(lease, after(601)) == [head]


def test_the_time_before_a_retry_does_not_count(lease: Lease) -> None:
    queue = a_strict_queue(WaitCode.CAPACITY)
    an_attempt(job=a_job(queue=queue, status=JobStatus.RUNNING, attempts_made=1))
    job = runnable(queue)
    one_pass(lease, NOW)
    Job.objects.filter(id=job.id).update(
        status_changed_at=after(500), status_reason="Essential container in task exited"
    )
    assert one_pass(lease, after(700)) == []
    assert one_pass(lease, after(1301)) == [job]


def test_without_rules_it_costs_one_query(
    lease: Lease, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    runnable(a_queue(), milli_vcpus=9000)
    plan = decide(load_snapshot(front=9), NOW)
    with django_assert_num_queries(1):
        assert apply_time_limits(plan=plan, lease=lease, now=NOW) == []


def test_a_job_that_is_cancelled_meanwhile_keeps_its_reason(lease: Lease) -> None:
    job = runnable(a_strict_queue(WaitCode.MAX_RESOURCE), milli_vcpus=9000)
    one_pass(lease, NOW)
    plan = decide(load_snapshot(front=9), after(700))
    Job.objects.filter(id=job.id).update(
        status=JobStatus.FAILED, status_reason="mine", stopped_at=NOW
    )
    assert apply_time_limits(plan=plan, lease=lease, now=after(700)) == []
    job.refresh_from_db()
    assert job.status_reason == "mine"


def test_a_scheduler_that_lost_its_lease_cancels_nobody(lease: Lease) -> None:
    job = runnable(a_strict_queue(WaitCode.MAX_RESOURCE), milli_vcpus=9000)
    one_pass(lease, NOW)
    plan = decide(load_snapshot(front=9), after(700))
    with pytest.raises(LostLease):
        apply_time_limits(plan=plan, lease=Lease(token=lease.token - 1), now=after(700))
    job.refresh_from_db()
    assert job.status == JobStatus.RUNNABLE
