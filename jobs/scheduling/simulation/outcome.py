"""What came of a simulation: figures, all of them plain numbers with their units in their names."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

MILLI_SECONDS_PER_VCPU_HOUR = 3_600_000


@dataclass(frozen=True, slots=True)
class Spread:
    """Of some numbers of seconds; all 0 where there are none. `p95`: 95 of 100 were no longer."""

    mean: float = 0.0
    median: float = 0.0
    p95: float = 0.0
    longest: float = 0.0


def spread(seconds: Sequence[float]) -> Spread:
    """Percentiles are of the nearest rank: each is a number that occurred."""
    if not seconds:
        return Spread()
    ordered = sorted(seconds)

    def rank(part: float) -> float:
        return ordered[max(0, math.ceil(part * len(ordered)) - 1)]

    return Spread(
        mean=math.fsum(ordered) / len(ordered),
        median=rank(0.5),
        p95=rank(0.95),
        longest=ordered[-1],
    )


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one scenario. Waits are from submission to the first start, turnarounds to the end that counts.

    `failed` had no attempt left (or passed their time limit), `unfinished` were not over when the simulation
    was, `why_unfinished` is what the first of them was told. `interruptions` are tries that were cut off, whose
    work was in part lost. `idle_share` is of the vCPU-hours that instances were paid for; `use` of all that the
    nodes have from the first submission to the last end.
    """

    name: str
    jobs: int
    done: int
    failed: int
    unfinished: int
    why_unfinished: str
    waits: Spread
    turnarounds: Spread
    usd: Decimal
    on_demand_usd: Decimal
    interruptions: int
    lost_vcpu_hours: float
    instances: int
    instance_hours: float
    idle_share: float
    use: float
    most_vcpus: float
    simulated_seconds: float
    passes: int
    # By queue, waits from submission to the first start.
    waits_by_queue: tuple[tuple[str, Spread], ...] = ()

    @property
    def saving_usd(self) -> Decimal:
        """Against the same On-Demand."""
        return self.on_demand_usd - self.usd
