"""The most expensive jobs of some days, from the page of costs and from the rows of a figure."""

import re
from datetime import date
from decimal import Decimal
from html import unescape

import pytest
from django.contrib.auth.models import User
from django.test import Client

from jobs.domain.cost_ranges import Preset, first_day, last_day
from jobs.models import Job
from tests.builders import a_job, a_queue, an_attempt

from .test_cost_pages import ago

pytestmark = pytest.mark.django_db


def shown(client: Client, url: str) -> list[str]:
    """The names of the jobs of a list, in its order."""
    answer = client.get(url, headers={"Accept": "application/json"})
    return [row["name"] for row in answer.json()["results"]]


def link(html: str, words: str) -> str:
    """Where the link with these words leads."""
    (url,) = re.findall(rf'<a [^>]*href="([^"]*)"[^>]*>(?:<svg.*?</svg>)? *{words}</a>', html)
    return unescape(url)


def test_the_most_expensive_jobs_of_some_days_are_one_click_away(
    client: Client, boss: User
) -> None:
    queue = a_queue(name="night")
    for name, usd in (("cheap", "0.25"), ("dear", "4"), ("middle", "1")):
        job = a_job(name=name, queue=queue, owner=boss, status="SUCCEEDED", cost_usd=Decimal(usd))
        Job.objects.filter(pk=job.pk).update(stopped_at=ago(48))
        an_attempt(job=job, started_at=ago(49), ended_at=ago(48), cost_usd=Decimal(usd))
    gone = a_job(name="long-ago", queue=queue, owner=boss, status="SUCCEEDED", cost_usd=Decimal(9))
    Job.objects.filter(pk=gone.pk).update(stopped_at=ago(24 * 20))
    client.force_login(boss)
    page = client.get("/costs/?range=7d").text
    assert shown(client, link(page, "Most expensive jobs")) == ["dear", "middle", "cheap"]
    (line,) = client.get("/costs/?range=7d&format=json").json()["by_queue"]
    rows = client.get(line["rows"]).text
    url = link(rows, "Its jobs, most expensive first")
    assert "queue=night" in url
    assert shown(client, url) == ["dear", "middle", "cheap"]


@pytest.mark.parametrize(
    ("query", "has_link"),
    [
        ("", True),
        ("&part=cost", True),
        ("&tag=team&value=x", True),
        ("&part=idle", False),
        ("&part=saving", False),
        ("&capacity=EC2", False),
        ("&job=none", False),
        ("&queue=999999", False),
    ],
)
def test_rows_lead_to_their_jobs_only_where_the_list_can_be_narrowed_likewise(
    client: Client, boss: User, query: str, has_link: bool
) -> None:
    client.force_login(boss)
    html = client.get(f"/costs/rows/?from={ago(72).date()}{query}").text
    assert ("Its jobs, most expensive first" in html) == has_link


@pytest.mark.parametrize(
    ("today", "first", "last"),
    [
        ("2026-11-22", "2026-11-09", "2026-11-15"),
        ("2026-11-23", "2026-11-16", "2026-11-22"),
        ("2027-01-01", "2026-12-21", "2026-12-27"),
    ],
)
def test_last_week_is_from_monday_to_sunday(today: str, first: str, last: str) -> None:
    on = date.fromisoformat(today)
    found = [each(Preset.LAST_WEEK, on).isoformat() for each in (first_day, last_day)]
    assert found == [first, last]
