"""Ranges of charts: whole steps, never too many, of rows that are still kept."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.domain.errors import InvalidInput
from jobs.domain.metric_ranges import KEPT, MAX_POINTS, RANGES, custom, range_of
from jobs.models import MetricSpan

NOW = datetime(2026, 11, 22, 11, 20, 33, tzinfo=UTC)


@pytest.mark.parametrize(
    ("key", "points", "row_seconds", "step_seconds"),
    [
        ("1h", 60, 60, 60),
        ("6h", 360, 60, 60),
        ("24h", 288, 60, 300),
        ("7d", 168, 3600, 3600),
        ("30d", 360, 3600, 7200),
        ("1y", 365, 86_400, 86_400),
    ],
)
def test_a_range_has_steps_that_fit_it(
    key: str, points: int, row_seconds: int, step_seconds: int
) -> None:
    found = range_of(key, NOW)
    assert (len(found.times), found.row_seconds, found.step_seconds) == (
        points,
        row_seconds,
        step_seconds,
    )
    assert set(RANGES) >= {key}
    assert found.row_seconds in MetricSpan.values


def test_short_steps_are_whole_and_long_ones_go_on() -> None:
    assert range_of("1h", NOW).end == NOW.replace(second=0)
    assert range_of("7d", NOW).end == NOW.replace(minute=0, second=0) + timedelta(hours=1)


@given(st.integers(1, 40 * 365 * 86_400), st.integers(0, 500 * 86_400))
def test_any_range_is_whole_steps_that_hold_it(length: int, ago: int) -> None:
    end = NOW - timedelta(seconds=ago)
    start = end - timedelta(seconds=length)
    try:
        found = custom(start, end, NOW)
    except InvalidInput:
        assert length > 30 * 365 * 86_400
        return
    assert 1 <= len(found.times) <= MAX_POINTS
    assert found.start <= start
    assert found.end - end > -timedelta(seconds=found.step_seconds)
    assert found.step_seconds % found.row_seconds == 0
    assert found.start.timestamp() % found.step_seconds == 0
    kept = KEPT.get(found.row_seconds)
    assert kept is None or found.start >= NOW - kept
    assert found.index_of(found.start) == 0
    assert found.index_of(found.end - timedelta(seconds=1)) == len(found.times) - 1


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (NOW, NOW),
        (NOW, NOW - timedelta(hours=1)),
        (NOW + timedelta(hours=1), NOW + timedelta(hours=2)),
        (NOW - timedelta(days=365 * 40), NOW),
    ],
)
def test_a_range_that_is_none_is_refused(start: datetime, end: datetime) -> None:
    with pytest.raises(InvalidInput):
        custom(start, end, NOW)


def test_an_unknown_range_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(InvalidInput, match="1h, 6h, 24h"):
        range_of("2h", NOW)
