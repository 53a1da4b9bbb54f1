"""Cancel and terminate of arrays and of their children."""

from collections.abc import Callable
from functools import partial

import pytest

from jobs import queueing
from jobs.domain.errors import LostLease
from jobs.domain.states import JobStatus
from jobs.models import ArraySummary, Attempt, Job, SchedulerLease
from jobs.processes import scheduler
from jobs.services.attempts.finish import AttemptOutcome, finish_attempt
from jobs.services.passes import array_stop
from jobs.services.passes.accept import accept_submitted
from jobs.services.passes.array_stop import carry_out_stops
from jobs.services.passes.lease import Lease
from jobs.services.passes.settle import settle_ended
from jobs.services.requests.stop import cancel_job, terminate_job
from jobs.services.writing.transition import transition
from tests.builders import NOW, a_queue, an_attempt
from tests.services.stepping import (
    check_summaries,
    child,
    children,
    end,
    reason,
    schedule,
    status,
    statuses,
    submitted,
)

pytestmark = pytest.mark.django_db
OVER = AttemptOutcome(
    status_reason="Essential container in task exited", explanation="", exit_code=1
)


@pytest.fixture
def handed_over(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[int]]]:
    seen: list[tuple[str, list[int]]] = []
    monkeypatch.setattr(
        queueing, "enqueue_after_commit", lambda task, ids: seen.append((task, list(ids)))
    )
    return seen


def placed(job: Job, new: JobStatus = JobStatus.RUNNING) -> Attempt:
    """The job is on a node."""
    transition(
        job_ids=[job.id],
        old=JobStatus.RUNNABLE,
        new=JobStatus.STARTING,
        now=NOW,
        attempts_made=1,
    )
    if new == JobStatus.RUNNING:
        transition(job_ids=[job.id], old=JobStatus.STARTING, new=new, now=NOW)
    return an_attempt(job=Job.objects.get(id=job.id))


@pytest.mark.parametrize("stop", [cancel_job, terminate_job])
@pytest.mark.parametrize("accepted", [False, True])
def test_an_array_of_which_nothing_is_placed_ends_with_the_given_reason(
    lease: Lease, stop: Callable[..., bool], accepted: bool
) -> None:
    array = submitted(size=3)
    after = submitted(array)
    if accepted:
        schedule(lease)
    assert stop(job=array, reason="enough", now=NOW)
    # The request is all that is written at once: ten thousand children take their time.
    assert status(child(array, 0)) != JobStatus.FAILED
    schedule(lease)
    for one in (array, *children(array)):
        assert (status(one), reason(one)) == ("FAILED", "enough")
    assert reason(after) == f"Dependent Job failed: work ({array.id}): enough"
    assert not stop(job=Job.objects.get(id=array.id), reason="again", now=NOW)
    check_summaries()


def test_cancel_ends_only_the_children_that_are_not_placed(lease: Lease) -> None:
    array = submitted(size=4)
    schedule(lease)
    first, second, third, fourth = children(array)
    attempt = placed(first)
    end(second)
    cancel_job(job=third, reason="this one", now=NOW)
    assert cancel_job(job=array, reason="all of it", now=NOW)
    schedule(lease)
    assert statuses([array, first, second, third, fourth]) == [
        "PENDING",
        "RUNNING",
        "SUCCEEDED",
        "FAILED",
        "FAILED",
    ]
    assert [reason(third), reason(fourth)] == ["this one", "all of it"]
    assert Job.objects.get(id=first.id).stop_requested_at is None
    finish_attempt(attempt=Attempt.objects.get(id=attempt.id), outcome=OVER, now=NOW)
    schedule(lease)
    assert (status(array), reason(array)) == ("FAILED", "all of it")
    check_summaries()


def test_cancel_does_nothing_to_an_array_whose_children_are_all_placed(lease: Lease) -> None:
    array = submitted(size=2)
    schedule(lease)
    for one in children(array):
        placed(one)
    assert not cancel_job(job=array, reason="too late", now=NOW)
    assert Job.objects.get(id=array.id).stop_requested_at is None


def test_terminate_asks_placed_children_to_stop_and_ends_the_rest(
    lease: Lease, handed_over: list[tuple[str, list[int]]]
) -> None:
    array = submitted(size=3)
    schedule(lease)
    starting, running, waiting = children(array)
    attempts = [placed(starting, JobStatus.STARTING), placed(running)]
    assert terminate_job(job=array, reason="enough", now=NOW)
    schedule(lease)
    assert statuses([starting, running, waiting]) == ["STARTING", "RUNNING", "FAILED"]
    for one in (starting, running):
        fresh = Job.objects.get(id=one.id)
        assert (fresh.stop_requested_at, fresh.stop_reason) == (NOW, "enough")
    assert (queueing.STOP, [attempt.id for attempt in attempts]) in handed_over
    assert not Job.objects.get(id=array.id).needs_settling


