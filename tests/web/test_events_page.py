"""The page of events: newest first, narrowed by its URL, page by page."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django.fixtures import DjangoAssertNumQueries

from jobs.domain import reasons
from jobs.models import NodeTransition, QueueBlock, Transition
from jobs.selectors.events import newest as selectors
from jobs.selectors.events.history import EventFilters
from jobs.web.contexts import events as contexts
from tests.builders import NOW, a_job, a_queue

pytestmark = pytest.mark.django_db
# Session, user; for each table where it ends, and its rows; whether there are older; choices.
PAGE_QUERIES = 12


def names_on(client: Client, query: str = "") -> list[str]:
    context = client.get(f"/events/{query}").context
    return [line.job.name for line in context["lines"]()]


def test_a_browser_gets_a_page_and_a_script_json(page: Client, script: Client) -> None:
    a_job(name="first")
    a_job(name="second")
    html = page.get("/events/").text
    assert html.index("second") < html.index("first")
    told = script.get("/events/").json()["events"]
    assert [each["detail"]["jobName"] for each in told] == ["first", "second"]
    assert page.get("/events/?format=json").json()["more"] is False


def test_pages_go_back_through_all_tables_and_miss_nothing(
    page: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contexts, "PAGE_SIZE", 3)
    job = a_job(name="job")
    for number in range(4):
        Transition.objects.create(job=job, to_status="RUNNABLE", at=NOW)
        QueueBlock.objects.create(queue=job.queue, job=job, reason="full", at=NOW)
        NodeTransition.objects.create(
            job=job, attempt_number=number, node_index=0, to_status="RUNNING", at=NOW
        )
    seen, url = [], "/events/"
    while url:
        context = page.get(url).context
        lines = context["lines"]()
        assert len(lines) <= 3
        seen += [line.key for line in lines]
        url = context["next_url"]()
    written = Transition.objects.count() + QueueBlock.objects.count() + 4
    assert len(seen) == len(set(seen)) == written
    for kind in ("job", "block", "node"):
        numbers = [int(key.rpartition("-")[2]) for key in seen if key.startswith(kind)]
        assert numbers == sorted(numbers, reverse=True)


def test_what_is_older_says_how_to_come_back_and_does_not_renew_itself(
    page: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contexts, "PAGE_SIZE", 1)
    a_job(name="first")
    a_job(name="second")
    first = page.get("/events/?name=")
    assert 'data-live="jobs"' in first.text
    second = page.get(first.context["next_url"]())
    assert 'data-live="jobs"' not in second.text
    assert "Newest" in second.text


def test_filters_narrow_and_stay_in_the_urls(page: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    queue = a_queue(name="fast")
    job, other = a_job(name="train-a", queue=queue), a_job(name="other")
    Transition.objects.create(job=job, from_status="RUNNABLE", to_status="FAILED", at=NOW)
    QueueBlock.objects.create(queue=queue, job=job, reason="no room", at=NOW)
    assert set(names_on(page, "?queue=fast")) == {"train-a"}
    assert set(names_on(page, "?name=oth")) == {other.name}
    assert names_on(page, "?status=FAILED") == ["train-a"]
    blocked = page.get("/events/?detail-type=Batch+Job+Queue+Blocked").text
    assert "blocks its queue" in blocked
    assert "no room" in blocked
    assert blocked.count('<tr id="event-') == 1
    monkeypatch.setattr(contexts, "PAGE_SIZE", 1)
    assert "queue=fast&before=" in page.get("/events/?queue=fast").context["next_url"]()


def test_a_page_looks_at_so_many_events_and_says_that_there_may_be_more(
    page: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selectors, "WINDOW", 2)
    a_job(name="sought")
    for _ in range(4):
        a_job(name="other")
    answer = page.get("/events/?name=sought")
    assert "None of those looked at fits." in answer.text
    url = answer.context["next_url"]()
    for _ in range(10):
        answer = page.get(url)
        if answer.context["lines"]():
            break
        url = answer.context["next_url"]()
    assert [line.job.name for line in answer.context["lines"]()] == ["sought"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("status=DONE", "status"),
        ("queue=none", "queue"),
        ("before=x", "before"),
        ("name=%00", "name"),
    ],
)
def test_what_cannot_be_asked_for_is_refused_by_its_name(
    page: Client, query: str, field: str
) -> None:
    answer = page.get(f"/events/?{query}")
    assert answer.status_code == 400
    assert f"<p>{field}: " in answer.text


def test_a_user_sees_events_of_his_own_jobs_only(bobs_page: Client, bob: User) -> None:
    a_job(name="mine", owner=bob)
    a_job(name="not-mine")
    assert names_on(bobs_page) == ["mine"]


def test_reasons_are_shown_and_not_obeyed(page: Client) -> None:
    job = a_job()
    Transition.objects.create(
        job=job, to_status="FAILED", at=NOW, reason="<script>alert(1)</script>\u202e\x1b[2J"
    )
    html = page.get("/events/").text
    assert "<script>alert" not in html
    assert "\u202e" not in html
    assert "\x1b" not in html


def test_the_end_of_a_command_is_told_by_its_exit_code(page: Client) -> None:
    for status, code in (("SUCCEEDED", 0), ("FAILED", 3)):
        job = a_job(status=status, exit_code=code)
        Transition.objects.create(
            job=job,
            from_status="RUNNING",
            to_status=status,
            reason=reasons.ESSENTIAL_EXITED,
            at=NOW,
        )
    html = page.get("/events/").text
    assert "Exit code 0" in html
    assert "Exit code 3" in html
    assert reasons.ESSENTIAL_EXITED not in html


def test_without_events_the_page_says_what_to_do(page: Client) -> None:
    assert "Nothing has happened yet" in page.get("/events/").text
    a_job()
    assert "No event fits" in page.get("/events/?status=FAILED").text


@pytest.mark.parametrize("count", [1, 20])
def test_the_page_takes_as_many_queries_for_many_events_as_for_one(
    page: Client, count: int, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(count):
        a_job()
    with django_assert_max_num_queries(PAGE_QUERIES):
        page.get("/events/")


def test_a_status_that_blocks_cannot_have_finds_no_blocks(admin: User) -> None:
    job = a_job()
    QueueBlock.objects.create(queue=job.queue, job=job, reason="x", at=NOW)

    def blocks(status: str) -> int:
        found = selectors.newest_events(user=admin, filters=EventFilters(status=status), limit=10)
        return sum(isinstance(row, QueueBlock) for row in found.rows)

    assert (blocks("RUNNABLE"), blocks("FAILED")) == (1, 0)
