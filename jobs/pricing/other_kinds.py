"""What the same work would cost on other kinds of capacity."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from jobs.domain.resources import Resources

from .cost import SECONDS_PER_HOUR, Rates
from .spot import FARGATE_SPOT_RATIO


@dataclass(frozen=True, slots=True)
class Offer:
    """An instance type: its size, and US dollars per hour. Without `spot_usd` it is not to be had as Spot."""

    name: str
    milli_vcpus: int
    memory_mib: int
    on_demand_usd: Decimal
    spot_usd: Decimal | None
    gpus: int = 0

    @property
    def size(self) -> Resources:
        return Resources(self.milli_vcpus, self.memory_mib, self.gpus)


@dataclass(frozen=True, slots=True)
class OtherKind:
    """A kind of capacity, and what the work would cost there; `type_name` is of instances."""

    capacity: str
    usd: Decimal
    type_name: str = ""


def fargate_kinds(
    *, vcpu_seconds: Decimal, gib_seconds: Decimal, rates: Rates
) -> tuple[OtherKind, OtherKind]:
    """On Fargate, and on Fargate Spot of an engine that nobody else asks for."""
    usd = (
        vcpu_seconds * rates.usd_per_vcpu_hour + gib_seconds * rates.usd_per_gib_hour
    ) / SECONDS_PER_HOUR
    return OtherKind("FARGATE", usd), OtherKind("FARGATE_SPOT", usd * FARGATE_SPOT_RATIO)


def instance_kinds(
    *, vcpu_seconds: Decimal, gib_seconds: Decimal, offers: Iterable[Offer]
) -> list[OtherKind]:
    """On instances of the one type that is cheapest for it if they are full all the time: a lower bound.

    How many hours of a type the work fills is the larger of what its vCPUs and what its memory need.
    """
    offers = list(offers)
    found: list[OtherKind] = []
    prices: dict[str, list[tuple[Offer, Decimal | None]]] = {
        "EC2": [(offer, offer.on_demand_usd) for offer in offers],
        "SPOT": [(offer, offer.spot_usd) for offer in offers],
    }
    for capacity, priced in prices.items():
        costs = [
            (price * _hours(offer, vcpu_seconds, gib_seconds), offer.name)
            for offer, price in priced
            if price is not None
        ]
        if costs:
            usd, name = min(costs)
            found.append(OtherKind(capacity, usd, name))
    return found


def _hours(offer: Offer, vcpu_seconds: Decimal, gib_seconds: Decimal) -> Decimal:
    by_vcpus = vcpu_seconds * 1000 / offer.milli_vcpus
    by_memory = gib_seconds * 1024 / offer.memory_mib
    return max(by_vcpus, by_memory) / SECONDS_PER_HOUR
