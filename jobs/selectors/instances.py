"""Reads of instances: those of an environment, one with what ran on it, and the Spot price they follow."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import Count, Exists, OuterRef, QuerySet, Sum

from jobs.domain.environments.compute_resources import is_fargate
from jobs.domain.resources import Resources
from jobs.models import Attempt, ComputeEnvironment, Engine, Instance
from jobs.pricing.over_time import Steps, pressure_at
from jobs.pricing.spot import bid_usd_per_hour

from .costs.prices import Prices, cost_so_far, pressure_histories, price_of, prices_of
from .paging import Page, page_of

NOTHING = Resources(0, 0)
# More live instances, and more running attempts, than these are not listed one by one.
INSTANCES_SHOWN = 100
ATTEMPTS_SHOWN = 200
ENDED_PAGE_SIZE = 20
ATTEMPTS_PAGE_SIZE = 50
PRICE_HISTORY = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class InstanceRow:
    """An instance (with its node and environment), what runs on it, and its price.

    `usd_per_hour` is what it costs now, `usd` what it has cost; `bid_usd_per_hour` is the most that is paid.
    """

    instance: Instance
    used: Resources
    live_attempts: int
    attempts: list[Attempt]
    usd_per_hour: Decimal
    usd: Decimal
    bid_usd_per_hour: Decimal | None

    @property
    def size(self) -> Resources:
        return Resources(self.instance.milli_vcpus, self.instance.memory_mib, self.instance.gpus)

    @property
    def hidden_attempts(self) -> int:
        """How many live attempts are not in `attempts`."""
        return self.live_attempts - len(self.attempts)


@dataclass(frozen=True, slots=True)
class LiveInstances:
    """An environment's instances that hold room, oldest first: the first of them, and sums over all."""

    rows: list[InstanceRow]
    count: int
    size: Resources

    @property
    def hidden(self) -> int:
        """How many are not in `rows`."""
        return self.count - len(self.rows)


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """An attempt (with its job) that is or was on an instance, and what it has cost."""

    attempt: Attempt
    usd: Decimal


def busy_milli_vcpus(*, environment: ComputeEnvironment) -> int:
    """What of a managed environment's maximum cannot be taken away: thousandths of vCPUs. One query.

    The sizes of its instances that jobs are on; of Fargate, what its jobs hold.
    """
    live = Attempt.objects.filter(ended_at__isnull=True)
    held: QuerySet[Attempt] | QuerySet[Instance] = live.filter(environment=environment)
    if not is_fargate(environment.compute_resources):
        on_it = live.filter(instance=OuterRef("pk"))
        held = Instance.objects.filter(environment=environment, ended_at__isnull=True)
        held = held.filter(Exists(on_it))
    total: int | None = held.aggregate(total=Sum("milli_vcpus"))["total"]
    return total or 0


def live_instances(*, environment: ComputeEnvironment, now: datetime) -> LiveInstances:
    """The environment's instances with what runs on them. Four queries, six where some are Spot, one more for GPUs."""
    live = Instance.objects.filter(environment=environment, ended_at__isnull=True)
    sums = live.aggregate(Count("id"), Sum("milli_vcpus"), Sum("memory_mib"), Sum("gpus"))
    size = Resources(
        sums["milli_vcpus__sum"] or 0, sums["memory_mib__sum"] or 0, sums["gpus__sum"] or 0
    )
    rows = list(live.select_related("node").order_by("id")[:INSTANCES_SHOWN])
    return LiveInstances(rows=_with_use(rows, now), count=sums["id__count"], size=size)


def ended_instances(
    *, environment: ComputeEnvironment, after: str = "", size: int = ENDED_PAGE_SIZE
) -> Page[Instance]:
    """The environment's instances that have ended, newest first, from behind the one of that instance id on.

    One query, two behind the first page.
    """
    rows = Instance.objects.filter(environment=environment, ended_at__isnull=False)
    if after:
        last = Instance.objects.filter(environment=environment, instance_id=after).first()
        rows = rows.filter(pk__lt=last.pk) if last else rows.none()
    rows = rows.select_related("node").order_by("-id")
    return page_of(list(rows[: size + 1]), size=size, key=lambda row: row.instance_id)


