"""Bulk actions: in portions, each once, whatever dies."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.auth.models import User

from jobs import changes, queueing
from jobs.domain.errors import InvalidInput
from jobs.domain.ids import new_job_id, text_of
from jobs.models import BulkAction, BulkKind, BulkResult, Job, JobStatus
from jobs.services.passes.sweep import sweep
from jobs.services.requests import bulk
from jobs.services.requests.bulk import go_on_with_bulk, start_bulk, stop_bulk, undo_bulk
from tests.builders import NOW, a_job, a_user
from tests.services.stepping import a_lease, child, reason, schedule, statuses, submitted

pytestmark = pytest.mark.django_db


class Died(BaseException):
    """The worker was killed."""


@pytest.fixture
def handed_over(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[int]]]:
    seen: list[tuple[str, list[int]]] = []
    monkeypatch.setattr(
        queueing, "enqueue_after_commit", lambda task, ids: seen.append((task, list(ids)))
    )
    return seen


@pytest.fixture
def owner() -> User:
    return a_user()


def started(owner: User, kind: str, *jobs: Job | str, why: str = "") -> BulkAction:
    ids = [job if isinstance(job, str) else text_of(job.id) for job in jobs]
    return start_bulk(owner=owner, kind=kind, job_ids=ids, reason=why, now=NOW)


def test_jobs_of_every_status_are_cancelled_or_left_as_they_are(
    owner: User, handed_over: list[tuple[str, list[int]]]
) -> None:
    jobs = [a_job(owner=owner, status=status) for status in JobStatus.values]
    action = started(owner, BulkKind.CANCEL, *jobs, why="clearing up")
    assert handed_over == [(queueing.BULK, [action.id])]
    assert statuses(jobs[:3]) == ["SUBMITTED", "PENDING", "RUNNABLE"]
    go_on_with_bulk(action_id=action.id, now=NOW)
    assert statuses(jobs) == ["FAILED"] * 3 + ["STARTING", "RUNNING", "SUCCEEDED", "FAILED"]
    assert reason(jobs[0]) == "clearing up"
    action.refresh_from_db()
    assert (action.done, action.changed, action.refused) == (7, 3, 0)
    assert action.finished_at == NOW


def test_arrays_children_and_single_jobs_are_terminated_together(owner: User) -> None:
    lease = a_lease()
    array, other = submitted(size=2, owner=owner), submitted(size=2, owner=owner)
    single = submitted(owner=owner)
    schedule(lease)
    action = started(owner, BulkKind.TERMINATE, array, child(other, 1), single)
    go_on_with_bulk(action_id=action.id, now=NOW)
    schedule(lease)
    assert statuses([array, other, child(other, 1), single]) == [
        "FAILED",
        "PENDING",
        "FAILED",
        "FAILED",
    ]


def test_each_failed_job_is_run_again_once_and_the_others_say_why_not(owner: User) -> None:
    failed, live = a_job(owner=owner, status="FAILED"), a_job(owner=owner, status="RUNNING")
    action = started(owner, BulkKind.RERUN, failed, live, failed)
    go_on_with_bulk(action_id=action.id, now=NOW)
    go_on_with_bulk(action_id=action.id, now=NOW)
    assert Job.objects.get(rerun_of=failed).owner == owner
    action.refresh_from_db()
    assert (action.done, action.changed, action.refused) == (2, 1, 1)
    (problem,) = action.problems
    assert problem["job"] == text_of(live.id)
    assert "has not ended yet" in problem["why"]


def test_somebody_else_s_jobs_are_not_touched_and_do_not_exist(owner: User) -> None:
    theirs, mine = a_job(), a_job(owner=owner)
    nobody_s = str(new_job_id())
    action = started(owner, BulkKind.CANCEL, theirs, mine, nobody_s)
    go_on_with_bulk(action_id=action.id, now=NOW)
    assert statuses([theirs, mine]) == ["SUBMITTED", "FAILED"]
    action.refresh_from_db()
    assert [problem["why"] for problem in action.problems] == [
        f"There is no job {theirs.id}.",
        f"There is no job {nobody_s}.",
    ]


def test_a_worker_that_dies_leaves_whole_portions_and_the_sweep_finds_them(
    owner: User, handed_over: list[tuple[str, list[int]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(bulk.PORTION, BulkKind.CANCEL, 2)
    monkeypatch.setattr(queueing, "is_idle", lambda _task: True)
    jobs = [a_job(owner=owner) for _ in range(5)]
    action = started(owner, BulkKind.CANCEL, *jobs)
    go_on_with_bulk(action_id=action.id, now=NOW, seconds=0)
    carry_out = bulk._carry_out

    def die(*args: object, **kwargs: object) -> None:
        carry_out(*args, **kwargs)  # type: ignore[arg-type]
        raise Died

    monkeypatch.setattr(bulk, "_carry_out", die)
    with pytest.raises(Died):
        go_on_with_bulk(action_id=action.id, now=NOW)
    monkeypatch.setattr(bulk, "_carry_out", carry_out)
    # What he did in his last portion is undone with its count.
    assert Job.objects.filter(status=JobStatus.FAILED).count() == 2
    assert BulkAction.objects.get().done == 2
    handed_over.clear()
    sweep(now=NOW + timedelta(seconds=11))
    assert (queueing.BULK, [action.id]) in handed_over
    go_on_with_bulk(action_id=action.id, now=NOW)
    action.refresh_from_db()
    assert (action.done, action.changed) == (5, 5)
    results = BulkResult.objects.filter(action=action).order_by("position")
    assert [(row.position, row.job, row.outcome) for row in results] == [
        (number, job.id, "CHANGED") for number, job in enumerate(jobs)
    ]
    handed_over.clear()
    sweep(now=NOW + timedelta(hours=1))
    assert (queueing.BULK, [action.id]) not in handed_over


def test_what_takes_longer_is_handed_over_again(
    owner: User, handed_over: list[tuple[str, list[int]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(bulk.PORTION, BulkKind.CANCEL, 1)
    action = started(owner, BulkKind.CANCEL, a_job(owner=owner), a_job(owner=owner))
    handed_over.clear()
    go_on_with_bulk(action_id=action.id, now=NOW, seconds=0)
    assert handed_over == [(queueing.BULK, [action.id])]
    assert BulkAction.objects.get().done == 1


@pytest.mark.parametrize(
    ("fields", "field", "text"),
    [
        ({"kind": "DELETE"}, "kind", "An action is one of CANCEL, TERMINATE, RERUN."),
        ({"job_ids": []}, "job_ids", "Choose at least one job."),
        ({"job_ids": "abc"}, "job_ids", "Jobs are a list of ids."),
        ({"job_ids": ["abc"]}, "job_ids", "abc is no job's id."),
        ({"job_ids": [uuid4()] * 10_001}, "job_ids", "At most 10000 jobs at once."),
        ({"reason": "x" * 1025}, "reason", "A reason has at most 1024 characters."),
    ],
)
def test_a_bulk_action_that_cannot_be_is_refused(
    owner: User, fields: dict[str, object], field: str, text: str
) -> None:
    given: dict[str, object] = {"kind": "CANCEL", "job_ids": [uuid4()], **fields}
    with pytest.raises(InvalidInput) as caught:
        start_bulk(owner=owner, now=NOW, **given)  # type: ignore[arg-type]
    assert caught.value.errors == {field: [text]}
    assert not BulkAction.objects.exists()


def test_a_stop_between_two_portions_leaves_the_rest_and_undo_takes_back_what_was_done(
    owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(bulk.PORTION, BulkKind.CANCEL, 2)
    jobs = [a_job(owner=owner) for _ in range(5)]
    action = started(owner, BulkKind.CANCEL, *jobs)
    go_on_with_bulk(action_id=action.id, now=NOW, seconds=0)
    assert stop_bulk(action_id=action.id, now=NOW)
    assert not stop_bulk(action_id=action.id, now=NOW)
    go_on_with_bulk(action_id=action.id, now=NOW)
    assert statuses(jobs) == ["FAILED"] * 2 + ["SUBMITTED"] * 3
    undo = undo_bulk(action_id=action.id, by=action.owner, now=NOW)
    assert undo is not None
    assert undo_bulk(action_id=action.id, by=action.owner, now=NOW) == undo
    go_on_with_bulk(action_id=undo.id, now=NOW)
    assert set(Job.objects.exclude(rerun_of=None).values_list("rerun_of", flat=True)) == {
        job.id for job in jobs[:2]
    }


def test_what_an_administrator_cancelled_and_takes_back_is_its_owners_again(owner: User) -> None:
    job = a_job(owner=owner, status="RUNNABLE")
    action = started(a_user(is_staff=True), BulkKind.CANCEL, job)
    go_on_with_bulk(action_id=action.id, now=NOW)
    undo = undo_bulk(action_id=action.id, by=action.owner, now=NOW)
    assert undo is not None
    go_on_with_bulk(action_id=undo.id, now=NOW)
    assert Job.objects.get(rerun_of=job).owner == owner


def test_whatever_becomes_of_an_action_is_told_to_its_page_and_its_owners_lists(
    owner: User, handed_over: list[tuple[str, list[int]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[list[str]] = []
    monkeypatch.setattr(changes, "publish", lambda topics: told.append(list(topics)))
    jobs = [a_job(owner=owner, status=JobStatus.FAILED) for _ in range(2)]

    def heard() -> list[str]:
        """What was told last, of those topics that begin so."""
        last = [topics for topics in told if topics[0].startswith("bulk")][-1]
        told.clear()
        return last

    action = started(owner, BulkKind.RERUN, *jobs)
    topics = [f"bulk:{action.pk}", f"bulk-of:{owner.pk}"]
    assert heard() == topics
    go_on_with_bulk(action_id=action.id, now=NOW, seconds=0)
    assert heard() == topics
    stop_bulk(action_id=action.id, now=NOW)
    assert heard() == topics
    undo = undo_bulk(action_id=action.id, by=action.owner, now=NOW)
    assert undo is not None
    assert [f"bulk:{undo.pk}", f"bulk-of:{owner.pk}"] in told
    assert heard() == topics
