"""Running again jobs that wait for each other, and jobs that would be refused by now."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from jobs.domain.errors import Conflict
from jobs.models import BulkKind, Job, JobDependency, JobStatus
from jobs.services.passes.lease import Lease
from jobs.services.requests.bulk import go_on_with_bulk, start_bulk
from jobs.services.requests.rerun import rerun_job
from tests.builders import NOW, a_consumable, a_secret, a_user
from tests.services.stepping import (
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


@pytest.fixture
def owner() -> User:
    return a_user()


def failed(lease: Lease, *jobs: Job) -> None:
    """They run and fail, and those that wait for them fail with them."""
    schedule(lease)
    end(*jobs, ok=False)
    schedule(lease)


def again(job: Job, owner: User | None = None) -> Job:
    return rerun_job(owner=owner or job.owner, job=Job.objects.get(id=job.id), now=NOW)


def waits_for(job: Job) -> set[tuple[Any, str]]:
    return set(JobDependency.objects.filter(job=job).values_list("on_id", "type"))


def test_what_waited_for_a_failed_job_runs_again_behind_its_rerun_alone(
    lease: Lease, owner: User
) -> None:
    first = submitted(owner=owner, name="first")
    second = submitted(first, owner=owner)
    failed(lease, first)
    assert reason(second).startswith("Dependent Job failed")
    count = Job.objects.count()
    with pytest.raises(Conflict) as caught:
        again(second)
    assert str(caught.value) == (
        f"It waited for first ({first.id}), which failed. Run that again first, or clone this one."
    )
    assert Job.objects.count() == count
    new = again(first)
    behind = again(second)
    assert waits_for(behind) == {(new.id, "")}
    schedule(lease)
    assert statuses([new, behind]) == ["RUNNABLE", "PENDING"]
    end(new)
    schedule(lease)
    assert status(behind) == JobStatus.RUNNABLE


def test_a_rerun_that_has_failed_is_no_help_but_its_own_rerun_is(lease: Lease, owner: User) -> None:
    first = submitted(owner=owner)
    second = submitted(first, owner=owner)
    failed(lease, first)
    new = again(first)
    failed(lease, new)
    with pytest.raises(Conflict, match="Run that again first"):
        again(second)
    newest = again(new)
    assert waits_for(again(second)) == {(newest.id, "")}


def test_what_was_met_is_not_waited_for_again_and_what_still_runs_is(
    lease: Lease, owner: User
) -> None:
    done, runs, bad = (submitted(owner=owner) for _ in range(3))
    last = submitted(done, runs, bad, owner=owner)
    schedule(lease)
    end(done)
    failed(lease, bad)
    new = again(bad)
    assert waits_for(again(last)) == {(runs.id, ""), (new.id, "")}


def test_who_may_not_see_what_a_job_waited_for_is_told_so(lease: Lease, owner: User) -> None:
    hidden = submitted(name="hush")
    job = submitted(hidden, owner=owner)
    failed(lease, hidden)
    with pytest.raises(Conflict, match="a job that you may not see") as caught:
        again(job)
    assert "hush" not in str(caught.value)


def test_all_that_failed_runs_again_in_the_order_of_its_dependencies(
    lease: Lease, owner: User
) -> None:
    top = submitted(owner=owner)
    left, right = (submitted(top, owner=owner) for _ in range(2))
    bottom = submitted(left, right, owner=owner)
    failed(lease, top)
    diamond = (top, left, right, bottom)
    # The list has the newest first.
    chosen = [job.id for job in reversed(diamond)]
    action = start_bulk(owner=owner, kind=BulkKind.RERUN, job_ids=chosen, now=NOW)
    go_on_with_bulk(action_id=action.id, now=NOW)
    action.refresh_from_db()
    assert (action.changed, action.problems) == (4, [])
    new = [Job.objects.get(rerun_of=job) for job in diamond]
    for ready in ([0], [1, 2], [3]):
        schedule(lease)
        assert [index for index in range(4) if status(new[index]) == "RUNNABLE"] == ready
        end(*(new[index] for index in ready))
    assert statuses(new) == ["SUCCEEDED"] * 4


def two_arrays(lease: Lease, owner: User) -> tuple[Job, Job]:
    """Of three children each, joined N_TO_N; child 1 of the first has failed, and child 2 of the second, too."""
    first = submitted(size=3, owner=owner)
    second = submitted((first, "N_TO_N"), size=3, owner=owner)
    schedule(lease)
    end(child(first, 0), child(first, 2))
    end(child(first, 1), ok=False)
    schedule(lease)
    end(child(second, 0))
    failed(lease, child(second, 2))
    assert statuses([first, second]) == ["FAILED", "FAILED"]
    return first, second


def test_arrays_that_were_joined_child_by_child_run_again_joined(lease: Lease, owner: User) -> None:
    first, second = two_arrays(lease, owner)
    with pytest.raises(Conflict, match="Run that again first"):
        again(second)
    new = again(first)
    behind = again(second)
    assert waits_for(behind) == {(new.id, "N_TO_N")}
    schedule(lease)
    assert statuses([child(behind, 1), child(behind, 2)]) == ["PENDING", "RUNNABLE"]
    end(child(new, 1))
    schedule(lease)
    assert status(child(behind, 1)) == JobStatus.RUNNABLE


def test_a_child_waits_again_only_if_its_counterpart_failed(lease: Lease, owner: User) -> None:
    first, second = two_arrays(lease, owner)
    assert waits_for(again(child(second, 2))) == set()
    with pytest.raises(Conflict, match="Run that again first"):
        again(child(second, 1))
    alone = again(child(first, 1))
    behind = again(child(second, 1))
    assert waits_for(behind) == {(alone.id, "N_TO_N")}
    schedule(lease)
    assert statuses(children(behind)) == ["PENDING"]
    end(*children(alone))
    schedule(lease)
    assert statuses(children(behind)) == ["RUNNABLE"]


def test_what_waited_for_one_child_waits_for_it_in_the_rerun_of_its_array(
    lease: Lease, owner: User
) -> None:
    array = submitted(size=2, owner=owner)
    job = submitted(child(array, 1), owner=owner)
    schedule(lease)
    end(child(array, 0))
    failed(lease, child(array, 1))
    new = again(array)
    assert waits_for(again(job)) == {(child(new, 1).id, "")}


def test_a_rerun_is_refused_like_a_new_submission_of_the_same(lease: Lease, owner: User) -> None:
    job = submitted(owner=owner)
    failed(lease, job)
    a_secret(name="key", owner=owner)
    job.spec.container = {
        "privileged": True,
        "secrets": [{"name": "KEY", "valueFrom": "key"}],
    }
    job.spec.consumables = [{"consumableResource": "licence", "quantity": 1}]
    job.spec.save()
    Job.objects.filter(id=job.id).update(share_identifier="red")
    boss = a_user(is_staff=True)
    with pytest.raises(Conflict) as caught:
        again(job, boss)
    for text in (
        "runs no privileged jobs",
        # An administrator's jobs are given no secrets of others.
        "There is no secret key that your jobs may use",
        "There is no consumable resource named licence",
        "has no fair-share policy",
    ):
        assert text in str(caught.value)
    assert not Job.objects.filter(rerun_of=job).exists()
    Job.objects.filter(id=job.id).update(share_identifier="")
    job.queue.environments.update(allow_privileged=True)
    a_consumable(name="licence")
    assert again(job).owner == owner
