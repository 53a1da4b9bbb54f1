"""The newest jobs of a definition: an index has them in order for each revision and queue, and of those there are many.

A definition that is registered anew with each deployment has hundreds of revisions, each in any queue. So the pairs
whose newest job is newest are read, some jobs of each, and more of those that have them.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from jobs.domain import ids
from jobs.models import Job

from .filters import Scope
from .list_jobs import CLOCKS_APART

# Pairs that are read for a page; SQLite puts at most 500 together in one statement.
PAIRS = 200
# Rows of them that a statement reads at most.
ROWS = 40_000
_LAST = UUID(int=2**128 - 1)


class Pair(NamedTuple):
    """A definition and a queue, and their newest (oldest) job: behind where a page begins."""

    definition: int
    queue: int
    head: UUID


class _Read(NamedTuple):
    pair: int
    job_id: UUID


def first_bound(scope: Scope, after: UUID | None, *, oldest_first: bool) -> UUID:
    """What the ids of a page's jobs are behind, by `after` and by the dates."""
    since, until = scope.filters.since, scope.filters.until
    if oldest_first:
        first = ids.first_id_of(since - CLOCKS_APART) if since else UUID(int=0)
        return first if after is None else max(after, first)
    last = ids.first_id_of(until + CLOCKS_APART) if until else _LAST
    return last if after is None else min(after, last)


def _far_bound(scope: Scope, *, oldest_first: bool) -> UUID:
    """What they are before, by the dates."""
    since, until = scope.filters.since, scope.filters.until
    if oldest_first:
        return ids.first_id_of(until + CLOCKS_APART) if until else _LAST
    return ids.first_id_of(since - CLOCKS_APART) if since else UUID(int=0)


def parts_of_definitions(
    scope: Scope, rows: QuerySet[Job], after: UUID | None, limit: int, *, oldest_first: bool
) -> list[QuerySet[Job]]:
    """A query for each pair that may have one of the first `limit` of these rows: of no other can one be among them."""
    pairs = _pairs(scope, first_bound(scope, after, oldest_first=oldest_first), oldest_first)
    return [rows.filter(definition=each.definition, queue=each.queue) for each in pairs[:limit]]


def newest_of_definitions(
    scope: Scope, after: UUID | None, limit: int, *, oldest_first: bool = False
) -> tuple[list[UUID], UUID | None]:
    """The newest (oldest) jobs of the scope's definitions and queues within its dates, whatever else they are.

    At most `limit`, and the last of them if there are more. Three statements at most.
    """
    bound = first_bound(scope, after, oldest_first=oldest_first)
    far = _far_bound(scope, oldest_first=oldest_first)
    pairs = [
        each
        for each in _pairs(scope, bound, oldest_first)
        if (each.head < far if oldest_first else each.head > far)
    ]
    near = pairs[:PAIRS]
    if not near:
        return [], None
    reader = _Reader(near, bound, far, limit, oldest_first=oldest_first)
    read, cut = reader.read(range(len(near)))
    if cut:
        # Fewer, and so further.
        again, still_cut = reader.read(cut)
        read = [each for each in read if each.pair not in cut] + again
        cut = still_cut
    read.sort(key=lambda each: each.job_id, reverse=not oldest_first)
    read = read[:limit]
    # All are known down to where a pair was cut, and to where those begin that were not read.
    edges = [[each.job_id for each in read if each.pair == pair][-1:] for pair in cut]
    edges += [[read[-1].job_id]] if len(read) == limit else []
    edges += [[near[-1].head]] if len(pairs) > PAIRS else []
    known = [edge for each in edges for edge in each]
    if not known:
        return [each.job_id for each in read], None
    edge = min(known) if oldest_first else max(known)
    found = (each.job_id for each in read)
    return [each for each in found if (each <= edge if oldest_first else each >= edge)], edge


