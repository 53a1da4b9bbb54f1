"""What past hours cost is read once, and again as soon as one of them is added up anew."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from jobs.models import Attempt
from jobs.selectors.costs import CostRange, CostScope, Ledger
from jobs.services.costs.rollup import add_up_costs, add_up_hour
from jobs.services.requests.tags import add_tags
from tests.builders import NOW, a_user

from .ends import DAY, at, ended

pytestmark = pytest.mark.django_db
RANGE = CostRange(DAY, DAY + timedelta(hours=14))


def read(scope: CostScope | None = None) -> tuple[Ledger, int]:
    """A ledger of the hours with all that a page asks it for, and how many looks at their sums that took."""
    ledger = Ledger(RANGE, scope or CostScope(), with_days=True)
    with CaptureQueriesContext(
        connection,
    ) as captured:
        _ = (ledger.total, ledger.tags)
    looks = [each for each in captured.captured_queries if "hour" in each["sql"]]
    return ledger, len(looks)


def test_past_hours_are_read_once_for_each_scope_and_range() -> None:
    owner = a_user()
    ended(10, "1", tags={"team": "a"}, owner=owner)
    ended(70, "2", tags={"team": "a"})
    add_up_costs(now=at(600))
    first, looks = read()
    again, looks_again = read()
    assert (looks, looks_again) == (2, 0)
    assert (again.total, again.tags, again.by("day")) == (first.total, first.tags, first.by("day"))
    own, looks = read(CostScope(owner=owner.pk))
    assert looks == 2
    assert own.total.usd == own.tags["team", "a"].usd == Decimal(1)


def test_an_hour_that_is_added_up_again_is_told_at_once() -> None:
    attempt = ended(10, "1", tags={"team": "a"})
    add_up_costs(now=at(600))
    read()
    Attempt.objects.filter(pk=attempt.pk).update(cost_usd=Decimal(3))
    add_tags(row=attempt.job, tags={"team": "b"})
    assert read()[0].total.usd == Decimal(1)
    add_up_hour(NOW)
    ledger, looks = read()
    assert looks == 2
    assert ledger.total.usd == ledger.tags["team", "b"].usd == Decimal(3)
    assert ("team", "a") not in ledger.tags
