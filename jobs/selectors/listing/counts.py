"""How many jobs of each status a list has, as far as an index tells that at once."""

from dataclasses import dataclass, replace

from django.contrib.auth.models import User
from django.db import connection

from jobs.models import JobStatus

from .filters import JobFilters, Scope

# Whoever has more looks for some of them, and not for how many there are.
COUNTED = 1000
# Of more queues the counts would cost more than the list.
MAX_QUEUES = 100


@dataclass(frozen=True, slots=True)
class StatusCount:
    """A number of jobs; `is_capped`: so many or more."""

    status: str
    count: int
    is_capped: bool


def status_counts(*, user: User, filters: JobFilters) -> list[StatusCount] | None:
    """The visible jobs of each status, an array as one: of a queue or an owner, or all of them.

    None under other filters, for which no index has the numbers. At most four queries.
    """
    if replace(filters, queue="", owner="", statuses=()):
        return None
    scope = Scope(user, filters)
    if scope.is_empty:
        return [StatusCount(status, 0, is_capped=False) for status in JobStatus.values]
    if scope.owner_id is not None:
        if filters.queue:
            return None
        counts = _of_owner(scope.owner_id)
    else:
        found = _in_queues(scope.queue_ids)
        if found is None:
            return None
        counts = found
    return [
        StatusCount(status, min(count, COUNTED), is_capped=count > COUNTED)
        for status in JobStatus.values
        for count in [counts.get(status, 0)]
    ]


def _of_owner(owner_id: int) -> dict[str, int]:
    parts = [_part("owner_id = %s", status) for status in JobStatus.values]
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(parts)}", [owner_id] * len(parts))
        return dict(zip(JobStatus.values, cursor.fetchone(), strict=True))


def _in_queues(queue_ids: list[int] | None) -> dict[str, int] | None:
    """Each queue's part of the index is looked into by itself, as far as need be."""
    if queue_ids == []:
        return {}
    among = ""
    if queue_ids is not None:
        among = f" WHERE q.id IN ({', '.join(['%s'] * len(queue_ids))})"
    parts = [_part("queue_id = q.id", status) for status in JobStatus.values]
    sql = f"SELECT {', '.join(parts)} FROM jobs_jobqueue q{among} LIMIT {MAX_QUEUES + 1}"  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(sql, queue_ids or [])
        rows = cursor.fetchall()
    if len(rows) > MAX_QUEUES:
        return None
    return {
        status: sum(row[number] for row in rows) for number, status in enumerate(JobStatus.values)
    }


def _part(condition: str, status: str) -> str:
    """A count that stops when it is more than is told. The status is a constant, so that an index is found by it."""
    return (
        f"(SELECT COUNT(*) FROM (SELECT 1 FROM jobs_job WHERE {condition} AND status = '{status}'"  # noqa: S608
        f" AND parent_id IS NULL LIMIT {COUNTED + 1}) AS part)"
    )
