"""By what a range of days is shown: its days, its weeks or its months, so that no table is endless."""

from datetime import date, timedelta

import pytest

from jobs.domain.cost_ranges import Span, Unit, spans_of, unit_of

FIRST = date(2025, 11, 23)


@pytest.mark.parametrize(
    ("days", "unit"),
    [(1, "day"), (62, "day"), (63, "week"), (182, "week"), (183, "month"), (400, "month")],
)
def test_a_longer_range_is_shown_by_longer_parts(days: int, unit: str) -> None:
    assert unit_of(FIRST, FIRST + timedelta(days=days - 1)) == unit


@pytest.mark.parametrize("unit", Unit)
@pytest.mark.parametrize("days", [1, 7, 40, 366, 400])
def test_each_day_is_in_one_part(unit: Unit, days: int) -> None:
    last = FIRST + timedelta(days=days - 1)
    spans = spans_of(FIRST, last, unit)
    found = [
        span.first + timedelta(days=number)
        for span in spans
        for number in range((span.last - span.first).days + 1)
    ]
    assert found == [FIRST + timedelta(days=number) for number in range(days)]


def test_weeks_begin_on_monday_and_months_on_their_first() -> None:
    last = date(2026, 1, 20)
    weeks = spans_of(FIRST, last, Unit.WEEK)
    assert [span.label for span in weeks[:2]] == ["Sun 23 Nov 2025", "24 Nov – 30 Nov 2025"]
    assert weeks[-1] == Span(date(2026, 1, 19), last)
    assert [span.label for span in spans_of(FIRST, last, Unit.MONTH)] == [
        "23 Nov – 30 Nov 2025",
        "December 2025",
        "1 Jan – 20 Jan 2026",
    ]
