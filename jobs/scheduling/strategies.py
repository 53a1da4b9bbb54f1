"""Allocation strategies: in which order an environment's instance types are tried.

Source: AWS Batch API, `ComputeResource.allocationStrategy`, and "Instance type allocation strategies" in the user
guide. What AWS knows of its data centres ("capacity pools") is here how many more instances of the type the machines
could hold now.
"""

from collections.abc import Callable, Sequence
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

from jobs.domain.resources import MILLI, Resources

from .snapshot import TypeView

BEST_FIT = "BEST_FIT"
BEST_FIT_PROGRESSIVE = "BEST_FIT_PROGRESSIVE"
BEST_FIT_PROGRESSIVE_ORDERED = "BEST_FIT_PROGRESSIVE_ORDERED"
SPOT_CAPACITY_OPTIMIZED = "SPOT_CAPACITY_OPTIMIZED"
SPOT_PRICE_CAPACITY_OPTIMIZED = "SPOT_PRICE_CAPACITY_OPTIMIZED"
SPOT_CAPACITY_OPTIMIZED_PRIORITIZED = "SPOT_CAPACITY_OPTIMIZED_PRIORITIZED"

# Published prices of the sizes of a family differ by roundings; to a tenth of a cent per vCPU they are alike.
PRICE_STEP = Decimal("0.001")

Price = Callable[[TypeView], Decimal]
Depth = Callable[[TypeView], int]


def tries_others(strategy: str) -> bool:
    """Whether, where the best type is not to be had, the next best is taken. BEST_FIT waits for it instead."""
    return strategy != BEST_FIT


def depends_on_capacity(strategy: str) -> bool:
    """Whether the order changes with what the machines still hold."""
    return strategy.startswith("SPOT_")


def in_order(
    types: Sequence[TypeView], *, needs: Resources, strategy: str, price: Price, depth: Depth
) -> list[TypeView]:
    """The types that hold `needs`, the preferred one first. `price` is in US dollars per hour."""
    suitable = [each for each in types if needs.fits_in(each.size)]
    if strategy == BEST_FIT:
        return sorted(suitable, key=lambda each: (price(each), *_size(each)))
    if strategy == BEST_FIT_PROGRESSIVE_ORDERED:
        return suitable
    if not depends_on_capacity(strategy):
        return sorted(suitable, key=lambda each: (_per_vcpu(each, price), *_size(each)))
    depths = {each.name: depth(each) for each in suitable}
    if strategy == SPOT_CAPACITY_OPTIMIZED:
        return sorted(
            suitable,
            key=lambda each: (-depths[each.name], _per_vcpu(each, price), *_size(each)),
        )
    # Pools that are at least half as deep as the deepest come first: by price, or as they are named.
    deepest = max(depths.values(), default=0)
    by_price = strategy == SPOT_PRICE_CAPACITY_OPTIMIZED

    def key(indexed: tuple[int, TypeView]) -> tuple[object, ...]:
        index, each = indexed
        is_shallow = 2 * depths[each.name] < deepest
        if by_price:
            return (is_shallow, _per_vcpu(each, price), -depths[each.name], *_size(each))
        return (is_shallow, index)

    return [each for _, each in sorted(enumerate(suitable), key=key)]


def _per_vcpu(type_: TypeView, price: Price) -> Decimal:
    return _rounded_per_vcpu(price(type_), type_.size.milli_vcpus)


# A catalogue has hundreds of types, and the price some twenty steps.
@lru_cache(maxsize=16_384)
def _rounded_per_vcpu(usd_per_hour: Decimal, milli_vcpus: int) -> Decimal:
    per_vcpu = usd_per_hour * MILLI / milli_vcpus
    return (per_vcpu / PRICE_STEP).quantize(Decimal(1), rounding=ROUND_HALF_UP)


def _size(type_: TypeView) -> tuple[int, int, str]:
    return type_.size.milli_vcpus, type_.size.memory_mib, type_.name
