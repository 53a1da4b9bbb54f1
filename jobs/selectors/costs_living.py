"""What lives at a moment, with what it had cost by then: attempts that run, and idle time of instances."""

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal

from jobs.models import Attempt, Instance

from . import costs_scope as rows
from .costs_exact import UsdSum
from .costs_prices import Money, prices_of
from .costs_scope import CostRange, CostScope


@dataclass(frozen=True, slots=True)
class Living:
    """Attempts with what they had cost, and instances with what they had cost beside their attempts."""

    attempts: list[tuple[Attempt, Money]]
    instances: list[tuple[Instance, Decimal]]


def read_living(times: CostRange, scope: CostScope) -> Living:
    """What lived at the end of a range; nothing if the range leaves that out. At most five queries."""
    if not times.with_running:
        return Living([], [])
    attempts = list(scope.of_attempts(rows.running(times)).order_by("id"))
    instances = list(scope.of_instances(rows.living(times)).order_by("id"))
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


def _on(instances: list[Instance], times: CostRange) -> list[Attempt]:
    """What ran on them, whoever is charged with it."""
    return list(rows.running(times).filter(instance__in=[each.pk for each in instances]))


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
