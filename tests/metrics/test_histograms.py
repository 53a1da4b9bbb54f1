"""Percentiles of histograms are near the exact ones, whatever was counted, and in whatever portions."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.domain import histograms
from jobs.domain.histograms import (
    FIRST_BUCKET_SECONDS,
    RELATIVE_ERROR,
    Histogram,
    bucket_of,
    percentile,
    seconds_of,
)

YEAR = 366 * 86_400
durations = st.lists(st.floats(0, YEAR), min_size=1, max_size=60)


def histogram_of(values: list[float]) -> Histogram:
    found: Histogram = {}
    for value in values:
        histograms.add(found, value)
    return found


def test_the_documented_error_is_below_ten_per_cent() -> None:
    assert RELATIVE_ERROR <= 0.1


@given(durations, st.sampled_from([1, 25, 50, 90, 95, 99, 100]))
def test_a_percentile_is_near_the_exact_one(values: list[float], percent: int) -> None:
    exact = sorted(values)[max(1, math.ceil(percent * len(values) / 100)) - 1]
    found = percentile(histogram_of(values), percent)
    assert found is not None
    # A hair more: a duration at the very edge of a bucket may be counted in the next one.
    assert abs(found - exact) <= max(exact * (RELATIVE_ERROR + 1e-9), FIRST_BUCKET_SECONDS)


@given(durations, durations)
def test_merged_histograms_are_the_histogram_of_all(one: list[float], other: list[float]) -> None:
    merged = histogram_of(one)
    histograms.merge(merged, json.loads(json.dumps(histogram_of(other))))
    assert merged == histogram_of(one + other)
    assert histograms.count(merged) == len(one) + len(other)


@given(st.floats(0, YEAR), st.floats(0, YEAR))
def test_a_longer_duration_is_in_no_lower_bucket(one: float, other: float) -> None:
    assert (bucket_of(one) <= bucket_of(other)) or one > other


def test_nothing_counted_has_no_percentile() -> None:
    assert percentile({}, 90) is None


@pytest.mark.parametrize("seconds", [-5.0, 0.0, 0.01, FIRST_BUCKET_SECONDS])
def test_what_is_too_short_or_negative_is_in_the_first_bucket(seconds: float) -> None:
    assert bucket_of(seconds) == 0
    assert seconds_of(0) < FIRST_BUCKET_SECONDS


def test_a_histogram_of_anything_stays_small() -> None:
    assert len({bucket_of(seconds / 10) for seconds in range(1, 1_000_000)}) < 90
