"""Sums of costs over a range, by all that they can be told apart by.

Whole past hours, and of the newest hours whole minutes, come from what workers added up (`services.costs.rollup`),
the rest from the rows themselves; what lives counts with what it has cost so far. So a look costs the same however
much is stored.
"""

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

from django.db.models import Count, Func, Q, QuerySet, Sum

from jobs.models import Attempt, Capacity

from ..kept import Kept
from . import scope as rows
from .amounts import SIX_DECIMALS, Amounts, Work, amounts_of, sum_of, together, work_of
from .ends import newest_ends
from .exact import UsdSum, UtcDay, work_sums
from .fields import sums_by_field
from .living import Living, read_living
from .prices import Money, Running
from .scope import CostRange, CostScope, Tag, tags_of_row
from .sums import HOURS, Pieces, Step, pieces_of

S = TypeVar("S")
# What hours that are over cost, of a scope: until one of them is added up again, and at most so long.
kept_hours: Kept[Hashable, list[Any]] = Kept(seconds=600.0, most=40)

OF_ATTEMPT = (
    "environment_id",
    "capacity",
    "job__queue_id",
    "job__definition_id",
    "job__owner_id",
)
# By the fields of a cell, but for its day.
OF_SUMS = {
    "environment": "environment_id",
    "capacity": "capacity",
    "queue": "queue_id",
    "definition": "definition_id",
    "owner": "owner_id",
}
OF_TAGS = ("job__owner_id", "job__tags", "job__spec__tags", "capacity")
# Of added-up rows.
ADDED_UP_SUMS = {
    "attempts_sum": Sum("attempts"),
    "usd_sum": UsdSum("usd"),
    "idle_usd_sum": UsdSum("idle_usd"),
    "on_demand_usd_sum": UsdSum("on_demand_usd"),
}
CELL_SUMS = {
    **ADDED_UP_SUMS,
    "seconds_sum": Sum("seconds"),
    "vcpu_seconds_sum": Sum("vcpu_seconds"),
    "gib_seconds_sum": Sum("gib_seconds"),
}


class Cell(NamedTuple):
    """What is alike in all that a cost is added up by. None: no job is charged with it."""

    day: date
    environment: int
    capacity: str
    queue: int | None = None
    definition: int | None = None
    owner: int | None = None


Row = tuple[Cell, Amounts]
OwnerTag = tuple[int, Tag]


def with_tags(found: QuerySet[Attempt]) -> QuerySet[Attempt]:
    """Those of jobs that have tags, or had some."""
    return found.filter(Q(job__tags__isnull=False) | ~Q(job__spec__tags={}))


