"""Tries of several containers, step by step on a fake engine."""

from datetime import timedelta
from uuid import UUID

import pytest

from jobs import queueing
from jobs.domain.reasons import ESSENTIAL_EXITED, STOPPED_WITH_OTHERS, TIMED_OUT
from jobs.models import Attempt, Job, JobStatus
from jobs.services.attempts import stopping
from jobs.services.attempts.stopping import due_kills, due_time_outs
from jobs.services.attempts.tries import lock_job
from jobs.services.passes.sweep import sweep
from jobs.services.requests.stop import terminate_job
from tests.builders import a_group
from tests.services.playing import APP, SIDE, Begin, begun, history

pytestmark = pytest.mark.django_db


def after(name: str, condition: str) -> list[dict[str, str]]:
    return [{"containerName": name, "condition": condition}]


INIT = {"name": "init", "essential": False}


# --- who starts when ---------------------------------------------------------------------


def test_a_start_lets_go_who_depends_on_it(containers: Begin) -> None:
    play = containers(APP, {**SIDE, "dependsOn": after("app", "START")})
    assert play.states() == "running running"
    assert play.status() == JobStatus.RUNNING
    app, side = play.attempts
    assert play.container(app).started_ns <= play.container(side).started_ns


@pytest.mark.parametrize("condition", ["COMPLETE", "SUCCESS"])
def test_an_end_lets_go_who_depends_on_it(condition: str, containers: Begin) -> None:
    play = containers(INIT, {**APP, "dependsOn": after("init", condition)})
    assert play.states() == "running waiting"
    play.end(play.attempts[0], 0)
    assert play.states() == "exit:0 running"
    assert play.status() == JobStatus.RUNNING
    play.end(play.attempts[1], 0)
    assert play.status() == JobStatus.SUCCEEDED
    assert history(play.job) == ["SUBMITTED", "RUNNING", "SUCCEEDED"]


def test_an_end_that_failed_is_complete_all_the_same(containers: Begin) -> None:
    play = containers(INIT, {**APP, "dependsOn": after("init", "COMPLETE")})
    play.end(play.attempts[0], 3)
    assert play.states() == "exit:3 running"


def test_a_success_that_does_not_come_ends_the_try_in_words(containers: Begin) -> None:
    play = containers(INIT, {**APP, "dependsOn": after("init", "SUCCESS")}, SIDE)
    play.end(play.attempts[0], 3)
    assert play.states() == "exit:3 unlaunched exit:143"
    assert play.status() == JobStatus.FAILED
    assert play.job.status_reason == (
        "CannotStartContainerError: app depends on init, which ended with exit code 3."
    )
    assert play.job.exit_code is None


def test_who_waits_is_handed_over_neither_by_the_sweep_nor_claimed(containers: Begin) -> None:
    play = containers(INIT, {**APP, "dependsOn": after("init", "COMPLETE")})
    play.hand_over(queueing.LAUNCH, play.attempts[1])
    play.work()
    play.world.advance(600)
    assert sweep(now=play.now()) == 0
    assert play.states() == "running waiting"


def test_a_launch_that_was_lost_after_it_was_let_go_is_made_good_by_the_sweep(
    containers: Begin,
) -> None:
    play = containers(INIT, {**APP, "dependsOn": after("init", "COMPLETE")})
    with play.world.changed:
        play.world.kill(play.container(play.attempts[0]), 0)
    play.run(queueing.REAP, play.attempts[0].id)
    play.queue.clear()
    assert play.states() == "exit:0 starting"
    play.world.advance(60)
    assert sweep(now=play.now()) == 1
    play.work()
    assert play.states() == "exit:0 running"


# --- one container's end -----------------------------------------------------------------


def test_an_essential_end_stops_the_others_and_succeeds_the_job(containers: Begin) -> None:
    play = containers(APP, {"name": "second"}, SIDE)
    assert play.states() == "running running running"
    play.world.advance(3600)
    play.end(play.attempts[0], 0)
    assert play.states() == "exit:0 exit:143 exit:143"
    assert play.status() == JobStatus.SUCCEEDED
    assert (play.job.exit_code, play.job.status_reason) == (0, ESSENTIAL_EXITED)
    rows = play.rows()
    assert [row.was_stopped for row in rows] == [False, True, True]
    assert rows[1].explanation.startswith(STOPPED_WITH_OTHERS)
    assert play.job.cost_usd == sum(row.cost_usd for row in rows) > 0


