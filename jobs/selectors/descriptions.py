"""Queues and compute environments as the API describes them: by name, some named ones or all."""

from collections.abc import Collection
from typing import TypeVar

from django.db.models import Model, Prefetch, QuerySet

from jobs.models import (
    ComputeEnvironment,
    JobQueue,
    JobQueueEnvironment,
    JobQueueServiceEnvironment,
)

M = TypeVar("M", bound=Model)


def queues_after(
    *, after: str | None, limit: int, names: Collection[str] | None = None
) -> list[JobQueue]:
    """Up to `limit` queues (of those named, if any are) behind that name, each with its orders. Three queries."""
    rows = JobQueue.objects.select_related("scheduling_policy").prefetch_related(
        Prefetch(
            "environment_order",
            JobQueueEnvironment.objects.select_related("environment").order_by("order"),
        ),
        Prefetch(
            "service_order",
            JobQueueServiceEnvironment.objects.select_related("environment").order_by("order"),
        ),
    )
    return list(_after(rows, after, names)[:limit])


def environments_after(
    *, after: str | None, limit: int, names: Collection[str] | None = None
) -> list[ComputeEnvironment]:
    """Up to `limit` environments (of those named, if any are) behind that name. One query."""
    return list(_after(ComputeEnvironment.objects.all(), after, names)[:limit])


def _after(rows: QuerySet[M], after: str | None, names: Collection[str] | None) -> QuerySet[M]:
    if after is not None:
        rows = rows.filter(name__gt=after)
    if names is not None:
        rows = rows.filter(name__in=names)
    return rows.order_by("name")
