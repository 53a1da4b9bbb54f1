"""What a job would cost on each kind of capacity, from what it asks for and how long it may run."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from jobs.domain.resources import Resources

from .cost import QUANTUM, SECONDS_PER_HOUR, Rates, billed_seconds, usd_per_hour
from .fargate import FargateNeeds, fargate_usd_per_hour
from .instances import part_of
from .other_kinds import Offer


@dataclass(frozen=True, slots=True)
class HourlyEstimate:
    """US dollars per hour. On an instance it is a part of that of the type; `alone_usd` is the whole one's.

    `has_minimum`: billed by itself, for a minute at least.
    """

    usd: Decimal
    has_minimum: bool = True
    type_name: str = ""
    alone_usd: Decimal = Decimal(0)

    def of_run(self, seconds: float) -> Decimal:
        """What a run of so many seconds costs, in US dollars to nine decimals."""
        exact = Decimal(str(seconds))
        billed = Decimal(billed_seconds(exact)) if self.has_minimum else exact
        return (self.usd * billed / SECONDS_PER_HOUR).quantize(QUANTUM, rounding=ROUND_HALF_UP)


def by_rates(nodes: Iterable[Resources], rates: Rates) -> HourlyEstimate:
    """Of an UNMANAGED environment."""
    usd = sum(
        (
            usd_per_hour(milli_vcpus=node.milli_vcpus, memory_mib=node.memory_mib, rates=rates)
            for node in nodes
        ),
        Decimal(0),
    )
    return HourlyEstimate(usd)


def by_fargate(
    sizes: Iterable[tuple[int, int]],
    *,
    rates: Rates,
    ephemeral_gib: int,
    usd_per_ephemeral_gib_hour: Decimal,
    fraction: Decimal = Decimal(1),
) -> HourlyEstimate:
    """Of Fargate; `sizes` are its pairs of thousandths of vCPUs and MiB. `fraction`: of its price, for Spot."""
    usd = sum(
        (
            fargate_usd_per_hour(
                FargateNeeds(milli_vcpus, memory_mib, ephemeral_gib),
                rates=rates,
                usd_per_ephemeral_gib_hour=usd_per_ephemeral_gib_hour,
            )
            for milli_vcpus, memory_mib in sizes
        ),
        Decimal(0),
    )
    return HourlyEstimate(usd * fraction)


def by_instances(
    nodes: Iterable[Resources], offers: Iterable[Offer], *, spot: bool
) -> HourlyEstimate | None:
    """Of the cheapest types that hold each node; None where none does."""
    offers = list(offers)
    usd, alone, names = Decimal(0), Decimal(0), dict[str, None]()
    for node in nodes:
        found = _cheapest(node, offers, spot=spot)
        if found is None:
            return None
        price, offer = found
        part = part_of(node, offer.size)
        usd += price * part.numerator / part.denominator
        alone += price
        names[offer.name] = None
    return HourlyEstimate(usd, has_minimum=False, type_name=", ".join(names), alone_usd=alone)


def _cheapest(
    needs: Resources, offers: Iterable[Offer], *, spot: bool
) -> tuple[Decimal, Offer] | None:
    fitting = [
        (price, offer)
        for offer in offers
        if needs.fits_in(offer.size)
        and (price := offer.spot_usd if spot else offer.on_demand_usd) is not None
    ]
    return min(fitting, key=lambda each: (each[0], each[1].name), default=None)
