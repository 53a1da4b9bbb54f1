"""Reads of arrays: all children at a glance, page by page, and why some failed.

Each read is one query, whatever the array's size; only the grid looks at every child.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Count, Min

from jobs.domain import reasons
from jobs.models import Job, JobStatus

from .paging import Page, page_of

# In the grid's text a child is the digit of its status in this order.
GRID_ORDER = tuple(JobStatus.values)
# An index that has no child: of an array that runs only some indices again.
NO_CHILD = "."
FAILURES_SHOWN = 8
CHILDREN_SHOWN = 25


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """Children that failed for the same reason: how many, and the first of them."""

    reason: str
    count: int
    first_index: int


def grid_of(array: Job) -> str:
    """One character a child, in the order of their indices: its status' place in GRID_ORDER, or NO_CHILD."""
    digits = {status: str(place) for place, status in enumerate(GRID_ORDER)}
    cells = [NO_CHILD] * (array.array_size or 0)
    for index, status in Job.objects.filter(parent=array).values_list("array_index", "status"):
        if index is not None:
            cells[index] = digits[status]
    return "".join(cells)


def list_children(
    *, array: Job, status: str = "", after: int | None = None, size: int = CHILDREN_SHOWN
) -> Page[Job]:
    """An array's children by index, from behind `after` on; `status` narrows them, empty for all."""
    rows = Job.objects.filter(parent=array)
    if status:
        rows = rows.filter(status=status)
    if after is not None:
        rows = rows.filter(array_index__gt=after)
    found = list(rows.order_by("array_index")[: size + 1])
    return page_of(found, size=size, key=lambda child: str(child.array_index))


def failures_of(array: Job, *, limit: int = FAILURES_SHOWN) -> list[FailureGroup]:
    """Why children failed, the most frequent reason first."""
    rows = (
        Job.objects.filter(parent=array, status=JobStatus.FAILED)
        .order_by()
        .values_list("status_reason", "exit_code")
        .annotate(count=Count("pk"), first=Min("array_index"))
        .order_by("-count", "first")[:limit]
    )
    return [
        FailureGroup(
            reason=reasons.brief(status_reason=status_reason, exit_code=exit_code),
            count=count,
            first_index=first,
        )
        for status_reason, exit_code, count, first in rows
    ]


def jobs_with_specs(job_ids: Sequence[UUID]) -> list[Job]:
    """These jobs with their specs, in no order."""
    return list(Job.objects.filter(pk__in=job_ids).select_related("spec")) if job_ids else []


def first_in(array: Job, status: str) -> Job | None:
    """The first child in a status; None if no child is."""
    rows = Job.objects.filter(parent=array, status=status).select_related("queue", "spec")
    return rows.order_by("array_index").first()


def first_start_of(array: Job) -> datetime | None:
    """When the first of the children's newest attempts began; None before any has. One look at every child."""
    found = Job.objects.filter(parent=array).aggregate(first=Min("started_at"))
    first: datetime | None = found["first"]
    return first


def neighbours_of(child: Job) -> tuple[int | None, int | None]:
    """The indices of the children before and after; None where there is none. Two queries."""
    siblings = Job.objects.filter(parent=child.parent_id)
    before = siblings.filter(array_index__lt=child.array_index).order_by("-array_index")
    after = siblings.filter(array_index__gt=child.array_index).order_by("array_index")
    return (
        before.values_list("array_index", flat=True).first(),
        after.values_list("array_index", flat=True).first(),
    )
