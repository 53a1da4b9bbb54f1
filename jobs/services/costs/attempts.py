"""What attempts cost, at their end."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import NamedTuple

from jobs.models import Attempt, Instance
from jobs.selectors.costs.prices import Money, prices_of


class RanFor(NamedTuple):
    """When a container started and ended, by its engine's clock; None if it never did."""

    started_at: datetime | None
    stopped_at: datetime | None


def price_ends(times: Mapping[Attempt, RanFor], *, now: datetime) -> dict[int, Money]:
    """What each of the attempts costs, by its id; in the transaction that ends them, whose jobs are locked.

    No query where all are UNMANAGED or FARGATE. An attempt whose instance has ended already costs what was
    settled then (`services.costs.instances`): its row is locked, so either that is seen here, or this is there.
    """
    _read_instances([each for each in times if each.instance_id is not None])
    ends = [ran.stopped_at for ran in times.values() if ran.stopped_at is not None]
    prices = prices_of(times, now=max(ends, default=now))
    found: dict[int, Money] = {}
    for attempt, ran in times.items():
        if attempt.instance is not None and attempt.instance.ended_at is not None:
            found[attempt.pk] = Money(attempt.cost_usd, attempt.on_demand_usd)
        elif ran.started_at is None or ran.stopped_at is None:
            found[attempt.pk] = Money()
        else:
            found[attempt.pk] = prices.of_attempt(attempt, start=ran.started_at, end=ran.stopped_at)
    return found


def _read_instances(attempts: Collection[Attempt]) -> None:
    """Locks the attempts, and reads what they cost and their instances anew. Two queries, or none."""
    if not attempts:
        return
    locked = Attempt.objects.select_for_update(no_key=True).filter(
        pk__in=[each.pk for each in attempts]
    )
    settled = {
        pk: money
        for pk, *money in locked.order_by("pk").values_list("pk", "cost_usd", "on_demand_usd")
    }
    # Only once the lock is there: an instance that ends meanwhile has ended now.
    instances = Instance.objects.select_related("node").in_bulk(
        {each.instance_id for each in attempts}
    )
    for attempt in attempts:
        assert attempt.instance_id is not None
        attempt.instance = instances[attempt.instance_id]
        attempt.cost_usd, attempt.on_demand_usd = settled[attempt.pk]