class _Reader:
    """Reads the beginnings of pairs, by a statement of our own: Django would compile the part of each anew, which
    takes longer than to read it."""

    def __init__(
        self, pairs: Sequence[Pair], bound: UUID, far: UUID, limit: int, *, oldest_first: bool
    ) -> None:
        self._pairs, self._limit = pairs, limit
        self._span = (_key(bound), _key(far))
        self._order = "ASC" if oldest_first else "DESC"
        self._signs = (">", "<") if oldest_first else ("<", ">")

    def read(self, numbers: Collection[int]) -> tuple[list[_Read], set[int]]:
        """The first so many jobs of these pairs together, and of which of them there may be more before the last."""
        of_each = min(self._limit, ROWS // len(numbers))
        make = self._by_lateral if connection.vendor == "postgresql" else self._by_union
        parts, values = make(numbers, of_each)
        sql = (
            f"SELECT pair, id FROM ({parts}) AS every ORDER BY id {self._order} LIMIT {self._limit}"  # noqa: S608
        )
        with connection.cursor() as cursor:
            cursor.execute(sql, values)
            # SQLite has no UUIDs and gives text.
            found = [_Read(pair, UUID(str(job_id))) for pair, job_id in cursor.fetchall()]
        counts = Counter(each.pair for each in found)
        is_whole = of_each == self._limit
        return found, set() if is_whole else {pair for pair in counts if counts[pair] == of_each}

    def _by_lateral(self, numbers: Collection[int], of_each: int) -> tuple[str, list[Any]]:
        """For PostgreSQL, which would plan each part of the other by itself, and that takes longer than to read it."""
        near, far = self._signs
        sql = (
            "SELECT pairs.number AS pair, part.id FROM"  # noqa: S608
            " unnest(%s::bigint[], %s::bigint[], %s::bigint[]) AS pairs (number, definition, queue)"
            " CROSS JOIN LATERAL (SELECT id FROM jobs_job WHERE definition_id = pairs.definition"
            f" AND queue_id = pairs.queue AND parent_id IS NULL AND id {near} %s AND id {far} %s"
            f" ORDER BY id {self._order} LIMIT {of_each}) AS part"
        )
        pairs = [self._pairs[number] for number in numbers]
        definitions, queues = [each.definition for each in pairs], [each.queue for each in pairs]
        return sql, [list(numbers), definitions, queues, *self._span]

    def _by_union(self, numbers: Collection[int], of_each: int) -> tuple[str, list[Any]]:
        """For SQLite, which has no lateral joins."""
        near, far = self._signs
        sql = " UNION ALL ".join(
            f"SELECT * FROM (SELECT {number} AS pair, id FROM jobs_job WHERE definition_id = %s"  # noqa: S608
            f" AND queue_id = %s AND parent_id IS NULL AND id {near} %s AND id {far} %s"
            f" ORDER BY id {self._order} LIMIT {of_each}) AS part"
            for number in numbers
        )
        values: list[Any] = []
        for number in numbers:
            pair = self._pairs[number]
            values += [pair.definition, pair.queue, *self._span]
        return sql, values


def _pairs(scope: Scope, bound: UUID, oldest_first: bool) -> list[Pair]:
    """Definitions with queues that have a job of theirs behind an id, those with the newest (the oldest) first."""
    definitions, queues = scope.definition_ids or [], scope.queue_ids
    if not definitions or queues == []:
        return []
    order, sign = ("ASC", ">") if oldest_first else ("DESC", "<")
    among = "" if queues is None else f" AND q.id IN ({_places(queues)})"
    sql = (
        "SELECT d.id, q.id, (SELECT j.id FROM jobs_job j WHERE j.definition_id = d.id"  # noqa: S608
        f" AND j.queue_id = q.id AND j.parent_id IS NULL AND j.id {sign} %s"
        f" ORDER BY j.id {order} LIMIT 1) AS head FROM jobs_jobdefinition d"
        f" CROSS JOIN jobs_jobqueue q WHERE d.id IN ({_places(definitions)}){among}"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [_key(bound), *definitions, *(queues or [])])
        rows = [row for row in cursor.fetchall() if row[2] is not None]
    pairs = [Pair(of, queue, UUID(str(head))) for of, queue, head in rows]
    return sorted(pairs, key=lambda each: each.head, reverse=not oldest_first)


def _places(values: Sequence[int]) -> str:
    return ", ".join(["%s"] * len(values))


def _key(job_id: UUID) -> UUID | str:
    """An id as the database compares it."""
    return job_id if connection.vendor == "postgresql" else job_id.hex