def test_who_ignores_the_end_of_an_essential_one_is_killed_after_the_grace_time(
    containers: Begin,
) -> None:
    play = containers(APP, SIDE)
    side = play.container(play.attempts[1])
    side.script = type(side.script)(heeds_sigterm=False)
    play.end(play.attempts[0], 0)
    assert play.states() == "exit:0 stopping"
    assert play.status() == JobStatus.RUNNING
    assert not due_kills(play.now() + timedelta(seconds=29))
    play.world.advance(30)
    assert sweep(now=play.now()) == 1
    play.reap()
    play.reap()
    assert play.states() == "exit:0 exit:137"
    assert play.status() == JobStatus.SUCCEEDED


def test_an_end_that_is_not_essential_changes_nothing_else(containers: Begin) -> None:
    play = containers(APP, SIDE)
    play.end(play.attempts[1], 3)
    assert play.states() == "running exit:3"
    assert play.status() == JobStatus.RUNNING
    play.end(play.attempts[0], 0)
    assert play.status() == JobStatus.SUCCEEDED
    assert list(play.job.attempts.order_by("id").values_list("status_reason", flat=True)) == [
        "Essential container in task exited",
        "Container in task exited",
    ]


def test_the_rules_decide_once_about_a_try_that_failed(containers: Begin) -> None:
    rules = [{"onExitCode": "3", "action": "RETRY"}, {"onReason": "*", "action": "EXIT"}]
    play = containers(APP, SIDE, attempts_allowed=2, evaluate_on_exit=rules)
    play.end(play.attempts[0], 3)
    assert play.states() == "exit:3 exit:143"
    assert play.status() == JobStatus.RUNNABLE
    assert history(play.job)[-2:] == ["RUNNING", "RUNNABLE"]
    Job.objects.update(status=JobStatus.STARTING, attempts_made=2)
    play.job.refresh_from_db()
    play.attempts = a_group(job=play.job)
    play.launch()
    play.end(play.attempts[0], 0)
    assert play.status() == JobStatus.SUCCEEDED
    assert play.job.cost_usd == sum(row.cost_usd for row in play.rows())


def test_out_of_memory_in_one_container_is_the_job_s_reason(containers: Begin) -> None:
    play = containers(SIDE, {**APP, "command": ["oom"]})
    play.reap()
    play.reap()
    assert play.status() == JobStatus.FAILED
    assert play.job.exit_code == 137
    app = play.rows()[1]
    assert app.oom_killed
    assert app.reason == "OutOfMemoryError: Container killed due to memory usage"


def test_a_lost_container_ends_the_try_as_a_host_loss(containers: Begin) -> None:
    play = containers(APP, SIDE)
    play.world.lose(play.container(play.attempts[1]).id)
    play.reap()
    play.reap()
    assert play.states() == "exit:143 gone"
    assert play.status() == JobStatus.FAILED
    assert play.job.status_reason.startswith("Host EC2")


def test_a_command_that_is_not_there_ends_the_try_of_an_essential_container(
    containers: Begin,
) -> None:
    play = containers(SIDE, {**APP, "command": ["nosuch"]})
    play.reap()
    assert play.states() == "exit:143 unlaunched"
    assert play.status() == JobStatus.FAILED
    assert play.job.status_reason.startswith("CannotStartContainerError: ")


@pytest.mark.parametrize(
    ("essential", "states", "status"),
    [
        (True, "exit:143 unlaunched", JobStatus.FAILED),
        (False, "running unlaunched", JobStatus.RUNNING),
    ],
)
def test_an_image_that_cannot_be_pulled_ends_its_container_and_the_try_if_it_is_essential(
    essential: bool, states: str, status: str, containers: Begin
) -> None:
    other = {"name": "other", "image": "nosuch:1", "essential": essential}
    play = containers(APP, other)
    play.reap()
    assert play.states() == states
    assert play.status() == status
    assert play.rows()[1].status_reason.startswith("CannotPullContainerError: nosuch:1: ")


