"""Cards that count jobs lead to a list of just those."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from html import unescape

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from jobs.models import FollowMark, Job, JobQueue, Transition
from jobs.models.metric import METRICS_MARK
from jobs.selectors.listing import ended as ended_jobs
from jobs.selectors.listing import pages as job_pages
from jobs.selectors.listing.filters import JobFilters, OnRequest
from jobs.selectors.listing.pages import all_ids, list_jobs
from jobs.services.metrics.counting import count_portion
from tests.builders import a_job, a_queue, an_array

from .metric_rows import minutes_before

pytestmark = pytest.mark.django_db
CARD = re.compile(
    r'<a class="card bw-tile[^"]*" href="(/jobs/[^"]*)">\s*<span class="bw-tile-label">([^<]*)</span>'
    r'\s*<span class="bw-tile-value bw-num">([^<]*)</span>'
)


def cards(client: Client, url: str) -> Iterator[tuple[str, str, int]]:
    """The address, the words and the number of each card that leads to jobs."""
    for href, words, number in CARD.findall(client.get(url).text):
        yield unescape(href), words, int(number)


def rows(client: Client, url: str) -> list[str]:
    return [
        row["id"]
        for row in client.get(url, headers={"Accept": "application/json"}).json()["results"]
    ]


def ended(at: datetime, *, stop: str = "", **fields: object) -> Job:
    reason = "no more" if stop else "boom"
    stopped = {"stop_kind": stop, "stop_reason": reason if stop else ""}
    return a_job(
        **{"status": "FAILED", "stopped_at": at, "status_reason": reason, **stopped, **fields}
    )


@pytest.fixture
def some(admin: User, bob: User) -> JobQueue:
    """Jobs that ended each way: now, some time ago, long ago; of two users and two queues."""
    now, queue = minutes_before(timezone.now(), 5), a_queue(name="fast")
    for owner in (admin, bob):
        for at in (now, now - timedelta(hours=2), now - timedelta(days=2)):
            for stop in ("", "", "CANCEL", "TERMINATE", "QUEUE_RULE"):
                ended(at, stop=stop, owner=owner, queue=queue)
            ended(at, status="SUCCEEDED", owner=owner)
        array = an_array(6, owner=owner, queue=queue)
        Job.objects.filter(pk=array.pk).update(status="FAILED", stopped_at=now)
        Job.objects.filter(parent=array).update(status="SUCCEEDED", stopped_at=now)
        Job.objects.filter(parent=array, array_index__lt=3).update(status="FAILED")
    for job in Job.objects.filter(status__in=("FAILED", "SUCCEEDED")):
        assert job.stopped_at
        Transition.objects.create(
            job=job,
            from_status="RUNNABLE",
            to_status=job.status,
            at=job.stopped_at,
            reason=job.status_reason,
        )
    return queue


@pytest.mark.parametrize(("viewer", "count"), [("ada", 12), ("bob", 6)])
def test_the_card_of_failures_leads_to_the_jobs_that_it_counts(
    some: JobQueue, page: Client, bobs_page: Client, viewer: str, count: int
) -> None:
    client = page if viewer == "ada" else bobs_page
    found = {words: (url, number) for url, words, number in cards(client, "/")}
    url, number = found["Failed in the last hour"]
    assert number == count
    assert len(set(rows(client, url))) == number


@pytest.mark.parametrize("query", ["?range=1h", "?range=24h", "?range=1h&queue=fast", "zoomed"])
def test_each_card_of_monitoring_leads_to_the_jobs_that_it_counts(
    some: JobQueue, page: Client, query: str
) -> None:
    FollowMark.objects.create(name=METRICS_MARK, transition_id=0)
    count_portion(last=Transition.objects.latest("id").pk)
    if query == "zoomed":
        start, end = (minutes_before(timezone.now(), each) for each in (10, 2))
        query = f"?from={start:%Y-%m-%dT%H:%M}&to={end:%Y-%m-%dT%H:%M}"
    found = {words: (url, number) for url, words, number in cards(page, f"/monitoring/{query}")}
    assert found["Failed in this time"][1] > 0
    for words, (url, number) in found.items():
        if words.startswith(("Failed", "Succeeded")):
            assert len(set(rows(page, f"{url}&limit=200"))) == number, words


@pytest.mark.parametrize(
    ("on_request", "count"),
    [(None, 5), (OnRequest.NO, 3), (OnRequest.YES, 2), (OnRequest.CANCELLED, 1)],
)
@pytest.mark.parametrize("sort", job_pages.Sort)
def test_what_somebody_ended_is_left_out_or_alone_in_every_order(
    admin: User, on_request: OnRequest | None, count: int, sort: job_pages.Sort
) -> None:
    now = timezone.now()
    for stop in ("", "", "CANCEL", "TERMINATE", "QUEUE_RULE"):
        ended(now, stop=stop, started_at=now - timedelta(minutes=1))
    filters = JobFilters(statuses=("FAILED",), on_request=on_request)
    assert len(list_jobs(user=admin, filters=filters, sort=sort, now=now).jobs) == count
    assert sum(map(len, all_ids(user=admin, filters=filters, portion=2))) == count


@pytest.mark.parametrize("sort", job_pages.Sort)
@pytest.mark.parametrize("by_end", [True, False])
def test_children_by_themselves_are_listed_page_by_page_without_their_array(
    script: Client, sort: str, *, by_end: bool
) -> None:
    now = timezone.now()
    ends = {"stopped_at": now, "started_at": now - timedelta(minutes=1)}
    array = an_array(5, children="FAILED", **ends)
    a_job(status="SUCCEEDED", **ends)
    url = f"/jobs/?children=each&sort={sort}&limit=2" + ("&ended_from=1h" if by_end else "")
    found: list[str] = []
    following: str | None = url
    while following:
        answer = script.get(following).json()
        found += [row["id"] for row in answer["results"]]
        following = answer["next"]
    assert len(found) == len(set(found)) == 6
    assert {f"{array.pk}:{child.array_index}" for child in Job.objects.filter(parent=array)} < set(
        found
    )


def test_an_order_by_end_tells_how_many_were_looked_at(
    admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ended_jobs, "LOOKED_AT", 4)
    now = timezone.now()
    jobs = [ended(now - timedelta(minutes=number)) for number in range(6)]
    filters = JobFilters(statuses=("FAILED",), ended_since=now - timedelta(hours=1))
    found = list_jobs(user=admin, filters=filters, sort=job_pages.Sort.ENDED)
    assert [job.pk for job in found.jobs] == [job.pk for job in jobs[:4]]
    assert found.looked_at == 4


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("ended_from=soon", "ended_from"),
        ("ended_from=1y", "ended_from"),
        ("ended_to=1h", "ended_to"),
        ("ended_from=2026-01-02&ended_to=2026-01-01", "ended_to"),
        ("on_request=maybe", "on_request"),
        ("children=all", "children"),
    ],
)
def test_filters_of_ends_that_mean_nothing_are_refused(
    script: Client, query: str, field: str
) -> None:
    answer = script.get(f"/jobs/?{query}")
    assert (answer.status_code, list(answer.json()["errors"])) == (400, [field])
