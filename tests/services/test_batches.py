"""Attempts that are launched or reaped together: one that is different leaves the others alone."""

from collections.abc import Iterator

import pytest
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from jobs import queueing
from jobs.engines.fake import FakeEngine
from jobs.engines.fake.world import SHELL_IMAGE, World, forget_world
from jobs.models import Attempt, ImagePull, Job, JobSpec, JobStatus, Transition
from jobs.services.attempts import containers, finish, launch, reap
from jobs.services.attempts.launch import launch_attempts
from jobs.services.attempts.reap import reap_attempts
from jobs.services.requests.stop import terminate_job
from jobs.services.writing import apart
from jobs.services.writing.apart import Apart
from tests.builders import NOW, a_definition, a_job, a_queue, an_attempt
from tests.services.test_launch import world_of

pytestmark = pytest.mark.django_db


class Batch:
    """Placed attempts of plain jobs in one queue; each runs "exit" unless it is told otherwise."""

    def __init__(self) -> None:
        self.queue = a_queue()
        self.definition = a_definition(image=SHELL_IMAGE, command=["exit"])
        self.attempts: list[Attempt] = []

    def add(self, count: int = 1, *, command: str = "exit", **fields: object) -> list[Attempt]:
        added = []
        for _ in range(count):
            job = a_job(
                queue=self.queue,
                definition=self.definition,
                status=JobStatus.STARTING,
                attempts_made=1,
                **fields,
            )
            JobSpec.objects.filter(id=job.spec_id).update(command=command.split())
            added.append(an_attempt(job=job))
        self.attempts += added
        return added

    @property
    def ids(self) -> list[int]:
        return [attempt.id for attempt in self.attempts]

    @property
    def world(self) -> World:
        return world_of(self.attempts[0])

    def launch(self) -> None:
        launch_attempts(attempt_ids=self.ids, now=timezone.now())

    def reap(self) -> set[int]:
        return reap_attempts(attempt_ids=self.ids, now=timezone.now())

    def statuses(self) -> list[str]:
        rows = Attempt.objects.filter(id__in=self.ids).order_by("id")
        return list(rows.values_list("job__status", flat=True))


@pytest.fixture
def batch() -> Iterator[Batch]:
    one = Batch()
    yield one
    if one.attempts:
        forget_world(one.attempts[0].node.engine.url.removeprefix("fake://"))


@pytest.fixture
def handed_over(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[int]]]:
    seen: list[tuple[str, list[int]]] = []
    monkeypatch.setattr(
        queueing,
        "enqueue_after_commit",
        lambda task, ids: seen.append((task, list(ids))) if ids else None,
    )
    return seen


def statements_of(batch: Batch) -> tuple[int, int]:
    """How many the launch takes, and how many the reap."""
    with CaptureQueriesContext(connection) as launched:
        batch.launch()
    with CaptureQueriesContext(connection) as reaped:
        assert batch.reap() == set(batch.ids)
    return len(launched), len(reaped)


def history(job: Job) -> list[Transition]:
    """From the placement on."""
    return list(Transition.objects.filter(job=job, attempt_number=1).order_by("id"))


def test_many_take_no_more_statements_than_some() -> None:
    some, many = Batch(), Batch()
    some.add(5)
    many.add(30)
    assert statements_of(many) == statements_of(some)
    assert many.statuses() == [JobStatus.SUCCEEDED] * 30
    for job in Job.objects.filter(queue=many.queue):
        assert (job.exit_code, job.attempts.get().removed_at is None) == (0, False)
        assert job.cost_usd == job.attempts.get().cost_usd > 0
        assert [line.to_status for line in history(job)] == [JobStatus.RUNNING, JobStatus.SUCCEEDED]


def test_one_that_the_engine_refuses_leaves_the_others_alone(batch: Batch) -> None:
    batch.add(2, command="sleep")
    batch.add(command="nosuch")
    missing = batch.add(command="sleep")[0]
    Attempt.objects.filter(id=missing.id).update(image="nosuch:1")
    batch.add(2, command="sleep")
    batch.launch()
    running, failed, starting = JobStatus.RUNNING, JobStatus.FAILED, JobStatus.STARTING
    assert batch.statuses() == [running, running, failed, starting, running, running]
    assert ImagePull.objects.get().image == "nosuch:1"


def test_one_that_was_asked_to_stop_ends_and_the_others_run(batch: Batch) -> None:
    batch.add(2, command="sleep")
    terminate_job(job=batch.attempts[0].job, reason="enough", now=NOW)
    batch.launch()
    assert batch.statuses() == [JobStatus.FAILED, JobStatus.RUNNING]


