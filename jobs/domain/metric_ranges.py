"""Of which time a chart is asked for, and in which steps it is drawn: never more points than a screen can show."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from . import moments
from .errors import InvalidInput

MINUTE, HOUR, DAY = 60, 3600, 86_400
MAX_POINTS = 400
# How long rows of each length of time are kept; those of days are kept for ever.
KEPT = {MINUTE: timedelta(days=3), HOUR: timedelta(days=400)}
# The steps that a chart may have, and of which rows each is made, finest first.
STEPS = (
    *((MINUTE, minutes * MINUTE) for minutes in (1, 5, 15)),
    *((HOUR, hours * HOUR) for hours in (1, 2, 3, 6, 12)),
    *((DAY, days * DAY) for days in (1, 7, 30)),
)
# In longer ones, what is not over yet is drawn as well: they would hide hours.
WHOLE_STEPS_UP_TO = 15 * MINUTE
MAX_LENGTH = timedelta(seconds=STEPS[-1][1] * MAX_POINTS)

# The ranges that a page offers: how long they are, and what they are called.
RANGES: dict[str, tuple[timedelta, str]] = {
    "1h": (timedelta(hours=1), "1 hour"),
    "6h": (timedelta(hours=6), "6 hours"),
    "24h": (timedelta(hours=24), "24 hours"),
    "7d": (timedelta(days=7), "7 days"),
    "30d": (timedelta(days=30), "30 days"),
    "1y": (timedelta(days=365), "1 year"),
}
CUSTOM = "custom"


@dataclass(frozen=True, slots=True)
class MetricRange:
    """From `start` on, up to before `end`, in steps of `step_seconds` that are made of rows of `row_seconds`.

    Both moments stand at the edge of a step, counted from 1970 (UTC). `key` is that of `RANGES`, or "custom".
    """

    key: str
    start: datetime
    end: datetime
    row_seconds: int
    step_seconds: int

    @property
    def times(self) -> list[int]:
        """When each step begins, in seconds since 1970."""
        return list(range(_epoch(self.start), _epoch(self.end), self.step_seconds))

    def index_of(self, moment: datetime) -> int:
        """The number of the step, from 0, that a moment of the range belongs to."""
        return (_epoch(moment) - _epoch(self.start)) // self.step_seconds


def range_of(key: str, now: datetime) -> MetricRange:
    """The range of that name that ends now. Raises InvalidInput for a name that there is not."""
    if key not in RANGES:
        names = ", ".join(RANGES)
        raise InvalidInput({"range": [f"There is no range {key[:40]!r}: use {names}."]})
    length, _ = RANGES[key]
    return _in_steps(key, now - length, now, now)


def custom(start: datetime, end: datetime, now: datetime) -> MetricRange:
    """The range from `start` to `end`, widened to whole steps. Raises InvalidInput where there is none."""
    end = min(end, now)
    if start >= now:
        raise InvalidInput({"from": ["The time begins in the past."]})
    moments.check_order(start, end)
    if end - start > MAX_LENGTH:
        raise InvalidInput({"from": [f"A chart shows at most {MAX_LENGTH.days // 365} years."]})
    return _in_steps(CUSTOM, start, end, now)


def floor_to(moment: datetime, seconds: int) -> datetime:
    """The last edge of a step of that length, up to the moment."""
    return datetime.fromtimestamp(_epoch(moment) // seconds * seconds, UTC)


def _in_steps(key: str, start: datetime, end: datetime, now: datetime) -> MetricRange:
    ranges = list(_aligned(key, start, end, now))
    return next((each for each in ranges if _is_fine(each, now)), ranges[-1])


def _aligned(key: str, start: datetime, end: datetime, now: datetime) -> Iterator[MetricRange]:
    for row_seconds, step in STEPS:
        first = floor_to(start, step)
        last = floor_to(end, step)
        if last < end and (step > WHOLE_STEPS_UP_TO or last + timedelta(seconds=step) <= now):
            last += timedelta(seconds=step)
        if key != CUSTOM and last - first > end - start:
            # It ends now and is as long as it says: an hour has sixty minutes, and not sixty-one.
            first += timedelta(seconds=step)
        last = max(last, first + timedelta(seconds=step))
        yield MetricRange(key, first, last, row_seconds, step)


def _is_fine(each: MetricRange, now: datetime) -> bool:
    kept = KEPT.get(each.row_seconds)
    points = (each.end - each.start).total_seconds() / each.step_seconds
    return points <= MAX_POINTS and (kept is None or each.start >= now - kept)


def _epoch(moment: datetime) -> int:
    return int(moment.timestamp() // 1)
