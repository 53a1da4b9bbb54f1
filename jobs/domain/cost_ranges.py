"""Of which days a cost is asked for: what may stand in a URL, and what is said of what may not."""

from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from .errors import InvalidInput

# So that one look does not add up years.
MAX_DAYS = 400
# A table of so many is read; of more, weeks are added up, and of more weeks than that, months.
DAYS_DRAWN = 62
WEEKS_DRAWN = 26
# To say what lived at a moment, all that has ended since is read.
FIGURES_LAST = timedelta(days=1)


class Unit(StrEnum):
    """What a range is shown by."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class Span(NamedTuple):
    """Days that are shown as one, both included."""

    first: date
    last: date

    @property
    def label(self) -> str:
        """A day, days, or the month that they are all of."""
        first, last = self
        if first == last:
            return f"{first:%a %-d %b %Y}"
        if first.day == 1 and last == _last_of_month(first):
            return f"{first:%B %Y}"
        year = "" if first.year == last.year else f" {first.year}"
        return f"{first:%-d %b}{year} – {last:%-d %b %Y}"


class Preset(StrEnum):
    """Days, by UTC; up to now, but for yesterday and for last week, which is from Monday to Sunday."""

    TODAY = "today"
    YESTERDAY = "yesterday"
    WEEK = "7d"
    LAST_WEEK = "last-week"
    DAYS_30 = "30d"
    MONTH = "month"


DAYS_BEFORE = {Preset.TODAY: 0, Preset.YESTERDAY: 1, Preset.WEEK: 6, Preset.DAYS_30: 29}


def first_day(preset: Preset, today: date) -> date:
    """The day on which it begins."""
    if preset is Preset.MONTH:
        return today.replace(day=1)
    if preset is Preset.LAST_WEEK:
        return last_day(preset, today) - timedelta(days=6)
    return today - timedelta(days=DAYS_BEFORE[preset])


def last_day(preset: Preset, today: date) -> date:
    """The day on which it ends: all but yesterday and last week go on."""
    if preset is Preset.LAST_WEEK:
        return today - timedelta(days=today.isoweekday())
    return today - timedelta(days=1) if preset is Preset.YESTERDAY else today


def read_preset(text: str) -> Preset:
    """Raises InvalidInput."""
    try:
        return Preset(text)
    except ValueError:
        names = ", ".join(Preset)
        raise InvalidInput({"range": [f"There is no range {text[:40]!r}: use {names}."]}) from None


def check_figure(at: datetime, *, now: datetime) -> None:
    """Raises InvalidInput where a figure with what ran at that moment is asked for too late."""
    if now - at > FIGURES_LAST:
        hours = FIGURES_LAST // timedelta(hours=1)
        raise InvalidInput(
            {
                "at": [
                    f"What ran at a moment can be asked for within {hours} hours: open the page of costs "
                    "again, or use from and to."
                ]
            }
        )


def check_days(first: date, last: date) -> None:
    """Raises InvalidInput for a range that ends before it begins, or is too long."""
    if last < first:
        raise InvalidInput({"to": [f"The last day, {last}, is before the first, {first}."]})
    if (last - first).days >= MAX_DAYS:
        raise InvalidInput({"from": [f"Ask for at most {MAX_DAYS} days at once."]})


def unit_of(first: date, last: date) -> Unit:
    """By what a range is shown, so that it stays short."""
    days = (last - first).days + 1
    if days <= DAYS_DRAWN:
        return Unit.DAY
    return Unit.WEEK if days <= WEEKS_DRAWN * 7 else Unit.MONTH


def spans_of(first: date, last: date, unit: Unit) -> list[Span]:
    """All days of a range in spans, by time: weeks from Monday on; the first and the last may be shorter."""
    found = []
    while first <= last:
        end = min(last, _end(first, unit))
        found.append(Span(first, end))
        first = end + timedelta(days=1)
    return found


def _end(day: date, unit: Unit) -> date:
    """The last day of what a day is in."""
    if unit is Unit.DAY:
        return day
    return day + timedelta(days=6 - day.weekday()) if unit is Unit.WEEK else _last_of_month(day)


def _last_of_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=31)).replace(day=1) - timedelta(days=1)