def test_an_error_of_one_is_raised_after_the_others_have_started(
    batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch.add(3, command="sleep")
    spec_of = containers.container_spec

    def faulty(attempt: Attempt) -> object:
        if attempt.id == batch.ids[1]:
            raise ZeroDivisionError
        return spec_of(attempt)

    monkeypatch.setattr("jobs.services.attempts.launch.container_spec", faulty)
    with pytest.raises(ZeroDivisionError):
        batch.launch()
    assert batch.statuses() == [JobStatus.RUNNING, JobStatus.STARTING, JobStatus.RUNNING]


def test_who_was_replaced_at_one_starts_only_the_others(
    batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch.add(3, command="sleep")
    create = FakeEngine.create

    def create_and_be_replaced(engine: FakeEngine, spec: object) -> str:
        Attempt.objects.filter(id=batch.ids[1]).update(launch_token="another")
        return create(engine, spec)  # type: ignore[arg-type]

    monkeypatch.setattr(FakeEngine, "create", create_and_be_replaced)
    batch.launch()
    assert batch.statuses() == [JobStatus.RUNNING, JobStatus.STARTING, JobStatus.RUNNING]
    assert len(batch.world.containers) == 2


@pytest.mark.parametrize("step", ["record_containers", "mark_all_running"])
def test_a_step_of_several_that_fails_leaves_all_to_the_next_launcher_at_once(
    batch: Batch, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch.add(3, command="sleep")

    def fail(**_: object) -> None:
        raise DatabaseError("deadlock detected")

    with monkeypatch.context() as patch:
        patch.setattr(launch, step, fail)
        patch.setattr(apart, "close_old_connections", lambda: None)
        with pytest.raises(DatabaseError):
            batch.launch()
    assert set(Attempt.objects.values_list("launch_token", flat=True)) == {""}
    batch.launch()
    assert batch.statuses() == [JobStatus.RUNNING] * 3
    assert len(batch.world.containers) == 3


def test_an_engine_that_is_away_is_asked_once_for_all(
    batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch.add(3, command="sleep")
    asked: list[object] = []
    create = FakeEngine.create

    def ask(engine: FakeEngine, spec: object) -> str:
        asked.append(spec)
        return create(engine, spec)  # type: ignore[arg-type]

    monkeypatch.setattr(FakeEngine, "create", ask)
    batch.world.vanish()
    batch.launch()
    assert len(asked) == 1
    # All may be claimed again at once.
    assert set(Attempt.objects.values_list("launch_token", flat=True)) == {""}
    batch.world.come_back()
    batch.launch()
    assert batch.statuses() == [JobStatus.RUNNING] * 3


def test_what_takes_too_long_is_left_to_other_workers(
    batch: Batch, monkeypatch: pytest.MonkeyPatch, handed_over: list[tuple[str, list[int]]]
) -> None:
    batch.add(3, command="sleep")
    monkeypatch.setattr(launch, "SECONDS", 0)
    batch.launch()
    assert handed_over == [(queueing.LAUNCH, batch.ids)]
    assert set(Attempt.objects.values_list("launch_token", flat=True)) == {""}


def test_slices_of_one_do_the_same(batch: Batch, monkeypatch: pytest.MonkeyPatch) -> None:
    batch.add(4)
    monkeypatch.setattr(launch, "SLICE_SECONDS", 0)
    monkeypatch.setattr(reap, "SLICE_SECONDS", 0)
    batch.launch()
    assert batch.statuses() == [JobStatus.RUNNING] * 4
    assert batch.reap() == set(batch.ids)
    assert batch.statuses() == [JobStatus.SUCCEEDED] * 4


def test_each_ends_in_its_own_way(batch: Batch) -> None:
    batch.add(2)
    batch.add(command="exit 3")
    batch.add(command="exit 3", attempts_allowed=2)
    lost = batch.add(command="sleep")[0]
    batch.add(command="sleep")
    batch.launch()
    lost.refresh_from_db()
    batch.world.lose(lost.container_id)
    assert batch.reap() == set(batch.ids[:5])
    assert batch.statuses() == [
        *(JobStatus.SUCCEEDED, JobStatus.SUCCEEDED),
        *(JobStatus.FAILED, JobStatus.RUNNABLE, JobStatus.FAILED, JobStatus.RUNNING),
    ]
    codes = Attempt.objects.filter(id__in=batch.ids).order_by("id")
    assert list(codes.values_list("exit_code", flat=True)) == [0, 0, 3, 3, None, None]


def test_those_that_end_before_their_start_is_told_have_both_in_their_history(
    batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch.add(3)
    Attempt.objects.update(placed_at=timezone.now())
    monkeypatch.setattr(launch, "mark_all_running", lambda **fields: None)
    batch.launch()
    assert batch.statuses() == [JobStatus.STARTING] * 3
    assert batch.reap() == set(batch.ids)
    assert batch.statuses() == [JobStatus.SUCCEEDED] * 3
    for attempt in batch.attempts:
        lines = history(attempt.job)
        assert [line.to_status for line in lines] == [JobStatus.RUNNING, JobStatus.SUCCEEDED]
        assert lines[0].at <= lines[1].at


def test_what_was_ended_meanwhile_is_not_ended_again(batch: Batch) -> None:
    batch.add(3)
    batch.launch()
    assert batch.reap() == set(batch.ids)
    again = {attempt: finish.stopped_unlaunched(attempt) for attempt in batch.attempts}
    assert finish.finish_attempts(outcomes=again, now=NOW, apart=Apart()) == set()
    assert batch.statuses() == [JobStatus.SUCCEEDED] * 3


def test_a_batch_that_cannot_be_written_is_written_one_by_one(
    batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch.add(3)
    batch.launch()

    def fail(**fields: object) -> None:
        raise DatabaseError("deadlock detected")

    monkeypatch.setattr(finish, "end_tries", fail)
    assert batch.reap() == set(batch.ids)
    assert batch.statuses() == [JobStatus.SUCCEEDED] * 3