def test_terminate_goes_further_than_a_cancel_before_it(lease: Lease) -> None:
    array = submitted(size=2)
    schedule(lease)
    first, _ = children(array)
    placed(first)
    assert cancel_job(job=array, reason="rather not", now=NOW)
    schedule(lease)
    assert terminate_job(job=array, reason="at once", now=NOW)
    schedule(lease)
    assert Job.objects.get(id=first.id).stop_reason == "at once"
    assert not cancel_job(job=array, reason="still", now=NOW)


@pytest.mark.parametrize("stop", [cancel_job, terminate_job])
def test_a_child_is_not_tried_again_once_its_array_was_stopped(
    lease: Lease, stop: Callable[..., bool]
) -> None:
    array = submitted(size=2, attempts_allowed=3)
    schedule(lease)
    attempt = placed(child(array, 0))
    assert stop(job=array, reason="enough", now=NOW)
    # Before the scheduler has carried it out: the request alone decides.
    finish_attempt(attempt=attempt, outcome=OVER, now=NOW)
    assert status(child(array, 0)) == JobStatus.FAILED


def test_a_child_is_tried_again_while_nobody_stops_its_array(lease: Lease) -> None:
    array = submitted(size=2, attempts_allowed=3)
    schedule(lease)
    finish_attempt(attempt=placed(child(array, 0)), outcome=OVER, now=NOW)
    assert status(child(array, 0)) == JobStatus.RUNNABLE
    check_summaries()


def test_an_array_whose_children_all_succeed_in_spite_of_a_stop_has_succeeded(
    lease: Lease,
) -> None:
    array = submitted(size=2)
    schedule(lease)
    for one in children(array):
        placed(one)
    terminate_job(job=array, reason="enough", now=NOW)
    for one in children(array):
        transition(job_ids=[one.id], old=JobStatus.RUNNING, new=JobStatus.SUCCEEDED, now=NOW)
    schedule(lease)
    assert status(array) == JobStatus.SUCCEEDED


def test_a_stop_is_carried_out_in_portions_and_outlives_the_scheduler(
    lease: Lease, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(array_stop, "PORTION", 3)
    array = submitted(size=10)
    schedule(lease)
    terminate_job(job=array, reason="enough", now=NOW)
    assert carry_out_stops(lease=lease, now=NOW, seconds=0)
    assert ArraySummary.objects.get(job=array).failed == 3
    # Another takes over; who was only asleep ends nothing any more.
    heir = Lease(token=lease.token + 1)
    SchedulerLease.objects.update(token=heir.token)
    with pytest.raises(LostLease):
        carry_out_stops(lease=lease, now=NOW)
    assert ArraySummary.objects.get(job=array).failed == 3
    schedule(heir)
    assert status(array) == JobStatus.FAILED
    check_summaries()


def test_others_are_placed_while_an_array_is_stopped_and_none_of_its_children_is(
    lease: Lease, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A pass gets no further than a portion.
    monkeypatch.setattr(array_stop, "PORTION", 2)
    for step in (carry_out_stops, settle_ended):
        monkeypatch.setattr(scheduler, step.__name__, partial(step, seconds=0))
    array = submitted(size=10)
    other = submitted(queue=a_queue(array.queue.environments.get()))
    schedule(lease)
    cancel_job(job=array, reason="enough", now=NOW)
    assert scheduler.schedule_once(lease=lease, now=NOW)
    assert status(other) == JobStatus.STARTING
    left = {JobStatus.FAILED, JobStatus.RUNNABLE}
    assert {job.status for job in children(array)} == left
    while scheduler.schedule_once(lease=lease, now=NOW):
        assert {job.status for job in children(array)} <= left
    assert status(array) == JobStatus.FAILED


def test_a_request_that_comes_while_another_is_carried_out_is_not_lost(lease: Lease) -> None:
    array = submitted(size=2)
    schedule(lease)
    first, _ = children(array)
    placed(first)
    cancel_job(job=array, reason="rather not", now=NOW)
    seen_before = Job.objects.get(id=array.id)
    terminate_job(job=array, reason="at once", now=NOW)
    # The scheduler had read the cancel, and carries out that.
    while array_stop.stop_portion(parent=seen_before, lease=lease, now=NOW):
        pass
    assert Job.objects.get(id=first.id).stop_requested_at is None
    schedule(lease)
    assert Job.objects.get(id=first.id).stop_reason == "at once"


def test_children_that_nobody_let_go_yet_end_without_having_been_runnable(lease: Lease) -> None:
    gate = submitted()
    array = submitted(gate, size=2)
    accept_submitted(lease=lease, now=NOW)
    terminate_job(job=array, reason="enough", now=NOW)
    end(gate)
    schedule(lease)
    assert statuses([array, *children(array)]) == ["FAILED"] * 3
    assert {reason(one) for one in children(array)} == {"enough"}


def test_ending_every_child_one_by_one_ends_the_array_even_before_it_is_taken_up(
    lease: Lease,
) -> None:
    array = submitted(size=2)
    for one in children(array):
        assert cancel_job(job=one, reason="this too", now=NOW)
    schedule(lease)
    assert (status(array), reason(array)) == ("FAILED", "Array Child Job failed")
    check_summaries()
