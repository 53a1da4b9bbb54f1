"""The going Spot price: it follows how much of an engine is asked for.

Spot capacity is what On-Demand work leaves free. So the price starts at the type's own Spot price while at most half of
the engine is asked for, and rises in a straight line to the On-Demand price of an engine that is asked for
in full. It never passes the On-Demand price: who bids 100 % is never interrupted by the price, but still
where On-Demand work needs his room.
"""

from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

# The price moves in steps, so that its history stays short.
STEP = Decimal("0.05")
# Spot work counts half, for it gives way: an engine that is full of it alone is no dearer than an idle one.
SPOT_WEIGHT = Decimal("0.5")
# AWS Fargate pricing: Fargate Spot is up to 70 % off.
FARGATE_SPOT_RATIO = Decimal("0.3")
QUANTUM = Decimal("0.000001")


def pressure_of(*, on_demand: Decimal, spot: Decimal) -> Decimal:
    """How much of an engine is asked for, 0 to 1 in steps, from the shares of it that each kind holds."""
    asked = min(Decimal(1), max(Decimal(0), on_demand + SPOT_WEIGHT * spot))
    return (asked / STEP).quantize(Decimal(1), rounding=ROUND_HALF_UP) * STEP


# A catalogue has hundreds of types, and the pressure some twenty steps.
@lru_cache(maxsize=16_384)
def going_price(
    *, on_demand_usd_per_hour: Decimal, spot_usd_per_hour: Decimal, pressure: Decimal
) -> Decimal:
    """US dollars per hour at that pressure, to six decimals."""
    steepness = min(Decimal(1), max(Decimal(0), 2 * pressure - 1))
    span = max(Decimal(0), on_demand_usd_per_hour - spot_usd_per_hour)
    return (spot_usd_per_hour + span * steepness).quantize(QUANTUM, rounding=ROUND_HALF_UP)


def bid_usd_per_hour(*, on_demand_usd_per_hour: Decimal, bid_percentage: int) -> Decimal:
    """The most that is paid, in US dollars per hour."""
    return on_demand_usd_per_hour * bid_percentage / 100
