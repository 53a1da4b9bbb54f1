"""On what a workload is replayed: machines that need not exist, and one way to use them."""

from dataclasses import dataclass, field
from decimal import Decimal

from jobs.domain.environments.compute_resources import DEFAULT_BID_PERCENTAGE
from jobs.domain.resources import Resources
from jobs.pricing.cost import Rates

from ..snapshot import DEFAULT_GRACE_SECONDS, Kind, TypeView

# The first news is acted on at once; what comes behind it waits for one pass together.
DEFAULT_PASS_SECONDS = 30.0
DEFAULT_IDLE_SECONDS = 300
DEFAULT_NOTICE_SECONDS = 120
# AWS Fargate in us-east-1, Linux on x86.
DEFAULT_RATES = Rates(Decimal("0.04048"), Decimal("0.004445"))


@dataclass(frozen=True, slots=True)
class Scenario:
    """Capacity of one `kind`, on `nodes` that are one engine; `types` are what EC2 and SPOT may launch, by `strategy`.

    `on_demand_load` is how much of the engine other On-Demand work takes by night and by day, 0 to 1. With
    `checkpoint_seconds` a job that is interrupted has lost at most so much of its work, else all of it.
    `max_milli_vcpus` None: all that the nodes have.
    """

    name: str
    nodes: tuple[Resources, ...]
    kind: Kind = Kind.UNMANAGED
    strategy: str = ""
    types: tuple[TypeView, ...] = ()
    architecture: str = ""
    max_milli_vcpus: int | None = None
    min_milli_vcpus: int = 0
    bid_percentage: int = DEFAULT_BID_PERCENTAGE
    idle_seconds: int = DEFAULT_IDLE_SECONDS
    notice_seconds: int = DEFAULT_NOTICE_SECONDS
    grace_seconds: int = DEFAULT_GRACE_SECONDS
    on_demand_load: tuple[float, float] = (0.0, 0.0)
    checkpoint_seconds: float | None = None
    pass_seconds: float = DEFAULT_PASS_SECONDS
    rates: Rates = field(default=DEFAULT_RATES)
    seed: int = 1

    @property
    def total(self) -> Resources:
        """Of all nodes together."""
        return sum(self.nodes, start=Resources(0, 0))

    @property
    def most_milli_vcpus(self) -> int:
        """What may be in use at once."""
        return self.max_milli_vcpus or self.total.milli_vcpus
