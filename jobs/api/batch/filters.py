"""`filters` of lists: pairs of a name and values. AWS takes one at a time."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from jobs.domain.numbers import is_whole

from ..calls import Request
from ..errors import ApiError, client_error, shown

# Ours: more would be a slip.
MAX_VALUES = 100


class Filter(NamedTuple):
    """One filter with its values, of which there is one at least."""

    name: str
    values: Sequence[str]


def filters_of(request: Request, known: Sequence[str]) -> list[Filter]:
    """The filters of a request, each by name once. Raises ApiError for one that there is not."""
    found = [_filter(each, known) for each in request.get("filters", ())]
    if len({each.name for each in found}) < len(found):
        raise client_error("filters: Name each filter once, and give it all of its values.")
    return found


def one_filter(request: Request, known: Sequence[str]) -> Filter | None:
    """The filter of a request that may have one, with one value. Raises ApiError."""
    found = filters_of(request, known)
    if len(found) > 1:
        raise client_error("filters: Only one filter can be used at a time.")
    if not found:
        return None
    if len(found[0].values) > 1:
        raise client_error(f"filters: {found[0].name} takes one value.")
    return found[0]


def milliseconds(given: Filter) -> int:
    """A time filter's value: milliseconds since the epoch. Raises ApiError."""
    text = given.values[0]
    if not is_whole(text, digits=MAX_DIGITS):
        raise client_error(
            f"filters: {given.name} is a number of milliseconds since 1970, such as 1767603600000, not "
            f"{shown(text)!r}."
        )
    return int(text)


# Up to the year 5138; what is far beyond is no time that a database knows.
MAX_DIGITS = 14


def check_words(given: Filter, words: Collection[str]) -> None:
    """Raises ApiError if one of the values is none of these words."""
    for value in given.values:
        if value not in words:
            raise client_error(
                f"filters: {given.name} is one of {', '.join(words)}, not {shown(value)!r}."
            )


def _filter(given: Request, known: Sequence[str]) -> Filter:
    name, values = given.get("name", ""), given.get("values", ())
    if name not in known:
        raise _unknown(name, known)
    if not values or len(values) > MAX_VALUES:
        raise client_error(f"filters: Give {name} 1 to {MAX_VALUES} values, not {len(values)}.")
    if any("\0" in value for value in values):
        raise client_error(f"filters: {name} cannot hold NUL characters.")
    return Filter(name, values)


def _unknown(name: str, known: Sequence[str]) -> ApiError:
    return client_error(
        f"filters: There is no filter {shown(name)!r}. There are: {', '.join(known)}."
    )
