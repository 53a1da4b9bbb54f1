"""The rows of what seldom ran are found by the hours in which it did, page by page as by the time of the end."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from jobs.models import Attempt, Capacity
from jobs.selectors.costs import CostRange, CostScope, Ledger
from jobs.selectors.costs.rows import Part, Place, cost_rows
from jobs.services.costs.rollup import add_up_costs
from tests.builders import a_definition, a_queue

from .test_cost_pages import ended

pytestmark = pytest.mark.django_db
HOURS = (0.1, 0.9, 2, 2.1, 2.2, 2.3, 30, 30, 30.5, 50, 51, 51.2, 90, 140, 140.1)


def some_ends(owner: User) -> dict[str, Any]:
    """Ends of a definition in some hours of some days, among others; some at one moment."""
    queue, rare, common = a_queue(), a_definition(name="rare"), a_definition(name="common")
    for hours in HOURS:
        capacity = Capacity.SPOT if int(hours * 10) % 2 else Capacity.EC2
        shared: dict[str, Any] = {"queue": queue, "owner": owner, "capacity": capacity}
        ended(hours, "0.5", definition=rare, tags={"team": "x"}, **shared)
        ended(hours + 0.05, "0.25", definition=common, **shared)
    add_up_costs(now=timezone.now())
    return {"definition": rare.pk, "queue": queue.pk}


def pages(ledger: Ledger, part: Part, size: int) -> list[int]:
    """The attempts of all pages."""
    found: list[int] = []
    after: Place | None = None
    while True:
        page = cost_rows(ledger, part=part, after=after, size=size)
        found += [row.attempt.pk for row in page.rows if row.attempt]
        if page.next is None:
            return found
        after = page.next


@pytest.mark.parametrize("size", [1, 3, 100])
@pytest.mark.parametrize("part", [Part.COST, Part.SAVING])
def test_pages_have_each_end_once_by_its_time(boss: User, size: int, part: Part) -> None:
    ids = some_ends(boss)
    now = timezone.now()
    times = CostRange(now - timedelta(days=5), now)
    for scope in (
        CostScope(definition=ids["definition"]),
        CostScope(queue=ids["queue"], owner=boss.pk),
        CostScope(tag=("team", "x")),
        CostScope(tag=("team", None), owner=boss.pk),
    ):
        rows = scope.of_attempts(Attempt.objects.filter(ended_at__gte=times.start))
        rows = rows.filter(capacity=Capacity.SPOT) if part is Part.SAVING else rows
        expected = list(rows.order_by("-ended_at", "-pk").values_list("pk", flat=True))
        assert expected
        assert pages(Ledger(times, scope), part, size) == expected


def test_a_page_takes_as_many_queries_in_however_many_hours_they_ended(boss: User) -> None:
    ids = some_ends(boss)
    now = timezone.now()
    counts = set()
    for days in (3, 7):
        ledger = Ledger(CostRange(now - timedelta(days=days), now), CostScope(**ids))
        with CaptureQueriesContext(connection) as asked:
            cost_rows(ledger, part=Part.COST)
        counts.add(len(asked))
    assert len(counts) == 1
    assert ledger.total.usd == Decimal("0.5") * len(HOURS)
