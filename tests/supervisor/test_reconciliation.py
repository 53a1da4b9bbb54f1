"""What events did not tell is found by comparing the database with the engine."""

from contextlib import suppress
from datetime import timedelta

import pytest
from django.db import IntegrityError
from django.utils import timezone

from jobs import queueing
from jobs.domain.names import LABEL_ATTEMPT
from jobs.engines.base import ContainerPhase, ContainerStatus
from jobs.engines.fake import World
from jobs.models import Attempt, JobStatus, LogStream
from jobs.processes.supervisor.reconcile import attempt_of, plan
from jobs.selectors.supervision import LiveAttempt
from tests.supervisor.world import News, Scene, end, is_complete, log_of, supervising

NOW = timezone.now()


def live(
    number: int = 1, *, container: str = "c1", starting: bool = False, claimed: float | None = None
) -> LiveAttempt:
    at = None if claimed is None else NOW - timedelta(seconds=claimed)
    return LiveAttempt(number, container, starting, at, None)


def listed(phase: ContainerPhase, container: str = "c1", attempt: str = "1") -> ContainerStatus:
    return ContainerStatus(container, "name", phase, {LABEL_ATTEMPT: attempt})


def forget(container: str) -> None:
    """Removes an attempt's row, though the supervisor may just begin its log."""
    while True:
        with suppress(IntegrityError):
            Attempt.objects.filter(container_id=container).delete()
            return


RUNNING, EXITED, CREATED = ContainerPhase.RUNNING, ContainerPhase.EXITED, ContainerPhase.CREATED


@pytest.mark.parametrize(
    ("attempt", "containers", "expected"),
    [
        # It runs, and that is recorded.
        (live(), [listed(RUNNING)], "running"),
        # Its launcher died after starting it: another one adopts it.
        (live(starting=True), [listed(RUNNING)], "running launch"),
        (live(starting=True, claimed=60), [listed(RUNNING)], "running launch"),
        # Its launcher is at it.
        (live(starting=True, claimed=1), [listed(RUNNING)], "running"),
        (live(starting=True, claimed=1), [listed(CREATED)], ""),
        # It ended, known to be running or not.
        (live(), [listed(EXITED)], "ended"),
        (live(starting=True), [listed(EXITED)], "ended"),
        # It was created and never started: the sweep launches it again.
        (live(starting=True, claimed=60), [listed(CREATED)], ""),
        # It is gone.
        (live(), [], "ended"),
        (live(starting=True, claimed=60), [], "ended"),
        # A launcher who takes over has discarded it and is about to record his own.
        (live(starting=True, claimed=1), [], ""),
        (live(container="c0"), [listed(RUNNING)], "running"),
        # It has no container yet.
        (live(container=""), [], ""),
        # These belong to no live attempt.
        (live(container=""), [listed(RUNNING, attempt="7")], "stranger"),
        (live(container=""), [listed(RUNNING, attempt="")], "stranger"),
    ],
)
def test_each_difference_has_its_answer(
    attempt: LiveAttempt, containers: list[ContainerStatus], expected: str
) -> None:
    found = plan([attempt], containers, NOW)

    answers = {
        "running": found.running,
        "launch": found.to_launch,
        "ended": found.ended,
        "stranger": found.strangers,
    }
    assert " ".join(name for name, items in answers.items() if items) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("12", 12), ("", None), ("x", None), ("-1", None), ("٣", None), ("9" * 30, None)],
)
def test_a_label_that_makes_no_sense_names_no_attempt(text: str, expected: int | None) -> None:
    assert attempt_of({LABEL_ATTEMPT: text}) == expected


def test_a_container_that_is_gone_is_handed_on(scene: Scene, news: News, machine: World) -> None:
    with supervising(scene.row):
        attempt, container_id = scene.start("wait")
        news.wait_for(lambda: log_of(attempt) == b"ready\n")
        machine.lose(container_id)
        news.wait_for_hand_over(queueing.REAP, attempt)

    assert log_of(attempt) == b"ready\n"
    stream = LogStream.objects.get(attempt=attempt)
    assert stream.problem == "The container was removed before the end of its log was read."


def test_a_start_that_was_not_recorded_is_handed_to_a_launcher(scene: Scene, news: News) -> None:
    attempt = scene.attempt(status=JobStatus.STARTING)
    scene.connection.start(scene.create(attempt, "wait"))

    with supervising(scene.row):
        news.wait_for_hand_over(queueing.LAUNCH, attempt)


def test_an_attempt_without_a_container_is_left_alone(scene: Scene, news: News) -> None:
    waiting = scene.attempt(status=JobStatus.STARTING)
    with supervising(scene.row):
        attempt, _ = scene.start("exit")
        news.wait_for_hand_over(queueing.REAP, attempt)

    assert waiting.id not in {id_ for _, id_ in news.handed_over}


def test_an_exit_whose_hand_over_was_lost_is_handed_on_again(scene: Scene, news: News) -> None:
    with supervising(scene.row):
        attempt, _ = scene.start("exit")
        news.wait_for(lambda: news.handed_over.count((queueing.REAP, attempt.id)) >= 2)
        end(attempt)
        scene.connection.remove(Attempt.objects.get(id=attempt.id).container_id)

    assert is_complete(attempt)


def test_the_container_of_an_ended_attempt_is_left_to_its_clean_up(
    scene: Scene, news: News, machine: World
) -> None:
    ended, ended_container = scene.start("exit")
    end(ended)
    machine.events.clear()
    with supervising(scene.row):
        _, stranger = scene.start("wait")
        forget(stranger)
        news.wait_for(lambda: scene.connection.inspect(stranger) is None)

    assert scene.connection.inspect(ended_container) is not None
    assert (queueing.REAP, ended.id) not in news.handed_over
