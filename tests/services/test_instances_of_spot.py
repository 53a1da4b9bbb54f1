"""Spot work that gives way, and the price that it follows, as passes write them."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from jobs import queueing
from jobs.domain.errors import LostLease
from jobs.models import (
    Attempt,
    Capacity,
    ComputeEnvironment,
    Instance,
    InstanceState,
    Job,
    JobStatus,
    SpotPressure,
    WaitReason,
)
from jobs.processes.scheduler import schedule_once
from jobs.scheduling.decide import decide
from jobs.selectors.passes.snapshot import load_snapshot
from jobs.services.passes.lease import Lease, Standby
from jobs.services.passes.placement import apply_plan
from jobs.services.passes.sweep import sweep
from tests.builders import (
    NOW,
    a_definition,
    a_node,
    an_engine,
    an_environment,
)
from tests.services.instances_at_hand import a_managed, a_waiting, end

pytestmark = pytest.mark.django_db


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
