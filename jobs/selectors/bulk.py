"""Reads of bulk actions: how far they are, and what nothing was done to."""

from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db.models import Q

from jobs.domain.errors import NotFound
from jobs.domain.states import LIVE
from jobs.models import BulkAction, BulkKind, Job

UNTOUCHED_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Untouched:
    """A job that nothing was done to, and why."""

    job: Job
    why: str


def find_bulk(*, user: User, bulk_id: int) -> BulkAction:
    """A bulk action of the user's own; for administrators, anybody's. Raises NotFound."""
    rows = BulkAction.objects.select_related("owner")
    if not user.is_staff:
        rows = rows.filter(owner=user)
    found = rows.filter(pk=bulk_id).first()
    if found is None:
        raise NotFound(f"There is no bulk action {bulk_id}.")
    return found


def untouched_by(action: BulkAction, *, limit: int = UNTOUCHED_SHOWN) -> list[Untouched]:
    """The first jobs of a cancel or terminate that nothing was left to do for. One query."""
    if action.kind == BulkKind.RERUN or action.done <= action.changed + action.refused:
        return []
    # What the action did is told by the request that it left on the job.
    not_by_it = Q(stop_requested_at=None) | Q(stop_requested_at__lt=action.created_at)
    rows = Job.objects.filter(not_by_it, pk__in=action.job_ids[: action.done]).order_by("pk")
    return [Untouched(job=job, why=_why(job)) for job in rows[:limit]]


def _why(job: Job) -> str:
    if job.status not in LIVE:
        return "It had ended already."
    if job.stop_requested_at is not None:
        return "It was told to stop before."
    return "It had started already. Terminate it instead."
