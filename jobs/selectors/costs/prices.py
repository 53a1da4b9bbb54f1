"""What attempts and instances cost until a moment, from their rows and the history of the going Spot price."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from django.db.models import OuterRef, Subquery

from jobs.domain.resources import Resources
from jobs.models import Attempt, Capacity, Engine, Instance, SpotPressure
from jobs.pricing import cost
from jobs.pricing.fargate import FargateNeeds, fargate_usd, fargate_usd_per_hour
from jobs.pricing.instances import instance_usd, part_of, part_usd
from jobs.pricing.over_time import FARGATE_SPOT_FRACTION, History, HourlyPrice, Steps, pressure_at
from jobs.pricing.spot import bid_usd_per_hour

# An engine's clock may go behind ours: its times are before those of our own that caused them.
CLOCKS_APART = timedelta(minutes=1)
SPOT_KINDS = frozenset({Capacity.SPOT, Capacity.FARGATE_SPOT})
FARGATE_KINDS = frozenset({Capacity.FARGATE, Capacity.FARGATE_SPOT})


@dataclass(frozen=True, slots=True)
class Money:
    """US dollars, and what the same would have cost On-Demand."""

    usd: Decimal = Decimal(0)
    on_demand_usd: Decimal = Decimal(0)


class Running(NamedTuple):
    """An attempt that lived at a moment: what prices it, and what its cost is told apart by.

    Hundreds may, and rows of a model take several times as long to make. The names are those of `Attempt`.
    """

    pk: int
    capacity: str
    gpus: list[str]
    milli_vcpus: int
    memory_mib: int
    ephemeral_gib: int
    usd_per_vcpu_hour: Decimal
    usd_per_gib_hour: Decimal
    usd_per_ephemeral_gib_hour: Decimal
    placed_at: datetime
    started_at: datetime | None
    stopped_at: datetime | None
    cost_usd: Decimal
    on_demand_usd: Decimal
    environment_id: int
    instance_id: int | None
    engine_id: int
    queue_id: int
    definition_id: int
    owner_id: int
    own_tags: dict[str, str] | None
    spec_tags: dict[str, str]
    instance: Instance | None = None


Priced = Attempt | Running


class Prices:
    """What is needed to price attempts and instances: how the pressure on engines changed."""

    def __init__(self, histories: Mapping[int, Steps] | None = None) -> None:
        self._histories = histories or {}

    def of_attempt(self, attempt: Priced, *, start: datetime, end: datetime) -> Money:
        """What it costs from its start to its end; on an instance only for as long as that lives."""
        if attempt.instance is not None:
            return self._on_instance(attempt, attempt.instance, start, end)
        if attempt.capacity in FARGATE_KINDS:
            return self._on_fargate(attempt, start, end)
        usd = cost.usd(
            milli_vcpus=attempt.milli_vcpus,
            memory_mib=attempt.memory_mib,
            seconds=cost.seconds_between(start, end),
            rates=rates_of(attempt),
        )
        return Money(usd, usd)

    def until(self, attempt: Priced, moment: datetime) -> Money:
        """What an attempt that lived at that moment had cost by then; nothing before its start."""
        if attempt.started_at is None or attempt.started_at > moment:
            return Money()
        instance = attempt.instance
        if instance is not None and instance.ended_at is not None and instance.ended_at <= moment:
            # Settled with its instance, whenever its own end is recorded.
            return Money(attempt.cost_usd, attempt.on_demand_usd)
        end = min(attempt.stopped_at or moment, moment)
        return self.of_attempt(attempt, start=attempt.started_at, end=end)

    def of_instance(self, instance: Instance, *, until: datetime) -> Decimal:
        """What an instance costs from its launch until then, all of it."""
        return instance_usd(
            price=price_of(instance),
            history=self._history(instance.node.engine_id if instance.is_spot else None),
            launched_at=instance.launched_at,
            ended_at=until,
        )

    def usd_per_hour(self, attempt: Priced, moment: datetime) -> Decimal:
        """How fast an attempt's cost grows at that moment (not rounded)."""
        instance = attempt.instance
        if instance is not None:
            engine_id = _engine_of(attempt) if instance.is_spot else None
            part = part_of(_needs(attempt), _size(instance))
            hourly = price_of(instance).at(pressure_at(self._history(engine_id), moment))
            return hourly * part.numerator / part.denominator
        if attempt.capacity not in FARGATE_KINDS:
            return cost.usd_per_hour(
                milli_vcpus=attempt.milli_vcpus,
                memory_mib=attempt.memory_mib,
                rates=rates_of(attempt),
            )
        if attempt.capacity == Capacity.FARGATE:
            return _fargate_hourly(attempt)
        pressure = pressure_at(self._history(_engine_of(attempt)), moment)
        return _fargate_hourly(attempt) * FARGATE_SPOT_FRACTION.at(pressure)

    def _history(self, engine_id: int | None) -> Steps:
        return self._histories.get(engine_id, ()) if engine_id is not None else ()

    def _on_instance(
        self, attempt: Priced, instance: Instance, start: datetime, end: datetime
    ) -> Money:
        price = price_of(instance)
        start = max(start, instance.launched_at)
        end = min(end, instance.ended_at) if instance.ended_at else end
        part = part_of(_needs(attempt), _size(instance))
        on_demand = part_usd(price=price.on_demand, history=(), start=start, end=end, part=part)
        if not instance.is_spot:
            return Money(on_demand, on_demand)
        history = self._history(_engine_of(attempt))
        usd = part_usd(price=price, history=history, start=start, end=end, part=part)
        return Money(usd, on_demand)

    def _on_fargate(self, attempt: Priced, start: datetime, end: datetime) -> Money:
        hourly = _fargate_hourly(attempt)
        on_demand = fargate_usd(hourly=hourly, start=start, end=end)
        if attempt.capacity == Capacity.FARGATE:
            return Money(on_demand, on_demand)
        history = self._history(_engine_of(attempt))
        usd = fargate_usd(hourly=hourly, start=start, end=end, spot_history=history)
        return Money(usd, on_demand)


