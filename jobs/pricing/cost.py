"""The price of an attempt: vCPU-seconds and GiB-seconds at an environment's rates.

Source of the rule: AWS Fargate pricing. Billed per second, rounded up, with a minimum of one minute.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal

from jobs.domain.resources import MIB_PER_GIB, MILLI

SECONDS_PER_HOUR = 3600
MINIMUM_SECONDS = 60
# Nine decimals of a dollar: fine enough that sums of many small attempts stay exact to the cent.
QUANTUM = Decimal("0.000000001")


@dataclass(frozen=True, slots=True)
class Rates:
    """Prices of an environment, in US dollars."""

    usd_per_vcpu_hour: Decimal
    usd_per_gib_hour: Decimal


def billed_seconds(seconds: Decimal) -> int:
    """Seconds as they are billed: rounded up to whole ones, never less than a minute."""
    return max(MINIMUM_SECONDS, int(seconds.to_integral_value(rounding=ROUND_CEILING)))


def usd_per_hour(*, milli_vcpus: int, memory_mib: int, rates: Rates) -> Decimal:
    """What an hour of these resources costs, in US dollars (not rounded)."""
    vcpus = Decimal(milli_vcpus) / MILLI
    gib = Decimal(memory_mib) / MIB_PER_GIB
    return vcpus * rates.usd_per_vcpu_hour + gib * rates.usd_per_gib_hour


def usd(*, milli_vcpus: int, memory_mib: int, seconds: Decimal, rates: Rates) -> Decimal:
    """What an attempt of `seconds` costs, in US dollars to nine decimals.

    `seconds` runs from the container's start to its end; an attempt that never started costs nothing
    and is not priced at all.
    """
    hourly = usd_per_hour(milli_vcpus=milli_vcpus, memory_mib=memory_mib, rates=rates)
    total = hourly * billed_seconds(seconds) / SECONDS_PER_HOUR
    return total.quantize(QUANTUM, rounding=ROUND_HALF_UP)


def seconds_between(start: datetime, end: datetime) -> Decimal:
    """Exact seconds from start to end; 0 if a clock was set back in between."""
    delta = end - start
    exact = Decimal(delta.days * 86_400 + delta.seconds) + Decimal(delta.microseconds) / 1_000_000
    return max(Decimal(0), exact)
