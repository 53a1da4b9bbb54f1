"""Running again what has ended."""

from decimal import Decimal

import pytest

from jobs.domain.errors import Conflict
from jobs.models import ArraySummary, Job, JobStatus, QueueState, Transition
from jobs.services.passes.lease import Lease
from jobs.services.requests.rerun import rerun_job
from tests.builders import NOW, a_policy, a_queue, a_user
from tests.services.stepping import (
    check_summaries,
    child,
    children,
    end,
    schedule,
    status,
    statuses,
    submitted,
)

pytestmark = pytest.mark.django_db


def an_array_with_failures(lease: Lease, size: int, *failed: int, **fields: object) -> Job:
    array = submitted(size=size, **fields)  # type: ignore[arg-type]
    schedule(lease)
    end(*(one for one in children(array) if one.array_index not in failed))
    end(*(child(array, index) for index in failed), ok=False)
    schedule(lease)
    return array


def test_a_failed_job_runs_again_as_it_was_for_who_asks(lease: Lease) -> None:
    first = submitted(
        queue=a_queue(scheduling_policy=a_policy()),
        share_identifier="teamA",
        scheduling_priority=7,
        attempts_allowed=3,
        timeout_seconds=90,
        gpus=1,
        has_consumables=True,
    )
    schedule(lease)
    end(first, ok=False)
    somebody = a_user()
    again = rerun_job(owner=somebody, job=first, now=NOW)
    again.refresh_from_db()
    assert (again.status, again.owner, again.rerun_of_id) == ("SUBMITTED", somebody, first.id)
    for field in ("name", "spec", "queue", "definition", "share_identifier", "gpus"):
        assert getattr(again, field) == getattr(first, field), field
    assert (again.scheduling_priority, again.attempts_allowed, again.timeout_seconds) == (7, 3, 90)
    assert again.has_consumables
    assert (again.attempts_made, again.cost_usd, again.stop_reason) == (0, Decimal(0), "")
    schedule(lease)
    assert status(again) == JobStatus.RUNNABLE


def test_of_an_array_only_the_failed_children_run_again_with_their_indices(lease: Lease) -> None:
    array = an_array_with_failures(lease, 5, 1, 3)
    again = rerun_job(owner=array.owner, job=array, now=NOW)
    assert [one.array_index for one in children(again)] == [1, 3]
    assert {one.array_size for one in children(again)} == {5}
    assert ArraySummary.objects.get(job=again).total == 2
    assert Transition.objects.filter(job__parent=again).count() == 2
    schedule(lease)
    end(*children(again))
    schedule(lease)
    assert status(again) == JobStatus.SUCCEEDED
    check_summaries()


def test_a_rerun_can_be_run_again(lease: Lease) -> None:
    array = an_array_with_failures(lease, 4, 1, 2)
    again = rerun_job(owner=array.owner, job=array, now=NOW)
    schedule(lease)
    end(child(again, 1))
    end(child(again, 2), ok=False)
    schedule(lease)
    once_more = rerun_job(owner=array.owner, job=again, now=NOW)
    assert [one.array_index for one in children(once_more)] == [2]


def test_one_child_runs_again_as_an_array_with_its_index_alone(lease: Lease) -> None:
    array = an_array_with_failures(lease, 4, 1, 2)
    again = rerun_job(owner=array.owner, job=child(array, 2), now=NOW)
    assert again.is_array
    assert again.rerun_of_id == child(array, 2).id
    assert [(one.array_index, one.array_size) for one in children(again)] == [(2, 4)]


def test_who_waits_n_to_n_for_a_rerun_takes_missing_children_for_succeeded(lease: Lease) -> None:
    array = an_array_with_failures(lease, 4, 1, 3)
    again = rerun_job(owner=array.owner, job=array, now=NOW)
    after = submitted((again, "N_TO_N"), size=4)
    schedule(lease)
    assert statuses(children(after)) == ["RUNNABLE", "PENDING", "RUNNABLE", "PENDING"]
    end(child(again, 1))
    end(child(again, 3), ok=False)
    schedule(lease)
    assert statuses(children(after)) == ["RUNNABLE", "RUNNABLE", "RUNNABLE", "FAILED"]


def test_what_is_missing_in_a_sequential_rerun_has_succeeded(lease: Lease) -> None:
    array = submitted(size=4, sequential=True)
    schedule(lease)
    end(child(array, 0))
    schedule(lease)
    end(child(array, 1), ok=False)
    schedule(lease)
    again = rerun_job(owner=array.owner, job=array, now=NOW)
    for index in (1, 2, 3):
        schedule(lease)
        end(child(again, index))
    schedule(lease)
    assert status(again) == JobStatus.SUCCEEDED


def test_what_has_not_failed_is_not_run_again(lease: Lease) -> None:
    live = submitted(size=2)
    good = submitted()
    schedule(lease)
    end(good)
    before = Job.objects.count()
    with pytest.raises(Conflict, match="has not ended yet"):
        rerun_job(owner=live.owner, job=live, now=NOW)
    with pytest.raises(Conflict, match="there is nothing to run again"):
        rerun_job(owner=good.owner, job=good, now=NOW)
    assert Job.objects.count() == before


def test_what_has_succeeded_runs_once_more_as_a_whole_if_that_is_meant(lease: Lease) -> None:
    single, array = submitted(), submitted(size=3)
    schedule(lease)
    end(single, *children(array))
    schedule(lease)
    again = rerun_job(owner=single.owner, job=single, now=NOW, also_succeeded=True)
    assert (again.status, again.rerun_of_id) == ("SUBMITTED", single.id)
    whole = rerun_job(owner=array.owner, job=array, now=NOW, also_succeeded=True)
    assert [one.array_index for one in children(whole)] == [0, 1, 2]
    alone = rerun_job(owner=array.owner, job=child(array, 1), now=NOW, also_succeeded=True)
    assert [one.array_index for one in children(alone)] == [1]
    schedule(lease)
    assert statuses(children(whole)) == ["RUNNABLE"] * 3


def test_a_disabled_queue_takes_no_rerun(lease: Lease) -> None:
    job = submitted()
    schedule(lease)
    end(job, ok=False)
    job.queue.state = QueueState.DISABLED
    job.queue.save()
    with pytest.raises(Conflict, match="is disabled"):
        rerun_job(owner=job.owner, job=job, now=NOW)
