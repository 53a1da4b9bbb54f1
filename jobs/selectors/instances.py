"""Reads of instances: those of an environment, one with what ran on it, and the Spot price they follow."""

from django.db.models import Exists, OuterRef, Sum

from jobs.domain.compute_resources import is_fargate
from jobs.models import Attempt, ComputeEnvironment, Instance


def busy_milli_vcpus(*, environment: ComputeEnvironment) -> int:
    """What of a managed environment's maximum cannot be taken away: thousandths of vCPUs. One query.

    The sizes of its instances that jobs are on; of Fargate, what its jobs hold.
    """
    live = Attempt.objects.filter(ended_at__isnull=True)
    if is_fargate(environment.compute_resources):
        held = live.filter(environment=environment)
    else:
        held = Instance.objects.filter(environment=environment, ended_at__isnull=True).filter(
            Exists(live.filter(instance=OuterRef("pk")))
        )
    total: int | None = held.aggregate(total=Sum("milli_vcpus"))["total"]
    return total or 0
