"""What an instance costs, and what of that is whose: the parts of its attempts, and idle time.

The parts never exceed the whole: at every moment the attempts on an instance hold at most all of it, and each
part is rounded down. What is left is idle time (decision 14).
"""

import math
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from jobs.domain.resources import Resources

from .over_time import HourlyPrice, Steps, price_of_time

NANO = 9
NANOS_PER_USD = 10**NANO


def nano_usd(nanos: int) -> Decimal:
    """Billionths of a dollar as dollars."""
    return Decimal(nanos).scaleb(-NANO)


def in_nanos(usd: Decimal) -> int:
    """Dollars of at most nine decimals as billionths."""
    return int(usd.scaleb(NANO))


def rounded(usd: Fraction) -> Decimal:
    """To nine decimals, half up."""
    return nano_usd(math.floor(usd * NANOS_PER_USD + Fraction(1, 2)))


def rounded_down(usd: Fraction) -> Decimal:
    """To nine decimals, never more."""
    return nano_usd(math.floor(usd * NANOS_PER_USD))


def instance_usd(
    *, price: HourlyPrice, history: Steps, launched_at: datetime, ended_at: datetime
) -> Decimal:
    """What an instance costs from its launch to its end, in US dollars to nine decimals.

    Source of the rule: Amazon EC2 pricing of Linux instances. Billed per second, with a minimum of a minute.
    """
    return rounded(price_of_time(history, launched_at, ended_at, price=price, with_minimum=True))


def part_of(needs: Resources, size: Resources) -> Fraction:
    """What part of an instance an attempt holds: the mean of its fractions of vCPUs, memory and, where the
    instance has some, GPUs."""
    fractions = [
        Fraction(needs.milli_vcpus, size.milli_vcpus),
        Fraction(needs.memory_mib, size.memory_mib),
    ]
    if size.gpus:
        fractions.append(Fraction(needs.gpus, size.gpus))
    return sum(fractions, Fraction(0)) / len(fractions)


def part_usd(
    *, price: HourlyPrice, history: Steps, start: datetime, end: datetime, part: Fraction
) -> Decimal:
    """What an attempt on an instance costs, in US dollars to nine decimals, rounded down.

    To the microsecond, without a minimum: the instance is billed for that.
    """
    return rounded_down(price_of_time(history, start, end, price=price) * part)


def share_out(amount: Decimal, weights: Sequence[Decimal]) -> list[Decimal]:
    """The amount in proportion to the weights, so that the shares add up to it exactly.

    Each share is rounded down to nine decimals; what that leaves goes, a billionth each, to those who lost most
    by it, the first one first (largest remainder). All are 0 if no weight is above 0.
    """
    whole = sum(weights, Decimal(0))
    if whole <= 0:
        return [Decimal(0)] * len(weights)
    nanos, divisor = in_nanos(amount), in_nanos(whole)
    parts = [divmod(nanos * in_nanos(weight), divisor) for weight in weights]
    left = nanos - sum(share for share, _ in parts)
    order = sorted(range(len(parts)), key=lambda index: (-parts[index][1], index))
    extra = set(order[:left])
    return [nano_usd(share + (index in extra)) for index, (share, _) in enumerate(parts)]
