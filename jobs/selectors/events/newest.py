"""Events from the newest back, page by page, for who reads them and does not follow: see `selectors.events.history`."""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.db.models import Max

from .history import MAX_ID, TABLES, WINDOW, EventFilters, EventRow, Ids, rows_between

NEWEST = Ids(MAX_ID, MAX_ID, MAX_ID)


@dataclass(frozen=True, slots=True)
class EventsBack:
    """Events, newest first. `before` is where to go on, None at the end of all that is kept.

    `is_cut`: as many rows were looked at as a page may cost, and there may be more that pass the filters further back.
    """

    rows: list[EventRow]
    before: Ids | None
    is_cut: bool


@dataclass(frozen=True, slots=True)
class _Part:
    """Of one table: its rows that pass, newest first; all ids above `after` were looked at, unless it is full."""

    rows: list[EventRow]
    after: int
    is_full: bool


def newest_events(
    *, user: User, filters: EventFilters, before: Ids = NEWEST, limit: int
) -> EventsBack:
    """Up to `limit` events before those ids that this user may see and that pass the filters.

    Looks at a bounded number of rows of each table. Nine queries at most.
    """
    parts = [
        _part(table, before[place], user, filters, limit) for place, table in enumerate(TABLES)
    ]
    rows: list[EventRow] = []
    reached = list(before)
    for _, place, row in heapq.merge(
        *(_numbered(place, part) for place, part in enumerate(parts)), reverse=True
    ):
        if len(rows) == limit:
            return EventsBack(rows, Ids(*reached), is_cut=False)
        rows.append(row)
        reached[place] = row.pk
    for place, part in enumerate(parts):
        if not part.is_full:
            reached[place] = min(reached[place], part.after + 1)
    if not any(_has_older(place, reached[place]) for place in range(len(TABLES))):
        return EventsBack(rows, None, is_cut=False)
    return EventsBack(rows, Ids(*reached), is_cut=len(rows) < limit)


def _part(
    table: type[EventRow], before: int, user: User, filters: EventFilters, limit: int
) -> _Part:
    # Old rows may be gone: the window begins where there is something.
    newest: int | None = table.objects.filter(id__lt=before).aggregate(newest=Max("id"))["newest"]
    if newest is None:
        return _Part([], 0, is_full=False)
    after = max(newest - WINDOW, 0)
    found = rows_between(table, after, newest, user=user, filters=filters)
    rows = list(found.order_by("-id")[:limit])
    return _Part(rows, after, is_full=len(rows) == limit)


def _numbered(place: int, part: _Part) -> Iterator[tuple[datetime, int, EventRow]]:
    """In the order of the ids, whatever clocks say: so a page only goes back."""
    latest: datetime | None = None
    for row in part.rows:
        latest = row.at if latest is None else min(latest, row.at)
        # Of the same moment the table alone decides, and rows are never compared.
        yield latest, place, row


def _has_older(place: int, before: int) -> bool:
    return TABLES[place].objects.filter(id__lt=before).exists()