def test_a_command_that_is_not_there_is_one_container_s_trouble_if_it_is_not_essential(
    containers: Begin,
) -> None:
    play = containers(APP, {**SIDE, "command": ["nosuch"]})
    assert play.states() == "running unlaunched"
    assert play.status() == JobStatus.RUNNING


def test_an_init_container_that_ends_before_its_start_is_told_begins_the_try_all_the_same(
    containers: Begin,
) -> None:
    play = containers(
        {**INIT, "command": ["exit"]},
        {**APP, "dependsOn": after("init", "SUCCESS")},
        timeout_seconds=60,
    )
    # As if the launcher had died before he wrote that it runs.
    Attempt.objects.update(started_at=None, deadline_at=None)
    Job.objects.update(status=JobStatus.STARTING, started_at=None)
    play.reap()
    assert play.states() == "exit:0 running"
    assert play.status() == JobStatus.RUNNING
    init, app = play.rows()
    assert app.deadline_at == begun(init) + timedelta(seconds=60)


# --- stops and time limits ---------------------------------------------------------------


def test_terminate_stops_all_that_runs_and_nothing_else_starts(containers: Begin) -> None:
    play = containers(INIT, {**APP, "dependsOn": after("init", "COMPLETE")}, SIDE)
    assert terminate_job(job=play.job, reason="enough", now=play.now())
    play.work()
    play.reap()
    play.reap()
    assert play.states() == "exit:143 unlaunched exit:143"
    assert play.status() == JobStatus.FAILED
    assert play.job.status_reason == "enough"
    assert {row.status_reason for row in play.rows()} == {"enough"}


def test_the_time_limit_is_the_whole_try_s(containers: Begin) -> None:
    play = containers(
        INIT,
        {**APP, "dependsOn": after("init", "COMPLETE")},
        timeout_seconds=60,
        attempts_allowed=3,
    )
    play.world.advance(40)
    play.end(play.attempts[0], 0)
    init, app = play.rows()
    assert app.deadline_at == begun(init) + timedelta(seconds=60)
    play.world.advance(20)
    assert [row.id for row in due_time_outs(play.now())] == [app.id]
    assert sweep(now=play.now()) == 1
    play.reap()
    play.reap()
    assert play.states() == "exit:0 exit:143"
    assert (play.status(), play.job.status_reason) == (JobStatus.FAILED, TIMED_OUT)


def test_a_time_limit_that_is_over_before_all_have_started_ends_those_too(
    containers: Begin,
) -> None:
    play = containers(
        INIT, {**APP, "dependsOn": after("init", "COMPLETE")}, SIDE, timeout_seconds=60
    )
    play.world.advance(60)
    assert sweep(now=play.now()) == 3
    play.reap()
    play.reap()
    assert play.states() == "exit:143 unlaunched exit:143"
    assert (play.status(), play.job.status_reason) == (JobStatus.FAILED, TIMED_OUT)
    assert all(row.timed_out_at for row in play.rows() if row.started_at)


def test_one_that_was_let_go_while_its_time_ran_out_is_stopped_and_not_forgotten(
    containers: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    play = containers(INIT, {**APP, "dependsOn": after("init", "COMPLETE")}, timeout_seconds=60)
    init, app = play.attempts
    play.world.advance(60)

    def locked_after_the_end_of_init(job_id: UUID) -> Job:
        monkeypatch.setattr(stopping, "lock_job", lock_job)
        play.end(init, 0)
        assert play.states() == "exit:0 running"
        return lock_job(job_id)

    monkeypatch.setattr(stopping, "lock_job", locked_after_the_end_of_init)
    play.run(queueing.STOP, app.id)
    assert play.states() == "exit:0 stopping"
    play.reap()
    assert play.states() == "exit:0 exit:143"
    assert (play.status(), play.job.status_reason) == (JobStatus.FAILED, TIMED_OUT)
    assert not play.world.containers
