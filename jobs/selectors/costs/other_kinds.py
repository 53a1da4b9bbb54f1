"""What work would cost on the other kinds of capacity, by today's prices."""

from django.conf import settings

from jobs.models import Architecture, InstanceType
from jobs.pricing.cost import Rates
from jobs.pricing.other_kinds import Offer, OtherKind, fargate_kinds, instance_kinds

from .amounts import Work

# In the order of `Offer`.
OF_OFFER = ("name", "milli_vcpus", "memory_mib", "usd_per_hour", "spot_usd_per_hour", "gpus")


def fargate_rates() -> Rates:
    """Fargate's published rates."""
    return Rates(
        usd_per_vcpu_hour=settings.BATCHWEB_DEFAULT_USD_PER_VCPU_HOUR,
        usd_per_gib_hour=settings.BATCHWEB_DEFAULT_USD_PER_GIB_HOUR,
    )


def offers(*, with_gpus: bool = False) -> list[Offer]:
    """The instance types that work could run on: those without GPUs, or those with some. One query."""
    rows = InstanceType.objects.filter(architecture=Architecture.X86_64)
    rows = rows.filter(gpus__gt=0) if with_gpus else rows.filter(gpus=0)
    # Rows of the model would take several times as long, with each page of costs.
    return [Offer(*row) for row in rows.values_list(*OF_OFFER)]


def offer_of(row: InstanceType) -> Offer:
    """A type as it is priced."""
    return Offer(
        name=row.name,
        milli_vcpus=row.milli_vcpus,
        memory_mib=row.memory_mib,
        on_demand_usd=row.usd_per_hour,
        spot_usd=row.spot_usd_per_hour,
        gpus=row.gpus,
    )


def other_kinds(work: Work) -> list[OtherKind]:
    """On-Demand, Spot, Fargate and Fargate Spot, the last three at prices of an idle engine. One query.

    On-Demand and Spot are left out while the catalogue is empty.
    """
    amounts = {"vcpu_seconds": work.vcpu_seconds, "gib_seconds": work.gib_seconds}
    return [
        *instance_kinds(**amounts, offers=offers()),
        *fargate_kinds(**amounts, rates=fargate_rates()),
    ]
