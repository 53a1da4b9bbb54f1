"""What happened to jobs and queues, row by row, in an order in which nobody who follows misses a row.

A cursor holds the id of the last row taken from each table. That alone would not do on PostgreSQL: ids are
given out when rows are written and seen when they are committed, so a row can appear behind a cursor that has
passed its id. `settled_ids` says up to where that cannot happen any more, and nothing beyond is handed out.
"""

import heapq
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias

from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Max, Min, QuerySet

from jobs.domain.errors import InvalidInput
from jobs.domain.numbers import is_whole
from jobs.models import JobQueue, JobStatus, NodeTransition, QueueBlock, Transition

from ..jobs import seen_by

# So many rows of each table are looked at for a page, whoever asks and however few of them are his.
WINDOW = 5000
MAX_ID = 2**63 - 1

EventRow: TypeAlias = Transition | NodeTransition | QueueBlock
# In the order of `Ids`.
TABLES: tuple[type[EventRow], ...] = (Transition, NodeTransition, QueueBlock)


class Ids(NamedTuple):
    """An id of each table: how far somebody has read, or may read."""

    transitions: int = 0
    nodes: int = 0
    blocks: int = 0

    def as_text(self) -> str:
        """The cursor of who has read so far."""
        return "-".join(str(each) for each in self)


NOTHING_READ = Ids()
BEYOND = "This cursor is beyond the newest event. Take the `cursor` of a page, or now."


def cursor_of(text: str) -> Ids:
    """The reverse of `as_text`; an empty text is the beginning. Raises InvalidInput."""
    if not text:
        return NOTHING_READ
    parts = text.split("-")
    valid = len(parts) == len(Ids._fields) and all(is_whole(part, digits=19) for part in parts)
    ids = Ids(*map(int, parts)) if valid else NOTHING_READ
    if not valid or max(ids) > MAX_ID:
        raise InvalidInput(
            {"after": ["This is no cursor. Take the `cursor` of a page, or the id of an event."]}
        )
    return ids


@dataclass(frozen=True, slots=True)
class EventFilters:
    """What events are narrowed to; an empty value narrows nothing. `name` is what a job's name starts with."""

    queue: str = ""
    status: str = ""
    name: str = ""
    state_changes: bool = True
    blocks: bool = True


@dataclass(frozen=True, slots=True)
class EventPage:
    """Rows in the order in which they may be told, each with the cursor behind it.

    `cursor` is where to go on. `more`: at once, there is more already. `pending`: more is written, and can be
    told as soon as the transactions that are open now have ended.
    """

    rows: list[tuple[Ids, EventRow]]
    cursor: Ids
    more: bool
    pending: bool = False


class Settled(NamedTuple):
    """Up to where no row can appear any more, and the newest ids that can be seen."""

    ids: Ids
    newest: Ids


class _Awaited(NamedTuple):
    """Ids that are settled once these writers have ended; from which turn of reading on that is asked."""

    ids: Ids
    writers: frozenset[str]
    since: int


