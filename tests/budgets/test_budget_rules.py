"""The rules of budgets: months, marks, amounts, and what is said."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from jobs.domain import budgets
from jobs.domain.budgets import Marks
from jobs.domain.validation import FieldError
from tests.builders import NOW

EARLIER = NOW - timedelta(hours=1)


@pytest.mark.parametrize(
    ("now", "month", "following"),
    [
        (datetime(2026, 1, 31, 23, 59, tzinfo=UTC), date(2026, 1, 1), date(2026, 2, 1)),
        (datetime(2026, 12, 5, tzinfo=UTC), date(2026, 12, 1), date(2027, 1, 1)),
        # Half past midnight on the first in Vienna is still the last month in UTC.
        (
            datetime(2026, 3, 1, 0, 30, tzinfo=timezone(timedelta(hours=1))),
            date(2026, 2, 1),
            date(2026, 3, 1),
        ),
    ],
)
def test_a_month_is_one_of_the_calendar_in_utc(now: datetime, month: date, following: date) -> None:
    assert budgets.month_of(now) == month
    assert budgets.next_month(month) == following
    assert budgets.month_start(now) == datetime(month.year, month.month, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("spent", "before", "warned", "exceeded"),
    [
        ("7.99", (None, None), None, None),
        ("8", (None, None), NOW, None),
        ("9.999999999", (None, None), NOW, None),
        ("10", (None, None), NOW, NOW),
        ("25", (EARLIER, None), EARLIER, NOW),
        # A mark that is set keeps its time, whatever is found later.
        ("25", (EARLIER, EARLIER), EARLIER, EARLIER),
        ("1", (EARLIER, EARLIER), EARLIER, EARLIER),
    ],
)
def test_a_share_that_is_reached_is_marked_once(
    spent: str,
    before: tuple[datetime | None, datetime | None],
    warned: datetime | None,
    exceeded: datetime | None,
) -> None:
    after = budgets.judge(
        spent_usd=Decimal(spent),
        usd_per_month=Decimal(10),
        warn_percentage=80,
        before=Marks(*before),
        now=NOW,
    )
    assert after == Marks(warned, exceeded)


@pytest.mark.parametrize(
    ("spent", "told"), [("0", 0), ("9.99", 99), ("9.999999999", 99), ("10", 100), ("31", 310)]
)
def test_a_hundred_per_cent_is_only_said_of_what_is_spent(spent: str, told: int) -> None:
    assert budgets.percentage(spent_usd=Decimal(spent), usd_per_month=Decimal(10)) == told


@pytest.mark.parametrize(
    ("tags", "value", "is_in"),
    [
        ({"team": "blue"}, "blue", True),
        ({"team": "blue"}, "", True),
        ({"team": ""}, "", True),
        ({"team": "red"}, "blue", False),
        ({"Team": "blue"}, "blue", False),
        ({}, "", False),
    ],
)
def test_a_tag_without_a_value_stands_for_any(
    tags: dict[str, str], value: str, is_in: bool
) -> None:
    assert budgets.has_tag(tags, key="team", value=value) is is_in


def test_who_is_refused_learns_which_budget_how_much_and_what_to_do() -> None:
    told = budgets.refusal(
        name="lab",
        spent_usd=Decimal("250.129"),
        usd_per_month=Decimal(250),
        month=date(2026, 12, 1),
    )
    assert told == (
        "The budget lab is spent: $250.13 of $250.00 in December 2026. No new jobs are taken. Wait for "
        "January, or have an administrator raise the budget."
    )
    told_an_administrator = budgets.refusal(
        name="lab",
        spent_usd=Decimal(12),
        usd_per_month=Decimal(10),
        month=date(2026, 12, 1),
        may_raise=True,
    )
    assert told_an_administrator.endswith("Wait for January, or raise the budget.")
    reason = budgets.cancelled(
        name="lab", spent_usd=Decimal("0.004"), usd_per_month=Decimal("0.01"), month=None
    )
    assert reason == "Cancelled, because the budget lab is spent: $0.0040 of $0.0100."


@pytest.mark.parametrize(
    ("value", "clean"), [("250", Decimal(250)), (0.5, Decimal("0.5")), ("0.01", Decimal("0.01"))]
)
def test_a_budget_is_an_amount_to_the_cent(value: object, clean: Decimal) -> None:
    assert budgets.usd_per_month(value) == clean


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("", "number of US dollars"),
        ("lots", "number of US dollars"),
        ("NaN", "number of US dollars"),
        (0, "more than 0"),
        ("-3", "more than 0"),
        ("0.001", "two decimals"),
        (10**12, "number of US dollars"),
    ],
)
def test_an_amount_that_no_budget_has_is_refused(value: object, told: str) -> None:
    with pytest.raises(FieldError, match=told):
        budgets.usd_per_month(value)


@pytest.mark.parametrize("value", [0, 101, "x", 50.5, True])
def test_the_warning_comes_at_one_to_a_hundred_per_cent(value: object) -> None:
    with pytest.raises(FieldError, match="1 to 100"):
        budgets.warn_percentage(value)


def test_without_a_share_it_warns_at_eighty_per_cent() -> None:
    assert budgets.warn_percentage("") == 80
