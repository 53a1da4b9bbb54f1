"""Each step of a launch, and what the next launcher makes of a step that was the last."""

from collections.abc import Iterator
from datetime import timedelta

import django_rq
import pytest
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks

from jobs.domain.names import container_name
from jobs.engines.fake import FakeEngine
from jobs.engines.fake.world import SHELL_IMAGE, World, forget_world, world
from jobs.engines.registry import connect
from jobs.models import Attempt, ImagePull, ImagePullStatus, JobSpec, JobStatus
from jobs.services.attempts.claim import CLAIM_SECONDS, claim
from jobs.services.attempts.launch import launch_attempt
from jobs.services.attempts.pulls import pull_image
from jobs.services.attempts.reap import clean_up_attempt, reap_attempt
from jobs.services.attempts.running import mark_running
from jobs.services.attempts.stopping import due_kills, next_kill_at, stop_attempt
from jobs.services.requests.stop import terminate_job
from tests.builders import NOW, a_definition, a_job, an_attempt

pytestmark = pytest.mark.django_db


@pytest.fixture
def attempt() -> Iterator[Attempt]:
    """A placed attempt of a job that sleeps until it is signalled."""
    definition = a_definition(image=SHELL_IMAGE, command=["sleep"])
    job = a_job(definition=definition, status=JobStatus.STARTING, attempts_made=1)
    one = an_attempt(job=job)
    yield one
    forget_world(one.node.engine.url.removeprefix("fake://"))


def world_of(attempt: Attempt) -> World:
    return world(attempt.node.engine.url.removeprefix("fake://"))


def engine_of(attempt: Attempt) -> FakeEngine:
    engine = connect("fake", attempt.node.engine.url, installation="elsewhere")
    assert isinstance(engine, FakeEngine)
    return engine


def status_of(attempt: Attempt) -> str:
    attempt.refresh_from_db()
    attempt.job.refresh_from_db()
    return attempt.job.status


def run_instead(attempt: Attempt, *, command: list[str]) -> None:
    JobSpec.objects.filter(id=attempt.job.spec_id).update(command=command)


def test_a_launch_starts_the_container_and_writes_running(attempt: Attempt) -> None:
    launch_attempt(attempt_id=attempt.id, now=NOW)
    assert status_of(attempt) == JobStatus.RUNNING
    container = world_of(attempt).get(container_name(attempt.job_id, 1))
    assert container.id == attempt.container_id
    assert container.spec.environment["AWS_BATCH_JOB_ID"] == str(attempt.job_id)
    assert container.spec.environment["AWS_BATCH_JOB_ATTEMPT"] == "1"
    assert container.spec.environment["AWS_BATCH_JQ_NAME"] == attempt.job.queue.name
    assert container.spec.environment["AWS_BATCH_CE_NAME"] == attempt.environment.name


def test_a_second_launch_does_nothing(attempt: Attempt) -> None:
    launch_attempt(attempt_id=attempt.id, now=NOW)
    attempt.refresh_from_db()
    first = attempt.container_id
    launch_attempt(attempt_id=attempt.id, now=NOW + timedelta(hours=1))
    attempt.refresh_from_db()
    assert attempt.container_id == first
    assert len(world_of(attempt).containers) == 1


def test_who_comes_while_another_is_at_it_leaves_at_once(attempt: Attempt) -> None:
    assert claim(attempt_ids=[attempt.id], now=NOW)[1] == [attempt]
    launch_attempt(attempt_id=attempt.id, now=NOW + timedelta(seconds=CLAIM_SECONDS - 1))
    assert not world_of(attempt).containers


def test_a_container_that_was_never_started_is_discarded_and_made_anew(attempt: Attempt) -> None:
    launch_attempt(attempt_id=attempt.id, now=NOW)
    spec = world_of(attempt).get(container_name(attempt.job_id, 1)).spec
    engine = engine_of(attempt)
    engine.remove(spec.name)
    stale = engine.create(spec)
    Attempt.objects.update(container_id="", launch_token="", started_at=None)
    attempt.job.status = JobStatus.STARTING
    attempt.job.save()

    launch_attempt(attempt_id=attempt.id, now=NOW)
    assert status_of(attempt) == JobStatus.RUNNING
    assert attempt.container_id != stale
    assert world_of(attempt).find(stale) is None


