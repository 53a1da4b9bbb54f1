"""Interrupted attempts: what they are told, when they are killed, how they end, and what follows."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from jobs import queueing
from jobs.domain.reasons import ESSENTIAL_EXITED, STOPPED_UNLAUNCHED, TIMED_OUT
from jobs.engines.archives import content
from jobs.engines.registry import connect
from jobs.models import Attempt, EngineStatus, ImagePull, ImagePullStatus, Job, JobSpec, JobStatus
from jobs.services.attempts.checkpoints import mount_of
from jobs.services.attempts.launch import launch_attempt
from jobs.services.attempts.running import mark_all_running, mark_running
from jobs.services.attempts.stopping import next_stop_at
from jobs.services.passes.sweep import sweep
from jobs.services.requests.stop import terminate_job

from .conftest import WHY, Spot

pytestmark = pytest.mark.django_db


@pytest.fixture
def handed_over(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[object]]]:
    """What tasks of attempts' lives were handed over, whatever the transaction does."""
    seen: list[tuple[str, list[object]]] = []

    def enqueue(task: str, ids: list[object]) -> None:
        if ids and task in {queueing.LAUNCH, queueing.STOP, queueing.REAP}:
            seen.append((task, list(ids)))

    monkeypatch.setattr(queueing, "enqueue_after_commit", enqueue)
    monkeypatch.setattr(queueing, "is_idle", lambda _task: True)
    return seen


def host_lost(spot: Spot) -> str:
    assert spot.attempt.instance
    return f"Host EC2 (instance {spot.attempt.instance.instance_id}) terminated."


def test_who_is_interrupted_is_told_once(
    running: Spot, handed_over: list[tuple[str, list[object]]]
) -> None:
    assert running.interrupt() == [running.attempt.id]
    assert running.attempt.interrupted_at == running.told_at
    assert running.attempt.interruption_kill_at == running.kill_at
    assert running.attempt.interruption_reason == WHY
    running.told_at += timedelta(seconds=10)
    assert running.interrupt() == []
    assert running.attempt.interrupted_at == running.told_at - timedelta(seconds=10)
    assert handed_over == [(queueing.STOP, [running.attempt.id])]


def test_what_has_ended_is_not_interrupted(running: Spot) -> None:
    running.end(0)
    running.reap()
    assert running.interrupt() == []
    assert running.attempt.interrupted_at is None


