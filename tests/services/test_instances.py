"""A pass writes instances with what it places on them, in one transaction, and only while it holds the lease."""

from datetime import timedelta
from decimal import Decimal

import pytest
from pytest_django import DjangoAssertNumQueries

from jobs.domain.errors import LostLease
from jobs.models import (
    Attempt,
    Capacity,
    ComputeEnvironment,
    Instance,
    InstanceState,
    Job,
    JobStatus,
)
from jobs.processes.scheduler import schedule_once
from jobs.scheduling.decide import decide
from jobs.selectors.passes.snapshot import load_snapshot
from jobs.services.passes.lease import Lease
from jobs.services.passes.placement import apply_plan
from tests.builders import (
    NOW,
    a_definition,
    a_job,
    a_node,
    a_queue,
    an_engine,
    an_environment,
)
from tests.services.instances_at_hand import a_managed, a_waiting, end

pytestmark = pytest.mark.django_db


def test_a_job_is_placed_on_an_instance_that_its_pass_launches(lease: Lease) -> None:
    environment = a_managed()
    job = a_waiting(environment)

    schedule_once(lease=lease, now=NOW)

    attempt = Attempt.objects.get(job=job)
    instance = Instance.objects.get()
    assert (attempt.instance, attempt.node, attempt.capacity) == (
        instance,
        instance.node,
        Capacity.EC2,
    )
    assert (instance.type_name, instance.milli_vcpus, instance.memory_mib) == (
        "rack.large",
        2000,
        4096,
    )
    assert (instance.state, instance.launched_at, instance.idle_since) == (
        InstanceState.LAUNCHING,
        NOW,
        None,
    )
    assert instance.instance_id.startswith("i-")
    assert len(instance.instance_id) == 19
    assert attempt.host_id == instance.instance_id
    environment.refresh_from_db()
    assert environment.compute_resources["desiredvCpus"] == 2
    schedule_once(lease=lease, now=NOW)
    instance.refresh_from_db()
    assert (instance.state, instance.running_at) == (InstanceState.RUNNING, NOW)


def test_a_lost_lease_launches_nothing(lease: Lease) -> None:
    a_waiting(a_managed())

    with pytest.raises(LostLease):
        schedule_once(lease=Lease(token=lease.token - 1), now=NOW)

    assert not Instance.objects.exists()


def test_a_job_that_was_cancelled_meanwhile_leaves_its_instance_idle(lease: Lease) -> None:
    job = a_waiting(a_managed())
    plan = decide(load_snapshot(front=100), NOW)
    Job.objects.filter(id=job.id).update(status=JobStatus.FAILED, stopped_at=NOW)

    apply_plan(plan=plan, lease=lease)

    assert Instance.objects.get().idle_since == NOW


def test_an_idle_instance_ends_with_its_price(lease: Lease) -> None:
    environment = a_managed()
    ComputeEnvironment.objects.filter(id=environment.id).update(idle_seconds=240)
    job = a_waiting(environment)
    schedule_once(lease=lease, now=NOW)
    end(Attempt.objects.get(job=job), NOW + timedelta(seconds=120))

    schedule_once(lease=lease, now=NOW + timedelta(seconds=120))
    assert Instance.objects.get().idle_since == NOW + timedelta(seconds=120)
    schedule_once(lease=lease, now=NOW + timedelta(seconds=360))

    instance = Instance.objects.get()
    assert (instance.state, instance.end_cause) == (InstanceState.ENDED, "IDLE")
    # 360 s at 0.1 USD an hour.
    assert instance.usd == Decimal("0.01")
    environment.refresh_from_db()
    assert environment.compute_resources["desiredvCpus"] == 0


def test_the_minimum_is_there_though_no_job_waits(lease: Lease) -> None:
    a_managed(minvCpus=2, desiredvCpus=2)

    schedule_once(lease=lease, now=NOW)

    assert Instance.objects.get().launch_reason == "The environment's minvCpus asks for it."


def test_what_runs_on_an_instance_holds_no_further_room_of_its_machine(lease: Lease) -> None:
    engine = a_node(engine=an_engine(), milli_vcpus=4000).engine
    managed = a_managed(engine=engine)
    plain = an_environment(engine=engine)
    a_waiting(managed, definition=a_definition(milli_vcpus=2000))
    schedule_once(lease=lease, now=NOW)
    a_waiting(plain, definition=a_definition(milli_vcpus=2000))
    late = a_waiting(plain)

    schedule_once(lease=lease, now=NOW)

    assert Attempt.objects.count() == 2
    assert Attempt.objects.filter(job=late).count() == 0


def test_cpu_may_be_handed_out_more_than_once(lease: Lease) -> None:
    engine = a_node(engine=an_engine(cpu_overcommit="1.5"), milli_vcpus=4000).engine
    plain = an_environment(engine=engine)
    queue = a_queue(plain)
    for _ in range(7):
        a_job(queue=queue, status=JobStatus.RUNNABLE)

    schedule_once(lease=lease, now=NOW)

    assert Attempt.objects.count() == 6


def test_a_pass_with_instances_takes_as_many_queries_for_many_as_for_few(
    lease: Lease, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    environment = a_managed(
        engine=a_node(engine=an_engine(), milli_vcpus=64_000, memory_mib=2**17).engine, maxvCpus=64
    )
    queue = a_queue(environment)
    for _ in range(40):
        a_job(queue=queue, status=JobStatus.RUNNABLE)

    with django_assert_max_num_queries(60):
        schedule_once(lease=lease, now=NOW)

    assert Instance.objects.count() == 20
