"""The newest jobs (or the oldest) out of several groups, where an index has them in order within each group alone."""

from collections.abc import Collection
from contextlib import suppress
from typing import Any
from uuid import UUID

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import OuterRef, QuerySet, Subquery

from jobs.models import Job, JobQueue

# SQLite puts at most 500 together in one statement.
TOGETHER = 200


def newest_in_queues(rows: QuerySet[Job], limit: int, *, oldest_first: bool = False) -> list[UUID]:
    """The ids of the newest of these jobs, newest first, each queue's found by itself."""
    every = JobQueue.with_deleted.all()
    queues = newest_groups(rows, "queue", every, limit, oldest_first=oldest_first)
    return newest_of(rows, "queue", queues, limit, oldest_first=oldest_first)


def newest_groups(
    rows: QuerySet[Job],
    field: str,
    groups: QuerySet[Any],
    limit: int,
    *,
    oldest_first: bool = False,
) -> list[int]:
    """The ids of the groups (what `field` of a job names) whose newest job is newest: of no other can one be
    among the first `limit`. One query, that looks into the index once for each group."""
    sign = "" if oldest_first else "-"
    newest = rows.filter(**{field: OuterRef("pk")}).order_by(f"{sign}pk").values("pk")[:1]
    heads = groups.annotate(newest=Subquery(newest)).filter(newest__isnull=False)
    return list(heads.order_by(f"{sign}newest").values_list("pk", flat=True)[:limit])


def newest_of(
    rows: QuerySet[Job],
    field: str,
    group_ids: Collection[int],
    limit: int,
    *,
    oldest_first: bool = False,
) -> list[UUID]:
    """The ids of the newest jobs of these groups, newest first: the beginning of each one's part of the index."""
    parts = [rows.filter(**{field: id_}) for id_ in group_ids]
    return newest_of_all(parts, limit, oldest_first=oldest_first)


def newest_of_all(
    parts: Collection[QuerySet[Job]], limit: int, *, oldest_first: bool = False
) -> list[UUID]:
    """The ids of the newest jobs of several queries, each of which an index has in order."""
    wanted = list(parts)
    found: list[UUID] = []
    for start in range(0, len(wanted), TOGETHER):
        found += _beginnings(wanted[start : start + TOGETHER], limit, "" if oldest_first else "-")
    return sorted(found, key=lambda each: each.int, reverse=not oldest_first)[:limit]


def _beginnings(queries: Collection[QuerySet[Job]], limit: int, sign: str) -> list[UUID]:
    parts = []
    for rows in queries:
        # Conditions that nothing can meet, such as a queue among none, are no statement.
        with suppress(EmptyResultSet):
            part = rows.order_by(f"{sign}pk").values("pk")[:limit]
            parts.append(part.query.sql_with_params())
    if not parts:
        return []
    every = " UNION ALL ".join(f"SELECT * FROM ({sql}) AS part" for sql, _ in parts)  # noqa: S608
    order = "DESC" if sign else "ASC"
    statement = f"SELECT * FROM ({every}) AS every ORDER BY 1 {order} LIMIT {limit:d}"  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(statement, [value for _, values in parts for value in values])
        # SQLite has no UUIDs and gives text.
        return [UUID(str(job_id)) for (job_id,) in cursor.fetchall()]
