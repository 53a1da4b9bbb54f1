"""Sums of costs over a range, by all that they can be told apart by.

Whole past hours come from what the scheduler added up (`services.costs.rollup`), the rest from the rows
themselves; what lives counts with what it has cost so far. So a look costs the same however much is stored.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date
from decimal import Decimal
from functools import cached_property
from typing import Any, TypeVar

from django.db.models import Count, Q, QuerySet, Sum
from django.db.models.functions import TruncDate

from jobs.models import Attempt, Capacity, CostHour, CostTagHour

from . import costs_scope as rows
from .costs_exact import UsdSum
from .costs_living import Living, read_living
from .costs_prices import SPOT_KINDS, Money
from .costs_scope import CostRange, CostScope, added_up_until

OF_ATTEMPT = (
    "environment_id",
    "capacity",
    "job__queue_id",
    "job__definition_id",
    "job__owner_id",
)
OF_HOUR = ("environment_id", "capacity", "queue_id", "definition_id", "owner_id")
OF_TAGS = ("job__tags", "job__spec__tags", "capacity")
K = TypeVar("K")


@dataclass(frozen=True, slots=True)
class Amounts:
    """A sum in US dollars. `usd` is what attempts cost, `idle_usd` what instances cost beside them.

    `on_demand_usd` is what the attempts would have cost On-Demand; `attempts` counts them.
    """

    attempts: int = 0
    usd: Decimal = Decimal(0)
    idle_usd: Decimal = Decimal(0)
    on_demand_usd: Decimal = Decimal(0)

    def __add__(self, other: "Amounts") -> "Amounts":
        return Amounts(
            self.attempts + other.attempts,
            self.usd + other.usd,
            self.idle_usd + other.idle_usd,
            self.on_demand_usd + other.on_demand_usd,
        )

    @property
    def total_usd(self) -> Decimal:
        return self.usd + self.idle_usd

    @property
    def saving_usd(self) -> Decimal:
        """What Spot capacity saved against On-Demand."""
        return self.on_demand_usd - self.usd


NOTHING = Amounts()


@dataclass(frozen=True, slots=True)
class Cell:
    """What is alike in all that a cost is added up by. None: no job is charged with it."""

    day: date
    environment: int
    capacity: str
    queue: int | None = None
    definition: int | None = None
    owner: int | None = None


Row = tuple[Cell, Amounts]
Tag = tuple[str, str]


def amounts_of(capacity: str, attempts: int, usd: Decimal, on_demand_usd: Decimal) -> Amounts:
    """What attempts cost. Only Spot kinds cost anything else On-Demand, and older rows do not say."""
    return Amounts(
        attempts=attempts,
        usd=usd,
        on_demand_usd=on_demand_usd if capacity in SPOT_KINDS else usd,
    )


def tags_of_row(own: Mapping[str, str] | None, of_spec: Mapping[str, str] | None) -> list[Tag]:
    """A job's tags: those of its spec until somebody changes them."""
    return sorted((own if own is not None else of_spec or {}).items())


def with_tags(found: QuerySet[Attempt]) -> QuerySet[Attempt]:
    """Those of jobs that have tags, or had some."""
    return found.filter(Q(job__tags__isnull=False) | ~Q(job__spec__tags={}))


