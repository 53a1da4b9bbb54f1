"""The rows that a cost is the sum of, page by page: what lives first, then by the time of the end, newest first.

    sum(row.usd of all pages) == the figure's amount

for each part of a figure: what attempts cost, idle time, both, or what Spot capacity saved.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple, TypeVar

from django.db.models import Model, Q, QuerySet
from django.utils.text import capfirst

from jobs.models import Attempt, Capacity, ComputeEnvironment, Instance

from . import scope as rows
from .amounts import Amounts, amounts_of
from .ledger import Ledger, kind_of
from .prices import SPOT_KINDS

PAGE_SIZE = 100
# What a row tells of an attempt: those of the models are wide.
OF_ROW = (
    *("number", "node_index", "container_index", "container_name", "capacity", "ended_at"),
    *("started_at", "stopped_at", "cost_usd", "on_demand_usd", "idle_usd"),
    *("job__name", "job__array_index"),
    *("environment__name", "instance__instance_id", "instance__type_name", "instance__ended_at"),
)
M = TypeVar("M", bound=Model)


class Part(StrEnum):
    """Which part of a figure."""

    ALL = "all"
    COST = "cost"
    IDLE = "idle"
    SAVING = "saving"


class CostKind(StrEnum):
    """What a row is the cost of."""

    RUNNING = "attempt, so far"
    LIVING = "idle time, so far"
    ENDED = "attempt"
    CHARGED = "idle time, charged to an attempt"
    UNCHARGED = "idle time of an instance"


class Place(NamedTuple):
    """Behind which row a page begins: of which kind (its place in `KINDS`), when it ended, and its id."""

    kind: int
    at: datetime | None = None
    id: int | None = None


@dataclass(frozen=True, slots=True)
class CostRow:
    """A row of a figure. `at` is when it ended; None while it lives."""

    kind: CostKind
    usd: Decimal
    at: datetime | None
    attempt: Attempt | None
    instance: Instance | None
    # Of a saving: what was paid.
    paid_usd: Decimal | None = None

    @property
    def on_demand_usd(self) -> Decimal | None:
        """Of a saving: what the same would have cost On-Demand."""
        return None if self.paid_usd is None else self.paid_usd + self.usd

    @property
    def environment(self) -> ComputeEnvironment:
        """Where it ran, or was idle."""
        source = self.attempt or self.instance
        assert source is not None
        return source.environment

    @property
    def capacity(self) -> str:
        """The kind of capacity."""
        if self.attempt is not None:
            return self.attempt.capacity
        assert self.instance is not None
        return kind_of(self.instance.is_spot)

    @property
    def kind_of_capacity(self) -> str:
        """The same in words."""
        return capfirst(Capacity(self.capacity).label)

    @property
    def ran(self) -> tuple[datetime, datetime | None] | None:
        """From when to when the attempt ran that the row is the cost of; None of idle time, and if it never began."""
        attempt = self.attempt
        if attempt is None or attempt.started_at is None or self.kind not in _OF_RUNS:
            return None
        return attempt.started_at, attempt.stopped_at or attempt.ended_at


@dataclass(frozen=True, slots=True)
class CostRows:
    """One page. `next` is where the next one begins; None at the end."""

    rows: list[CostRow]
    next: Place | None


KINDS = tuple(CostKind)
_OF_RUNS = frozenset({CostKind.RUNNING, CostKind.ENDED})
KINDS_OF: dict[Part, frozenset[CostKind]] = {
    Part.ALL: frozenset(CostKind),
    Part.COST: _OF_RUNS,
    Part.SAVING: _OF_RUNS,
    Part.IDLE: frozenset({CostKind.LIVING, CostKind.CHARGED, CostKind.UNCHARGED}),
}


def amount_of(amounts: Amounts, part: Part) -> Decimal:
    """A figure: that part of a sum."""
    return {
        Part.ALL: amounts.total_usd,
        Part.COST: amounts.usd,
        Part.IDLE: amounts.idle_usd,
        Part.SAVING: amounts.saving_usd,
    }[part]


def cost_rows(
    ledger: Ledger, *, part: Part, after: Place | None = None, size: int | None = None
) -> CostRows:
    """One page of the rows behind a figure. At most a query or two for each kind of row."""
    size = size or PAGE_SIZE
    place = after or Place(0)
    found: list[tuple[CostRow, Place]] = []
    for index, kind in enumerate(KINDS):
        if index < place.kind or kind not in KINDS_OF[part]:
            continue
        behind = place if index == place.kind else Place(index)
        for row, id_ in _READERS[kind](ledger, part, behind, size + 1 - len(found)):
            found.append((row, Place(index, row.at, id_)))
        if len(found) > size:
            break
    more = len(found) > size
    return CostRows([row for row, _ in found[:size]], found[size - 1][1] if more else None)


Read = Iterator[tuple[CostRow, int]]


def _running(ledger: Ledger, part: Part, after: Place, count: int) -> Read:
    living = [
        (attempt, money)
        for attempt, money in ledger.living.attempts
        if after.id is None or attempt.pk > after.id
    ]
    if part is Part.SAVING:
        living = [each for each in living if each[0].capacity in SPOT_KINDS]
    shown = living[:count]
    attempts = _with_relations(Attempt.objects.all()).in_bulk([each.pk for each, _ in shown])
    for running, money in shown:
        attempt = attempts[running.pk]
        amounts = amounts_of(attempt.capacity, 1, money.usd, money.on_demand_usd)
        usd, paid = amounts.usd, None
        if part is Part.SAVING:
            usd, paid = amounts.saving_usd, amounts.usd
        yield CostRow(CostKind.RUNNING, usd, None, attempt, attempt.instance, paid), attempt.pk


def _living(ledger: Ledger, _part: Part, after: Place, count: int) -> Read:
    living = [
        (instance, usd)
        for instance, usd in ledger.living.instances
        if after.id is None or instance.pk > after.id
    ]
    shown = living[:count]
    # What is drawn of them; to price them takes less.
    rows_of = Instance.objects.select_related("environment")
    instances = rows_of.in_bulk([each.pk for each, _ in shown])
    for priced, usd in shown:
        yield CostRow(CostKind.LIVING, usd, None, None, instances[priced.pk]), priced.pk


def _ended(ledger: Ledger, part: Part, after: Place, count: int) -> Read:
    for each in _newest_ends(ledger, part, after, count):
        usd, paid = each.cost_usd, None
        if part is Part.SAVING:
            usd, paid = each.on_demand_usd - each.cost_usd, each.cost_usd
        yield CostRow(CostKind.ENDED, usd, each.ended_at, each, each.instance, paid), each.pk


def _newest_ends(ledger: Ledger, part: Part, after: Place, count: int) -> Iterable[Attempt]:
    spot_only = part is Part.SAVING
    behind = (after.at, after.id) if after.at and after.id else None
    ids = ledger.newest_ends(spot_only=spot_only, after=behind, count=count)
    if ids is not None:
        by_id = _with_relations(Attempt.objects.all()).in_bulk(ids)
        return [by_id[id_] for id_ in ids if id_ in by_id]
    found = ledger.scope.of_attempts(rows.ended(ledger.times))
    if spot_only:
        found = found.filter(capacity__in=sorted(SPOT_KINDS))
    return _page(_with_relations(found), "ended_at", after, count)


def _charged(ledger: Ledger, _part: Part, after: Place, count: int) -> Read:
    found = _with_relations(ledger.scope.of_attempts(rows.charged(ledger.times)))
    for each in _page(found, "instance__ended_at", after, count):
        assert each.instance is not None
        at = each.instance.ended_at
        yield CostRow(CostKind.CHARGED, each.idle_usd, at, each, each.instance), each.pk


def _uncharged(ledger: Ledger, _part: Part, after: Place, count: int) -> Read:
    found = ledger.scope.of_instances(rows.uncharged(ledger.times)).select_related("environment")
    for each in _page(found, "ended_at", after, count):
        usd = each.uncharged_idle_usd
        yield CostRow(CostKind.UNCHARGED, usd, each.ended_at, None, each), each.pk


def _with_relations(found: QuerySet[Attempt]) -> QuerySet[Attempt]:
    return found.select_related("job", "environment", "instance").only(*OF_ROW)


def _page(found: QuerySet[M], moment: str, after: Place, count: int) -> QuerySet[M]:
    """The newest ends behind a place."""
    if after.at is not None:
        same = Q(**{moment: after.at, "pk__lt": after.id})
        # The first condition is the index's.
        found = found.filter(**{f"{moment}__lte": after.at}).filter(
            same | Q(**{f"{moment}__lt": after.at})
        )
    return found.order_by(f"-{moment}", "-pk")[:count]


_READERS: dict[CostKind, Callable[[Ledger, Part, Place, int], Read]] = {
    CostKind.RUNNING: _running,
    CostKind.LIVING: _living,
    CostKind.ENDED: _ended,
    CostKind.CHARGED: _charged,
    CostKind.UNCHARGED: _uncharged,
}
