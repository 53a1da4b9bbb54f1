"""Histograms of durations that stay small and can be added up: counts by buckets on a logarithmic scale.

A bucket is 2**0.25 times as wide as the one before, so a percentile of what was counted is off by less than
ten per cent, whatever the durations are. A histogram is a dictionary that JSON can hold: only buckets with a
count are in it, from "0" (up to 1/16 s) on. Source: the idea of HDR histograms and DDSketch.
"""

import math
from collections.abc import Mapping

Histogram = dict[str, int]

FIRST_BUCKET_SECONDS = 1 / 16
BUCKETS_PER_DOUBLING = 4
# Of a percentile, above the first bucket: half a bucket, to either side.
RELATIVE_ERROR = 2.0 ** (0.5 / BUCKETS_PER_DOUBLING) - 1


def bucket_of(seconds: float) -> int:
    """The bucket that a duration is counted in. What is negative (clocks differ) counts as nothing at all."""
    if seconds <= FIRST_BUCKET_SECONDS:
        return 0
    return math.ceil(math.log2(seconds / FIRST_BUCKET_SECONDS) * BUCKETS_PER_DOUBLING)


def seconds_of(bucket: int) -> float:
    """What stands for the durations of a bucket: its middle on the logarithmic scale."""
    if bucket == 0:
        return FIRST_BUCKET_SECONDS / 2
    doublings = (bucket - 0.5) / BUCKETS_PER_DOUBLING
    return FIRST_BUCKET_SECONDS * math.exp2(doublings)


def add(histogram: Histogram, seconds: float) -> None:
    """Counts a duration."""
    bucket = str(bucket_of(seconds))
    histogram[bucket] = histogram.get(bucket, 0) + 1


def merge(into: dict[str, int], other: Mapping[str, int]) -> None:
    """Adds the counts of another; also for any other counts by name."""
    for bucket, count in other.items():
        into[bucket] = into.get(bucket, 0) + count


def count(histogram: Mapping[str, int]) -> int:
    """How many durations are counted."""
    return sum(histogram.values())


def percentile(histogram: Mapping[str, int], percent: float) -> float | None:
    """The duration that `percent` of 100 do not exceed (nearest rank), in seconds; None where none is counted.

    Off by at most `RELATIVE_ERROR`, or by the width of the first bucket.
    """
    total = count(histogram)
    if not total:
        return None
    # Rounded first: 0.9 of 10 is 9, and not a little more.
    rank = max(1, math.ceil(round(percent / 100 * total, 9)))
    seen = 0
    bucket = 0
    for bucket in sorted(map(int, histogram)):
        seen += histogram[str(bucket)]
        if seen >= rank:
            break
    return seconds_of(bucket)
