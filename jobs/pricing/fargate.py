"""The price of Fargate: vCPUs, memory and storage beyond what is included, by the second.

Source of the rule: AWS Fargate pricing. Billed per second, rounded up, with a minimum of one minute. Fargate Spot
costs a fraction of that, which follows the pressure on the engine as the going Spot price does.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from jobs.domain.fargate import sizes_holding
from jobs.domain.resources import Resources

from .cost import Rates, usd_per_hour
from .instances import rounded
from .over_time import FARGATE_SPOT_FRACTION, Steps, price_of_time

# Storage that costs nothing, GiB. Source: AWS Batch API, `EphemeralStorage`.
INCLUDED_EPHEMERAL_GIB = 20


@dataclass(frozen=True, slots=True)
class FargateNeeds:
    """What a container holds. `ephemeral_gib` is what it has beyond the storage that is included."""

    milli_vcpus: int
    memory_mib: int
    ephemeral_gib: int = 0


def cheapest_size(needs: Resources, *, rates: Rates) -> Resources | None:
    """The cheapest size of Fargate's that holds these; None if none does."""

    def by_price(size: Resources) -> tuple[Decimal, int, int]:
        hourly = usd_per_hour(milli_vcpus=size.milli_vcpus, memory_mib=size.memory_mib, rates=rates)
        return hourly, size.milli_vcpus, size.memory_mib

    return min(sizes_holding(needs), default=None, key=by_price)


def fargate_usd_per_hour(
    needs: FargateNeeds, *, rates: Rates, usd_per_ephemeral_gib_hour: Decimal
) -> Decimal:
    """What an hour costs On-Demand, in US dollars (not rounded)."""
    hourly = usd_per_hour(milli_vcpus=needs.milli_vcpus, memory_mib=needs.memory_mib, rates=rates)
    return hourly + needs.ephemeral_gib * usd_per_ephemeral_gib_hour


def fargate_usd(
    *, hourly: Decimal, start: datetime, end: datetime, spot_history: Steps | None = None
) -> Decimal:
    """What a container costs from its start to its end, in US dollars to nine decimals.

    `spot_history`: of the engine's pressure, for Fargate Spot.
    """
    dollar = FARGATE_SPOT_FRACTION if spot_history is not None else FARGATE_SPOT_FRACTION.on_demand
    hours = price_of_time(spot_history or (), start, end, price=dollar, with_minimum=True)
    return rounded(hours * Fraction(hourly))
