"""Finding jobs by their words: what is found, by whom, in which order, and how far a page looks."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from jobs.domain import ids
from jobs.models import DocumentBlock, Job, JobDocument, JobStatus, Transition
from jobs.selectors import search as selectors
from jobs.services.requests.tags import add_tags
from jobs.services.search import blocks
from tests.builders import (
    NOW,
    a_definition,
    a_job,
    a_queue,
    a_user,
    an_array,
    an_attempt,
)

pytestmark = pytest.mark.django_db

Index = Callable[[], None]


@pytest.fixture
def staff() -> User:
    return a_user(is_staff=True)


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of four documents, of which a page looks at five."""
    monkeypatch.setattr(blocks, "DOCUMENTS", 4)
    monkeypatch.setattr(selectors, "GROUPS", (1, 2, 2))
    monkeypatch.setattr(selectors, "BLOCKS_LOOKED_AT", 5)


def names(user: User, text: str, **more: Any) -> list[str]:
    return [job.name for job in selectors.find_jobs(user=user, text=text, **more).jobs]


def fail(job: Job, reason: str) -> None:
    job.status = JobStatus.FAILED
    job.status_reason, job.stopped_at = reason, NOW
    job.save()
    Transition.objects.create(job=job, to_status=JobStatus.FAILED, at=NOW)


@pytest.mark.parametrize(
    "text",
    [
        "render",  # a word of the name
        "REND",  # the beginning of one, whatever the letters' case
        "frame render",  # several, in any order
        "blender:3",  # the definition and its revision
        "gpu-queue",
        "ada",  # the owner
        "registry.example/studio/blender",  # the image
        "project",  # a tag's key
        "Mond fahrt",  # a tag's value
        "OutOfMemoryError",  # why it failed
        "137",  # how a try ended
        "ｒｅｎｄｅｒ",  # noqa: RUF001  the same letters, written wider
    ],
)
def test_a_job_is_found_by_each_of_its_texts(index: Index, staff: User, text: str) -> None:
    job = a_job(
        name="render-frame-0042",
        definition=a_definition(
            name="blender", revision=3, image="registry.example/studio/blender:4.1"
        ),
        queue=a_queue(name="gpu-queue"),
        owner=a_user(username="ada"),
        tags={"project": "Mondfahrt!Mond"},
        status=JobStatus.FAILED,
        status_reason="OutOfMemoryError: Container killed due to memory usage",
        attempts_made=1,
    )
    an_attempt(job=job, ended_at=NOW, exit_code=137, reason="OutOfMemoryError")
    job.tags = {"project": "Fahrt zum Mond"}
    job.save()
    a_job(name="another")
    index()
    assert names(staff, text) == ["render-frame-0042"]


@pytest.mark.parametrize("text", ["", "  ", "!?", "ender", "render nothing", "%", "_", "\0"])
def test_what_no_job_has_finds_none(index: Index, staff: User, text: str) -> None:
    a_job(name="render")
    index()
    assert names(staff, text) == []


def test_the_newest_come_first_and_a_page_goes_on_behind_the_last(
    index: Index, staff: User, small_blocks: None
) -> None:
    queue, definition = a_queue(), a_definition()
    for number in range(30):
        a_job(name=f"train-{number:02}", queue=queue, definition=definition)
    index()
    assert DocumentBlock.objects.count() > 3
    found: list[str] = []
    before = None
    for _ in range(5):
        page = selectors.find_jobs(user=staff, text="train", before=before, limit=8)
        found += [job.name for job in page.jobs]
        before = page.reached
        if before is None:
            break
    assert found == [f"train-{number:02}" for number in reversed(range(30))]


def test_a_rare_word_is_found_however_old(index: Index, staff: User, small_blocks: None) -> None:
    queue, definition = a_queue(), a_definition()
    for number in range(60):
        name = "needle" if number == 1 else f"hay-{number}"
        a_job(name=name, queue=queue, definition=definition)
    index()
    page = selectors.find_jobs(user=staff, text="needle")
    assert [job.name for job in page.jobs] == ["needle"]
    assert page.reached is None


