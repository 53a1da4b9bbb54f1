"""Prices that change while something runs: exact integrals of step functions, no rounding on the way.

What changes is the pressure on an engine (see `spot`): a history of steps, each a moment and the pressure from
then on. Before the first step nobody asked for anything, so the pressure is 0. After the last it stays.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from .cost import SECONDS_PER_HOUR, billed_seconds, seconds_between
from .spot import FARGATE_SPOT_RATIO, going_price

# Moments in their order, each with the pressure from then on, 0 to 1.
Steps = Sequence[tuple[datetime, Decimal]]
MICROSECOND = timedelta(microseconds=1)
MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class HourlyPrice:
    """What an hour costs, in US dollars: always the same without `spot_usd`, else as the pressure is."""

    on_demand_usd: Decimal
    spot_usd: Decimal | None = None

    def at(self, pressure: Decimal) -> Decimal:
        """US dollars per hour at that pressure."""
        if self.spot_usd is None:
            return self.on_demand_usd
        # A catalogue may name a Spot price above the On-Demand price; nobody pays it.
        return min(
            self.on_demand_usd,
            going_price(
                on_demand_usd_per_hour=self.on_demand_usd,
                spot_usd_per_hour=self.spot_usd,
                pressure=pressure,
            ),
        )

    @property
    def on_demand(self) -> "HourlyPrice":
        """The same capacity On-Demand."""
        return HourlyPrice(self.on_demand_usd)


# What an hour of Fargate Spot costs for each dollar that an hour of Fargate does.
FARGATE_SPOT_FRACTION = HourlyPrice(Decimal(1), FARGATE_SPOT_RATIO)


def pressure_at(history: Steps, moment: datetime) -> Decimal:
    """The pressure at a moment."""
    index = bisect_right(history, moment, key=lambda step: step[0])
    return history[index - 1][1] if index else Decimal(0)


def price_of_time(
    history: Steps,
    start: datetime,
    end: datetime,
    *,
    price: HourlyPrice,
    with_minimum: bool = False,
) -> Fraction:
    """Exact US dollars from `start` to `end` (0 if a clock was set back in between), not rounded.

    `with_minimum`: what is billed by itself is billed in whole seconds, and for a minute at least; what
    that adds is billed at the price of the end.
    """
    usd = _integral(history, start, end, price.at)
    if with_minimum:
        exact = seconds_between(start, end)
        added = Fraction(billed_seconds(exact)) - Fraction(exact)
        usd += added * Fraction(price.at(pressure_at(history, max(start, end))))
    return usd / SECONDS_PER_HOUR


def _integral(
    history: Steps, start: datetime, end: datetime, weight: Callable[[Decimal], Decimal]
) -> Fraction:
    """Of the weight over time, in seconds."""
    total = sum(
        (
            Fraction(weight(pressure)) * microseconds
            for microseconds, pressure in _pieces(history, start, end)
        ),
        Fraction(0),
    )
    return total / MICROSECONDS


def _pieces(history: Steps, start: datetime, end: datetime) -> Iterator[tuple[int, Decimal]]:
    """The time from start to end cut where the pressure changes: microseconds, and the pressure then."""
    since, pressure = start, pressure_at(history, start)
    for at, then in history[bisect_right(history, start, key=lambda step: step[0]) :]:
        if at >= end:
            break
        yield (at - since) // MICROSECOND, pressure
        since, pressure = at, then
    if end > since:
        yield (end - since) // MICROSECOND, pressure
