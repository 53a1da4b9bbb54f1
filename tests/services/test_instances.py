"""A pass writes instances with what it places on them, in one transaction, and only while it holds the lease."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from jobs import queueing
from jobs.domain.errors import LostLease
from jobs.models import (
    Attempt,
    Capacity,
    ComputeEnvironment,
    EnvironmentType,
    Instance,
    InstanceState,
    InstanceType,
    Job,
    JobStatus,
    NodeState,
    SpotPressure,
    WaitReason,
)
from jobs.processes.scheduler import schedule_once
from jobs.scheduling.decide import decide
from jobs.selectors.snapshot import load_snapshot
from jobs.services.costs.instances import price_instances
from jobs.services.passes import instances, placement
from jobs.services.passes.instances import advance_instances
from jobs.services.passes.lease import Lease, Standby
from jobs.services.passes.placement import apply_plan
from jobs.services.passes.sweep import sweep
from tests.builders import (
    NOW,
    a_definition,
    a_job,
    a_node,
    a_queue,
    an_engine,
    an_environment,
    an_instance,
    an_instance_type,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def lease() -> Lease:
    lease = Standby(holder="test").try_acquire(monotonic=0)
    assert lease is not None
    return lease


def a_managed(*, engine: Any = None, kind: str = "EC2", **resources: Any) -> ComputeEnvironment:
    """An environment of instances of `rack.large` (2 vCPU, 4 GiB) on a machine of 4 vCPU and 8 GiB."""
    if not InstanceType.objects.filter(name="rack.large").exists():
        an_instance_type("rack.large")
    has_instances = kind in ("EC2", "SPOT")
    members = {
        "type": kind,
        "maxvCpus": 16,
        **(
            {
                "instanceTypes": ["rack"],
                "allocationStrategy": "BEST_FIT_PROGRESSIVE",
                "minvCpus": 0,
                "desiredvCpus": 0,
            }
            if has_instances
            else {}
        ),
        **resources,
    }
    return an_environment(
        type=EnvironmentType.MANAGED,
        engine=engine or a_node().engine,
        compute_resources=members,
        max_milli_vcpus=members["maxvCpus"] * 1000,
    )


def a_waiting(environment: ComputeEnvironment, **fields: Any) -> Job:
    return a_job(queue=a_queue(environment), status=JobStatus.RUNNABLE, **fields)


def end(attempt: Attempt, at: datetime) -> None:
    """As if its container had ended then."""
    Attempt.objects.filter(id=attempt.id).update(
        started_at=attempt.placed_at, stopped_at=at, ended_at=at, exit_code=0
    )
    Job.objects.filter(id=attempt.job_id).update(status=JobStatus.SUCCEEDED, stopped_at=at)


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


def test_on_demand_work_interrupts_spot_work_with_a_notice(lease: Lease) -> None:
    engine = a_node(engine=an_engine(), milli_vcpus=2000).engine
    spot = a_managed(engine=engine, kind="SPOT")
    ComputeEnvironment.objects.filter(id=spot.id).update(interruption_seconds=90)
    victim = a_waiting(spot)
    schedule_once(lease=lease, now=NOW)
    other = a_waiting(a_managed(engine=engine))

    later = NOW + timedelta(seconds=10)
    schedule_once(lease=lease, now=later)

    attempt = Attempt.objects.get(job=victim)
    assert (attempt.interrupted_at, attempt.interruption_kill_at) == (
        later,
        later + timedelta(seconds=90),
    )
    assert "On-Demand" in attempt.interruption_reason
    instance = Instance.objects.get(environment=spot)
    assert (instance.state, instance.end_cause) == (
        InstanceState.DRAINING,
        "INTERRUPTED_FOR_ROOM",
    )
    waits = WaitReason.objects.get(job=other)
    assert "Spot work is being interrupted" in waits.reason
    # Told once, though the pass is made again; and with the end of what ran there it is gone.
    schedule_once(lease=lease, now=later + timedelta(seconds=1))
    end(attempt, later + timedelta(seconds=20))
    schedule_once(lease=lease, now=later + timedelta(seconds=20))
    instance.refresh_from_db()
    assert (instance.state, instance.end_cause) == (InstanceState.ENDED, "INTERRUPTED_FOR_ROOM")
    other.refresh_from_db()
    assert other.status == JobStatus.STARTING


@pytest.fixture
def contended(lease: Lease) -> Attempt:
    """A Spot attempt on a machine that is wanted for On-Demand work: the next pass interrupts it."""
    engine = a_node(engine=an_engine(), milli_vcpus=2000).engine
    victim = a_waiting(a_managed(engine=engine, kind="SPOT"))
    schedule_once(lease=lease, now=NOW)
    a_waiting(a_managed(engine=engine))
    Attempt.objects.update(started_at=NOW, container_id="c")
    Job.objects.filter(id=victim.id).update(status=JobStatus.RUNNING)
    return Attempt.objects.get()


def test_a_scheduler_that_dies_before_it_hands_an_interruption_over_is_made_good_by_the_sweep(
    lease: Lease, contended: Attempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    handed_over: list[tuple[str, list[Any]]] = []
    told_at = NOW + timedelta(seconds=10)
    with monkeypatch.context() as dying:
        dying.setattr(queueing, "enqueue_after_commit", lambda _task, _ids: None)
        schedule_once(lease=lease, now=told_at)
    contended.refresh_from_db()
    assert contended.interrupted_at == told_at
    monkeypatch.setattr(queueing, "is_idle", lambda _task: True)
    monkeypatch.setattr(
        queueing, "enqueue_after_commit", lambda task, ids: handed_over.append((task, list(ids)))
    )

    # Another scheduler: it interrupts nobody anew, and hands over what is left undone.
    taken_over = Standby(holder="other")
    assert taken_over.try_acquire(monotonic=0.0) is None
    other = taken_over.try_acquire(monotonic=60.0)
    assert other is not None
    schedule_once(lease=other, now=told_at + timedelta(seconds=11))
    sweep(now=told_at + timedelta(seconds=11))

    assert (queueing.STOP, [contended.id]) in handed_over
    contended.refresh_from_db()
    assert contended.interrupted_at == told_at


def test_a_scheduler_that_was_overtaken_interrupts_nobody(lease: Lease, contended: Attempt) -> None:
    later = NOW + timedelta(seconds=10)
    plan = decide(load_snapshot(front=100, now=later), later)
    assert plan.drains

    with pytest.raises(LostLease):
        apply_plan(plan=plan, lease=Lease(token=lease.token - 1))

    contended.refresh_from_db()
    assert contended.interrupted_at is None
    assert not Instance.objects.exclude(kill_at=None).exists()


def test_fargate_spot_work_is_interrupted_attempt_by_attempt(lease: Lease) -> None:
    engine = a_node(engine=an_engine(), milli_vcpus=2000).engine
    victim = a_waiting(a_managed(engine=engine, kind="FARGATE_SPOT"))
    schedule_once(lease=lease, now=NOW)
    a_waiting(an_environment(engine=engine), definition=a_definition(milli_vcpus=2000))

    schedule_once(lease=lease, now=NOW + timedelta(seconds=5))

    attempt = Attempt.objects.get(job=victim)
    assert attempt.capacity == Capacity.FARGATE_SPOT
    assert attempt.instance is None
    assert attempt.interruption_kill_at == NOW + timedelta(seconds=125)


def test_the_going_price_is_written_when_it_changes(lease: Lease) -> None:
    engine = a_node(engine=an_engine(), milli_vcpus=4000).engine
    a_managed(engine=engine, kind="SPOT")
    job = a_waiting(an_environment(engine=engine), definition=a_definition(milli_vcpus=3000))

    schedule_once(lease=lease, now=NOW)
    schedule_once(lease=lease, now=NOW + timedelta(seconds=1))
    end(Attempt.objects.get(job=job), NOW + timedelta(seconds=60))
    schedule_once(lease=lease, now=NOW + timedelta(seconds=60))

    history = SpotPressure.objects.order_by("at").values_list("pressure", "at")
    assert list(history) == [
        (Decimal("0.750"), NOW),
        (Decimal("0.000"), NOW + timedelta(seconds=60)),
    ]


def test_a_machine_that_is_gone_takes_its_instances_with_it(lease: Lease) -> None:
    instance = an_instance(environment=a_managed(), launched_at=NOW)
    instance.node.state = NodeState.DOWN
    instance.node.save()

    advance_instances(lease=lease, now=NOW + timedelta(seconds=90))

    instance.refresh_from_db()
    assert (instance.state, instance.end_cause) == (InstanceState.ENDED, "HOST_LOST")
    assert instance.usd == Decimal("0.0025")


@pytest.fixture
def restarted(lease: Lease) -> Instance:
    """A RUNNING instance with a job on it, on an engine that was started anew within the last minute."""
    a_waiting(a_managed())
    schedule_once(lease=lease, now=NOW)
    Attempt.objects.update(started_at=NOW)
    instance = Instance.objects.select_related("node__engine").get()
    engine = instance.node.engine
    engine.gap_from, engine.gap_until = NOW + timedelta(seconds=60), NOW + timedelta(seconds=80)
    engine.save()
    return instance


def test_an_instance_of_an_engine_that_was_started_anew_ends_if_nothing_runs_on_it(
    lease: Lease, restarted: Instance
) -> None:
    end(Attempt.objects.get(), NOW + timedelta(seconds=50))
    # Within the gap, or behind it: nobody can tell that it was not launched after the restart.
    new = [
        an_instance(environment=restarted.environment, launched_at=NOW + timedelta(seconds=seconds))
        for seconds in (70, 85)
    ]

    advance_instances(lease=lease, now=NOW + timedelta(seconds=90))

    restarted.refresh_from_db()
    assert (restarted.state, restarted.end_cause) == (InstanceState.ENDED, "HOST_LOST")
    assert restarted.end_reason == "Its engine was started anew."
    for each in new:
        each.refresh_from_db()
        assert (each.state, each.end_cause) == (InstanceState.RUNNING, "")


def test_what_outlives_its_engines_restart_goes_on_and_costs_until_its_end(
    lease: Lease, restarted: Instance
) -> None:
    attempt = Attempt.objects.get()
    other = a_waiting(restarted.environment)
    noticed = NOW + timedelta(seconds=90)

    for seconds in (90, 95):
        schedule_once(lease=lease, now=NOW + timedelta(seconds=seconds))

    restarted.refresh_from_db()
    assert (restarted.state, restarted.end_cause) == (InstanceState.DRAINING, "HOST_LOST")
    assert (restarted.draining_at, restarted.kill_at) == (noticed, None)
    assert restarted.usd == 0
    # It takes no more jobs, and counts as long as it is there.
    assert Attempt.objects.get(job=other).instance != restarted
    restarted.environment.refresh_from_db()
    assert restarted.environment.compute_resources["desiredvCpus"] == 4
    attempt.refresh_from_db()
    assert (attempt.ended_at, attempt.interrupted_at) == (None, None)
    assert attempt.cost_usd == 0

    end(attempt, NOW + timedelta(seconds=180))
    schedule_once(lease=lease, now=NOW + timedelta(seconds=180))

    restarted.refresh_from_db()
    assert (restarted.state, restarted.end_cause) == (InstanceState.ENDED, "HOST_LOST")
    # 180 s at 0.1 USD an hour.
    assert restarted.usd == Decimal("0.005")


def test_an_instance_that_was_draining_when_its_engine_was_started_anew_keeps_its_cause(
    lease: Lease, restarted: Instance
) -> None:
    Instance.objects.update(state=InstanceState.DRAINING, end_cause="REPLACED", draining_at=NOW)

    advance_instances(lease=lease, now=NOW + timedelta(seconds=90))

    restarted.refresh_from_db()
    assert (restarted.end_cause, restarted.draining_at) == ("REPLACED", NOW)


@pytest.fixture
def locked_first(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The jobs that are locked until instances are priced, and then "priced"."""
    seen: list[object] = []

    def lock(job_ids: Any) -> None:
        seen.extend(sorted(job_ids))

    def note(**given: Any) -> None:
        seen.append("priced")
        price_instances(**given)

    monkeypatch.setattr(instances, "lock_ids", lock)
    monkeypatch.setattr(placement, "lock_ids", lock)
    monkeypatch.setattr(instances, "price_instances", note)
    return seen


def test_jobs_on_a_lost_machine_are_locked_before_their_attempts_are_settled(
    lease: Lease, restarted: Instance, locked_first: list[object]
) -> None:
    restarted.node.state = NodeState.DOWN
    restarted.node.save()

    advance_instances(lease=lease, now=NOW + timedelta(seconds=90))

    assert locked_first == [Attempt.objects.get().job_id, "priced"]
    assert Attempt.objects.get().cost_usd > 0


def test_jobs_that_are_placed_are_locked_before_ends_charge_attempts(
    lease: Lease, locked_first: list[object]
) -> None:
    managed = a_managed()
    a_waiting(managed)
    schedule_once(lease=lease, now=NOW)
    end(Attempt.objects.get(), NOW + timedelta(seconds=50))
    # For it the idle instance gives its room back.
    definition = a_definition(milli_vcpus=4000)
    large = a_waiting(an_environment(engine=managed.engine), definition=definition)
    locked_first.clear()

    schedule_once(lease=lease, now=NOW + timedelta(seconds=55), with_waits=False)

    assert Instance.objects.get().end_cause == "ROOM_NEEDED"
    assert locked_first == [large.id, "priced"]


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