def test_who_seeks_what_is_everywhere_and_yet_nowhere_is_told_how_far_was_looked(
    index: Index, staff: User, small_blocks: None
) -> None:
    """Both words are in each block, and in no newer document together."""
    queue, definition = a_queue(), a_definition()
    a_job(name="red-blue", queue=queue, definition=definition)
    for number in range(60):
        a_job(name="red" if number % 2 else "blue", queue=queue, definition=definition)
    index()
    pages = [selectors.find_jobs(user=staff, text="red blue")]
    assert pages[0].jobs == []
    while pages[-1].is_cut:
        before = pages[-1].reached
        pages.append(selectors.find_jobs(user=staff, text="red blue", before=before))
    assert [job.name for job in pages[-1].jobs] == ["red-blue"]
    assert 1 < len(pages) < 10


def test_nobody_finds_anothers_jobs(index: Index, staff: User, small_blocks: None) -> None:
    queue, definition = a_queue(), a_definition()
    owner, stranger = a_user(), a_user()
    for number in range(20):
        a_job(name=f"mine-{number}", owner=owner, queue=queue, definition=definition)
    theirs = a_job(name="mine-and-theirs", owner=stranger, queue=queue, definition=definition)
    index()
    new = a_job(name="mine-too-new", owner=stranger, queue=queue, definition=definition)
    assert names(stranger, "mine") == ["mine-too-new", "mine-and-theirs"]
    assert len(names(owner, "mine", limit=50)) == 20
    assert len(names(staff, "mine", limit=50)) == 22
    assert names(owner, str(theirs.pk)) == names(owner, str(new.pk)) == []
    assert selectors.wanted_by(user=owner, text="mine", owner_id=stranger.pk) is None


def test_a_job_is_found_before_it_is_indexed(staff: User) -> None:
    a_job(name="brand-new")
    assert not JobDocument.objects.exists()
    assert names(staff, "bran") == names(a_user(is_staff=True), "new") == ["brand-new"]


def test_an_id_or_its_beginning_finds_its_job_alone(index: Index, staff: User) -> None:
    job = a_job(name="this")
    array = an_array(2, name="array")
    index()
    text = str(job.pk)
    for typed in (text, text.upper(), text.replace("-", ""), text[:23], text[-12:]):
        assert "this" in names(staff, typed), typed
    assert names(staff, text) == ["this"]
    child = selectors.find_jobs(user=staff, text=f"{array.pk}:1").jobs
    assert [each.pk for each in child] == [ids.child_id(array.pk, 1)]
    assert names(staff, f"{array.pk}:9") == []
    # No index follows, but other words may.
    assert names(staff, f"{array.pk}: x") == names(staff, f"{array.pk}:x") == ["array"]


@pytest.mark.parametrize(
    "pasted",
    [
        "  {id}\n",
        '"{id}"',
        '"jobId": "{id}",',
        "({id})",
        "arn:aws:batch:us-east-1:123456789012:job/{id}",
        "https://batch.example.com/jobs/{id}/?attempt=2",
        "job {id} failed",
        "batchweb-{id}-1",
        "`{first}`",
        "“{first}-{second}”",
        "{last}",
        "…{last}",
        "'{fourth}-{last}'",
        "{third}-{fourth}-{last}",
        "{last_but_four}",
    ],
)
def test_a_pasted_id_finds_its_job_whatever_stands_around_it(
    index: Index, staff: User, pasted: str
) -> None:
    job = a_job(name="this")
    a_job(name="other")
    index()
    first, second, third, fourth, last = str(job.pk).split("-")
    typed = pasted.format(
        id=job.pk,
        first=first,
        second=second,
        third=third,
        fourth=fourth,
        last=last,
        last_but_four=last[:8],
    )
    assert "this" in names(staff, typed)
    if len(typed) > 20:
        assert names(staff, typed) == ["this"]


def test_a_child_is_found_by_its_arn_and_its_address(index: Index, staff: User) -> None:
    array = an_array(2, name="array")
    index()
    for pasted in (f"arn:aws:batch:us-east-1:1:job/{array.pk}:1", f"/jobs/{array.pk}%3A1/"):
        found = selectors.find_jobs(user=staff, text=pasted).jobs
        assert [each.pk for each in found] == [ids.child_id(array.pk, 1)]


