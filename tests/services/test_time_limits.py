"""An attempt's time limit: when it is due, what is sent, and what the job's end says."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from django.db import IntegrityError
from django.utils import timezone

from jobs import queueing
from jobs.domain.names import container_name
from jobs.domain.reasons import ESSENTIAL_EXITED, TIMED_OUT
from jobs.engines.fake.scripts import Script
from jobs.engines.fake.world import SHELL_IMAGE, World, forget_world, world
from jobs.models import Attempt, Checkpoint, Job, JobDefinition, JobSpec, JobStatus
from jobs.services.attempts.launch import launch_attempt
from jobs.services.attempts.reap import reap_attempt
from jobs.services.attempts.stopping import (
    due_time_outs,
    next_deadline_at,
    next_stop_at,
    stop_attempt,
)
from jobs.services.passes.sweep import sweep
from jobs.services.requests.stop import terminate_job
from tests.builders import a_definition, a_job, an_attempt

pytestmark = pytest.mark.django_db

SECOND = timedelta(seconds=1)
LIMIT = timedelta(seconds=60)
GRACE = timedelta(seconds=30)


@pytest.fixture
def attempt() -> Iterator[Attempt]:
    """A running attempt with a limit of 60 s, of a job that may be tried twice and sleeps for ever.

    The engine's clock stands until a test moves it.
    """
    definition = a_definition(image=SHELL_IMAGE, command=["sleep"], attempts=2)
    job = a_job(
        definition=definition, status=JobStatus.STARTING, attempts_made=1, timeout_seconds=60
    )
    one = an_attempt(job=job)
    world_of(one).stop_clock()
    launch_attempt(attempt_id=one.id, now=timezone.now())
    one.refresh_from_db()
    yield one
    forget_world(one.node.engine.url.removeprefix("fake://"))


def world_of(attempt: Attempt) -> World:
    return world(attempt.node.engine.url.removeprefix("fake://"))


def deadline_of(attempt: Attempt) -> datetime:
    assert attempt.deadline_at
    return attempt.deadline_at


def end_by_itself(attempt: Attempt, *, after: timedelta, exit_code: int) -> None:
    its_world = world_of(attempt)
    its_world.advance(after.total_seconds())
    with its_world.changed:
        its_world.kill(its_world.get(container_name(attempt.job_id, 1)), exit_code)


def reaped(attempt: Attempt) -> Job:
    assert reap_attempt(attempt_id=attempt.id, now=timezone.now())
    attempt.refresh_from_db()
    attempt.job.refresh_from_db()
    return attempt.job


def test_the_limit_counts_from_the_start(attempt: Attempt) -> None:
    assert attempt.started_at
    assert deadline_of(attempt) == attempt.started_at + LIMIT
    assert next_deadline_at(timezone.now()) == deadline_of(attempt)
    assert next_stop_at(deadline_of(attempt)) is None


def test_without_a_limit_there_is_no_deadline() -> None:
    job = a_job(definition=a_definition(image=SHELL_IMAGE, command=["sleep"]), status="STARTING")
    one = an_attempt(job=job)
    launch_attempt(attempt_id=one.id, now=timezone.now())
    one.refresh_from_db()
    assert one.started_at
    assert one.deadline_at is None
    assert next_stop_at(one.started_at) is None
    forget_world(one.node.engine.url.removeprefix("fake://"))


def test_who_adopts_a_running_container_counts_from_its_true_start(attempt: Attempt) -> None:
    Attempt.objects.update(container_id="", launch_token="", started_at=None, deadline_at=None)
    Job.objects.update(status=JobStatus.STARTING)
    container = world_of(attempt).get(container_name(attempt.job_id, 1))
    container.started_ns -= 40 * 10**9
    launch_attempt(attempt_id=attempt.id, now=timezone.now())
    attempt.refresh_from_db()
    assert attempt.started_at == container.status().started_at
    assert deadline_of(attempt) - timezone.now() < timedelta(seconds=21)


def test_nothing_is_sent_before_the_deadline(attempt: Attempt) -> None:
    early = deadline_of(attempt) - SECOND
    stop_attempt(attempt_id=attempt.id, now=early)
    attempt.refresh_from_db()
    assert attempt.stop_signalled_at is None
    assert not due_time_outs(early)


def test_the_sweep_hands_over_what_is_due_and_repeats_what_was_lost(
    attempt: Attempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What it keeps is measured now and then, which is another matter.
    Checkpoint.objects.all().delete()
    handed_over: list[tuple[str, list[int]]] = []
    monkeypatch.setattr(
        queueing,
        "enqueue_after_commit",
        lambda task, ids: handed_over.append((task, ids)) if ids else None,
    )
    idle = True
    monkeypatch.setattr(queueing, "is_idle", lambda _task: idle)
    due = deadline_of(attempt)
    assert sweep(now=due - SECOND) == 0
    assert sweep(now=due) == 1
    assert sweep(now=due + timedelta(minutes=5)) == 1
    assert handed_over == [(queueing.STOP, [attempt.id])] * 2
    # What waits in the queue already is not piled up.
    idle = False
    assert sweep(now=due + timedelta(seconds=30)) == 0
    # But after so long, a queue that is never empty hides nothing more.
    assert sweep(now=due + timedelta(minutes=5)) == 1
    stop_attempt(attempt_id=attempt.id, now=due)
    assert sweep(now=due + SECOND) == 0


@pytest.mark.parametrize("of_the_job", [True, False])
def test_stops_that_wait_in_a_busy_queue_are_not_piled_up(
    attempt: Attempt, of_the_job: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked_at = timezone.now()
    if of_the_job:
        Job.objects.filter(id=attempt.job_id).update(stop_requested_at=asked_at)
    else:
        Attempt.objects.filter(id=attempt.id).update(stop_asked_at=asked_at)
    monkeypatch.setattr(queueing, "is_idle", lambda _task: False)
    assert sweep(now=asked_at + timedelta(seconds=30)) == 0
    assert sweep(now=asked_at + timedelta(minutes=5)) == 1
    monkeypatch.setattr(queueing, "is_idle", lambda _task: True)
    assert sweep(now=asked_at + timedelta(seconds=30)) == 1


def test_a_container_that_heeds_sigterm_ends_as_timed_out_and_is_not_tried_again(
    attempt: Attempt,
) -> None:
    world_of(attempt).advance(60)
    stop_attempt(attempt_id=attempt.id, now=deadline_of(attempt))
    job = reaped(attempt)
    assert (job.status, job.status_reason, job.exit_code) == (JobStatus.FAILED, TIMED_OUT, 143)
    assert (attempt.status_reason, attempt.timed_out_at) == (TIMED_OUT, deadline_of(attempt))
    assert "time limit of 60 seconds" in attempt.explanation
    assert "SIGTERM" in attempt.explanation
    assert job.attempts_made == 1


def test_a_container_that_ignores_sigterm_is_killed_after_the_grace_time(attempt: Attempt) -> None:
    container = world_of(attempt).get(container_name(attempt.job_id, 1))
    container.script = Script(heeds_sigterm=False)
    due = deadline_of(attempt)
    stop_attempt(attempt_id=attempt.id, now=due)
    assert next_stop_at(due) == due + GRACE
    stop_attempt(attempt_id=attempt.id, now=due + GRACE - SECOND)
    assert not reap_attempt(attempt_id=attempt.id, now=due)
    world_of(attempt).advance(90)
    stop_attempt(attempt_id=attempt.id, now=due + GRACE)
    job = reaped(attempt)
    assert (job.status, job.status_reason, job.exit_code) == (JobStatus.FAILED, TIMED_OUT, 137)
    assert "SIGKILL" in attempt.explanation


def test_exit_0_because_of_the_signal_is_no_success(attempt: Attempt) -> None:
    container = world_of(attempt).get(container_name(attempt.job_id, 1))
    container.script = Script(heeds_sigterm=False)
    stop_attempt(attempt_id=attempt.id, now=deadline_of(attempt))
    end_by_itself(attempt, after=LIMIT + SECOND, exit_code=0)
    job = reaped(attempt)
    assert (job.status, job.status_reason) == (JobStatus.FAILED, TIMED_OUT)


def test_exit_0_before_the_signal_is_a_success(attempt: Attempt) -> None:
    end_by_itself(attempt, after=LIMIT + SECOND, exit_code=0)
    stop_attempt(attempt_id=attempt.id, now=deadline_of(attempt) + SECOND)
    attempt.refresh_from_db()
    assert attempt.stop_signalled_at is None
    assert reaped(attempt).status == JobStatus.SUCCEEDED


def test_a_failure_before_the_deadline_that_is_seen_late_is_no_time_out(attempt: Attempt) -> None:
    """As when the supervisor was down: nobody knew that the container had ended."""
    end_by_itself(attempt, after=LIMIT / 2, exit_code=3)
    stop_attempt(attempt_id=attempt.id, now=deadline_of(attempt) + LIMIT)
    job = reaped(attempt)
    assert (job.status, job.status_reason) == (JobStatus.RUNNABLE, ESSENTIAL_EXITED)
    assert job.stop_requested_at is None


def test_a_signal_that_nobody_lived_to_record_is_told_by_the_end(attempt: Attempt) -> None:
    end_by_itself(attempt, after=LIMIT + SECOND, exit_code=143)
    job = reaped(attempt)
    assert (job.status, job.status_reason) == (JobStatus.FAILED, TIMED_OUT)


def test_a_terminate_after_the_time_out_changes_nothing(attempt: Attempt) -> None:
    stop_attempt(attempt_id=attempt.id, now=deadline_of(attempt))
    attempt.job.refresh_from_db()
    assert not terminate_job(job=attempt.job, reason="enough", now=deadline_of(attempt))
    world_of(attempt).advance(61)
    assert reaped(attempt).status_reason == TIMED_OUT


def test_a_terminate_before_the_time_out_keeps_its_reason(attempt: Attempt) -> None:
    container = world_of(attempt).get(container_name(attempt.job_id, 1))
    container.script = Script(heeds_sigterm=False)
    before = deadline_of(attempt) - SECOND
    assert terminate_job(job=attempt.job, reason="enough", now=before)
    assert not due_time_outs(deadline_of(attempt))
    stop_attempt(attempt_id=attempt.id, now=deadline_of(attempt))
    world_of(attempt).advance(100)
    stop_attempt(attempt_id=attempt.id, now=deadline_of(attempt) + GRACE)
    job = reaped(attempt)
    assert (job.status, job.status_reason) == (JobStatus.FAILED, "enough")
    assert attempt.timed_out_at is None
    assert attempt.explanation.startswith("It was asked to stop.")


def test_a_timed_out_container_that_is_gone_keeps_its_reason(attempt: Attempt) -> None:
    stop_attempt(attempt_id=attempt.id, now=deadline_of(attempt))
    world_of(attempt).lose(container_name(attempt.job_id, 1))
    assert reaped(attempt).status_reason == TIMED_OUT


def test_each_attempt_has_a_deadline_of_its_own(attempt: Attempt) -> None:
    end_by_itself(attempt, after=LIMIT / 2, exit_code=3)
    job = reaped(attempt)
    assert next_deadline_at(timezone.now()) is None
    Job.objects.update(status=JobStatus.STARTING, attempts_made=2)
    job.refresh_from_db()
    second = an_attempt(job=job)
    launch_attempt(attempt_id=second.id, now=timezone.now())
    second.refresh_from_db()
    assert deadline_of(second) > deadline_of(attempt)


@pytest.mark.parametrize(
    ("rules", "status"),
    [
        ([{"onExitCode": "3", "action": "EXIT"}], JobStatus.FAILED),
        (
            [{"onExitCode": "3", "action": "RETRY"}, {"onReason": "*", "action": "EXIT"}],
            JobStatus.RUNNABLE,
        ),
        ([{"onExitCode": "4", "action": "EXIT"}], JobStatus.RUNNABLE),
    ],
)
def test_the_job_s_rules_decide_about_a_retry(
    attempt: Attempt, rules: list[dict[str, str]], status: str
) -> None:
    JobSpec.objects.update(evaluate_on_exit=rules)
    end_by_itself(attempt, after=SECOND, exit_code=3)
    assert reaped(attempt).status == status


@pytest.mark.parametrize("make", [a_job, a_definition])
def test_the_database_keeps_no_limit_under_a_minute(make: type[Job] | type[JobDefinition]) -> None:
    with pytest.raises(IntegrityError):
        make(timeout_seconds=59)
