"""Amounts of money, and of work: what costs are sums of."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from decimal import Decimal
from typing import NamedTuple, TypeVar

from jobs.domain.resources import MIB_PER_GIB, MILLI

from .prices import SPOT_KINDS

K = TypeVar("K")


class Work(NamedTuple):
    """What attempts held, times for how long, in seconds."""

    seconds: Decimal = Decimal(0)
    vcpu_seconds: Decimal = Decimal(0)
    gib_seconds: Decimal = Decimal(0)


class Amounts(NamedTuple):
    """A sum in US dollars. `usd` is what attempts cost, `idle_usd` what instances cost beside them.

    `on_demand_usd` is what the attempts would have cost On-Demand; `attempts` counts them, and `work` is
    what they held for how long. A tuple: a page adds up thousands.
    """

    attempts: int = 0
    usd: Decimal = Decimal(0)
    idle_usd: Decimal = Decimal(0)
    on_demand_usd: Decimal = Decimal(0)
    work: Work = Work()

    @property
    def total_usd(self) -> Decimal:
        return self.usd + self.idle_usd

    @property
    def saving_usd(self) -> Decimal:
        """What Spot capacity saved against On-Demand."""
        return self.on_demand_usd - self.usd


ZERO = Decimal(0)
NO_WORK = Work()
NOTHING = Amounts()
MICRO = 1_000_000
SIX_DECIMALS = Decimal("0.000001")


def amounts_of(
    capacity: str, attempts: int, usd: Decimal, on_demand_usd: Decimal, work: Work = NO_WORK
) -> Amounts:
    """What attempts cost. Only Spot kinds cost anything else On-Demand, and older rows do not say."""
    return Amounts(
        attempts=attempts,
        usd=usd,
        on_demand_usd=on_demand_usd if capacity in SPOT_KINDS else usd,
        work=work,
    )


def work_of(microseconds: int, milli_vcpus: int, mib: int) -> Work:
    """Work from the sums that a database gives: microseconds, times thousandths of vCPUs, times MiB."""
    return Work(
        Decimal(microseconds) / MICRO,
        (Decimal(milli_vcpus) / (MICRO * MILLI)).quantize(SIX_DECIMALS),
        (Decimal(mib) / (MICRO * MIB_PER_GIB)).quantize(SIX_DECIMALS),
    )


def together(parts: Iterable[tuple[K, Amounts]]) -> dict[K, Amounts]:
    """What has the same key added up."""
    found: dict[K, list[Amounts]] = defaultdict(list)
    for key, amounts in parts:
        found[key].append(amounts)
    return {key: sum_of(several) for key, several in found.items()}


def sum_of(several: Collection[Amounts]) -> Amounts:
    """All of them added up, column by column: several times as quick as one to another."""
    if not several:
        return NOTHING
    if len(several) == 1:
        return next(iter(several))
    attempts, usd, idle_usd, on_demand_usd, works = zip(*several, strict=True)
    seconds, vcpu_seconds, gib_seconds = zip(*works, strict=True)
    return Amounts(
        sum(attempts),
        sum(usd, ZERO),
        sum(idle_usd, ZERO),
        sum(on_demand_usd, ZERO),
        Work(sum(seconds, ZERO), sum(vcpu_seconds, ZERO), sum(gib_seconds, ZERO)),
    )
