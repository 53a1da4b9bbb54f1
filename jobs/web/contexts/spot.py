"""The going Spot price as pages and JSON show it: what types cost now, and how that came to be."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from jobs.domain.environments.compute_resource_members import FARGATE_SPOT, SPOT
from jobs.domain.environments.compute_resources import bid_percentage
from jobs.models import ComputeEnvironment
from jobs.pricing.over_time import FARGATE_SPOT_FRACTION, HourlyPrice, Steps, pressure_at
from jobs.selectors.instances import PRICE_HISTORY, spot_steps
from jobs.selectors.offered_types import offered_types

from . import type_prices
from .type_prices import TypePrice, as_spot, hourly

# More changes of the price than these are not shown.
STEPS_SHOWN = 20
# The box of the chart: its top is the On-Demand price.
WIDTH, HEIGHT, MARGIN = 100.0, 30.0, 1.0


@dataclass(frozen=True, slots=True)
class Step:
    """A change of how much of the engine is asked for, and what `sample` costs from then on, of 1."""

    at: datetime
    pressure: Decimal
    part_of_on_demand: Decimal


@dataclass(frozen=True, slots=True)
class SpotView:
    """The price now and in the last day. `sample` is the type that the history is of; empty: Fargate."""

    pressure: Decimal
    part_of_on_demand: Decimal
    bid_percentage: int | None
    sample: str
    types: Sequence[TypePrice]
    steps: Sequence[Step]
    points: str
    bid_y: float | None


def build(*, environment: ComputeEnvironment, kind: str, now: datetime) -> SpotView | None:
    """The Spot price as this environment sees it; None where it has none. Five queries."""
    if kind not in (SPOT, FARGATE_SPOT):
        return None
    resources = environment.compute_resources
    steps = spot_steps(engine=environment.engine, now=now)
    pressure = pressure_at(steps, now)
    types = offered_types(environment=environment) if kind == SPOT else []
    rows = [each.row for each in types]
    sample = min(rows, key=lambda row: (row.milli_vcpus, row.memory_mib), default=None)
    price = hourly(sample) if sample else FARGATE_SPOT_FRACTION
    bid = bid_percentage(resources) if kind == SPOT else None
    return SpotView(
        pressure=pressure,
        part_of_on_demand=_part(price, pressure),
        bid_percentage=bid,
        sample=sample.name if sample else "",
        types=[as_spot(each, pressure=pressure, bid_percentage=bid or 100) for each in types],
        steps=[Step(at, each, _part(price, each)) for at, each in reversed(steps[-STEPS_SHOWN:])],
        points=_points(steps, price, now),
        bid_y=None if bid is None else _y(Decimal(bid) / 100),
    )


def as_json(*, environment: ComputeEnvironment, kind: str, now: datetime) -> dict[str, Any] | None:
    """The same for scripts."""
    view = build(environment=environment, kind=kind, now=now)
    if view is None:
        return None
    return {
        "pressure": view.pressure,
        "bid_percentage": view.bid_percentage,
        "types": [type_prices.as_json(each) for each in view.types],
        "history": [{"at": each.at, "pressure": each.pressure} for each in view.steps],
    }


def _part(price: HourlyPrice, pressure: Decimal) -> Decimal:
    if not price.on_demand_usd:
        return Decimal(0)
    return price.at(pressure) / price.on_demand_usd


def _points(steps: Steps, price: HourlyPrice, now: datetime) -> str:
    """The last day's price as the points of a line that goes in steps."""
    start = now - PRICE_HISTORY
    y = _y(_part(price, pressure_at(steps, start)))
    points = [(0.0, y)]
    for at, pressure in steps:
        if at <= start:
            continue
        x = (at - start) / PRICE_HISTORY * WIDTH
        after = _y(_part(price, pressure))
        points += [(x, y), (x, after)]
        y = after
    points.append((WIDTH, y))
    return " ".join(f"{x:.2f},{each:.2f}" for x, each in points)


def _y(part: Decimal) -> float:
    return round(HEIGHT - MARGIN - float(min(part, Decimal(1))) * (HEIGHT - 2 * MARGIN), 2)