def find_instance(*, instance_id: str, now: datetime) -> InstanceRow | None:
    """One instance by its id, ended or not, with its environment (deleted or not), node and engine."""
    rows = Instance.objects.select_related("node__engine", "environment")
    instance = rows.filter(instance_id=instance_id).first()
    return None if instance is None else _with_use([instance], now)[0]


def attempts_on(
    *, instance: Instance, now: datetime, after: int | None = None, size: int = ATTEMPTS_PAGE_SIZE
) -> Page[AttemptRow]:
    """What runs and ran on an instance, newest first, from behind the attempt of that number on."""
    rows = Attempt.objects.filter(instance=instance)
    if after is not None:
        rows = rows.filter(pk__lt=after)
    rows = rows.select_related("job__queue", "node", "instance").order_by("-id")
    found = page_of(list(rows[: size + 1]), size=size, key=lambda row: str(row.pk))
    prices = prices_of([row for row in found.rows if row.ended_at is None], now=now)
    return Page(
        rows=[
            AttemptRow(attempt=row, usd=cost_so_far(row, now=now, prices=prices))
            for row in found.rows
        ],
        next=found.next,
    )


def spot_steps(*, engine: Engine, now: datetime) -> Steps:
    """How much of an engine was asked for in the last day: each change, and what held before. Two queries."""
    histories = pressure_histories([engine.pk], since=now - PRICE_HISTORY, until=now)
    return histories.get(engine.pk, [])


def _with_use(instances: Sequence[Instance], now: datetime) -> list[InstanceRow]:
    live = [row for row in instances if row.ended_at is None]
    used, counts = _use(live)
    attempts = _attempts(live)
    histories = _histories(live, now)
    prices = Prices(histories)
    return [
        InstanceRow(
            instance=row,
            used=used.get(row.pk, NOTHING),
            live_attempts=counts.get(row.pk, 0),
            attempts=attempts.get(row.pk, []),
            usd_per_hour=price_of(row).at(pressure_at(histories.get(row.node.engine_id, ()), now)),
            usd=_usd(row, prices, now),
            bid_usd_per_hour=_bid(row),
        )
        for row in instances
    ]


def _histories(instances: Iterable[Instance], now: datetime) -> dict[int, Steps]:
    spot = [row for row in instances if row.is_spot]
    if not spot:
        return {}
    since = min(row.launched_at for row in spot)
    return dict(pressure_histories({row.node.engine_id for row in spot}, since=since, until=now))


def _usd(row: Instance, prices: Prices, now: datetime) -> Decimal:
    return row.usd if row.ended_at is not None else prices.of_instance(row, until=now)


def _bid(row: Instance) -> Decimal | None:
    if not row.is_spot:
        return None
    return bid_usd_per_hour(
        on_demand_usd_per_hour=row.usd_per_hour, bid_percentage=row.bid_percentage or 100
    )


def _use(instances: Iterable[Instance]) -> tuple[dict[int, Resources], dict[int, int]]:
    """What live attempts hold of each instance, and how many they are."""
    ids = [row.pk for row in instances]
    if not ids:
        return {}, {}
    live = Attempt.objects.filter(instance__in=ids, ended_at__isnull=True).order_by()
    used: dict[int, Resources] = {}
    counts: dict[int, int] = {}
    sums = live.values_list("instance_id").annotate(
        Sum("milli_vcpus"), Sum("memory_mib"), Count("id")
    )
    for pk, milli_vcpus, memory_mib, count in sums:
        used[pk] = Resources(milli_vcpus, memory_mib)
        counts[pk] = count
    if any(row.gpus for row in instances):
        for pk, gpus in live.exclude(gpus=[]).values_list("instance_id", "gpus"):
            used[pk] = used[pk] + Resources(0, 0, len(gpus))
    return used, counts


def _attempts(instances: Iterable[Instance]) -> dict[int, list[Attempt]]:
    ids = [row.pk for row in instances]
    found: dict[int, list[Attempt]] = defaultdict(list)
    if not ids:
        return found
    rows = Attempt.objects.filter(instance__in=ids, ended_at__isnull=True)
    for row in rows.select_related("job__queue").order_by("id")[:ATTEMPTS_SHOWN]:
        assert row.instance_id is not None
        found[row.instance_id].append(row)
    return found
