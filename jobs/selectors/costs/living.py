"""What lives at a moment, with what it had cost by then: attempts that run, and idle time of instances."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TypeVar

from django.db.models import Model, QuerySet

from jobs.models import Attempt, Instance

from . import scope as rows
from .exact import UsdSum
from .prices import Money, Running, prices_of
from .scope import CostRange, CostScope

M = TypeVar("M", bound=Model)

# What an instance is priced by. It is read with each page of costs.
PRICED = (
    *("instance_id", "environment_id", "milli_vcpus", "memory_mib", "gpus", "is_spot"),
    *("usd_per_hour", "spot_usd_per_hour", "bid_percentage", "launched_at", "ended_at"),
    "node__engine_id",
)


@dataclass(frozen=True, slots=True)
class Living:
    """Attempts with what they had cost, and instances with what they had cost beside their attempts."""

    attempts: list[tuple[Running, Money]]
    instances: list[tuple[Instance, Decimal]]

    def of(self, scope: CostScope) -> "Living":
        """The part of all that lives that belongs to a queue, an owner or a tag."""
        attempts = [
            each
            for each in self.attempts
            if scope.queue in (None, each[0].queue_id)
            and scope.owner in (None, each[0].owner_id)
            and scope.has(rows.tags_of_row(each[0].own_tags, each[0].spec_tags))
        ]
        return Living(attempts, [] if scope.is_of_jobs else self.instances)


def read_living(times: CostRange, scope: CostScope) -> Living:
    """What lived at the end of a range; nothing if the range leaves that out. At most nine queries."""
    if not times.with_running:
        return Living([], [])
    running = _running(times, scope)
    instances = _instances(times, scope)
    attempts = _with_instances(running, instances)
    on_them = _on(instances, times) if scope.without_job else attempts
    prices = prices_of(on_them, now=times.end, instances=instances)
    money = {each.pk: prices.until(each, times.end) for each in on_them}
    used = _used_by_ended(instances, times)
    for attempt in on_them:
        if attempt.instance_id is not None:
            used[attempt.instance_id] += money[attempt.pk].usd
    idle = [
        (each, max(prices.of_instance(each, until=times.end) - used[each.pk], Decimal(0)))
        for each in instances
    ]
    return Living([(each, money[each.pk]) for each in attempts], idle)


def _running(times: CostRange, scope: CostScope) -> list[Running]:
    found: dict[int, Running] = {}
    for part in rows.running(times):
        for row in scope.of_attempts(part).values_list(*rows.OF_RUNNING):
            found.setdefault(row[0], Running(*row))
    return [each for _, each in sorted(found.items())]


def _with_instances(attempts: list[Running], known: list[Instance]) -> list[Running]:
    """One query, for those that are not known yet."""
    instances: dict[int | None, Instance] = {each.pk: each for each in known}
    if more := {each.instance_id for each in attempts} - instances.keys() - {None}:
        instances.update(Instance.objects.in_bulk(more))
    return [
        each if each.instance_id is None else each._replace(instance=instances[each.instance_id])
        for each in attempts
    ]


def _on(instances: list[Instance], times: CostRange) -> list[Running]:
    """What ran on them, whoever is charged with it."""
    if not instances:
        return []
    ids = {each.pk for each in instances}
    # By instance, all that ever ran on them would be read.
    anywhere = _running(times, CostScope())
    return _with_instances([each for each in anywhere if each.instance_id in ids], instances)


def _instances(times: CostRange, scope: CostScope) -> list[Instance]:
    # By environment, all that it ever had would be read.
    anywhere = replace(scope, environment=None)
    parts = (anywhere.of_instances(part) for part in rows.living(times))
    found = _by_id(part.select_related("node").only(*PRICED) for part in parts)
    return [each for each in found if scope.environment in (None, each.environment_id)]


def _by_id(parts: Iterable[QuerySet[M]]) -> list[M]:
    """Each row once, in the order of the ids."""
    found: dict[int, M] = {}
    for part in parts:
        for row in part:
            found.setdefault(row.pk, row)
    return [found[pk] for pk in sorted(found)]


def _used_by_ended(instances: list[Instance], times: CostRange) -> dict[int | None, Decimal]:
    """What attempts that had ended by then cost, by instance."""
    used: dict[int | None, Decimal] = defaultdict(Decimal)
    if instances:
        on_them = Attempt.objects.filter(
            instance__in=[each.pk for each in instances], ended_at__lt=times.end
        )
        sums = on_them.values_list("instance_id").annotate(usd=UsdSum("cost_usd")).order_by()
        used.update(dict(sums))
    return used