def test_the_notice_names_the_time_of_the_end(running: Spot) -> None:
    running.interrupt()
    running.stop()
    path = running.container.spec.environment["BATCHWEB_INTERRUPTION_NOTICE"]
    folder, _, name = path.rpartition("/")
    assert folder == "/batchweb"
    engine = connect("fake", running.attempt.node.engine.url, installation="x")
    _, blocks = content(engine.read_files(mount_of(running.attempt.job_id), name))
    assert json.loads(b"".join(blocks)) == {
        "action": "terminate",
        "time": running.kill_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def test_no_notice_of_an_earlier_try_is_there(running: Spot) -> None:
    running.interrupt()
    running.stop()
    first = running.container.spec.environment["BATCHWEB_INTERRUPTION_NOTICE"]
    running.stop(120)
    job = running.reap()
    assert job.status == JobStatus.RUNNABLE
    Job.objects.filter(id=job.id).update(status=JobStatus.STARTING, attempts_made=2)
    again = Attempt.objects.get(id=running.attempt.id)
    again.pk, again.number, again.ended_at, again.removed_at = None, 2, None, None
    again.started_at = again.stopped_at = again.exit_code = again.interrupted_at = None
    again.stop_signalled_at = again.interruption_kill_at = None
    again.container_id = again.launch_token = ""
    again.save()
    second = Spot(Attempt.objects.get(pk=again.pk), running.told_at)
    second.launch()
    assert second.runs
    assert second.container.spec.environment["BATCHWEB_INTERRUPTION_NOTICE"] != first
    assert second.container.spec.mounts == [mount_of(job.id)]


def test_the_signal_comes_at_once_and_the_kill_when_the_capacity_goes(running: Spot) -> None:
    running.interrupt()
    running.stop(1)
    assert running.attempt.stop_signalled_at == running.after(1)
    assert next_stop_at(running.after(1)) == running.kill_at
    # The grace time of 30 seconds does not count.
    running.stop(119)
    assert running.runs
    running.stop(120)
    assert not running.runs


def test_whoever_was_killed_ends_with_its_host_and_is_tried_again(running: Spot) -> None:
    running.interrupt()
    running.stop()
    running.stop(120)
    job = running.reap()
    assert running.attempt.status_reason == host_lost(running)
    assert running.attempt.explanation.startswith(f"Interrupted: {WHY} ")
    assert not running.attempt.was_stopped
    assert (job.status, job.status_reason) == (JobStatus.RUNNABLE, host_lost(running))


@pytest.mark.parametrize(
    ("exit_code", "status", "reason"),
    [
        (0, JobStatus.SUCCEEDED, ESSENTIAL_EXITED),
        (1, JobStatus.RUNNABLE, None),
        (143, JobStatus.RUNNABLE, None),
    ],
)
@pytest.mark.parametrize("signalled", [True, False])
def test_what_ends_after_the_notice_ends_by_its_exit_code(
    running: Spot, exit_code: int, status: str, reason: str | None, signalled: bool
) -> None:
    running.interrupt()
    if signalled:
        running.stop()
    running.end(exit_code)
    job = running.reap()
    assert running.attempt.status_reason == (reason or host_lost(running))
    assert job.status == status


def test_what_had_failed_before_it_was_interrupted_failed_by_itself(running: Spot) -> None:
    running.end(1)
    running.told_at += timedelta(seconds=60)
    running.interrupt()
    job = running.reap()
    assert running.attempt.status_reason == ESSENTIAL_EXITED
    assert job.status == JobStatus.FAILED


def test_without_a_rule_for_it_there_is_no_further_attempt(running: Spot) -> None:
    rules = [{"action": "EXIT", "onStatusReason": "Host EC2*"}]
    JobSpec.objects.filter(id=running.attempt.job.spec_id).update(evaluate_on_exit=rules)
    running.interrupt()
    running.stop()
    running.stop(120)
    assert running.reap().status == JobStatus.FAILED


def test_a_container_that_is_gone_after_the_signal_ends_with_its_host(running: Spot) -> None:
    running.interrupt()
    running.stop()
    running.world.lose(running.container.id)
    assert running.reap().status == JobStatus.RUNNABLE
    assert running.attempt.status_reason == host_lost(running)


class TestWhoStopsFirst:
    def test_a_terminate_before_keeps_its_reason(self, running: Spot) -> None:
        terminate_job(job=running.attempt.job, reason="enough", now=running.after(-1))
        running.refresh()
        running.interrupt()
        running.stop()
        running.stop(120)
        job = running.reap()
        assert (job.status, job.status_reason) == (JobStatus.FAILED, "enough")
        assert running.attempt.was_stopped

    def test_a_terminate_after_it_makes_no_retry(self, running: Spot) -> None:
        running.interrupt()
        running.stop()
        terminate_job(job=running.attempt.job, reason="enough", now=running.after(1))
        running.refresh()
        running.stop(120)
        job = running.reap()
        assert job.status == JobStatus.FAILED
        assert running.attempt.status_reason == host_lost(running)

    def test_a_time_limit_that_was_over_before_keeps_its_reason(self, running: Spot) -> None:
        Attempt.objects.update(deadline_at=running.after(-1))
        running.stop(-0.5)
        running.interrupt()
        running.stop(120)
        job = running.reap()
        assert (job.status, job.status_reason) == (JobStatus.FAILED, TIMED_OUT)

    def test_a_time_limit_that_is_over_after_it_does_not_count(self, running: Spot) -> None:
        running.interrupt()
        Attempt.objects.update(deadline_at=running.after(1))
        running.stop(2)
        running.stop(120)
        assert running.reap().status == JobStatus.RUNNABLE
        assert running.attempt.timed_out_at is None

    @pytest.mark.parametrize(
        ("signalled", "alive_at", "dead_at"),
        # Told to stop ten seconds before: 30 seconds from then; long before: nothing more is given.
        [(-10, 19, 20), (100, 119, 120)],
    )
    def test_a_grace_time_that_has_begun_goes_on_but_not_beyond(
        self, running: Spot, signalled: float, alive_at: float, dead_at: float
    ) -> None:
        terminate_job(job=running.attempt.job, reason="enough", now=running.after(signalled))
        running.stop(signalled)
        running.interrupt()
        running.stop(alive_at)
        assert running.runs
        running.stop(dead_at)
        assert not running.runs


class TestBeforeTheStart:
    def test_what_was_not_started_ends_without_running_and_is_tried_again(self, spot: Spot) -> None:
        spot.interrupt()
        spot.launch()
        assert spot.world.containers == {}
        assert spot.attempt.started_at is None
        assert spot.attempt.status_reason == host_lost(spot)
        assert WHY in spot.attempt.explanation
        assert spot.attempt.job.status == JobStatus.RUNNABLE

    def test_a_stop_before_it_keeps_its_reason(self, spot: Spot) -> None:
        terminate_job(job=spot.attempt.job, reason="enough", now=spot.after(-1))
        spot.interrupt()
        spot.launch()
        assert spot.attempt.explanation == STOPPED_UNLAUNCHED
        assert spot.attempt.job.status_reason == "enough"

    def test_the_stop_hands_it_to_a_launcher(
        self, spot: Spot, handed_over: list[tuple[str, list[object]]]
    ) -> None:
        spot.interrupt()
        spot.stop()
        ids = [spot.attempt.id]
        assert handed_over == [(queueing.STOP, ids), (queueing.LAUNCH, ids)]
        assert spot.attempt.timed_out_at is None
        assert spot.attempt.job.stop_requested_at is None

    def test_one_that_waits_for_others_ends_at_once(self, spot: Spot) -> None:
        Attempt.objects.update(waits_for_others=True)
        spot.interrupt()
        spot.stop()
        assert spot.attempt.status_reason == host_lost(spot)
        assert spot.attempt.job.status == JobStatus.RUNNABLE

    def test_one_that_waits_for_its_image_waits_no_more(
        self, spot: Spot, handed_over: list[tuple[str, list[object]]]
    ) -> None:
        now = timezone.now()
        ImagePull.objects.create(
            engine=spot.attempt.node.engine,
            image=spot.attempt.image,
            status=ImagePullStatus.PULLING,
            started_at=now,
            updated_at=now + timedelta(hours=1),
        )
        Attempt.objects.update(placed_at=now - timedelta(minutes=5))
        sweep(now=now)
        assert handed_over == []
        spot.interrupt()
        handed_over.clear()
        sweep(now=now)
        assert handed_over == [(queueing.LAUNCH, [spot.attempt.id])]

    @pytest.mark.parametrize("together", [True, False])
    def test_one_that_starts_while_it_is_interrupted_is_stopped(
        self, spot: Spot, together: bool, handed_over: list[tuple[str, list[object]]]
    ) -> None:
        read_before = Attempt.objects.select_related("job__spec", "node").get(id=spot.attempt.id)
        spot.interrupt()
        handed_over.clear()
        if together:
            mark_all_running(addresses={read_before: ""}, now=timezone.now())
        else:
            mark_running(attempt=read_before, now=timezone.now())
        assert (queueing.STOP, [spot.attempt.id]) in handed_over


class TestWhateverDies:
    def test_the_sweep_repeats_what_was_lost(
        self, running: Spot, handed_over: list[tuple[str, list[object]]]
    ) -> None:
        running.interrupt()
        handed_over.clear()
        ids = [running.attempt.id]
        sweep(now=running.after(5))
        assert handed_over == []
        sweep(now=running.after(11))
        assert handed_over == [(queueing.STOP, ids)]
        running.stop(11)
        handed_over.clear()
        sweep(now=running.after(60))
        assert handed_over == []
        sweep(now=running.after(120))
        assert handed_over == [(queueing.STOP, ids)]

    def test_an_engine_that_is_away_is_asked_later(self, running: Spot) -> None:
        running.interrupt()
        running.world.vanish()
        running.stop()
        assert running.attempt.stop_signalled_at is None
        running.world.come_back()
        running.stop(10)
        assert running.attempt.stop_signalled_at == running.after(10)

    def test_of_an_engine_that_is_away_nothing_is_handed_over(
        self, running: Spot, handed_over: list[tuple[str, list[object]]]
    ) -> None:
        running.interrupt()
        handed_over.clear()
        engine = running.attempt.node.engine
        engine.status = EngineStatus.UNREACHABLE
        engine.save()
        sweep(now=running.after(600))
        assert handed_over == []

    def test_a_worker_that_died_after_its_signal_leaves_no_more_than_that(
        self, running: Spot
    ) -> None:
        running.interrupt()
        running.stop()
        Attempt.objects.update(stop_signalled_at=None)
        running.stop(2)
        assert running.attempt.stop_signalled_at == running.after(2)

    def test_a_launch_that_is_repeated_changes_nothing(self, running: Spot) -> None:
        running.interrupt()
        launch_attempt(attempt_id=running.attempt.id, now=timezone.now())
        assert running.runs
