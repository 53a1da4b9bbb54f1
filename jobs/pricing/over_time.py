"""Prices that change while something runs: exact integrals of step functions, no rounding on the way.

What changes is the pressure on an engine (see `spot`): a history of steps, each a moment and the pressure from
then on. Before the first step nobody asked for anything, so the pressure is 0. After the last it stays.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal, Inexact, localcontext
from fractions import Fraction
from typing import overload

from .cost import SECONDS_PER_HOUR, billed_seconds, seconds_between
from .spot import FARGATE_SPOT_RATIO, going_price

# Moments in their order, each with the pressure from then on, 0 to 1.
Steps = Sequence[tuple[datetime, Decimal]]
MICROSECOND = timedelta(microseconds=1)
MICROSECONDS = 1_000_000
NO_PRESSURE = Decimal(0)
EXACT = Context(prec=100, traps=[Inexact])
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class History(Sequence[tuple[datetime, Decimal]]):
    """Steps of which many integrals are asked for: each takes two looks, however many steps there are.

    For each step it keeps how long each pressure had held by then; there are few pressures, for they move
    in steps themselves.
    """

    def __init__(self, steps: Steps = ()) -> None:
        self._steps = tuple(steps)
        self._moments = [at for at, _ in self._steps]
        self._levels = sorted({NO_PRESSURE, *(pressure for _, pressure in self._steps)})
        numbers = {level: number for number, level in enumerate(self._levels)}
        self._level_of = [numbers[pressure] for _, pressure in self._steps]
        self._origin = self._moments[0] if self._moments else EPOCH
        self._held = self._add_up()

    @overload
    def __getitem__(self, index: int) -> tuple[datetime, Decimal]: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[tuple[datetime, Decimal]]: ...
    def __getitem__(
        self, index: int | slice
    ) -> tuple[datetime, Decimal] | Sequence[tuple[datetime, Decimal]]:
        return self._steps[index]

    def __len__(self) -> int:
        return len(self._steps)

    def integral(
        self, start: datetime, end: datetime, weight: Callable[[Decimal], Decimal]
    ) -> Fraction:
        """Of the weight of the pressure over time, in seconds; the weight is asked for once a pressure."""
        if end <= start:
            return Fraction(0)
        times = zip(self._levels, self._until(start), self._until(end), strict=True)
        held = [
            (weight(level), after - before) for level, before, after in times if after != before
        ]
        # Digits enough for any price and time: exact, and much faster than fractions.
        with localcontext(EXACT):
            total = sum((each * microseconds for each, microseconds in held), Decimal(0))
        return Fraction(total) / MICROSECONDS

    def _until(self, moment: datetime) -> list[int]:
        """For how many microseconds each pressure held from the first step to then; less than 0 before it."""
        index = bisect_right(self._moments, moment)
        held = list(self._held[index - 1] if index else self._held[0])
        since = self._moments[index - 1] if index else self._origin
        level = self._level_of[index - 1] if index else self._levels.index(NO_PRESSURE)
        held[level] += (moment - since) // MICROSECOND
        return held

    def _add_up(self) -> list[list[int]]:
        held = [[0] * len(self._levels)]
        for number in range(1, len(self._steps)):
            row = held[-1].copy()
            passed = self._moments[number] - self._moments[number - 1]
            row[self._level_of[number - 1]] += passed // MICROSECOND
            held.append(row)
        return held


@dataclass(frozen=True, slots=True)
class HourlyPrice:
    """What an hour costs, in US dollars: always the same without `spot_usd`, else as the pressure is.

    `bid_usd` is the most that is paid: while the going price is above it, what is being taken away.
    """

    on_demand_usd: Decimal
    spot_usd: Decimal | None = None
    bid_usd: Decimal | None = None

    def at(self, pressure: Decimal) -> Decimal:
        """US dollars per hour at that pressure."""
        if self.spot_usd is None:
            return self.on_demand_usd
        # A catalogue may name a Spot price above the On-Demand price; nobody pays it.
        most = self.on_demand_usd if self.bid_usd is None else min(self.on_demand_usd, self.bid_usd)
        return min(
            most,
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
    return history[index - 1][1] if index else NO_PRESSURE


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
    if price.spot_usd is None:
        usd = Fraction(price.on_demand_usd) * max((end - start) // MICROSECOND, 0) / MICROSECONDS
    else:
        steps = history if isinstance(history, History) else History(history)
        usd = steps.integral(start, end, price.at)
    if with_minimum:
        exact = seconds_between(start, end)
        added = Fraction(billed_seconds(exact)) - Fraction(exact)
        usd += added * Fraction(price.at(pressure_at(history, max(start, end))))
    return usd / SECONDS_PER_HOUR
