"""Documents are written behind the history: each line once, by whichever worker, and again after whoever died."""

import re
from collections.abc import Callable

import django_rq
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from jobs import queueing
from jobs.domain import ids
from jobs.models import DocumentBlock, FollowMark, Job, JobDocument, JobStatus, Transition
from jobs.selectors.search import MARK, is_behind
from jobs.services.requests.tags import add_tags
from jobs.services.search import blocks, documents, follow
from tests.builders import NOW, a_definition, a_job, a_queue, a_user, an_array, an_attempt

pytestmark = pytest.mark.django_db

Index = Callable[[], None]


@pytest.fixture
def jobs() -> list[Job]:
    queue, definition, owner = a_queue(), a_definition(), a_user()
    return [
        a_job(name=f"sim-{n}", queue=queue, definition=definition, owner=owner) for n in range(9)
    ]


def mark() -> int:
    return FollowMark.objects.get(name=MARK).transition_id


@pytest.mark.parametrize(("lines", "at_once"), [(5, 2), (2, 50)])
def test_a_long_history_is_read_in_portions(
    jobs: list[Job], monkeypatch: pytest.MonkeyPatch, lines: int, at_once: int
) -> None:
    monkeypatch.setattr(follow, "LINES", lines)
    monkeypatch.setattr(follow, "DOCUMENTS", at_once)
    monkeypatch.setattr(follow, "SECONDS_AT_ONCE", -1.0)
    written = []
    while follow.index_history():
        written.append(JobDocument.objects.count())
    assert written == [2, 4, 6, 8, 9]
    newest = Transition.objects.order_by("-id")[0]
    assert mark() == newest.pk
    assert not is_behind()


def test_who_dies_in_a_portion_has_written_nothing(
    jobs: list[Job], monkeypatch: pytest.MonkeyPatch, index: Index
) -> None:
    def die(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(documents, "keep_blocks", die)
    with pytest.raises(KeyboardInterrupt):
        follow.index_history()
    assert not JobDocument.objects.exists()
    assert is_behind()
    monkeypatch.undo()
    index()
    assert JobDocument.objects.count() == len(jobs)


def test_of_two_workers_with_the_same_lines_one_writes(
    jobs: list[Job], monkeypatch: pytest.MonkeyPatch, index: Index
) -> None:
    lock = follow.lock_index

    def overtaken() -> FollowMark:
        monkeypatch.undo()
        index()
        return lock()

    monkeypatch.setattr(follow, "lock_index", overtaken)
    read = mark() if FollowMark.objects.exists() else 0
    follow.index_history()
    assert mark() > read
    assert JobDocument.objects.count() == len(jobs)


def test_only_lines_that_change_a_document_have_it_written(index: Index) -> None:
    job = a_job(status=JobStatus.RUNNING, attempts_made=1)
    index()
    JobDocument.objects.update(text=" old ")

    def after(from_status: str, to_status: str) -> bool:
        Transition.objects.create(job=job, from_status=from_status, to_status=to_status, at=NOW)
        index()
        written = JobDocument.objects.get().text != " old "
        JobDocument.objects.update(text=" old ")
        return written

    assert not after("SUBMITTED", "RUNNABLE")
    assert not after("RUNNABLE", "STARTING")
    assert not after("STARTING", "RUNNING")
    assert after("RUNNING", "RUNNABLE")  # a retry
    assert not after("RUNNING", "SUCCEEDED")
    assert after("RUNNING", "FAILED")


def test_children_that_begin_and_succeed_cost_no_documents(index: Index) -> None:
    array = an_array(5, children=JobStatus.SUCCEEDED)
    index()
    assert [row.job_id for row in JobDocument.objects.all()] == [array.pk]


def test_a_document_has_each_way_in_which_tries_failed(index: Index) -> None:
    job = a_job(status=JobStatus.SUCCEEDED, attempts_made=2, attempts_allowed=2)
    an_attempt(job=job, number=1, ended_at=NOW, exit_code=75, explanation="Node was drained.")
    an_attempt(job=job, number=2, ended_at=NOW, exit_code=0, explanation="All went well.")
    index()
    words = JobDocument.objects.get().text.split()
    assert {"exit", "code", "75", "drained"} <= set(words)
    assert not {"0", "went"} & set(words)


def test_long_documents_make_small_blocks(
    monkeypatch: pytest.MonkeyPatch, jobs: list[Job], index: Index
) -> None:
    """PostgreSQL refuses more than 1 MB of words."""
    monkeypatch.setattr(blocks, "DOCUMENTS", 2)
    monkeypatch.setattr(blocks, "BYTES_AT_MOST", 10)
    index()
    cut = DocumentBlock.objects.exclude(end=None).order_by("first")
    assert len(cut) == 6  # one for each document that is not of the newest
    assert all(
        JobDocument.objects.filter(job__gte=row.first, job__lt=row.end).count() == 1 for row in cut
    )


def test_ids_tell_when_they_were_made(jobs: list[Job]) -> None:
    for job in jobs:
        assert ids.first_id_of(ids.made_at(job.pk)) <= job.pk


def test_work_is_handed_over_only_if_there_is_some(
    jobs: list[Job], index: Index, django_capture_on_commit_callbacks: Callable[..., object]
) -> None:
    queue = django_rq.get_queue("search")
    queue.empty()  # type: ignore[no-untyped-call]
    for _ in range(2):
        with django_capture_on_commit_callbacks(execute=True):  # type: ignore[attr-defined]
            follow.hand_over_search()
    assert [job.func_name for job in queue.jobs] == [queueing.SEARCH]
    index()
    queue.empty()  # type: ignore[no-untyped-call]
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[attr-defined]
        follow.hand_over_search()
    assert queue.is_empty()
    assert JobDocument.objects.count() == len(jobs)


def test_a_change_of_tags_waits_for_the_index_before_it_holds_the_job() -> None:
    job = a_job()
    with CaptureQueriesContext(connection) as queries:
        add_tags(row=job, tags={"team": "night"})
    told = [each["sql"] for each in queries]
    tables = [found[1] for sql in told if (found := re.search(r'FROM "jobs_(\w+)"', sql))]
    assert tables.index("followmark") < tables.index("job")
    assert "night" in JobDocument.objects.get(job=job).text
