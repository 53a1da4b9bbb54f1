"""The list of jobs: every filter and order, alone and together, for administrators and others."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from jobs.domain.ids import first_id_of
from jobs.models import Job
from jobs.selectors.listing import pages as job_pages
from jobs.selectors.listing.filters import JobFilters
from jobs.selectors.listing.pages import Sort, list_jobs, matching_ids
from jobs.services.search.follow import index_history
from tests.builders import a_definition, a_job, a_queue, a_user, an_array

pytestmark = pytest.mark.django_db

DAY = datetime(2026, 3, 10, tzinfo=UTC)


def names(answer: object) -> list[str]:
    return [row["name"] for row in answer.json()["results"]]  # type: ignore[attr-defined]


def every_name(client: Client, url: str) -> list[str]:
    """Of all pages, one after the other."""
    found, following = [], url
    while following:
        answer = client.get(following)
        found += names(answer)
        following = answer.json()["next"]
    return found


def test_filters_that_are_set_are_told_where_they_are_folded_away(page: Client) -> None:
    a_queue(name="night")
    url = "/jobs/?q=train&queue=night&status=FAILED&status=RUNNING&sort=cost"
    told = page.get(url).context["chips"]
    assert [(each.label, each.value) for each in told] == [
        ("Queue", "night"),
        ("Status", "FAILED"),
        ("Status", "RUNNING"),
        ("Order", "Highest cost"),
    ]
    # Each leads to the list without it.
    assert told[1].url == "/jobs/?q=train&queue=night&status=RUNNING&sort=cost"
    assert not page.get("/jobs/?q=train").context["chips"]


def test_the_usual_order_is_chosen_by_saying_nothing(page: Client) -> None:
    order = re.compile(r'<select[^>]* name="sort">(.*?)</select>', re.DOTALL)
    chosen = re.compile(r'<option value="(\w*)" selected>')
    for url, value in (("/jobs/", ""), ("/jobs/?sort=newest", ""), ("/jobs/?sort=cost", "cost")):
        found = order.search(page.get(url).text)
        assert found
        assert chosen.findall(found[1]) == [value]


def submitted(at: datetime, **fields: object) -> Job:
    return a_job(id=first_id_of(at), created_at=at, **fields)


def test_several_statuses_are_listed_together_newest_first(script: Client) -> None:
    queue = a_queue()
    for status in ("RUNNING", "FAILED", "SUCCEEDED", "RUNNABLE", "FAILED"):
        a_job(name=status.lower(), status=status, queue=queue)
    expected = ["failed", "runnable", "failed"]
    for query in ("status=FAILED&status=RUNNABLE", "status=failed,runnable"):
        assert every_name(script, f"/jobs/?{query}&limit=1") == expected
    assert every_name(script, f"/jobs/?status=failed,runnable&queue={queue.name}") == expected


@pytest.mark.parametrize("is_staff", [True, False])
@pytest.mark.parametrize(
    "query",
    ["", "queue=night", "definition=train", "definition=train:2", "status=FAILED", "name=j"],
)
def test_pages_in_both_directions_hold_the_same_jobs(
    client: Client, is_staff: bool, query: str
) -> None:
    user = a_user(is_staff=is_staff)
    client.force_login(user)
    queues = [a_queue(name="night"), a_queue(name="day")]
    definitions = [a_definition(name="train", revision=each) for each in (1, 2)]
    for number in range(8):
        a_job(
            name=f"j{number}",
            owner=user,
            queue=queues[number % 2],
            definition=definitions[number // 2 % 2],
            status="FAILED" if number % 3 else "SUCCEEDED",
        )
    newest = every_name(client, f"/jobs/?format=json&{query}")
    assert newest == sorted(newest, reverse=True)
    assert len(newest) in {4, 5, 8}
    # Its own links have no `format`, so a script's header asks for JSON.
    client.defaults["HTTP_ACCEPT"] = "application/json"
    assert every_name(client, f"/jobs/?limit=1&{query}") == newest
    assert every_name(client, f"/jobs/?limit=3&sort=oldest&{query}") == newest[::-1]


def test_dates_include_both_days_and_moments_are_exact(script: Client) -> None:
    for hours in (-1, 0, 12, 23.9, 24, 47.9, 48):
        submitted(DAY + timedelta(hours=hours), name=f"at-{hours}")
    both_days = ["at-47.9", "at-24", "at-23.9", "at-12", "at-0"]
    assert every_name(script, "/jobs/?from=2026-03-10&to=2026-03-11") == both_days
    assert every_name(script, "/jobs/?from=2026-03-10&to=2026-03-11&sort=oldest") == both_days[::-1]
    moments = "from=2026-03-10T12:00&to=2026-03-11T02:00%2B02:00"
    assert every_name(script, f"/jobs/?{moments}") == ["at-23.9", "at-12"]
    assert every_name(script, "/jobs/?to=2026-03-09&limit=1") == ["at--1"]


def test_an_administrator_finds_the_jobs_of_an_owner(
    script: Client, bobs_page: Client, bob: User
) -> None:
    a_job(name="mine", owner=bob)
    a_job(name="other", owner=a_user(username="carol"))
    assert every_name(script, "/jobs/?owner=bob") == ["mine"]
    assert every_name(script, "/jobs/?owner=nobody") == []
    bobs_page.defaults["HTTP_ACCEPT"] = "application/json"
    assert every_name(bobs_page, "/jobs/?owner=bob") == ["mine"]
    # Nor does he learn that there is such a user.
    assert every_name(bobs_page, "/jobs/?owner=carol") == []


@pytest.mark.parametrize("narrow", ["", "&status=RUNNING", "&name=b", "&sort=oldest", "&sort=cost"])
@pytest.mark.parametrize(
    "query", ["queue=nope", "definition=nope", "definition=train:99", "queue=night&definition=nope"]
)
def test_of_a_queue_or_a_definition_that_there_is_not_nobody_has_jobs(
    script: Client, bobs_page: Client, bob: User, query: str, narrow: str
) -> None:
    a_job(
        name="b",
        owner=bob,
        status="RUNNING",
        queue=a_queue(name="night"),
        definition=a_definition(name="train"),
    )
    bobs_page.defaults["HTTP_ACCEPT"] = "application/json"
    assert every_name(bobs_page, f"/jobs/?{query}{narrow}") == []
    assert every_name(script, f"/jobs/?{query}{narrow}&owner=bob") == []
    assert every_name(script, f"/jobs/?{query}{narrow}") == []


def test_words_and_tags_are_found_by_the_search(script: Client) -> None:
    queue = a_queue(name="night")
    red = {"queue": queue, "tags": {"team": "red"}}
    for job in (
        {**red, "name": "train-one", "status": "FAILED", "status_reason": "Out of disk"},
        {**red, "name": "train-two", "status": "SUCCEEDED"},
        {"name": "train-three", "status": "FAILED", "status_reason": "Out of disk"},
        {"name": "other", "tags": {"team": "blue"}},
    ):
        a_job(**job)
    while index_history():
        pass
    for query, expected in (
        ("q=disk", ["train-three", "train-one"]),
        ("q=train+disk&queue=night", ["train-one"]),
        ("tag=team", ["other", "train-two", "train-one"]),
        ("tag=team%3Dred&status=SUCCEEDED", ["train-two"]),
        ("q=train&sort=oldest", ["train-one", "train-two", "train-three"]),
        ("q=train&name=train-t", ["train-three", "train-two"]),
        ("q=nosuchword", []),
        ("q=...", []),
    ):
        assert every_name(script, f"/jobs/?limit=1&{query}") == expected, query


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("cost", ["long", "short", "runs", "waits"]),
        ("longest", ["runs", "long", "short"]),
        ("ended", ["short", "long"]),
    ],
)
def test_orders_by_what_a_job_took_go_page_by_page(
    script: Client, sort: str, expected: list[str]
) -> None:
    now = timezone.now()
    queue, definition = a_queue(name="night"), a_definition(name="train")
    common = {"queue": queue, "definition": definition, "created_at": now}

    def ago(**fields: float) -> datetime:
        return now - timedelta(**fields)

    a_job(name="waits", status="RUNNABLE", **common)
    a_job(name="runs", status="RUNNING", started_at=ago(hours=9), cost_usd="0.001", **common)
    ended = {**common, "status": "SUCCEEDED"}
    a_job(name="long", started_at=ago(hours=7), stopped_at=ago(hours=2), cost_usd="2.5", **ended)
    a_job(name="short", started_at=ago(hours=2), stopped_at=ago(hours=1), cost_usd="0.5", **ended)
    for narrow in ("", "&queue=night", "&definition=train", "&owner="):
        assert every_name(script, f"/jobs/?sort={sort}&limit=1{narrow}") == expected


@pytest.mark.parametrize("sort", ["cost", "longest", "ended"])
def test_an_order_goes_on_from_a_job_that_one_may_see_and_that_has_a_place_in_it(
    bobs_page: Client, bob: User, sort: str
) -> None:
    now = timezone.now()
    ended = {"status": "SUCCEEDED", "cost_usd": "1", "stopped_at": now - timedelta(hours=1)}
    a_job(name="mine", owner=bob, started_at=now - timedelta(hours=2), **ended)
    others = a_job(owner=a_user(), started_at=now - timedelta(hours=3), **ended)
    waits = a_job(owner=bob, status="RUNNABLE")
    bobs_page.defaults["HTTP_ACCEPT"] = "application/json"
    for job_id in (others.pk, first_id_of(now)):
        answer = bobs_page.get(f"/jobs/?sort={sort}&before={job_id}")
        assert (answer.status_code, list(answer.json()["errors"])) == (400, ["before"])
    behind = bobs_page.get(f"/jobs/?sort={sort}&before={waits.pk}")
    assert behind.status_code == (200 if sort == "cost" else 400)
    html = bobs_page.get(f"/jobs/?sort={sort}&before={others.pk}", headers={"Accept": "text/html"})
    assert html.status_code == 400
    assert "Begin again at the first page." in html.text


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("status=ODD", "status"),
        ("sort=size", "sort"),
        ("from=yesterday", "from"),
        ("to=2026-13-01", "to"),
        ("from=0001-01-01", "from"),
        ("from=2026-11-23&to=2026-11-21", "to"),
        ("from=2026-11-23T10:00&to=2026-11-23T10:00", "to"),
        ("to=9999-12-31", "to"),
        ("q=" + "x" * 257, "q"),
        ("before=5", "before"),
        ("limit=0", "limit"),
    ],
)
def test_a_filter_that_makes_no_sense_is_refused_by_name(
    script: Client, query: str, field: str
) -> None:
    answer = script.get(f"/jobs/?{query}")
    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == [field]


@pytest.mark.parametrize(
    "query", ["q=%00", "queue=%00", "name=%00", "definition=%00", "definition=x:%00", "tag=%00"]
)
def test_a_nul_finds_nothing(script: Client, query: str) -> None:
    a_job()
    assert every_name(script, f"/jobs/?{query}") == []


def test_what_was_chosen_stands_in_the_form_and_in_every_link(page: Client) -> None:
    job = a_job(name="x", queue=a_queue(name="night"), status="FAILED")
    query = "queue=night&status=FAILED&name=x&from=2020-01-01"
    html = page.get(f"/jobs/?{query}").content.decode()
    assert f'id="job-{job.pk}"' in html
    assert "<option selected>night</option>" in html
    assert 'name="from" value="2020-01-01"' in html
    assert '<details class="bw-more-filters" open>' in html
    escaped = query.replace("&", "&amp;")
    assert f'name="query" value="{escaped}"' in html
    assert f'href="/jobs/export/?format=csv&amp;{escaped}"' in html
    assert f'href="/jobs/?{escaped}&amp;sort=cost"' in html
    # A tab changes the status alone.
    running = escaped.replace("FAILED", "RUNNING")
    assert f'href="/jobs/?{running}"' in html


def test_each_status_tells_how_many_it_has_where_that_is_cheap(
    page: Client, bobs_page: Client, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.selectors.listing.counts.COUNTED", 3)
    queue = a_queue(name="night")
    for _ in range(5):
        a_job(status="FAILED", queue=queue)
    an_array(4, queue=queue, owner=bob)
    a_job(status="RUNNING", owner=bob)

    def counts(client: Client, query: str = "") -> dict[str, str]:
        context = client.get(f"/jobs/?{query}").context
        return {tab["label"]: tab.get("count", "") for tab in context["tabs"]()[1:]}

    everything = counts(page)
    assert (everything["Failed"], everything["Pending"], everything["Running"]) == ("3+", "1", "1")
    in_queue = counts(page, "queue=night&status=FAILED")
    assert (in_queue["Failed"], in_queue["Running"]) == ("3+", "0")
    own = counts(bobs_page)
    assert (own["Failed"], own["Pending"], own["Running"]) == ("0", "1", "1")
    assert set(counts(page, "name=x").values()) == {""}


def test_a_page_that_looked_at_so_many_jobs_says_so_and_goes_on(
    script: Client, page: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_pages, "LOOKED_AT", 2)
    queue = a_queue(name="night")
    a_job(name="rare", queue=queue)
    for _ in range(4):
        a_job(name="common", queue=queue)
    for narrow in ("", "&queue=night"):
        answer = script.get(f"/jobs/?name=rare{narrow}").json()
        assert (answer["results"], answer["is_cut"]) == ([], True)
        assert every_name(script, f"/jobs/?name=rare{narrow}") == ["rare"]
    html = page.get("/jobs/?name=rare").content.decode()
    assert "there may be more that match further on" in html
    assert 'rel="next"' in html


@pytest.mark.parametrize("is_staff", [True, False])
@pytest.mark.parametrize(("portions", "count", "looked_at"), [(5, 3, 0), (3, 1, 6)])
def test_an_action_on_all_that_match_looks_at_so_many_jobs_and_tells_if_there_are_more(
    is_staff: bool, portions: int, count: int, looked_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_pages, "LOOKED_AT", 2)
    monkeypatch.setattr(job_pages, "PORTIONS", portions)
    user, queue = a_user(is_staff=is_staff), a_queue()
    names = ["rare", "rare", "common", "common", "common", "rare", "common", "common"]
    jobs = [a_job(name=name, owner=user, queue=queue, status="FAILED") for name in names]
    wanted = [job.pk for job in reversed(jobs) if job.name == "rare"][:count]
    found = matching_ids(
        user=user, filters=JobFilters(name="rare"), statuses={"FAILED", "SUCCEEDED"}, limit=100
    )
    assert found == (wanted, looked_at)


@pytest.mark.parametrize("filters", [JobFilters(queue="nope"), JobFilters(definition="nope")])
def test_an_action_on_all_of_a_queue_that_there_is_not_matches_nothing(
    bob: User, filters: JobFilters
) -> None:
    a_job(status="RUNNABLE", owner=bob)
    found = matching_ids(user=bob, filters=filters, statuses={"RUNNABLE"}, limit=5)
    assert found == ([], 0)


@pytest.mark.parametrize(("queues_jobs", "found"), [(1, ["rare"]), (3, [])])
def test_a_name_is_sought_among_all_that_lives_while_that_is_not_much(
    script: Client, queues_jobs: int, found: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_pages, "LOOKED_AT", 3)
    queue = a_queue()
    a_job(name="rare", queue=queue, status="RUNNABLE")
    for _ in range(queues_jobs):
        a_job(name="common", queue=queue, status="RUNNABLE")
    for _ in range(3):
        a_job(name="common", queue=queue, status="SUCCEEDED")
    answer = script.get("/jobs/?name=rare&status=RUNNABLE").json()
    assert ([job["name"] for job in answer["results"]], answer["is_cut"]) == (found, not found)


def test_a_status_and_an_action_that_exclude_each_other_match_nothing(admin: User) -> None:
    a_job(status="FAILED")
    filters = JobFilters(statuses=("FAILED",))
    assert matching_ids(user=admin, filters=filters, statuses={"RUNNABLE"}, limit=5) == ([], 0)


def many(user: User, count: int) -> None:
    for number in range(count):
        a_job(name=f"j{number}", owner=user, status="FAILED", cost_usd=number)


LISTS: dict[str, Callable[[User], object]] = {
    "newest": lambda user: list_jobs(user=user, filters=JobFilters()),
    "cost": lambda user: list_jobs(user=user, filters=JobFilters(), sort=Sort.COST),
    "name": lambda user: list_jobs(user=user, filters=JobFilters(name="j")),
    "statuses": lambda user: list_jobs(
        user=user, filters=JobFilters(statuses=("FAILED", "RUNNING"))
    ),
}


@pytest.mark.parametrize("kind", LISTS)
@pytest.mark.parametrize("is_staff", [True, False])
def test_lists_take_as_many_queries_for_many_jobs_as_for_few(
    kind: str, is_staff: bool, django_assert_max_num_queries: Callable[..., object]
) -> None:
    user = a_user(is_staff=is_staff)
    many(user, 2)
    with django_assert_max_num_queries(20) as few:  # type: ignore[attr-defined]
        LISTS[kind](user)
    many(user, 30)
    with django_assert_max_num_queries(len(few)):  # type: ignore[attr-defined]
        LISTS[kind](user)