def test_a_container_that_runs_already_is_adopted(attempt: Attempt) -> None:
    launch_attempt(attempt_id=attempt.id, now=NOW)
    attempt.refresh_from_db()
    first = attempt.container_id
    Attempt.objects.update(container_id="", launch_token="", started_at=None)
    attempt.job.status = JobStatus.STARTING
    attempt.job.save()

    launch_attempt(attempt_id=attempt.id, now=NOW)
    assert status_of(attempt) == JobStatus.RUNNING
    assert attempt.container_id == first


def unrecorded(attempt: Attempt) -> None:
    """As if the launcher had died right after the container's start."""
    Attempt.objects.update(launch_token="", started_at=None)
    attempt.job.status = JobStatus.STARTING
    attempt.job.save()


@pytest.mark.parametrize("stop", [False, True])
def test_a_container_on_record_that_is_gone_is_not_made_anew(attempt: Attempt, stop: bool) -> None:
    launch_attempt(attempt_id=attempt.id, now=NOW)
    unrecorded(attempt)
    if stop:
        terminate_job(job=attempt.job, reason="enough", now=NOW)
    world_of(attempt).lose(container_name(attempt.job_id, 1))

    launch_attempt(attempt_id=attempt.id, now=NOW)
    assert not world_of(attempt).containers
    assert status_of(attempt) == JobStatus.FAILED
    lost = f"Host EC2 (instance {attempt.node.instance_id}) terminated."
    assert (attempt.status_reason, attempt.job.status_reason) == (lost, lost)
    assert "gone from the engine" in attempt.explanation


