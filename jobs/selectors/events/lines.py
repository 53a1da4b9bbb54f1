"""What happened, in the order in which events are told, with no more of each than it takes to see who wants it."""

from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from jobs.models import EventKind, NodeTransition, QueueBlock, Transition

from ..job_details import UNREAD
from .history import TABLES, EventRow, Ids, page_of_rows, spans_after

KIND_OF: dict[type[EventRow], EventKind] = {
    Transition: EventKind.JOB,
    NodeTransition: EventKind.NODE,
    QueueBlock: EventKind.BLOCK,
}
TABLE_OF = {kind: table for table, kind in KIND_OF.items()}
_OF_JOB = ("job__name", "job__owner_id", "job__array_index", "job__queue__name")


class Line(NamedTuple):
    """A row that tells of an event. `name` is the job's, `status` what it became, `node` its node's index."""

    kind: EventKind
    row_id: int
    job_id: UUID
    name: str
    owner_id: int
    queue: str
    status: str
    node: int | None
    array_index: int | None
    at: datetime


class Lines(NamedTuple):
    """Lines, the cursor behind each and behind all of them, and whether there are more to read already."""

    lines: list[Line]
    cursors: list[Ids]
    cursor: Ids
    more: bool


def lines_after(after: Ids, *, settled: Ids, limit: int) -> Lines:
    """Up to `limit` lines behind the cursor, of all jobs, as far as they are settled. Six queries at most."""
    spans = spans_after(after, settled)
    found = [
        list(_rows(table).filter(id__gt=span.after, id__lte=span.last).order_by("id")[:limit])
        if span.last > span.after
        else []
        for table, span in zip(TABLES, spans, strict=True)
    ]
    page = page_of_rows(found, after, spans, settled, limit)
    return Lines(
        lines=[_line(row) for _, row in page.rows],
        cursors=[cursor for cursor, _ in page.rows],
        cursor=page.cursor,
        more=page.more,
    )


def rows_of(kind: EventKind, row_ids: Collection[int]) -> list[EventRow]:
    """Rows of a kind of events, with all that the events are written of. Two queries.

    Jobs of one submission share the row of what they run: of thousands of variables, an array has one list.
    """
    table = TABLE_OF[kind]
    related = [f"job__{name}" for name in ("queue", "definition", "array_summary")]
    if table is QueueBlock:
        related.append("queue")
    rows: Any = table.objects.filter(pk__in=row_ids).select_related("job", *related)
    rows = rows.defer(*(f"job__{name}" for name in UNREAD)).prefetch_related("job__spec")
    return list(rows.order_by("id"))


def _rows(table: type[EventRow]) -> Any:
    own = {Transition: ("to_status",), NodeTransition: ("to_status", "node_index"), QueueBlock: ()}
    return table.objects.select_related("job__queue").only("at", "job", *own[table], *_OF_JOB)


def _line(row: EventRow) -> Line:
    job = row.job
    return Line(
        kind=KIND_OF[type(row)],
        row_id=row.pk,
        job_id=job.pk,
        name=job.name,
        owner_id=job.owner_id,
        queue=job.queue.name,
        # Who blocks a queue is RUNNABLE.
        status="RUNNABLE" if isinstance(row, QueueBlock) else row.to_status,
        node=row.node_index if isinstance(row, NodeTransition) else None,
        array_index=job.array_index,
        at=row.at,
    )
