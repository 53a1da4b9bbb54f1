"""A machine that its engine has no more: what was on it ends with it."""

import pytest
from django.utils import timezone

from jobs import queueing
from jobs.models import EngineStatus, JobStatus, NodeState
from jobs.services.attempts.reap import reap_attempt
from jobs.services.passes.sweep import sweep

from .conftest import Spot

pytestmark = pytest.mark.django_db


@pytest.fixture
def lost(running: Spot) -> Spot:
    running.attempt.node.state = NodeState.DOWN
    running.attempt.node.save()
    return running


@pytest.fixture
def handed_over(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    seen: list[object] = []

    def enqueue(task: str, ids: list[object]) -> None:
        if ids and task == queueing.REAP:
            seen.append(list(ids))

    monkeypatch.setattr(queueing, "enqueue_after_commit", enqueue)
    monkeypatch.setattr(queueing, "is_idle", lambda _task: True)
    return seen


def test_the_sweep_looks_for_what_was_on_it(lost: Spot, handed_over: list[object]) -> None:
    sweep(now=timezone.now())
    assert handed_over == [[lost.attempt.id]]


def test_what_is_on_machines_that_are_there_is_not_looked_for(
    running: Spot, handed_over: list[object]
) -> None:
    sweep(now=timezone.now())
    assert handed_over == []


def test_nothing_is_known_while_the_engine_is_away(lost: Spot, handed_over: list[object]) -> None:
    lost.attempt.node.engine.status = EngineStatus.UNREACHABLE
    lost.attempt.node.engine.save()
    sweep(now=timezone.now())
    assert handed_over == []


def test_what_is_gone_ends_with_its_host_and_is_tried_again(lost: Spot) -> None:
    lost.world.lose(lost.container.id)
    job = lost.reap()
    assert lost.attempt.status_reason == f"Host EC2 (instance {lost.attempt.host_id}) terminated."
    assert lost.attempt.instance
    assert lost.attempt.host_id == lost.attempt.instance.instance_id
    assert job.status == JobStatus.RUNNABLE


def test_what_still_runs_goes_on(lost: Spot) -> None:
    assert not reap_attempt(attempt_id=lost.attempt.id, now=timezone.now())
    assert lost.runs


def test_what_was_never_created_there_ends_as_well(spot: Spot) -> None:
    assert not reap_attempt(attempt_id=spot.attempt.id, now=timezone.now())
    spot.attempt.node.state = NodeState.DOWN
    spot.attempt.node.save()
    assert spot.reap().status == JobStatus.RUNNABLE
    assert spot.attempt.started_at is None


def test_what_a_launcher_is_at_is_left_to_him(spot: Spot) -> None:
    now = timezone.now()
    spot.attempt.node.state = NodeState.DOWN
    spot.attempt.node.save()
    spot.attempt.launch_claimed_at = now
    spot.attempt.save()
    assert not reap_attempt(attempt_id=spot.attempt.id, now=now)
