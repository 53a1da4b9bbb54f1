"""The first RUNNABLE jobs of each queue, at a cost that does not grow with how many wait.

A first-in-first-out queue's front is the beginning of an index. Of a fair-share queue the shares that wait
are found by hopping from one to the next in an index ("loose index scan"), and a few jobs are read of those
whose turns come first. All queues together take a handful of statements.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

from jobs.domain.plans import Work, plan_of
from jobs.domain.resources import Resources
from jobs.models import Job, JobSpec
from jobs.scheduling.snapshot import JobView
from jobs.selectors.waiting.run_times import run_times

# SQLite takes 500 parts in one compound statement.
PARTS_PER_STATEMENT = 250
# What a pass takes of all queues together, if many have that much; and of each at least.
JOBS_PER_PASS = 1000
LEAST_OF_A_QUEUE = 25
# Of a fair-share queue: so many shares have several jobs read, so many each at least.
SHARES_WITH_SEVERAL = 20
SEVERAL = 5

# The conditions are in the words of the indices': SQLite uses a partial index for the very same words only.
_COLUMNS = """
    SELECT id, queue_id, name, milli_vcpus, memory_mib, gpus, node_count, attempts_made,
        timeout_seconds, definition_id, share_identifier, scheduling_priority, has_consumables,
        owner_id
    FROM jobs_job
