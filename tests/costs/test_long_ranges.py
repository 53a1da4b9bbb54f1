"""Costs of many days: shown by the week or the month, and exact however much they are."""

import re
from datetime import timedelta
from decimal import Decimal
from html import unescape

import pytest
from django.contrib.auth.models import User
from django.db.models import F
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from jobs.models import CostHour, CostMinute
from jobs.selectors.costs import CostRange, CostScope, Ledger
from jobs.selectors.costs.amounts import sum_of
from jobs.services.costs.rollup import add_up_costs
from tests.builders import a_definition, a_queue

from .test_cost_pages import all_rows, ended

pytestmark = pytest.mark.django_db
ROW = re.compile(r'<tr id="day-\d+">.*?</tr>', re.DOTALL)
TOTAL = re.compile(r'href="(/costs/rows/[^"]*)"[^>]*data-figure="([^"]*)"')


@pytest.mark.parametrize(("days", "unit"), [(20, "day"), (100, "week"), (365, "month")])
def test_a_long_range_is_shown_by_the_week_or_the_month(
    client: Client, boss: User, days: int, unit: str
) -> None:
    for day in (1, 2, 9, 15, 80, 300):
        ended(day * 24, f"0.{day:09d}", owner=boss)
    today = timezone.now().date()
    first = today - timedelta(days=days - 1)
    page = client.get(f"/costs/?from={first}&to={today}").text
    assert f"{unit.capitalize()} by {unit}" in page
    assert f">By {unit}</h2>" in page
    assert ("the CSV and the JSON have each day" in page) is (unit != "day")
    rows = ROW.findall(page)
    assert len(rows) <= 32
    figures = [unescape(url) for row in rows for url, _ in TOTAL.findall(row)[-1:]]
    assert figures
    found = [all_rows(client, url) for url in figures]
    assert all(said == added for said, added, _ in found)
    data = client.get(f"/costs/?from={first}&to={today}&format=json").json()
    assert len(data["by_day"]) == days
    assert Decimal(data["total"]["total_usd"]) == sum(said for said, _, _ in found)


def test_sums_of_more_than_a_million_are_exact(boss: User) -> None:
    queue = a_queue()
    for _ in range(3):
        ended(30, "987654.123456789", queue=queue, owner=boss)
    now = timezone.now()
    times = CostRange(now - timedelta(days=3), now)
    by_rows = Ledger(times, CostScope(), from_rows=True)
    add_up_costs(now=now)
    added_up = Ledger(times, CostScope())
    for ledger in (by_rows, added_up):
        assert ledger.total.usd == Decimal("2962962.370370367")
        assert ledger.by("queue")[queue.pk].usd == ledger.total.usd
    assert added_up.by("owner") == by_rows.by("owner")


def test_days_add_up_to_the_total_also_when_an_hour_is_added_up_again_in_between(
    boss: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for day in (1, 2, 2):
        ended(day * 24 + 1, "0.5", owner=boss)
    now = timezone.now()
    # Hours, and of the newest ones minutes.
    ended(0.2, "0.25", owner=boss)
    add_up_costs(now=now)
    times = CostRange(now - timedelta(days=5), now, with_running=True)
    together, apart = (Ledger(times, CostScope(), with_days=each) for each in (True, False))
    assert together.total == apart.total
    for sums in (CostHour, CostMinute):
        sums.objects.update(usd=F("usd") * 2)
    with django_assert_num_queries(0):
        days = together.by("day")
    assert sum_of(list(days.values())) == together.total
    assert sum(each.usd for each in days.values()) == Decimal("1.75")
    # Read by itself, it would be what is there by now.
    assert sum(each.usd for each in apart.by("day").values()) > apart.total.usd
    assert set(days) == {day for day, each in apart.by("day").items() if each.usd}


def test_of_very_many_lines_the_dearest_are_drawn(client: Client, boss: User) -> None:
    queue = a_queue()
    for number in range(103):
        definition = a_definition(name=f"d{number}")
        ended(1, f"0.{number + 1:03d}", queue=queue, definition=definition, owner=boss)
    assert "Show 100 of 103" in client.get("/costs/").text
    page = client.get("/costs/?all=definition").text
    assert "The dearest 100 of 103" in page
    assert len(re.findall(r'id="definition-\d', page)) == 100
    assert "d102:1" in page
    assert "d1:1" not in page
    data = client.get("/costs/?all=definition&format=json").json()
    assert len(data["by_definition"]) == 103