class _Watermark:
    """Up to which ids all rows are there to be seen, as far as this process knows.

    Who writes into a table holds a lock on it, from before he draws an id until his transaction ends. So when
    ids up to H are seen, whoever may still bring a lower one is among those who hold such locks; once
    all of these have ended, nothing up to H can appear any more.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._settled = NOTHING_READ
        self._awaited: _Awaited | None = None
        self._turn = 0

    def read(self) -> Settled:
        with self._lock:
            self._turn += 1
            turn = self._turn
        newest, writers = _newest_ids_and_writers()
        with self._lock:
            awaited = self._awaited
            # What was read before others began to be awaited does not tell whether they have ended.
            if awaited and awaited.since < turn and awaited.writers.isdisjoint(writers):
                self._settled = _larger(self._settled, awaited.ids)
                self._awaited = None
            if not writers:
                self._settled = _larger(self._settled, newest)
            elif self._awaited is None:
                self._awaited = _Awaited(newest, writers, since=self._turn)
            return Settled(self._settled, newest)


_watermark = _Watermark()


def settled_ids() -> Settled:
    """Up to where no row can appear any more: up to the oldest transaction that writes. One query."""
    if connection.vendor == "postgresql":
        return _watermark.read()
    # SQLite has one writer: what is seen is complete.
    newest = Ids(*(_newest_id(model) for model in TABLES))
    return Settled(newest, newest)


def check_reached(cursor: Ids) -> None:
    """Raises InvalidInput for a cursor beyond the newest rows: whoever followed it would miss what is to come.

    Nobody was given such a one here, unless rows were deleted or an older database put back.
    """
    settled = settled_ids()
    reached = _larger(settled.ids, settled.newest)
    if _larger(cursor, reached) != reached:
        raise InvalidInput({"after": [BEYOND]})


def read_events(*, user: User, filters: EventFilters, after: Ids, limit: int) -> EventPage:
    """Up to `limit` events that this user may see and that pass the filters.

    Looks at a bounded number of rows: a page may be empty and have `more`. Raises InvalidInput for
    filters that no event can pass.
    """
    if problems := problems_of(filters):
        raise InvalidInput(problems)
    settled = settled_ids()
    spans = spans_after(after, settled.ids)
    found = [
        _rows(model, span, user, filters, limit) for model, span in zip(TABLES, spans, strict=True)
    ]
    page = page_of_rows(found, after, spans, settled.ids, limit)
    # Rows may have gone since, and what was settled is ahead of the newest.
    unsettled = any(newest > end for newest, end in zip(settled.newest, settled.ids, strict=True))
    return replace(page, pending=unsettled)


@dataclass(frozen=True, slots=True)
class Span:
    """Of one table, the ids that a page looks at: after `after`, up to `last`."""

    after: int
    last: int


def page_of_rows(
    found: Sequence[list[EventRow]],
    after: Ids,
    spans: Sequence[Span],
    settled: Ids,
    limit: int,
) -> EventPage:
    """The first rows of all tables together, and where to go on. `found`: of each table, those of its span."""

    def numbered(table: int) -> list[tuple[datetime, int, EventRow]]:
        # Within a table the order is that of ids: whatever clocks say, a cursor only goes forward.
        times: list[datetime] = []
        for row in found[table]:
            times.append(max(row.at, times[-1]) if times else row.at)
        return [(at, table, row) for at, row in zip(times, found[table], strict=True)]

    merged = heapq.merge(
        *(numbered(table) for table in range(len(found))), key=lambda each: each[:2]
    )
    read = list(after)
    rows: list[tuple[Ids, EventRow]] = []
    for _, table, row in merged:
        if len(rows) == limit:
            return EventPage(rows=rows, cursor=Ids(*read), more=True)
        read[table] = row.pk
        rows.append((Ids(*read), row))
    # All of the spans was told, or is none of his.
    cursor = Ids(
        *(
            rows_of[-1].pk if len(rows_of) == limit else max(span.last, have)
            for rows_of, span, have in zip(found, spans, after, strict=True)
        )
    )
    more = any(last < end for last, end in zip(cursor, settled, strict=True))
    return EventPage(rows=rows, cursor=cursor, more=more)


def spans_after(after: Ids, settled: Ids) -> list[Span]:
    """The next ids of each table that can be read, a bounded number."""
    spans = []
    for model, read, end in zip(TABLES, after, settled, strict=True):
        # Old rows may be gone: the window begins where there is something.
        first = (
            model.objects.filter(id__gt=read, id__lte=end).aggregate(first=Min("id"))["first"]
            if read < end
            else None
        )
        start = end if first is None else first - 1
        spans.append(Span(start, min(start + WINDOW, end)))
    return spans


def _rows(
    model: type[EventRow], span: Span, user: User, filters: EventFilters, limit: int
) -> list[EventRow]:
    if span.last <= span.after:
        return []
    rows = rows_between(model, span.after, span.last, user=user, filters=filters)
    return list(rows.order_by("id")[:limit])


def rows_between(
    model: type[EventRow], after: int, last: int, *, user: User, filters: EventFilters
) -> QuerySet[Any]:
    """The rows with ids above `after` up to `last` that he may see and that pass, each with all its event needs."""
    wanted = filters.blocks if model is QueueBlock else filters.state_changes
    rows: QuerySet[Any] = model.objects.filter(id__gt=after, id__lte=last)
    rows = seen_by(rows, user) if wanted else rows.none()
    if filters.status and model is QueueBlock:
        # Who blocks a queue is RUNNABLE.
        rows = rows if filters.status == JobStatus.RUNNABLE else rows.none()
    elif filters.status:
        rows = rows.filter(to_status=filters.status)
    if filters.queue:
        rows = rows.filter(job__queue__name=filters.queue)
    if filters.name:
        rows = rows.filter(job__name__startswith=filters.name)
    related = [f"job__{name}" for name in ("queue", "definition", "spec", "array_summary")]
    if model is QueueBlock:
        related.append("queue")
    return rows.select_related("job", *related)


def problems_of(filters: EventFilters) -> dict[str, list[str]]:
    """What no event can have, by field."""
    problems = {}
    if filters.status and filters.status not in JobStatus.values:
        problems["status"] = [f"A status is one of {', '.join(JobStatus.values)}."]
    for name in ("queue", "name"):
        if "\0" in getattr(filters, name):
            problems[name] = ["This holds a null character."]
    return problems


def has_been_queue(name: str) -> bool:
    """Whether there is a queue of that name, or was: events of a deleted one are kept."""
    return JobQueue.with_deleted.filter(name=name).exists()


def _newest_id(model: type[EventRow]) -> int:
    newest: int | None = model.objects.aggregate(newest=Max("id"))["newest"]
    return newest or 0


def _newest_ids_and_writers() -> tuple[Ids, frozenset[str]]:
    """The newest ids that can be seen, and the transactions that write into the tables at this moment.

    In one statement: ids are those of its snapshot, which is older than what it reads of locks. What this
    very transaction has written it sees itself. Source: PostgreSQL, "pg_locks".
    """
    tables = [connection.ops.quote_name(model._meta.db_table) for model in TABLES]
    newest = ", ".join(f"(SELECT COALESCE(MAX(id), 0) FROM {table})" for table in tables)  # noqa: S608
    relations = ", ".join("%s::regclass" for _ in tables)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {newest}, ARRAY(SELECT DISTINCT virtualtransaction FROM pg_locks "  # noqa: S608
            f"WHERE locktype = 'relation' AND relation IN ({relations}) AND mode = 'RowExclusiveLock' "
            "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
            "AND pid IS DISTINCT FROM pg_backend_pid())",
            tables,
        )
        *ids, writers = cursor.fetchone()
    return Ids(*ids), frozenset(writers)


def _larger(one: Ids, other: Ids) -> Ids:
    return Ids(*map(max, one, other))
