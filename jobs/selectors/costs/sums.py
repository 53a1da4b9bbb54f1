"""Which part of a range is added up already: whole hours, and of the newest hours whole minutes."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import QuerySet

from jobs.domain.metric_ranges import floor_to
from jobs.models import (
    CostHour,
    CostMark,
    CostMinute,
    CostTagHour,
    CostTagMinute,
    StaleCostHour,
    StaleCostMinute,
)

from .scope import CostRange

NOTHING_ADDED_UP = datetime(1970, 1, 1, tzinfo=UTC)
Sums = CostHour | CostMinute
TagSums = CostTagHour | CostTagMinute
StaleSums = StaleCostHour | StaleCostMinute


@dataclass(frozen=True, slots=True)
class Step:
    """Sums of one length of time. `field` is where its rows have their beginning, `mark` its row of `CostMark`."""

    mark: str
    field: str
    length: timedelta
    sums: type[Sums]
    tag_sums: type[TagSums]
    stale: type[StaleSums]

    def floor(self, moment: datetime) -> datetime:
        """The beginning of the step that a moment is in."""
        return floor_to(moment, int(self.length.total_seconds()))

    def ceil(self, moment: datetime) -> datetime:
        """The first beginning of a step from a moment on."""
        first = self.floor(moment)
        return first if first == moment else first + self.length

    def sums_of(self, times: CostRange) -> QuerySet[Sums]:
        """What is written of the steps within a range."""
        found: QuerySet[Sums] = self.sums._default_manager.filter(**self._within(times))  # noqa: SLF001
        return found

    def tag_sums_of(self, times: CostRange) -> QuerySet[TagSums]:
        """The same by tag."""
        found: QuerySet[TagSums] = self.tag_sums._default_manager.filter(**self._within(times))  # noqa: SLF001
        return found

    def stale_of(self, times: CostRange) -> QuerySet[StaleSums]:
        """Steps within a range that are to be added up again, oldest first."""
        found: QuerySet[StaleSums] = self.stale._default_manager.filter(**self._within(times))  # noqa: SLF001
        return found.order_by(self.field)

    def _within(self, times: CostRange) -> dict[str, datetime]:
        return {f"{self.field}__gte": times.start, f"{self.field}__lt": times.end}


HOURS = Step("hours", "hour", timedelta(hours=1), CostHour, CostTagHour, StaleCostHour)
MINUTES = Step(
    "minutes", "minute", timedelta(minutes=1), CostMinute, CostTagMinute, StaleCostMinute
)
# They are there for each hour in which a figure that is asked for again may end (`check_figure`: a day), and one more.
MINUTES_KEPT = timedelta(hours=26)


@dataclass(frozen=True, slots=True)
class AddedUp:
    """What ended before `hours` is in the sums by the hour; what ended from `since` to just before
    `minutes`, in those by the minute. `version` is of the hours: without a newer one none of them has changed."""

    hours: datetime = NOTHING_ADDED_UP
    since: datetime = NOTHING_ADDED_UP
    minutes: datetime = NOTHING_ADDED_UP
    version: int = 0


@dataclass(frozen=True, slots=True)
class Pieces:
    """A range in pieces: steps that are added up, and the rest, whose rows are added up now.

    `version` is that of the hours (`AddedUp`).
    """

    added_up: list[tuple[Step, CostRange]]
    rest: list[CostRange]
    version: int = 0


def added_up() -> AddedUp:
    """How far workers have come. One query."""
    marks = CostMark.objects.filter(name__in=[HOURS.mark, MINUTES.mark])
    found = {each.name: each for each in marks}
    hours, minutes = found.get(HOURS.mark), found.get(MINUTES.mark)
    return AddedUp(
        hours=hours.until if hours else NOTHING_ADDED_UP,
        since=(minutes.since or minutes.until) if minutes else NOTHING_ADDED_UP,
        minutes=minutes.until if minutes else NOTHING_ADDED_UP,
        version=hours.version if hours else 0,
    )


def pieces_of(times: CostRange) -> Pieces:
    """What a range is read from. Two queries.

    It is to be asked before anything is read: what is added up from here on is read from its rows. Minutes that are
    to be added up again are read from theirs, with all behind them.
    """
    return _split(times, added_up())


def _split(times: CostRange, until: AddedUp) -> Pieces:
    found: list[tuple[Step, CostRange]] = []
    rest: list[CostRange] = []
    start = times.start
    for step, piece_of in ((HOURS, _hours), (MINUTES, _minutes)):
        piece = piece_of(CostRange(start, times.end), until)
        if piece.start < piece.end:
            rest.append(CostRange(start, piece.start))
            found.append((step, piece))
            start = piece.end
    rest.append(CostRange(start, times.end))
    return Pieces(found, [each for each in rest if each.start < each.end], until.version)


def _hours(times: CostRange, until: AddedUp) -> CostRange:
    """Its whole hours that are added up; without a length if there are none."""
    return CostRange(HOURS.ceil(times.start), min(HOURS.floor(times.end), until.hours))


def _minutes(times: CostRange, until: AddedUp) -> CostRange:
    """The same of minutes, up to the first one that is to be added up again."""
    first = max(MINUTES.ceil(times.start), until.since)
    last = min(MINUTES.floor(times.end), until.minutes)
    if first < last:
        stale = MINUTES.stale_of(CostRange(first, last))
        last = stale.values_list(MINUTES.field, flat=True).first() or last
    return CostRange(first, last)