class Ledger:
    """The costs of a range and a scope. Each part is read once, when it is asked for first."""

    def __init__(self, times: CostRange, scope: CostScope) -> None:
        self.times = times
        self.scope = scope
        # Read first: an hour that is added up from here on is read from its rows.
        self._added_up, self._rest = times.pieces(added_up_until())
        if scope.tag and scope != CostScope(owner=scope.owner, tag=scope.tag):
            # Hours are added up by tag and owner, but not by anything else beside.
            self._added_up, self._rest = None, [replace(times, with_running=False)]

    @cached_property
    def cells(self) -> dict[Cell, Amounts]:
        """All costs by day, environment, capacity, queue, definition and owner.

        With a tag in the scope only those that are not added up by the hour; `total` has all.
        """
        parts = (self._hours, self._ended, self._charged, self._uncharged, self._running)
        return together(row for part in parts for row in part())

    @cached_property
    def total(self) -> Amounts:
        """All of it."""
        start = self.tags.get(self.scope.tag, NOTHING) if self.scope.tag else NOTHING
        return start if self.scope.tag else sum(self.cells.values(), start)

    def by(self, *fields: str) -> dict[tuple[Any, ...], Amounts]:
        """Added up by these of a cell's fields."""
        return together(
            (tuple(getattr(cell, field) for field in fields), amounts)
            for cell, amounts in self.cells.items()
        )

    @cached_property
    def tags(self) -> dict[Tag, Amounts]:
        """The costs of jobs by each of their tags; a job with several counts for each."""
        parts = (self._tag_hours, self._tags_ended, self._tags_charged, self._tags_running)
        return together(row for part in parts for row in part())

    @cached_property
    def living(self) -> Living:
        """What lives at the end of the range."""
        return read_living(self.times, self.scope)

    @property
    def so_far(self) -> Amounts:
        """The part of the total that is not final yet: of what lives at the end of the range."""
        return sum((amounts for _, amounts in self._running()), NOTHING)

    def _hours(self) -> Iterator[Row]:
        if self._added_up is None or self.scope.tag:
            return
        hours = CostHour.objects.filter(hour__gte=self._added_up.start, hour__lt=self._added_up.end)
        found = (
            self.scope.of_hours(hours)
            .values_list(TruncDate("hour", tzinfo=UTC), *OF_HOUR)
            .annotate(Sum("attempts"), UsdSum("usd"), UsdSum("idle_usd"), UsdSum("on_demand_usd"))
            .order_by()
        )
        for row in found:
            yield Cell(*row[:6]), Amounts(*row[6:])

    def _ended(self) -> Iterator[Row]:
        for times in self._rest:
            for row in _by_cell(self.scope.of_attempts(rows.ended(times)), "ended_at").annotate(
                Count("pk"), UsdSum("cost_usd"), UsdSum("on_demand_usd")
            ):
                cell = Cell(*row[:6])
                yield cell, amounts_of(cell.capacity, *row[6:])

    def _charged(self) -> Iterator[Row]:
        for times in self._rest:
            found = self.scope.of_attempts(rows.charged(times))
            for row in _by_cell(found, "instance__ended_at").annotate(UsdSum("idle_usd")):
                yield Cell(*row[:6]), Amounts(idle_usd=row[6])

    def _uncharged(self) -> Iterator[Row]:
        for times in self._rest:
            found = (
                self.scope.of_instances(rows.uncharged(times))
                .values_list(TruncDate("ended_at", tzinfo=UTC), "environment_id", "is_spot")
                .annotate(UsdSum("uncharged_idle_usd"))
                .order_by()
            )
            for day, environment_id, is_spot, idle_usd in found:
                yield Cell(day, environment_id, kind_of(is_spot)), Amounts(idle_usd=idle_usd)

    def _running(self) -> Iterator[Row]:
        day = self.times.end.astimezone(UTC).date()
        for attempt, money in self.living.attempts:
            job = attempt.job
            place = (attempt.environment_id, attempt.capacity)
            cell = Cell(day, *place, job.queue_id, job.definition_id, job.owner_id)
            yield cell, _so_far(attempt.capacity, money)
        for instance, idle_usd in self.living.instances:
            cell = Cell(day, instance.environment_id, kind_of(instance.is_spot))
            yield cell, Amounts(idle_usd=idle_usd)

    def _tag_hours(self) -> Iterator[tuple[Tag, Amounts]]:
        if self._added_up is None:
            return
        hours = CostTagHour.objects.filter(
            hour__gte=self._added_up.start, hour__lt=self._added_up.end
        )
        found = (
            self.scope.of_tag_hours(hours)
            .values_list("key", "value")
            .annotate(Sum("attempts"), UsdSum("usd"), UsdSum("idle_usd"), UsdSum("on_demand_usd"))
            .order_by()
        )
        for key, value, *amounts in found:
            yield (key, value), Amounts(*amounts)

    def _tags_ended(self) -> Iterator[tuple[Tag, Amounts]]:
        for times in self._rest:
            found = with_tags(self.scope.of_attempts(rows.ended(times)))
            for own, of_spec, capacity, usd, on_demand_usd in found.values_list(
                *OF_TAGS, "cost_usd", "on_demand_usd"
            ).iterator():
                for tag in tags_of_row(own, of_spec):
                    yield tag, amounts_of(capacity, 1, usd, on_demand_usd)

    def _tags_charged(self) -> Iterator[tuple[Tag, Amounts]]:
        for times in self._rest:
            found = with_tags(self.scope.of_attempts(rows.charged(times)))
            for own, of_spec, _, idle_usd in found.values_list(*OF_TAGS, "idle_usd").iterator():
                for tag in tags_of_row(own, of_spec):
                    yield tag, Amounts(idle_usd=idle_usd)

    def _tags_running(self) -> Iterator[tuple[Tag, Amounts]]:
        priced = {attempt.pk: (attempt, money) for attempt, money in self.living.attempts}
        if not priced:
            return
        found = with_tags(self.scope.of_attempts(rows.running(self.times)))
        for pk, own, of_spec, _ in found.values_list("pk", *OF_TAGS):
            if pk in priced:
                attempt, money = priced[pk]
                for tag in tags_of_row(own, of_spec):
                    yield tag, _so_far(attempt.capacity, money)


def together(parts: Iterable[tuple[K, Amounts]]) -> dict[K, Amounts]:
    """What has the same key added up."""
    found: dict[K, Amounts] = {}
    for key, amounts in parts:
        found[key] = found[key] + amounts if key in found else amounts
    return found


def kind_of(is_spot: bool) -> str:
    """The kind of capacity that an instance is."""
    return str(Capacity.SPOT if is_spot else Capacity.EC2)


def _so_far(capacity: str, money: Money) -> Amounts:
    return amounts_of(capacity, 1, money.usd, money.on_demand_usd)


def _by_cell(found: QuerySet[Attempt], moment: str) -> QuerySet[Attempt, Any]:
    return found.values_list(TruncDate(moment, tzinfo=UTC), *OF_ATTEMPT).order_by()