def prices_of(
    attempts: Iterable[Priced], *, now: datetime, instances: Iterable[Instance] = ()
) -> Prices:
    """What prices these attempts and instances until `now`. Two queries, none where nothing is Spot.

    Each attempt comes with its node, and with its instance where it has one; each instance with its node.
    """
    since: dict[int, datetime] = {}
    for attempt in attempts:
        if attempt.capacity in SPOT_KINDS:
            engine_id = _engine_of(attempt)
            start = min(attempt.started_at or attempt.placed_at, attempt.placed_at) - CLOCKS_APART
            since[engine_id] = min(since.get(engine_id, now), start)
    for instance in instances:
        if instance.is_spot:
            engine_id = instance.node.engine_id
            since[engine_id] = min(since.get(engine_id, now), instance.launched_at)
    if not since:
        return Prices()
    return Prices(pressure_histories(since, since=min(since.values()), until=now))


def pressure_histories(
    engine_ids: Collection[int], *, since: datetime, until: datetime
) -> dict[int, History]:
    """How the pressure on engines changed between two moments, with the step that held at the first. Two queries."""
    rows = SpotPressure.objects.filter(engine__in=list(engine_ids)).order_by("engine_id", "at")
    before = SpotPressure.objects.filter(engine=OuterRef("pk"), at__lte=since).order_by("-at")
    newest = Engine.objects.filter(pk__in=list(engine_ids)).values(
        newest=Subquery(before.values("pk")[:1])
    )
    histories: dict[int, list[tuple[datetime, Decimal]]] = defaultdict(list)
    held = rows.filter(pk__in=newest)
    between = rows.filter(at__gt=since, at__lte=until)
    for part in (held, between):
        for engine_id, at, pressure in part.values_list("engine_id", "at", "pressure"):
            histories[engine_id].append((at, pressure))
    return {engine_id: History(steps) for engine_id, steps in histories.items()}


def price_of(instance: Instance) -> HourlyPrice:
    """What an hour of an instance costs, frozen at its launch: of a Spot instance never more than its bid."""
    if not instance.is_spot:
        return HourlyPrice(instance.usd_per_hour)
    bid = instance.bid_percentage
    most = (
        bid_usd_per_hour(on_demand_usd_per_hour=instance.usd_per_hour, bid_percentage=bid)
        if bid is not None
        else None
    )
    return HourlyPrice(instance.usd_per_hour, instance.spot_usd_per_hour, most)


def rates_of(attempt: Priced) -> cost.Rates:
    """The rates that an attempt without an instance is priced at."""
    return cost.Rates(
        usd_per_vcpu_hour=attempt.usd_per_vcpu_hour, usd_per_gib_hour=attempt.usd_per_gib_hour
    )


def cost_so_far(attempt: Attempt, *, now: datetime, prices: Prices | None = None) -> Decimal:
    """What an attempt has cost: its recorded cost once ended, else until now; 0 before its start.

    `prices`: those of a whole list (`prices_of`); without them a Spot attempt asks for its own.
    """
    if attempt.ended_at is not None:
        return attempt.cost_usd
    return (prices or prices_of([attempt], now=now)).until(attempt, now).usd


def _needs(attempt: Priced) -> Resources:
    return Resources(attempt.milli_vcpus, attempt.memory_mib, len(attempt.gpus))


def _engine_of(attempt: Priced) -> int:
    return attempt.engine_id if isinstance(attempt, Running) else attempt.node.engine_id


def _size(instance: Instance) -> Resources:
    return Resources(instance.milli_vcpus, instance.memory_mib, instance.gpus)


def _fargate_hourly(attempt: Priced) -> Decimal:
    return fargate_usd_per_hour(
        FargateNeeds(attempt.milli_vcpus, attempt.memory_mib, attempt.ephemeral_gib),
        rates=rates_of(attempt),
        usd_per_ephemeral_gib_hour=attempt.usd_per_ephemeral_gib_hour,
    )
