"""Budgets of action CANCEL: what waits in the scope of an exceeded one is cancelled; what runs goes on.

A step of the scheduler beside its sweep, under its lease. No mark is kept of what was cancelled: the jobs
that still wait are looked through again every so often, from end to end, so whoever dies in
between has lost nothing, and a job that slipped in, or waits again after a failed try, is found the next time.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from jobs.domain import budgets
from jobs.domain.budgets import month_of
from jobs.domain.states import JobStatus
from jobs.models import Budget, BudgetAction, BudgetScope, Job, JobQueue, StopKind
from jobs.models.literals import literals
from jobs.selectors.tags import tags_of
from jobs.services.costs.budgets import hand_over_budgets
from jobs.services.requests.stop import stop_jobs

from .lease import Lease, fence

# Workers are asked to add budgets up, and what waits is looked through, this often.
SECONDS = 15.0
# So many jobs are looked at in one transaction, and for so long before others have their turn.
PORTION = 500
SECONDS_AT_ONCE = 0.5
# In the order of a job's life: one that moves on during a round is still before it.
WAITING = (JobStatus.SUBMITTED, JobStatus.PENDING, JobStatus.RUNNABLE)


class Place(NamedTuple):
    """How far a round is: among the jobs of which queue (of an owner's budget: of which owner), in which of
    the statuses, and behind which job."""

    row_id: int
    step: int = 0
    after: UUID | None = None


@dataclass(slots=True)
class BudgetRounds:
    """What a scheduler remembers of its rounds: when the next begins, and how far the present one is.

    Of each budget that still has a part of its round to go, how far that is; None: not begun.
    """

    next_at: float = 0.0
    places: dict[int, Place | None] = field(default_factory=dict)

    def go_on(self, *, lease: Lease, now: datetime, monotonic: float) -> bool:
        """The next part of a round, or a new one if that is due; whether there is more to do at once.

        `monotonic` is this machine's monotonic clock, in seconds. Raises LostLease.
        """
        if monotonic >= self.next_at:
            self.next_at = monotonic + SECONDS
            hand_over_budgets(now=now)
            for budget_id in _exceeded(now).values_list("id", flat=True):
                self.places.setdefault(budget_id, None)
        until = time.monotonic() + SECONDS_AT_ONCE
        while self.places and time.monotonic() < until:
            budget_id = next(iter(self.places))
            place = cancel_portion(
                budget_id=budget_id, place=self.places[budget_id], lease=lease, now=now
            )
            if place is None:
                del self.places[budget_id]
            else:
                self.places[budget_id] = place
        return bool(self.places)


def cancel_portion(
    *, budget_id: int, place: Place | None, lease: Lease, now: datetime
) -> Place | None:
    """Cancels those of the next waiting jobs that the exceeded budget is for; where to go on.

    None where there are no more, or where the budget stops nothing any more. Of arrays, what of their children
    waits is ended by `array_stop`. Raises LostLease; then nothing changed.
    """
    with transaction.atomic():
        fence(lease)
        budget = _exceeded(now).filter(id=budget_id).first()
        if budget is None:
            return None
        row_ids = _rows_of(budget)
        place = place or Place(row_ids[0])
        found = _waiting(budget, place)
        to_cancel = [job for job in found if _is_for(budget, job)]
        if to_cancel:
            stop_jobs(jobs=to_cancel, kind=StopKind.CANCEL, reason=reason_of(budget), now=now)
        return _next(place, found, row_ids)


def reason_of(budget: Budget) -> str:
    """Why its jobs are cancelled."""
    return budgets.cancelled(
        name=budget.name,
        spent_usd=budget.spent_usd,
        usd_per_month=budget.usd_per_month,
        month=budget.month,
    )


def _exceeded(now: datetime) -> QuerySet[Budget]:
    """In this month: a mark of the last one stands until the budget is added up again."""
    return Budget.objects.filter(
        action=BudgetAction.CANCEL, exceeded_at__isnull=False, month=month_of(now)
    ).order_by("id")


def _rows_of(budget: Budget) -> list[int]:
    """The owner, or the queues, whose jobs are looked through, in order; a tag's are in any queue."""
    if budget.scope == BudgetScope.TAG:
        return list(JobQueue.objects.order_by("id").values_list("id", flat=True)) or [0]
    return [budget.queue_id or budget.owner_id or 0]


def _waiting(budget: Budget, place: Place) -> list[Job]:
    """The next jobs that wait, newest first: by indices in which arrays' children are not.

    An array that was asked to end is on its way already.
    """
    status = literals([WAITING[place.step]])
    jobs = Job.objects.filter(
        parent__isnull=True, status__in=status, stop_requested_at__isnull=True
    )
    of = "owner" if budget.scope == BudgetScope.OWNER else "queue"
    jobs = jobs.filter(**{of: place.row_id})
    if place.after is not None:
        jobs = jobs.filter(id__lt=place.after)
    return list(jobs.select_related("spec").order_by("-id")[:PORTION])


def _next(place: Place, found: Sequence[Job], row_ids: Sequence[int]) -> Place | None:
    if len(found) == PORTION:
        return place._replace(after=found[-1].id)
    if place.step + 1 < len(WAITING):
        return Place(place.row_id, place.step + 1)
    following = [row_id for row_id in row_ids if row_id > place.row_id]
    return Place(following[0]) if following else None


def _is_for(budget: Budget, job: Job) -> bool:
    return budget.scope != BudgetScope.TAG or budgets.has_tag(
        tags_of(job), key=budget.tag_key, value=budget.tag_value
    )
