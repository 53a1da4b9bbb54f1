"""What a submission would cost on each kind of capacity, side by side."""

from dataclasses import dataclass, replace
from decimal import Decimal

from django.conf import settings

from jobs.domain.fargate import extra_ephemeral_gib
from jobs.domain.plans import plan_of
from jobs.domain.resources import Resources
from jobs.models import Capacity, ComputeEnvironment
from jobs.pricing.cost import Rates
from jobs.pricing.estimates import HourlyEstimate, by_fargate, by_instances, by_rates
from jobs.pricing.fargate import cheapest_size
from jobs.pricing.spot import FARGATE_SPOT_RATIO
from jobs.scheduling.snapshot import Kind
from jobs.selectors.costs.other_kinds import fargate_rates, offer_of, offers
from jobs.selectors.instance_types import types_named
from jobs.selectors.jobs import RunSeconds
from jobs.selectors.passes.capacity import kind_of
from jobs.services.requests.submission import Submission

MULTI_NODE = "has no multi-node parallel jobs"
WITH_GPUS = "has no GPUs"
TOO_LARGE = "has no size that is large enough"
NO_OWN_TYPE = "none of its instance types is large enough"
NO_TYPE = "no instance type of the catalogue is large enough"


@dataclass(frozen=True, slots=True)
class KindEstimate:
    """One kind of capacity. Without `hourly` it is not to be had for this job, for the reason in `problem`.

    `environment`, with its kind in `capacity`, is set for the first environment of the queue: there, it would
    run. `size`: the pair of Fargate that holds it, thousandths of vCPUs and MiB. `sort` is what environments
    of this kind are.
    """

    label: str
    hourly: HourlyEstimate | None
    runs: RunSeconds | None
    problem: str = ""
    environment: ComputeEnvironment | None = None
    capacity: str = ""
    size: tuple[int, int] | None = None
    sort: Kind | None = None

    @property
    def median_usd(self) -> Decimal | None:
        return self.hourly.of_run(self.runs.median) if self.hourly and self.runs else None

    @property
    def p90_usd(self) -> Decimal | None:
        return self.hourly.of_run(self.runs.p90) if self.hourly and self.runs else None


@dataclass(frozen=True, slots=True)
class Request:
    """What a submission asks for: its nodes, and storage on Fargate beyond what is included."""

    nodes: tuple[Resources, ...]
    ephemeral_gib: int
    is_multi_node: bool

    @property
    def has_gpus(self) -> bool:
        return any(node.gpus for node in self.nodes)


def request_of(submission: Submission) -> Request:
    """What a checked submission asks for."""
    work = submission.work
    nodes = tuple(
        Resources(node.milli_vcpus, node.memory_mib, node.gpus) for node in plan_of(work).nodes
    )
    container = {} if work.node_properties else work.ecs_properties or work.container
    return Request(nodes, extra_ephemeral_gib(container), bool(work.node_properties))


def kinds_of(
    request: Request, runs: RunSeconds | None, own: ComputeEnvironment | None
) -> list[KindEstimate]:
    """The queue's first environment, then On-Demand, Spot, Fargate and Fargate Spot. At most three queries."""
    catalogue = offers(with_gpus=request.has_gpus)
    found = [_own(request, runs, own)] if own else []
    for capacity in (Capacity.EC2, Capacity.SPOT):
        hourly = by_instances(request.nodes, catalogue, spot=capacity == Capacity.SPOT)
        problem = "" if hourly else NO_TYPE
        found.append(
            KindEstimate(str(capacity.label), hourly, runs, problem, sort=Kind(capacity.value))
        )
    fargate = (Capacity.FARGATE, Capacity.FARGATE_SPOT)
    return found + [_on_fargate(request, runs, fargate_rates(), kind) for kind in fargate]


def _own(
    request: Request, runs: RunSeconds | None, environment: ComputeEnvironment
) -> KindEstimate:
    kind = Capacity(kind_of(environment).value)
    rates = Rates(environment.usd_per_vcpu_hour, environment.usd_per_gib_hour)
    if kind in (Capacity.FARGATE, Capacity.FARGATE_SPOT):
        found = _on_fargate(request, runs, rates, kind)
    elif kind == Capacity.UNMANAGED:
        found = KindEstimate("", by_rates(request.nodes, rates), runs)
    else:
        types = types_named(environment.compute_resources.get("instanceTypes") or ())
        own_offers = [offer_of(each) for each in types]
        hourly = by_instances(request.nodes, own_offers, spot=kind == Capacity.SPOT)
        found = KindEstimate("", hourly, runs, "" if hourly else NO_OWN_TYPE)
    return replace(found, label=environment.name, environment=environment, capacity=str(kind.label))


def _on_fargate(
    request: Request, runs: RunSeconds | None, rates: Rates, capacity: Capacity
) -> KindEstimate:
    sort = Kind(capacity.value)
    problem = _not_on_fargate(request)
    if problem:
        return KindEstimate(str(capacity.label), None, runs, problem, sort=sort)
    sizes = [cheapest_size(node, rates=rates) for node in request.nodes]
    hourly = by_fargate(
        [(size.milli_vcpus, size.memory_mib) for size in sizes if size],
        rates=rates,
        ephemeral_gib=request.ephemeral_gib,
        usd_per_ephemeral_gib_hour=settings.BATCHWEB_FARGATE_USD_PER_EPHEMERAL_GIB_HOUR,
        fraction=FARGATE_SPOT_RATIO if capacity == Capacity.FARGATE_SPOT else Decimal(1),
    )
    if None in sizes or sizes[0] is None:
        return KindEstimate(str(capacity.label), None, runs, TOO_LARGE, sort=sort)
    size = (sizes[0].milli_vcpus, sizes[0].memory_mib)
    return KindEstimate(str(capacity.label), hourly, runs, size=size, sort=sort)


def _not_on_fargate(request: Request) -> str:
    if request.is_multi_node:
        return MULTI_NODE
    return WITH_GPUS if request.has_gpus else ""