def test_words_beside_two_ids_are_words(index: Index, staff: User) -> None:
    tag = str(uuid4())
    a_job(name="etl", tags={"run": tag})
    index()
    assert names(staff, tag) == ["etl"]
    assert names(staff, f"etl {tag}") == ["etl"]
    assert names(staff, f"other {tag}") == []


def test_of_children_only_those_that_failed_have_documents(index: Index, staff: User) -> None:
    array = an_array(3, name="array", children=JobStatus.RUNNING)
    index()
    assert JobDocument.objects.count() == 1
    child = array.children.get(array_index=1)
    fail(child, "Disk full")
    index()
    wanted = selectors.wanted_by(user=staff, text="disk")
    assert wanted is not None
    (window,) = selectors.matching(user=staff, wanted=wanted)
    assert window == ([child.pk], None)
    (window,) = selectors.matching(user=staff, wanted=wanted, as_arrays=True)
    assert window.job_ids == [array.pk]


def test_a_job_that_fails_late_is_found_by_why(
    index: Index, staff: User, small_blocks: None
) -> None:
    queue, definition = a_queue(), a_definition()
    jobs = [a_job(name=f"job-{n}", queue=queue, definition=definition) for n in range(30)]
    index()
    assert names(staff, "segfault") == []
    fail(jobs[3], "Segfault in step 7")
    index()
    assert names(staff, "segfault") == ["job-3"]


def test_many_late_documents_of_one_block_are_cut_into_several(
    index: Index, staff: User, small_blocks: None
) -> None:
    array = an_array(40, name="array", children=JobStatus.RUNNING)
    queue, definition = a_queue(), a_definition()
    for number in range(20):
        a_job(name=f"later-{number}", queue=queue, definition=definition)
    index()
    for child in array.children.order_by("id"):
        fail(child, f"Broken at {child.array_index}")
    index()
    rows = list(DocumentBlock.objects.order_by("first").values_list("first", "end"))
    assert len(rows) > 12
    assert [end for _, end in rows] == [*(first for first, _ in rows[1:]), None]
    wanted = selectors.wanted_by(user=staff, text="broken")
    assert wanted is not None
    found = [
        each
        for window in selectors.matching(user=staff, wanted=wanted, window=10)
        for each in window.job_ids
    ]
    children = array.children.order_by("-id").values_list("pk", flat=True)
    assert found == list(children)[: len(found)]
    assert len(found) > 8


def test_tags_find_jobs_at_once_when_they_change(index: Index) -> None:
    user = a_user()
    job = a_job(name="tagged", owner=user, tags={"team": "red"})
    a_job(name="other", owner=user)
    index()

    def found(tag: str) -> list[Any]:
        wanted = selectors.wanted_by(user=user, tag=tag)
        assert wanted is not None
        return [each for w in selectors.matching(user=user, wanted=wanted) for each in w.job_ids]

    assert found("team") == found("team=red") == [job.pk]
    assert found("team=re") == found("tea") == found("red") == []
    add_tags(row=job, tags={"team": "blue", "stage": "test"})
    assert found("team=blue") == found("stage") == [job.pk]
    assert found("team=red") == []


def test_a_queue_narrows_what_is_found(index: Index, staff: User) -> None:
    fast, slow = a_queue(name="fast"), a_queue(name="slow")
    a_job(name="sim-1", queue=fast)
    a_job(name="sim-2", queue=slow)
    index()
    wanted = selectors.wanted_by(user=staff, text="sim", queue="slow")
    assert wanted is not None
    (window,) = selectors.matching(user=staff, wanted=wanted)
    assert [Job.objects.get(pk=each).name for each in window.job_ids] == ["sim-2"]
    assert selectors.wanted_by(user=staff, text="sim", queue="none") is None


@pytest.mark.parametrize("count", [3, 40])
def test_a_page_takes_a_constant_number_of_queries(
    index: Index, staff: User, small_blocks: None, count: int
) -> None:
    queue, definition = a_queue(), a_definition()
    for number in range(count):
        a_job(name=f"sim-{number}", queue=queue, definition=definition)
    index()
    with CaptureQueriesContext(
        connection,
    ) as queries:
        selectors.find_jobs(user=staff, text="sim nothing")
    assert len(queries) <= 9
