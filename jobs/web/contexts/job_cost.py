"""What a job has cost as its page shows it, and how that grows while it runs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from jobs.models import Attempt, Capacity
from jobs.pricing import cost
from jobs.selectors.costs import Amounts, Prices, cost_so_far, prices_of
from jobs.selectors.costs.amounts import amounts_of

# How each kind of capacity is billed, in words.
BY_INSTANCE = "its part of its instance, by the second"
BY_SECOND = "by the second, at least one minute for each container of an attempt"
RULES = {
    Capacity.UNMANAGED: BY_SECOND,
    Capacity.EC2: BY_INSTANCE,
    Capacity.SPOT: f"{BY_INSTANCE}, at the going Spot price",
    Capacity.FARGATE: BY_SECOND,
    Capacity.FARGATE_SPOT: f"{BY_SECOND}, at the going price of Fargate Spot",
}
# What these cost is one price times the seconds, a minute at least: a browser can go on by itself.
STEADY = frozenset({Capacity.UNMANAGED, Capacity.FARGATE})


@dataclass(frozen=True, slots=True)
class Cost:
    """Dollars until now, and how they grow: `base_usd` stand, and each second from `since` on adds.

    `idle_usd` is what its attempts are charged with of their instances' idle time, known once those have ended;
    `saving_usd` is what Spot capacity has saved against On-Demand. Neither is in the other figures.
    """

    so_far_usd: Decimal
    base_usd: Decimal
    since: datetime | None
    usd_per_second: Decimal | None
    minimum_seconds: int = cost.MINIMUM_SECONDS
    idle_usd: Decimal = Decimal(0)
    saving_usd: Decimal = Decimal(0)
    # How it is billed; empty until it is placed somewhere.
    rule: str = ""


def prices_of_live(attempts: Sequence[Attempt], *, now: datetime) -> Prices:
    """What prices those of the attempts that live. Two queries, none where none of them is Spot."""
    return prices_of([each for each in attempts if each.ended_at is None], now=now)


def amounts_so_far(attempt: Attempt, *, now: datetime, prices: Prices) -> Amounts:
    """What one attempt has cost, and would have cost On-Demand."""
    if attempt.ended_at is not None:
        usd, on_demand_usd = attempt.cost_usd, attempt.on_demand_usd
    else:
        money = prices.until(attempt, now)
        usd, on_demand_usd = money.usd, money.on_demand_usd
    return amounts_of(attempt.capacity, 1, usd, on_demand_usd)


def cost_of(attempts: Sequence[Attempt], now: datetime) -> Cost:
    """What all attempts have cost until now, and how that grows."""
    prices = prices_of_live(attempts, now=now)
    amounts = [amounts_so_far(each, now=now, prices=prices) for each in attempts]
    so_far = sum((each.usd for each in amounts), Decimal(0))
    whole = Cost(
        so_far_usd=so_far,
        base_usd=so_far,
        since=None,
        usd_per_second=None,
        idle_usd=sum((each.idle_usd for each in attempts), Decimal(0)),
        saving_usd=sum((each.saving_usd for each in amounts), Decimal(0)),
        rule=RULES[Capacity(attempts[-1].capacity)] if attempts else "",
    )
    running = [each for each in attempts if _runs(each)]
    if not running:
        return whole
    each_second = [prices.usd_per_hour(each, now) / cost.SECONDS_PER_HOUR for each in running]
    growth = sum(each_second, Decimal(0))
    if len(running) > 1 or running[0].capacity not in STEADY:
        # They began at different moments, or at another price: counted on from now.
        return replace(whole, since=now, usd_per_second=growth, minimum_seconds=0)
    return replace(
        whole,
        base_usd=so_far - cost_so_far(running[0], now=now, prices=prices),
        since=running[0].started_at,
        usd_per_second=growth,
    )


def _runs(attempt: Attempt) -> bool:
    """Whether its cost still grows: what is lost with its instance has been settled."""
    lost = attempt.instance is not None and attempt.instance.ended_at is not None
    has_ended = attempt.stopped_at is not None or attempt.ended_at is not None
    return attempt.started_at is not None and not (has_ended or lost)