"""
_OF_QUEUE = _COLUMNS + "WHERE status = 'RUNNABLE' AND queue_id = %s ORDER BY id LIMIT %s"
_BEHIND = _COLUMNS + (
    "WHERE status = 'RUNNABLE' AND queue_id = %s AND id > %s ORDER BY id LIMIT %s"
)
_OF_SHARE = _COLUMNS + (
    "WHERE status = 'RUNNABLE' AND queue_id = %s AND share_identifier = %s "
    "ORDER BY scheduling_priority DESC, id LIMIT %s"
)
_THESE = _COLUMNS + "WHERE status = 'RUNNABLE' AND id IN (%s)"
_SHARES = """
WITH RECURSIVE waiting (queue_id, share) AS (
    SELECT queues.id, (
        SELECT MIN(share_identifier) FROM jobs_job
        WHERE status = 'RUNNABLE' AND queue_id = queues.id
    ) FROM jobs_jobqueue AS queues WHERE queues.scheduling_policy_id IS NOT NULL
    UNION ALL
    SELECT waiting.queue_id, (
        SELECT MIN(share_identifier) FROM jobs_job
        WHERE status = 'RUNNABLE' AND queue_id = waiting.queue_id
            AND share_identifier > waiting.share
    ) FROM waiting WHERE waiting.share IS NOT NULL
)
SELECT queue_id, share, (
    SELECT id FROM jobs_job
    WHERE status = 'RUNNABLE' AND queue_id = waiting.queue_id AND share_identifier = waiting.share
    ORDER BY scheduling_priority DESC, id LIMIT 1
), (
    SELECT id FROM jobs_job
    WHERE status = 'RUNNABLE' AND queue_id = waiting.queue_id AND share_identifier = waiting.share
    ORDER BY scheduling_priority DESC, id LIMIT 1 OFFSET 1
) FROM waiting WHERE share IS NOT NULL
"""


# A part of a compound statement with an order and a limit of its own.
_PART = "SELECT * FROM (%s) AS part"

_Statement = tuple[str, list[Any]]


class WaitingShare(NamedTuple):
    """A share with RUNNABLE jobs: the first of them (its id, as the database gives it), and whether there are more."""

    share_identifier: str
    first: UUID | str
    has_more: bool


@dataclass(slots=True)
class Front:
    """What is read of a queue: `has_more` jobs than these wait.

    Of a fair-share queue: all shares that wait, and those of which not every job was read.
    """

    jobs: list[JobView] = field(default_factory=list)
    has_more: bool = False
    waiting: frozenset[str] = frozenset()
    partial: frozenset[str] = frozenset()


def waiting_shares() -> dict[int, list[WaitingShare]]:
    """The shares that wait, by queue with a scheduling policy. One statement."""
    found: dict[int, list[WaitingShare]] = defaultdict(list)
    for queue_id, share, first, second in _rows(_SHARES, []):
        found[queue_id].append(WaitingShare(share, first, second is not None))
    return found


def load_fronts(
    *,
    fifo: Iterable[int],
    by_turn: Mapping[int, Sequence[WaitingShare]],
    front: int,
) -> dict[int, Front]:
    """The first `front` jobs of each queue, by its id; fewer where very many queues have jobs.

    `fifo` are the queues without a policy, `by_turn` the waiting shares of the others, each in the order in
    which their turns come.
    """
    fifo = list(fifo)
    busy = sum(1 for shares in by_turn.values() if shares)
    size = _size(front, busy + len(fifo))
    wanted: list[_Statement] = [(_OF_QUEUE, [id_, size + 1]) for id_ in fifo]
    limits: dict[int, dict[str, int]] = {}
    heads: list[UUID | str] = []
    for queue_id, shares in by_turn.items():
        limits[queue_id] = _limits(shares, size)
        wanted += [(_OF_SHARE, [queue_id, *limit]) for limit in limits[queue_id].items()]
        heads += [share.first for share in shares[len(limits[queue_id]) : size]]
    if heads:
        wanted.append((_THESE % ", ".join(["%s"] * len(heads)), heads))
    rows = _read(wanted)
    larger = _size(front, busy + len(rows.keys() - by_turn.keys()))
    if larger > size:
        # Most queues have nothing that waits, so the others get more.
        cut = [queue_id for queue_id in fifo if len(rows[queue_id]) > size]
        rows |= _read([(_OF_QUEUE, [queue_id, larger + 1]) for queue_id in cut])
        size = larger
    fronts = {queue_id: Front() for queue_id in (*fifo, *by_turn)}
    for queue_id in fifo:
        found = sorted(rows[queue_id], key=lambda row: row.order)
        rows[queue_id] = found[:size]
        fronts[queue_id].has_more = len(found) > size
    for view in _views([row for found in rows.values() for row in found]):
        fronts[view.queue_id].jobs.append(view)
    for queue_id, shares in by_turn.items():
        _mark_shares(fronts[queue_id], shares, limits[queue_id])
    return fronts


def scout(fronts: Mapping[int, Front], *, behind: Mapping[int, UUID]) -> list[JobView]:
    """Jobs from behind the fronts of first-in-first-out queues that have more; see `scheduling.scouts`.

    `behind`: from where on, by queue; right behind its front for any other. At most two statements.
    """
    wanted: list[_Statement] = []
    for queue_id, front in fronts.items():
        if front.has_more and not front.waiting and front.jobs:
            last = front.jobs[-1].id
            start = max(last, behind.get(queue_id, last), key=lambda id_: id_.int)
            wanted.append((_BEHIND, [queue_id, _as_stored(start), len(front.jobs)]))
    rows = [row for found in _read(wanted).values() for row in found]
    return [replace(view, scouted=True) for view in _views(rows)]


def _as_stored(id_: UUID) -> UUID | str:
    """SQLite has no UUIDs and keeps text."""
    return id_ if connection.features.has_native_uuid_field else id_.hex


def _size(front: int, busy: int) -> int:
    """How much of each queue's front a pass takes, if so many queues have jobs."""
    return min(front, max(JOBS_PER_PASS // max(busy, 1), LEAST_OF_A_QUEUE))


def _limits(shares: Sequence[WaitingShare], front: int) -> dict[str, int]:
    """How many jobs are read of each of the first shares; of the others it is one."""
    first = shares[:SHARES_WITH_SEVERAL]
    each = max(-(-front // max(len(first), 1)), SEVERAL)
    return {share.share_identifier: each for share in first}


def _mark_shares(front: Front, shares: Sequence[WaitingShare], limits: Mapping[str, int]) -> None:
    read = Counter(job.share_identifier for job in front.jobs)

    def has_unread(share: WaitingShare) -> bool:
        count = read[share.share_identifier]
        return not count or (share.has_more and count >= limits.get(share.share_identifier, 1))

    front.waiting = frozenset(share.share_identifier for share in shares)
    front.partial = frozenset(share.share_identifier for share in shares if has_unread(share))
    front.has_more = bool(front.partial)


def _read(wanted: Sequence[_Statement]) -> dict[int, list["_Row"]]:
    """All that these statements find, by queue, in as few round trips as there may be."""
    found: dict[int, list[_Row]] = defaultdict(list)
    for start in range(0, len(wanted), PARTS_PER_STATEMENT):
        parts = wanted[start : start + PARTS_PER_STATEMENT]
        statement = " UNION ALL ".join(_PART % sql for sql, _ in parts)
        for row in _rows(statement, [value for _, own in parts for value in own]):
            found[row[1]].append(_Row._make(row))
    return found


def _views(rows: Sequence["_Row"]) -> list[JobView]:
    run_times.refresh()
    estimates = {
        definition_id: run_times.expected(definition_id)
        for definition_id in {row.definition_id for row in rows}
    }
    special = _special_of([row for row in rows if row.node_count > 1 or row.has_consumables])
    return [_view(row, estimates[row.definition_id], special.get(row.id, _PLAIN)) for row in rows]


class _Row(NamedTuple):
    """What `_COLUMNS` selects, as the database gives it."""

    id: UUID | str
    queue_id: int
    name: str
    milli_vcpus: int
    memory_mib: int
    gpus: int
    node_count: int
    attempts_made: int
    timeout_seconds: int | None
    definition_id: int
    share_identifier: str
    scheduling_priority: int
    has_consumables: bool | int
    owner_id: int

    @property
    def order(self) -> int | str:
        """What sorts as the ids do, but faster."""
        return self.id.int if isinstance(self.id, UUID) else self.id


def _view(row: _Row, estimate_seconds: float | None, special: "_Special") -> JobView:
    return JobView(
        # SQLite has no UUIDs and gives text.
        id=row.id if isinstance(row.id, UUID) else UUID(row.id),
        queue_id=row.queue_id,
        needs=Resources(row.milli_vcpus, row.memory_mib, row.gpus),
        attempts_made=row.attempts_made,
        gang=special.gang,
        limit_seconds=row.timeout_seconds,
        estimate_seconds=estimate_seconds,
        share_identifier=row.share_identifier,
        scheduling_priority=row.scheduling_priority,
        consumables=special.consumables,
        name=row.name,
        owner_id=row.owner_id,
    )


class _Special(NamedTuple):
    """What only few jobs have, and only their spec knows."""

    gang: tuple[Resources, ...] = ()
    consumables: tuple[tuple[str, int], ...] = ()


_PLAIN = _Special()


def _special_of(rows: Sequence[_Row]) -> dict[UUID | str, _Special]:
    """By id, as the rows have it. One statement, or none."""
    if not rows:
        return {}
    jobs = Job.objects.filter(id__in=[row.id for row in rows]).select_related("spec")
    found = {job.id: _of_spec(job.spec) for job in jobs}
    return {
        row.id: found.get(row.id if isinstance(row.id, UUID) else UUID(row.id), _PLAIN)
        for row in rows
    }


def _of_spec(spec: JobSpec) -> _Special:
    consumables = tuple((each["consumableResource"], each["quantity"]) for each in spec.consumables)
    if not spec.node_properties:
        return _Special((), consumables)
    nodes = plan_of(
        Work(
            image=spec.image,
            milli_vcpus=0,
            memory_mib=0,
            node_properties=spec.node_properties,
        )
    ).nodes
    gang = tuple(Resources(node.milli_vcpus, node.memory_mib, node.gpus) for node in nodes)
    return _Special(gang if len(gang) > 1 else (), consumables)


def _rows(statement: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())
