"""Days and moments as people, URLs and fields of forms have them: by UTC where no zone is told."""

import re
from datetime import UTC, date, datetime, timedelta

from .errors import InvalidInput

# No job was submitted before the first, and with the last one can still reckon.
FIRST_YEAR, LAST_YEAR = 1970, 9000
A_DAY = "This is a day, such as 2026-01-31."
A_MOMENT = "This is a moment, such as 2026-01-31T12:00 or 2026-01-31T12:00:00Z."
EITHER = "This is a day, such as 2026-01-31, or a moment, such as 2026-01-31T12:00 (UTC)."
A_BEGINNING = (
    "This is a day, such as 2026-01-31, a moment, such as 2026-01-31T12:00 (UTC), "
    "or a time up to now, such as 1h or 7d."
)
_AGO = re.compile("([0-9]{1,3})([mhd])")
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


def day(name: str, text: str) -> date:
    """A day such as 2026-01-31. Raises InvalidInput, which names the field `name`."""
    found = _day(text)
    if found is None:
        raise InvalidInput({name: [A_DAY]})
    return found


def moment(name: str, text: str) -> datetime:
    """A moment, in UTC. Raises InvalidInput, which names the field `name`."""
    found = _moment(text)
    if found is None:
        raise InvalidInput({name: [A_MOMENT]})
    return found


def bound(name: str, text: str, *, is_end: bool = False) -> datetime:
    """The bound of a time that a day or a moment gives: a day's beginning, or as an end its own end.

    Raises InvalidInput, which names the field `name`.
    """
    on = _day(text)
    if on is not None:
        return end_of(on) if is_end else start_of(on)
    found = _moment(text)
    if found is None:
        raise InvalidInput({name: [EITHER]})
    return found


def since(name: str, text: str, *, now: datetime) -> datetime:
    """The beginning that a day or a moment gives, or a time up to now, such as 1h or 7d.

    Raises InvalidInput, which names the field `name`.
    """
    ago = _AGO.fullmatch(text)
    if ago:
        return now - int(ago[1]) * _UNITS[ago[2]]
    try:
        return bound(name, text)
    except InvalidInput:
        raise InvalidInput({name: [A_BEGINNING]}) from None


def check_order(since: datetime, until: datetime, *, name: str = "to") -> None:
    """Raises InvalidInput, which names `name`, for a time that does not end after it begins."""
    if until <= since:
        told = f"This is after {since:%Y-%m-%dT%H:%M} (UTC), where the time begins."
        raise InvalidInput({name: [told]})


def start_of(on: date) -> datetime:
    """Midnight, by UTC."""
    return datetime(on.year, on.month, on.day, tzinfo=UTC)


def end_of(on: date) -> datetime:
    """The next day's midnight, by UTC."""
    return start_of(on) + timedelta(days=1)


def _day(text: str) -> date | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if FIRST_YEAR <= found.year < LAST_YEAR else None


def _moment(text: str) -> datetime | None:
    try:
        # In a URL a plus that is not escaped is a space.
        found = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
    except ValueError:
        return None
    if not FIRST_YEAR <= found.year < LAST_YEAR:
        return None
    if found.tzinfo is None:
        return found.replace(tzinfo=UTC)
    return found.astimezone(UTC)
