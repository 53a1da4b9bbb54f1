"""Reads of service environments and quota shares."""

from collections.abc import Collection

from jobs.models import JobQueue, QuotaShare, ServiceEnvironment


def find_service_environment(*, name: str) -> ServiceEnvironment | None:
    """One service environment by its name."""
    return ServiceEnvironment.objects.filter(name=name).first()


def list_service_environments(
    *, names: Collection[str] | None = None, after: str = "", limit: int
) -> list[ServiceEnvironment]:
    """Service environments by name: those with these names, or all."""
    rows = ServiceEnvironment.objects.filter(name__gt=after)
    if names is not None:
        rows = rows.filter(name__in=names)
    return list(rows.order_by("name")[:limit])


def find_quota_share(*, queue: str, name: str) -> QuotaShare | None:
    """One quota share by its queue's name and its own, with its queue."""
    queues = JobQueue.objects.filter(name=queue)
    return QuotaShare.objects.select_related("queue").filter(queue__in=queues, name=name).first()


def list_quota_shares(*, queue: JobQueue, after: str = "", limit: int) -> list[QuotaShare]:
    """The quota shares of a queue by name, each with the queue."""
    rows = QuotaShare.objects.select_related("queue").filter(queue=queue, name__gt=after)
    return list(rows.order_by("name")[:limit])
