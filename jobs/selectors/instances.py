"""Reads of instances: those of an environment, one with what ran on it, and the Spot price they follow."""

from django.db.models import Exists, OuterRef, QuerySet, Sum

from jobs.domain.compute_resources import is_fargate
from jobs.models import Attempt, ComputeEnvironment, Instance


def busy_milli_vcpus(*, environment: ComputeEnvironment) -> int:
    """What of a managed environment's maximum cannot be taken away: thousandths of vCPUs. One query.

    The sizes of its instances that jobs are on; of Fargate, what its jobs hold.
    """
    live = Attempt.objects.filter(ended_at__isnull=True)
    held: QuerySet[Attempt] | QuerySet[Instance] = live.filter(environment=environment)
    if not is_fargate(environment.compute_resources):
        on_it = live.filter(instance=OuterRef("pk"))
        held = Instance.objects.filter(environment=environment, ended_at__isnull=True)
        held = held.filter(Exists(on_it))
    total: int | None = held.aggregate(total=Sum("milli_vcpus"))["total"]
    return total or 0
