"""Two who move children of the same arrays: the summaries are locked in one order, and none waits for ever."""

import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from jobs.domain.states import JobStatus
from jobs.models import ArraySummary, Attempt, Job, StopKind
from jobs.models.array import column_of
from jobs.services.attempts import running
from jobs.services.attempts.running import mark_all_running
from jobs.services.requests import stop
from jobs.services.requests.stop import stop_jobs
from jobs.services.writing.transition import transition
from tests.builders import NOW, an_array, an_attempt

# Much longer than another transaction needs to come as far, if nothing keeps it.
PATIENCE_SECONDS = 2


def in_steps(
    module: Any, monkeypatch: pytest.MonkeyPatch, works: list[Callable[[], object]]
) -> list[Exception]:
    """Does all works at once. Each waits for the others after its first transition, but not for ever."""
    together = threading.Barrier(len(works))
    errors: list[Exception] = []

    def step(**values: Any) -> Any:
        moved = transition(**values)
        # Broken: the others wait for what this one has locked.
        with suppress(threading.BrokenBarrierError):
            together.wait(PATIENCE_SECONDS)
        return moved

    def run(work: Callable[[], object]) -> None:
        try:
            work()
        except Exception as error:
            errors.append(error)
        finally:
            connections.close_all()

    monkeypatch.setattr(module, "transition", step)
    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    return errors


def children_in(parent: Job, *status: str) -> list[Job]:
    """The array's children, put into these statuses; its summary knows."""
    rows = list(Job.objects.filter(parent=parent).order_by("id"))
    for row, new in zip(rows, status, strict=True):
        Job.objects.filter(id=row.id).update(status=new)
        row.status = new
    counts = {column_of(each): status.count(each) for each in JobStatus}
    ArraySummary.objects.filter(job=parent).update(**counts)
    return rows


@pytest.mark.django_db(transaction=True)
def test_two_who_cancel_children_of_the_same_arrays_do_not_wait_for_each_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second = an_array(2), an_array(2)
    ran, sent = JobStatus.RUNNABLE, JobStatus.SUBMITTED
    one = children_in(first, ran, sent)
    two = children_in(second, sent, ran)
    # What comes first by its status is a child of the first array here, and of the second there.
    errors = in_steps(
        stop,
        monkeypatch,
        [
            partial(stop_jobs, jobs=jobs, kind=StopKind.CANCEL, reason="no", now=NOW)
            for jobs in ([one[0], two[0]], [one[1], two[1]])
        ],
    )
    assert not errors
    assert set(Job.objects.filter(parent__isnull=False).values_list("status", flat=True)) == {
        JobStatus.FAILED
    }
    assert set(ArraySummary.objects.values_list("failed", flat=True)) == {2}
    assert Job.objects.filter(parent=None, needs_settling=True).count() == 2


@pytest.mark.django_db(transaction=True)
def test_two_who_start_children_of_the_same_arrays_do_not_wait_for_each_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    arrays = [an_array(2, children=JobStatus.STARTING, attempts_made=1) for _ in range(2)]
    one, two = (children_in(array, *[JobStatus.STARTING] * 2) for array in arrays)

    def attempts(*numbered: tuple[Job, int]) -> dict[Attempt, str]:
        return {an_attempt(job=job, number=number): "" for job, number in numbered}

    # First tries are written first: of the first array here, of the second there.
    batches = [attempts((one[0], 1), (two[0], 2)), attempts((one[1], 2), (two[1], 1))]
    errors = in_steps(
        running,
        monkeypatch,
        [partial(mark_all_running, addresses=batch, now=NOW) for batch in batches],
    )
    assert not errors
    assert set(ArraySummary.objects.values_list("running", flat=True)) == {2}


@pytest.mark.django_db
def test_summaries_are_counted_before_any_array_is_marked_as_ended() -> None:
    arrays = [an_array(1), an_array(1)]
    job_ids = list(Job.objects.filter(parent__in=arrays).values_list("id", flat=True))
    with CaptureQueriesContext(connection) as queries:
        transition(job_ids=job_ids, old=JobStatus.RUNNABLE, new=JobStatus.FAILED, now=NOW)
    writes = [
        query["sql"].split()[1]
        for query in queries.captured_queries
        if "UPDATE" in query["sql"][:6]
    ]
    assert writes == ['"jobs_job"', *['"jobs_arraysummary"'] * 2, '"jobs_job"']
    assert (
        Job.objects.filter(id__in=[array.id for array in arrays], needs_settling=True).count() == 2
    )
