"""What the placed jobs of a queue hold now."""

from dataclasses import dataclass

from django.db.models import Sum

from jobs.models import Attempt, JobQueue


@dataclass(frozen=True, slots=True)
class Utilization:
    """Thousandths of vCPUs that live tries hold: in all, and by the share of their jobs."""

    milli_vcpus: int
    by_share: dict[str, int]


def utilization_of(*, queue: JobQueue) -> Utilization:
    """What a queue's jobs hold. One query over live tries."""
    rows = (
        Attempt.objects.filter(ended_at__isnull=True, job__queue=queue)
        .order_by()
        .values_list("job__share_identifier")
        .annotate(sum=Sum("milli_vcpus"))
    )
    by_share: dict[str, int] = dict(rows)
    return Utilization(sum(by_share.values()), {key: by_share[key] for key in by_share if key})
