"""The page of charts: its numbers, its URL, and what it costs."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import DjangoAssertNumQueries

from jobs.models import Attempt, ComputeEnvironment, JobQueue
from jobs.web.contexts.charts import Chart, Curve
from jobs.web.contexts.monitoring import step_in_words
from tests.builders import NOW, a_job, a_queue, an_attempt, an_environment

from .metric_rows import a_queue_minute, an_environment_minute, counted_until, minutes_before

pytestmark = pytest.mark.django_db
# Session, user; charts of queues and environments; choices of the filters; what was added up of costs, and what
# lives, of which both what lives still and what has ended since are looked up.
PAGE_QUERIES = 20


@pytest.fixture
def queue() -> JobQueue:
    return a_queue(name="fast")


@pytest.fixture
def environment() -> ComputeEnvironment:
    return an_environment(name="local")


def known(values: list[float | None]) -> list[float]:
    return [value for value in values if value]


def chart(script: Client, key: str, query: str = "?range=1h") -> dict[str, list[float]]:
    """What a chart's curves hold, by their labels, without gaps and zeros."""
    answer: dict[str, Any] = script.get(f"/monitoring/{query}").json()
    return {each["label"]: known(each["values"]) for each in answer["charts"][key]["series"]}


def test_charts_show_what_was_measured(
    script: Client, queue: JobQueue, environment: ComputeEnvironment
) -> None:
    now = timezone.now()
    at = minutes_before(now, 10)
    a_queue_minute(
        queue,
        at,
        submitted=7,
        succeeded=5,
        failed=2,
        failures={"exit:1": 2},
        waiting_sum=4,
        running_sum=3,
        waits=[10.0] * 9,
        runs=[60.0] * 9,
    )
    an_environment_minute(environment, at, used=1500, total=4000)
    counted_until(now)
    assert chart(script, "vcpus") == {"in use": [1.5], "in all": [4.0]}
    assert chart(script, "depth") == {"fast": [4.0]}
    assert chart(script, "throughput") == {"submitted": [7], "succeeded": [5], "failed": [2]}
    waits = chart(script, "wait")
    assert set(waits) == {"p50", "p90", "p95"}
    assert waits["p50"] == [pytest.approx(10, rel=0.1)]
    assert chart(script, "run")["p90"] == [pytest.approx(60, rel=0.1)]
    answer = script.get("/monitoring/?range=1h").json()
    assert answer["failures"] == [{"kind": "Exit code 1", "count": 2}]
    assert answer["range"]["step_seconds"] == 60


def test_the_page_holds_the_numbers_and_leads_to_the_jobs(page: Client, queue: JobQueue) -> None:
    a_queue_minute(
        queue, minutes_before(timezone.now(), 5), failed=1200, failures={"out_of_memory": 1200}
    )
    html = page.get("/monitoring/?queue=fast").text
    assert '<script type="application/json">{"times": [' in html
    assert "Out of memory" in html
    assert "q=OutOfMemoryError" in html
    assert "queue=fast&amp;status=FAILED&amp;ended_from=" in html
    assert "1,200" in html


def test_what_was_cancelled_or_terminated_is_told_apart_from_what_failed(
    page: Client, script: Client, queue: JobQueue
) -> None:
    found = {"cancelled": 30, "terminated": 4, "exit:1": 2}
    a_queue_minute(queue, minutes_before(timezone.now(), 5), failed=36, failures=found)
    html = page.get("/monitoring/").text
    assert 'Failed in this time</span><span class="bw-tile-value bw-num">2</span>' in html
    assert "and 34 cancelled or terminated" in html
    answer = script.get("/monitoring/").json()
    kinds = [each["kind"] for each in answer["failures"]]
    assert kinds == ["Exit code 1", "Cancelled", "Terminated"]


def test_a_queue_and_an_environment_narrow_their_charts(
    script: Client, queue: JobQueue, environment: ComputeEnvironment
) -> None:
    at = minutes_before(timezone.now(), 5)
    for each, number in ((queue, 3), (a_queue(name="slow"), 10)):
        a_queue_minute(each, at, submitted=number)
    for place, used in ((environment, 1000), (an_environment(name="other"), 500)):
        an_environment_minute(place, at, used=used, total=4000)
    assert chart(script, "throughput")["submitted"] == [13]
    assert chart(script, "throughput", "?range=1h&queue=fast")["submitted"] == [3]
    assert chart(script, "vcpus", "?range=1h&environment=other")["in use"] == [0.5]


