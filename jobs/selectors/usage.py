"""What an attempt used, from its beginning to its end, in a bounded number of points."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from django.db import connection
from django.db.models import QuerySet

from jobs.models import Attempt, UsageSample
from jobs.models.expressions import EpochSeconds

POINTS = 240
# So many samples are all read; of more, one is looked up for each point, which costs the same however many there are.
READ_AT_MOST = 2_000


class UsagePoint(NamedTuple):
    """Use about a moment, in seconds since the epoch."""

    at: float
    milli_vcpus: int
    memory_mib: int


def usage_over_time(attempt: Attempt, *, now: datetime, points: int = POINTS) -> list[UsagePoint]:
    """At most so many points, oldest first. At most two queries, whatever is stored.

    Of up to READ_AT_MOST samples, a point is the mean of vCPUs and the peak of memory of those that it stands
    for; of more, it is the first sample of its time.
    """
    samples = UsageSample.objects.filter(attempt=attempt).order_by("-at")
    newest = [UsagePoint(*row) for row in _values(samples[: READ_AT_MOST + 1])]
    if len(newest) > READ_AT_MOST:
        return _looked_up(attempt, now, points)
    return thinned(newest[::-1], points)


def thinned(samples: Sequence[UsagePoint], points: int) -> list[UsagePoint]:
    """The same curve in at most so many points, each for as many samples."""
    step = -(-len(samples) // points) or 1
    parts = (samples[start : start + step] for start in range(0, len(samples), step))
    return [
        UsagePoint(
            at=part[-1].at,
            milli_vcpus=round(sum(each.milli_vcpus for each in part) / len(part)),
            memory_mib=max(each.memory_mib for each in part),
        )
        for part in parts
    ]


def _looked_up(attempt: Attempt, now: datetime, points: int) -> list[UsagePoint]:
    """For each of as many equal times the first sample in it, each found through the index."""
    start, end = attempt.started_at or attempt.placed_at, attempt.stopped_at or now
    step = (end - start) / points
    parts = [
        _values(
            UsageSample.objects.filter(
                attempt=attempt, at__gte=start + n * step, at__lt=start + (n + 1) * step
            ).order_by("at")[:1]
        ).query.sql_with_params()
        for n in range(points)
    ]
    statement = " UNION ALL ".join(f"SELECT * FROM ({sql}) AS part" for sql, _ in parts)  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(statement, [value for _, values in parts for value in values])
        return sorted(UsagePoint(*row) for row in cursor.fetchall())


def _values(rows: QuerySet[UsageSample]) -> QuerySet[UsageSample, tuple[float, int, int]]:
    return rows.values_list(EpochSeconds("at"), "milli_vcpus", "memory_mib")
