"""Pages by key: the next page starts after the last row of this one, so no page costs more than another."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Row = TypeVar("Row")

PAGE_SIZE = 50
MAX_PAGE_SIZE = 200


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """Some rows of a list. `next` is the `after` of the page that follows; empty: there is none."""

    rows: list[Row]
    next: str


def page_of(rows: Sequence[Row], *, size: int, key: Callable[[Row], str]) -> Page[Row]:
    """A page out of `size + 1` rows as they were read; the one too many only says that more follow."""
    shown = list(rows[:size])
    return Page(rows=shown, next=key(shown[-1]) if len(rows) > size else "")