def test_a_zoom_is_in_the_url_and_leads_back(page: Client, script: Client, queue: JobQueue) -> None:
    now = timezone.now()
    for minutes in (30, 90):
        a_queue_minute(queue, minutes_before(now, minutes), submitted=minutes)
    start, end = (minutes_before(now, each) for each in (100, 80))
    query = f"?range=24h&queue=fast&from={start:%Y-%m-%dT%H:%M}&to={end:%Y-%m-%dT%H:%M:%S}Z"
    assert chart(script, "throughput", query)["submitted"] == [90]
    html = page.get(f"/monitoring/{query}").text
    assert '<a class="bw-strong" href="/monitoring/?range=24h&amp;queue=fast">' in html
    assert "Reset zoom" in html
    assert 'aria-current="page">24 hours' not in html
    assert 'aria-current="page">24 hours' in page.get("/monitoring/?range=24h").text


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("range=2h", "range"),
        ("from=yesterday", "from"),
        ("to=%00", "to"),
        ("from=2026-01-02T00:00&to=2026-01-01T00:00", "to"),
        ("to=2026-01-01T00:00", "to"),
        ("from=8999-01-01T00:00", "from"),
        ("from=1000-01-01T00:00", "from"),
        ("queue=none", "queue"),
        ("queue=%00", "queue"),
        ("environment=none", "environment"),
    ],
)
def test_what_cannot_be_shown_is_refused_by_its_name(
    page: Client, script: Client, query: str, field: str
) -> None:
    refused = script.get(f"/monitoring/?{query}")
    assert refused.status_code == 400
    assert list(refused.json()["errors"]) == [field]
    html = page.get(f"/monitoring/?{query}")
    assert html.status_code == 400
    assert f"<p>{field}: " in html.text
    assert "data-chart=" not in html.text


def test_before_anything_was_measured_the_page_says_so(page: Client) -> None:
    html = page.get("/monitoring/").text
    assert "Nothing was measured yet" in html
    assert "Nothing is known of this time." in html
    assert "No job failed in this time." in html


def test_each_sees_what_his_own_jobs_cost(page: Client, bobs_page: Client, bob: User) -> None:
    now = timezone.now()
    for owner in (bob, None):
        job = a_job(status="SUCCEEDED", **({"owner": owner} if owner else {}))
        attempt = an_attempt(job=job, started_at=now - timedelta(minutes=2))
        Attempt.objects.filter(pk=attempt.pk).update(
            cost_usd=Decimal("0.25"), ended_at=now, stopped_at=now
        )

    def cost(client: Client) -> list[float]:
        answer = client.get("/monitoring/", headers={"Accept": "application/json"}).json()
        assert len(answer["charts"]["cost"]["times"]) == 7
        return known(answer["charts"]["cost"]["series"][0]["values"])

    assert sum(cost(page)) == 0.5
    assert sum(cost(bobs_page)) == 0.25
    assert "Cost of your jobs per day" in bobs_page.get("/monitoring/").text


def test_without_scripts_the_numbers_are_a_table(page: Client, queue: JobQueue) -> None:
    at = minutes_before(timezone.now(), 5)
    a_queue_minute(queue, at, submitted=7)
    assert '<th scope="col">Time (UTC)</th>' not in page.get("/monitoring/").text
    html = page.get("/monitoring/?range=1h&tables=1").text
    assert f'<th scope="row">{at:%Y-%m-%d %H:%M}</th><td class="text-end bw-num">7</td>' in html


@pytest.mark.parametrize("count", [1, 12])
def test_the_page_takes_as_many_queries_for_many_queues_as_for_one(
    page: Client, count: int, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    at = minutes_before(timezone.now(), 5)
    for _ in range(count):
        a_queue_minute(a_queue(), at, submitted=1, waiting_sum=3)
        an_environment_minute(an_environment(), at, used=100, total=1000)
        an_attempt(started_at=at)
    with django_assert_max_num_queries(PAGE_QUERIES):
        page.get("/monitoring/")


def test_the_renewal_of_charts_asks_for_no_choices(
    page: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    headers = {"HX-Request": "true", "X-Live-Regions": "monitoring-charts"}
    with django_assert_max_num_queries(PAGE_QUERIES - 2):
        html = page.get("/monitoring/", headers=headers).text
    assert "data-chart=" in html
    assert "metric-queue" not in html


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(60, "a minute"), (300, "5 minutes"), (3600, "an hour"), (7200, "2 hours"), (86400, "a day")],
)
def test_a_step_is_told_in_words(seconds: int, words: str) -> None:
    assert step_in_words(seconds) == words


def test_a_table_leaves_out_times_of_which_nothing_is_known() -> None:
    start = int(NOW.timestamp())
    times = [start, start + 60, start + 120]
    found = Chart(
        "a", "A", "line", times, [Curve("x", "s", [1, None, None]), Curve("y", "s", [2, None, 3])]
    )
    assert [values for _, values in found.rows] == [[None, 3], [1, 2]]
    assert not found.is_empty
    assert Chart("b", "B", "line", times, [Curve("x", "s", [None, None, None])]).is_empty