class Ledger:
    """The costs of a range and a scope. Each part is read once, when it is asked for first."""

    def __init__(
        self,
        times: CostRange,
        scope: CostScope,
        *,
        from_rows: bool = False,
        living: Living | None = None,
        with_days: bool = False,
    ) -> None:
        """`from_rows`: whatever was added up already is added up again.

        `living`: all that lives at the end of the range, of any scope, where that was read already.

        `with_days`: what each day cost is read with all else, in one statement for each length of sums, so that the
        days add up to the total whatever is added up again in between.
        """
        self._everywhere = living
        self._with_days = with_days
        self.times = times
        self.scope = scope
        # Tags are added up by owner, but not by anything else beside.
        if from_rows or (scope.tag and scope != CostScope(owner=scope.owner, tag=scope.tag)):
            self._pieces = Pieces([], [replace(times, with_running=False)])
        else:
            self._pieces = pieces_of(times)

    @cached_property
    def cells(self) -> dict[Cell, Amounts]:
        """All costs by day, environment, capacity, queue, definition and owner.

        With a tag in the scope only those that are not added up yet; `total` has all.
        """
        sums = ((Cell(*key), amounts) for key, amounts in self._sums("day", *OF_SUMS))
        return together([*sums, *self._not_added_up])

    @cached_property
    def _by_fields(self) -> dict[str, dict[Any, Amounts]]:
        """By each of a cell's fields, its day only if that was asked for: added up by the database."""
        fields = ("day", *OF_SUMS) if self._with_days else tuple(OF_SUMS)
        found: dict[str, list[tuple[Any, Amounts]]] = {
            field: [(getattr(cell, field), each) for cell, each in self._not_added_up]
            for field in fields
        }
        for step, times in self._pieces.added_up if self.scope.tag is None else ():
            for field, value, amounts in self._kept(step, times, "fields", self._sums_by_field):
                found[field].append((value, amounts))
        return {field: together(parts) for field, parts in found.items()}

    def _sums_by_field(self, step: Step, times: CostRange) -> list[tuple[str, Any, Amounts]]:
        day = UtcDay(step.field) if self._with_days else None
        rows_of = self.scope.of_sums(step.sums_of(times))
        return list(sums_by_field(rows_of, OF_SUMS, CELL_SUMS, day=day))

    def _kept(
        self, step: Step, times: CostRange, what: str, read: Callable[[Step, CostRange], list[S]]
    ) -> list[S]:
        """What is read of a step's sums. Those of hours are read once as long as none of them has changed."""
        if step is not HOURS:
            return read(step, times)
        key = (what, times, self.scope, self._with_days, self._pieces.version)
        return kept_hours.get(key, lambda: read(step, times))

    @cached_property
    def total(self) -> Amounts:
        """All of it."""
        if self.scope.tag is None and self._with_days:
            return sum_of(self._by_fields["capacity"].values())
        if self.scope.tag is None:
            return sum_of([*self._sum(), *(amounts for _, amounts in self._not_added_up)])
        wanted, of_value = self.scope.tag
        # A job has one value for a key, so no cost is in two of them.
        return sum_of(
            [
                amounts
                for (key, value), amounts in self.tags.items()
                if key == wanted and of_value in (None, value)
            ]
        )

    def by(self, field: str) -> dict[Any, Amounts]:
        """Added up by a cell's field. A query for days, unless they are read with all others: `with_days`."""
        if field == "day" and not self._with_days:
            sums = ((day, amounts) for (day,), amounts in self._sums("day"))
            return together([*sums, *((cell.day, each) for cell, each in self._not_added_up)])
        return self._by_fields[field]

    @cached_property
    def tags(self) -> dict[Tag, Amounts]:
        """The costs of jobs by each of their tags; a job with several counts for each."""
        rest = ((tag, amounts) for (_, tag), amounts in self._tags_not_added_up())
        return together([*self._tag_sums("key", "value"), *rest])

    @cached_property
    def tags_by_owner(self) -> dict[OwnerTag, Amounts]:
        """The same by whose jobs they are, too."""
        sums = (
            ((owner, (key, value)), amounts)
            for (owner, key, value), amounts in self._tag_sums("owner_id", "key", "value")
        )
        return together([*sums, *self._tags_not_added_up()])

    @cached_property
    def living(self) -> Living:
        """What lives at the end of the range."""
        if self._everywhere is not None:
            return self._everywhere.of(self.scope)
        return read_living(self.times, self.scope)

    @cached_property
    def _so_far(self) -> dict[int, Amounts]:
        """Of each attempt that lives then."""
        attempts = self.living.attempts
        return {each.pk: _so_far(each, money, self.times.end) for each, money in attempts}

    @property
    def living_idle_usd(self) -> Decimal:
        """Idle time so far of instances that live, which attempts are charged with when they end."""
        return sum((usd for _, usd in self.living.instances), Decimal(0))

    @property
    def so_far(self) -> Amounts:
        """The part of the total that is not final yet: of what lives at the end of the range."""
        return sum_of([amounts for _, amounts in self._running()])

    @cached_property
    def _not_added_up(self) -> list[Row]:
        """What is read from rows: see `Pieces.rest`, and what lives."""
        parts = (self._ended, self._charged, self._uncharged, self._running)
        return [row for part in parts for row in part()]

    def _sums(self, *fields: str) -> Iterator[tuple[tuple[Any, ...], Amounts]]:
        """What is added up already, by these of a cell's fields."""
        if self.scope.tag:
            return
        for step, times in self._pieces.added_up:
            columns: dict[str, str | Func] = {**OF_SUMS, "day": UtcDay(step.field)}
            found = (
                self.scope.of_sums(step.sums_of(times))
                .values_list(*(columns[field] for field in fields))
                .annotate(**CELL_SUMS)
                .order_by()
            )
            for *key, attempts, usd, idle_usd, on_demand_usd, seconds, vcpu, gib in found:
                work = Work(seconds, vcpu, gib)
                yield tuple(key), Amounts(attempts, usd, idle_usd, on_demand_usd, work)

    def _sum(self) -> Iterator[Amounts]:
        """The same all together: of a year a third of what it takes by fields."""
        for step, times in self._pieces.added_up:
            found = self.scope.of_sums(step.sums_of(times)).aggregate(**CELL_SUMS)
            attempts, usd, idle_usd, on_demand_usd, *worked = (found[name] for name in CELL_SUMS)
            if attempts is not None:
                work = Work(*(each.quantize(SIX_DECIMALS) for each in worked))
                yield Amounts(attempts, usd, idle_usd, on_demand_usd, work)

    def newest_ends(
        self, *, spot_only: bool, after: tuple[datetime, int] | None, count: int
    ) -> list[int] | None:
        """Of a narrow scope the ids of attempts that ended, newest first: see `ends`. None of one that is
        not, or whose sums do not say when they did: there, the index of ends is as good."""
        if self.scope == CostScope() or not self._pieces.added_up or (self.scope.tag and spot_only):
            return None
        return newest_ends(self._pieces, self.scope, spot_only=spot_only, after=after, count=count)

    def _ended(self) -> Iterator[Row]:
        for times in self._pieces.rest:
            microseconds, milli_vcpus, mib = work_sums()
            found = _by_cell(self.scope.of_attempts(rows.ended(times)), "ended_at").annotate(
                attempts_sum=Count("pk"),
                usd_sum=UsdSum("cost_usd"),
                on_demand_usd_sum=UsdSum("on_demand_usd"),
                microseconds=microseconds,
                milli_vcpu_microseconds=milli_vcpus,
                mib_microseconds=mib,
            )
            for *key, attempts, usd, on_demand_usd, ran, vcpu, mib_ran in found:
                cell = Cell(*key)
                work = work_of(ran, vcpu, mib_ran)
                yield cell, amounts_of(cell.capacity, attempts, usd, on_demand_usd, work)

    def _charged(self) -> Iterator[Row]:
        for times in self._pieces.rest:
            found = self.scope.of_attempts(rows.charged(times))
            for row in _by_cell(found, "instance__ended_at").annotate(
                idle_usd_sum=UsdSum("idle_usd")
            ):
                yield Cell(*row[:6]), Amounts(idle_usd=row[6])

    def _uncharged(self) -> Iterator[Row]:
        for times in self._pieces.rest:
            found = (
                self.scope.of_instances(rows.uncharged(times))
                .values_list(UtcDay("ended_at"), "environment_id", "is_spot")
                .annotate(idle_usd_sum=UsdSum("uncharged_idle_usd"))
                .order_by()
            )
            for day, environment_id, is_spot, idle_usd in found:
                yield Cell(day, environment_id, kind_of(is_spot)), Amounts(idle_usd=idle_usd)

    def _running(self) -> Iterator[Row]:
        day = self.times.end.astimezone(UTC).date()
        for attempt, _ in self.living.attempts:
            place = (attempt.environment_id, attempt.capacity)
            cell = Cell(day, *place, attempt.queue_id, attempt.definition_id, attempt.owner_id)
            yield cell, self._so_far[attempt.pk]
        for instance, idle_usd in self.living.instances:
            cell = Cell(day, instance.environment_id, kind_of(instance.is_spot))
            yield cell, Amounts(idle_usd=idle_usd)

    def _tag_sums(self, *columns: str) -> Iterator[tuple[tuple[Any, ...], Amounts]]:
        """What is added up already, by these columns."""
        for step, times in self._pieces.added_up:
            yield from self._kept(
                step, times, ",".join(columns), lambda *piece: self._read_tag_sums(columns, *piece)
            )

    def _read_tag_sums(
        self, columns: Sequence[str], step: Step, times: CostRange
    ) -> list[tuple[tuple[Any, ...], Amounts]]:
        rows_of = self.scope.of_tag_sums(step.tag_sums_of(times)).order_by()
        found = rows_of.values_list(*columns).annotate(**ADDED_UP_SUMS)
        return [(row[: len(columns)], Amounts(*row[len(columns) :])) for row in found]

    def _tags_not_added_up(self) -> Iterator[tuple[OwnerTag, Amounts]]:
        for part in (self._tags_ended, self._tags_charged, self._tags_running):
            yield from part()

    def _tags_ended(self) -> Iterator[tuple[OwnerTag, Amounts]]:
        for times in self._pieces.rest:
            found = _by_tags(self.scope.of_attempts(rows.ended(times))).annotate(
                attempts_sum=Count("pk"),
                usd_sum=UsdSum("cost_usd"),
                on_demand_usd_sum=UsdSum("on_demand_usd"),
            )
            for owner, own, of_spec, capacity, *sums in found:
                amounts = amounts_of(capacity, *sums)
                for tag in tags_of_row(own, of_spec):
                    yield (owner, tag), amounts

    def _tags_charged(self) -> Iterator[tuple[OwnerTag, Amounts]]:
        for times in self._pieces.rest:
            found = _by_tags(self.scope.of_attempts(rows.charged(times)))
            for owner, own, of_spec, _, idle_usd in found.annotate(idle_usd_sum=UsdSum("idle_usd")):
                for tag in tags_of_row(own, of_spec):
                    yield (owner, tag), Amounts(idle_usd=idle_usd)

    def _tags_running(self) -> Iterator[tuple[OwnerTag, Amounts]]:
        for attempt, _ in self.living.attempts:
            for tag in tags_of_row(attempt.own_tags, attempt.spec_tags):
                yield (attempt.owner_id, tag), self._so_far[attempt.pk]


def kind_of(is_spot: bool) -> str:
    """The kind of capacity that an instance is."""
    return str(Capacity.SPOT if is_spot else Capacity.EC2)


def _so_far(attempt: Running, money: Money, moment: datetime) -> Amounts:
    start = attempt.started_at or moment
    ran = max(min(attempt.stopped_at or moment, moment) - start, timedelta(0))
    microseconds = ran // timedelta(microseconds=1)
    work = work_of(
        microseconds, microseconds * attempt.milli_vcpus, microseconds * attempt.memory_mib
    )
    return amounts_of(attempt.capacity, 1, money.usd, money.on_demand_usd, work)


def _by_tags(found: QuerySet[Attempt]) -> QuerySet[Attempt, Any]:
    """Of children that share an array's tags, one row, however many ended."""
    return with_tags(found).values_list(*OF_TAGS).order_by()


def _by_cell(found: QuerySet[Attempt], moment: str) -> QuerySet[Attempt, Any]:
    return found.values_list(UtcDay(moment), *OF_ATTEMPT).order_by()