@pytest.mark.parametrize("is_discarded", [False, True])
def test_who_dies_while_he_discards_leaves_an_attempt_that_can_be_launched(
    attempt: Attempt, is_discarded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    launch_attempt(attempt_id=attempt.id, now=NOW)
    spec = world_of(attempt).get(container_name(attempt.job_id, 1)).spec
    engine_of(attempt).remove(spec.name)
    Attempt.objects.update(container_id=engine_of(attempt).create(spec))
    unrecorded(attempt)
    discard = FakeEngine.discard

    def die(engine: FakeEngine, container_id: str) -> None:
        if is_discarded:
            discard(engine, container_id)
        raise KeyboardInterrupt

    monkeypatch.setattr(FakeEngine, "discard", die)
    with pytest.raises(KeyboardInterrupt):
        launch_attempt(attempt_id=attempt.id, now=NOW)
    monkeypatch.setattr(FakeEngine, "discard", discard)
    launch_attempt(attempt_id=attempt.id, now=NOW + timedelta(hours=1))
    assert status_of(attempt) == JobStatus.RUNNING
    assert len(world_of(attempt).containers) == 1


def test_a_name_that_is_taken_again_at_once_is_tried_later_and_no_refusal(
    attempt: Attempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    launch_attempt(attempt_id=attempt.id, now=NOW)
    spec = world_of(attempt).get(container_name(attempt.job_id, 1)).spec
    engine_of(attempt).remove(spec.name)
    engine_of(attempt).create(spec)
    Attempt.objects.update(container_id="", launch_token="", started_at=None)
    attempt.job.status = JobStatus.STARTING
    attempt.job.save()
    # Its removal takes a while.
    monkeypatch.setattr(FakeEngine, "discard", lambda self, container_id: None)

    launch_attempt(attempt_id=attempt.id, now=NOW)
    assert status_of(attempt) == JobStatus.STARTING
    assert attempt.launch_token == ""


@pytest.mark.parametrize(
    ("fields", "command", "status"),
    [
        ({"milli_vcpus": 900_000}, ["sleep"], JobStatus.FAILED),  # no node will ever have it
        ({}, ["nosuch"], JobStatus.RUNNABLE),  # the next image of that name may have it
    ],
)
def test_what_the_engine_never_accepts_is_not_tried_again(
    attempt: Attempt, fields: dict[str, int], command: list[str], status: str
) -> None:
    Attempt.objects.update(**fields)
    attempt.job.attempts_allowed = 3
    attempt.job.save()
    run_instead(attempt, command=command)
    launch_attempt(attempt_id=attempt.id, now=NOW)
    assert status_of(attempt) == status
    assert attempt.ended_at


def test_a_stop_asked_for_before_the_launch_ends_the_job_without_a_container(
    attempt: Attempt,
) -> None:
    terminate_job(job=attempt.job, reason="not today", now=NOW)
    launch_attempt(attempt_id=attempt.id, now=NOW)
    assert status_of(attempt) == JobStatus.FAILED
    assert attempt.job.status_reason == "not today"
    assert attempt.cost_usd == 0
    assert not world_of(attempt).containers


def test_an_engine_that_does_not_answer_leaves_the_attempt_for_later(attempt: Attempt) -> None:
    world_of(attempt).vanish()
    launch_attempt(attempt_id=attempt.id, now=NOW)
    assert status_of(attempt) == JobStatus.STARTING
    assert attempt.launch_token == ""
    world_of(attempt).come_back()
    launch_attempt(attempt_id=attempt.id, now=NOW)
    assert status_of(attempt) == JobStatus.RUNNING


def test_a_command_that_is_not_there_fails_the_job_in_words(attempt: Attempt) -> None:
    run_instead(attempt, command=["nosuch"])
    launch_attempt(attempt_id=attempt.id, now=NOW)
    assert status_of(attempt) == JobStatus.FAILED
    assert attempt.job.status_reason.startswith("CannotStartContainerError: ")
    assert attempt.explanation.startswith("The command could not be run: ")
    assert attempt.exit_code == 127


def test_a_missing_image_is_pulled_and_the_launch_goes_on(
    attempt: Attempt, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    here = world_of(attempt)
    here.pullable["tools:1"] = here.scripts[SHELL_IMAGE]
    Attempt.objects.update(image="tools:1")
    launch_attempt(attempt_id=attempt.id, now=NOW)
    pull = ImagePull.objects.get()
    assert (pull.image, pull.status) == ("tools:1", ImagePullStatus.PULLING)
    assert status_of(attempt) == JobStatus.STARTING

    django_rq.get_queue("launch").empty()  # type: ignore[no-untyped-call]
    with django_capture_on_commit_callbacks(execute=True):
        pull_image(pull_id=pull.id)
    assert [job.args for job in django_rq.get_queue("launch").jobs] == [(attempt.id,)]
    launch_attempt(attempt_id=attempt.id, now=NOW)
    assert status_of(attempt) == JobStatus.RUNNING


def test_an_image_that_cannot_be_pulled_fails_all_who_wait_for_it(attempt: Attempt) -> None:
    Attempt.objects.update(image="nosuch:1")
    launch_attempt(attempt_id=attempt.id, now=NOW)
    pull_image(pull_id=ImagePull.objects.get().id)
    assert status_of(attempt) == JobStatus.FAILED
    assert attempt.job.status_reason.startswith("CannotPullContainerError: nosuch:1: ")
    assert "could not be pulled" in attempt.explanation


def test_terminate_sends_sigterm_once_and_sigkill_after_the_grace_time(attempt: Attempt) -> None:
    launch_attempt(attempt_id=attempt.id, now=NOW)
    container = world_of(attempt).get(container_name(attempt.job_id, 1))
    container.script = type(container.script)(heeds_sigterm=False)
    attempt.job.refresh_from_db()
    terminate_job(job=attempt.job, reason="enough", now=NOW)
    stop_attempt(attempt_id=attempt.id, now=NOW)
    stop_attempt(attempt_id=attempt.id, now=NOW + timedelta(seconds=29))
    assert container.phase == "running"
    stop_attempt(attempt_id=attempt.id, now=NOW + timedelta(seconds=30))
    assert container.exit_code == 137
    assert reap_attempt(attempt_id=attempt.id, now=timezone.now())
    assert status_of(attempt) == JobStatus.FAILED
    assert attempt.job.status_reason == "enough"
    assert attempt.explanation.startswith("It was asked to stop.")


def test_a_grace_time_is_waited_for_until_it_is_over_and_not_after(attempt: Attempt) -> None:
    launch_attempt(attempt_id=attempt.id, now=NOW)
    container = world_of(attempt).get(container_name(attempt.job_id, 1))
    container.script = type(container.script)(heeds_sigterm=False)
    attempt.job.refresh_from_db()
    terminate_job(job=attempt.job, reason="enough", now=NOW)
    stop_attempt(attempt_id=attempt.id, now=NOW)
    over = NOW + timedelta(seconds=30)
    assert next_kill_at(NOW) == over
    assert not due_kills(over - timedelta(seconds=1))
    assert list(due_kills(over)) == [attempt]
    # A scheduler that waited for a moment that has passed would never rest.
    assert next_kill_at(over) is None


def test_a_retry_makes_a_second_attempt_with_its_own_container(attempt: Attempt) -> None:
    job = attempt.job
    job.attempts_allowed = 2
    job.save()
    run_instead(attempt, command=["exit", "3"])
    launch_attempt(attempt_id=attempt.id, now=NOW)
    assert reap_attempt(attempt_id=attempt.id, now=timezone.now())
    assert status_of(attempt) == JobStatus.RUNNABLE
    assert (attempt.exit_code, attempt.status_reason) == (3, "Essential container in task exited")
    clean_up_attempt(attempt_id=attempt.id, now=timezone.now())
    assert not world_of(attempt).containers


def test_a_start_that_is_told_late_is_not_taken_for_the_next_attempts(attempt: Attempt) -> None:
    job = attempt.job
    job.attempts_allowed = 2
    job.save()
    run_instead(attempt, command=["exit", "3"])
    launch_attempt(attempt_id=attempt.id, now=NOW)
    assert reap_attempt(attempt_id=attempt.id, now=timezone.now())
    job.refresh_from_db()
    job.status, job.attempts_made = JobStatus.STARTING, 2
    job.save()
    second = an_attempt(job=job)

    mark_running(attempt=attempt, now=timezone.now())
    assert status_of(second) == JobStatus.STARTING
    launch_attempt(attempt_id=second.id, now=timezone.now())
    assert status_of(second) == JobStatus.RUNNING
    assert second.container_id


def test_a_container_that_is_gone_ends_the_attempt_as_host_loss(attempt: Attempt) -> None:
    launch_attempt(attempt_id=attempt.id, now=NOW)
    world_of(attempt).lose(container_name(attempt.job_id, 1))
    assert reap_attempt(attempt_id=attempt.id, now=timezone.now())
    assert status_of(attempt) == JobStatus.FAILED
    assert (
        attempt.job.status_reason == f"Host EC2 (instance {attempt.node.instance_id}) terminated."
    )


def test_what_still_runs_is_not_reaped(attempt: Attempt) -> None:
    launch_attempt(attempt_id=attempt.id, now=NOW)
    assert not reap_attempt(attempt_id=attempt.id, now=timezone.now())
    assert status_of(attempt) == JobStatus.RUNNING


@pytest.mark.parametrize(
    ("exit_code", "in_gap", "lost"),
    [
        (137, True, True),
        (143, True, True),
        (255, True, True),
        (1, True, False),  # its own failure while the engine was away
        (0, True, False),
        (137, False, False),  # killed by somebody else, at another time
    ],
)
def test_a_kill_in_the_engines_gap_is_a_host_loss(
    exit_code: int, in_gap: bool, lost: bool, attempt: Attempt
) -> None:
    run_instead(attempt, command=["exit", str(exit_code)])
    launch_attempt(attempt_id=attempt.id, now=NOW)
    engine = attempt.node.engine
    shift = timedelta(0) if in_gap else timedelta(hours=1)
    engine.gap_from = timezone.now() - timedelta(seconds=5) - shift
    engine.gap_until = timezone.now() + timedelta(seconds=5) - shift
    engine.save()
    reap_attempt(attempt_id=attempt.id, now=timezone.now())
    attempt.refresh_from_db()
    assert attempt.status_reason.startswith("Host EC2") is lost
