"""Days and moments as they are typed, and stand in URLs."""

from datetime import UTC, date, datetime

import pytest

from jobs.domain import moments
from jobs.domain.errors import InvalidInput

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-31T12:00",
        "2026-01-31 12:00",
        "2026-01-31T12:00:00Z",
        "2026-01-31T14:00+02:00",
        "2026-01-31T14:00 02:00",
    ],
)
def test_a_moment_is_in_utc_whatever_its_zone(text: str) -> None:
    assert moments.moment("at", text) == moments.bound("at", text) == NOON


@pytest.mark.parametrize("text", ["", "noon", "0001-01-01", "9999-12-31", "2026-13-01", "\0"])
def test_what_is_neither_is_refused_by_name(text: str) -> None:
    for read in (moments.day, moments.moment, moments.bound):
        with pytest.raises(InvalidInput) as refused:
            read("from", text)
        assert list(refused.value.errors) == ["from"]


def test_a_day_bounds_from_its_beginning_to_its_end() -> None:
    assert moments.day("from", "2026-01-31") == date(2026, 1, 31)
    assert moments.bound("from", "2026-01-31") == datetime(2026, 1, 31, tzinfo=UTC)
    assert moments.bound("to", "2026-01-31", is_end=True) == datetime(2026, 2, 1, tzinfo=UTC)
