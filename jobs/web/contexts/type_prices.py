"""What the types of a managed environment cost, as its page and JSON show it."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from jobs.models import InstanceType
from jobs.pricing.over_time import HourlyPrice
from jobs.pricing.spot import bid_usd_per_hour
from jobs.selectors.offered_types import OfferedType

# More types than these are folded, unless there are instances of them.
TYPES_SHOWN = 8


@dataclass(frozen=True, slots=True)
class TypePrice:
    """What an hour of a type costs: On-Demand, and as Spot on an idle engine, now, and at most by the bid."""

    name: str
    on_demand_usd: Decimal
    is_live: bool
    is_too_large: bool
    spot_usd: Decimal | None = None
    going_usd: Decimal | None = None
    bid_usd: Decimal | None = None

    @property
    def is_too_dear(self) -> bool:
        """Whether none is launched at this price."""
        return (
            self.going_usd is not None
            and self.bid_usd is not None
            and (self.going_usd > self.bid_usd)
        )


@dataclass(frozen=True, slots=True)
class TypePrices:
    """The table of types: those that are there or may come at once, the `more` folded below."""

    shown: Sequence[TypePrice]
    more: Sequence[TypePrice]


def table(types: Sequence[TypePrice]) -> TypePrices | None:
    """The types in their order, cut where the rest is folded; None without any."""
    if not types:
        return None
    live = sum(each.is_live for each in types)
    useful = sum(each.is_live or not each.is_too_large for each in types)
    cut = max(live, min(useful, TYPES_SHOWN))
    return TypePrices(types[:cut], types[cut:])


def on_demand(offered: OfferedType) -> TypePrice:
    """The price of a type that is not Spot."""
    return TypePrice(
        name=offered.row.name,
        on_demand_usd=offered.row.usd_per_hour,
        is_live=offered.is_live,
        is_too_large=offered.is_too_large,
    )


def as_spot(offered: OfferedType, *, pressure: Decimal, bid_percentage: int) -> TypePrice:
    """The price of a type as Spot on an engine of which so much is asked for."""
    row, price = offered.row, hourly(offered.row)
    return TypePrice(
        name=row.name,
        on_demand_usd=row.usd_per_hour,
        is_live=offered.is_live,
        is_too_large=offered.is_too_large,
        spot_usd=price.at(Decimal(0)),
        going_usd=price.at(pressure),
        bid_usd=bid_usd_per_hour(
            on_demand_usd_per_hour=row.usd_per_hour, bid_percentage=bid_percentage
        ),
    )


def hourly(row: InstanceType) -> HourlyPrice:
    """A type's price as a function of what is asked for."""
    return HourlyPrice(row.usd_per_hour, row.spot_usd_per_hour)


def as_json(price: TypePrice) -> dict[str, Any]:
    """A type's Spot price for scripts."""
    return {
        "name": price.name,
        "on_demand_usd_per_hour": price.on_demand_usd,
        "spot_usd_per_hour": price.spot_usd,
        "going_usd_per_hour": price.going_usd,
        "bid_usd_per_hour": price.bid_usd,
        "is_live": price.is_live,
        "is_too_large": price.is_too_large,
    }
