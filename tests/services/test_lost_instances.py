"""Instances whose machine is gone, or was started anew."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from jobs.models import (
    Attempt,
    Instance,
    InstanceState,
    NodeState,
)
from jobs.processes.scheduler import schedule_once
from jobs.services.costs.instances import price_instances
from jobs.services.passes import instances, placement
from jobs.services.passes.instances import advance_instances
from jobs.services.passes.lease import Lease
from tests.builders import (
    NOW,
    a_definition,
    an_environment,
    an_instance,
)
from tests.services.instances_at_hand import a_managed, a_waiting, end

pytestmark = pytest.mark.django_db


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
