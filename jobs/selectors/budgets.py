"""Reads of budgets: those that somebody sees, those that refuse a job, and those that warn of it.

What is spent of each stands in its row (`services.costs.budgets`), so nothing is added up here.
"""

from collections.abc import Mapping
from datetime import datetime

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet

from jobs.domain.budgets import has_tag, month_of
from jobs.models import Budget, BudgetAction, BudgetScope, JobQueue

from .paging import PAGE_SIZE, Page, page_of
from .prepared import PreparedRow

REFUSING = (BudgetAction.REFUSE, BudgetAction.CANCEL)
# More than this are not listed beside other things.
WARNINGS_SHOWN = 10
# Each submission asks for one, and mostly there is none.
_refusing = PreparedRow(
    Budget,
    "exceeded_at IS NOT NULL AND month = %s AND action IN ('REFUSE', 'CANCEL') "
    "AND (queue_id = %s OR owner_id = %s OR scope = 'TAG')",
)


def visible_budgets(user: User) -> QuerySet[Budget]:
    """All of them for administrators; for others those that may refuse their jobs: not other users' own."""
    rows = Budget.objects.select_related("queue", "owner")
    return rows if user.is_staff else rows.filter(Q(owner=None) | Q(owner=user))


def list_budgets(
    *, user: User, after: str = "", search: str = "", size: int = PAGE_SIZE
) -> Page[Budget]:
    """Budgets by name. One query."""
    rows = visible_budgets(user).filter(name__gt=after)
    if search:
        rows = rows.filter(name__icontains=search)
    return page_of(list(rows.order_by("name")[: size + 1]), size=size, key=lambda row: row.name)


def find_budget(*, user: User, name: str) -> Budget | None:
    """One that the user may see, by its name."""
    return visible_budgets(user).filter(name=name).first()


def refusing_budgets(
    *, queue: JobQueue, owner: User, tags: Mapping[str, str], now: datetime
) -> list[Budget]:
    """The budgets that are exceeded in this month and refuse such a job, by name.

    One small query, and another if there are any.
    """
    month = month_of(now)
    if _refusing.first(month.isoformat(), queue.pk, owner.pk) is None:
        return []
    rows = _concerning(queue.name, owner, tags).filter(
        exceeded_at__isnull=False, month=month, action__in=REFUSING
    )
    return _with_tags(rows, tags)


def warnings_for(*, queue: str, owner: User, tags: Mapping[str, str]) -> list[Budget]:
    """The budgets of such a job that are at their warning share, by name. One query.

    `queue` is a queue's name, if one has that; neither it nor the tags need be fit to be stored.
    """
    return _with_tags(_concerning(queue, owner, tags).filter(warned_at__isnull=False), tags)


def warnings_of_queue(*, queue: JobQueue) -> list[Budget]:
    """The queue's own budgets that are at their warning share, by name. One query."""
    rows = Budget.objects.filter(queue=queue, warned_at__isnull=False)
    return list(rows.select_related("queue").order_by("name")[:WARNINGS_SHOWN])


def warnings_seen(*, user: User) -> list[Budget]:
    """The first budgets, by name, at their warning share that the user may see. One query."""
    rows = visible_budgets(user).filter(warned_at__isnull=False)
    return list(rows.order_by("name")[:WARNINGS_SHOWN])


def _concerning(queue: str, owner: User, tags: Mapping[str, str]) -> QuerySet[Budget]:
    scope = Q(owner=owner)
    # PostgreSQL refuses a NUL in a text; neither a name nor a tag has one.
    keys = [key for key in tags if "\0" not in key]
    if "\0" not in queue:
        scope |= Q(queue__name=queue)
    if keys:
        scope |= Q(scope=BudgetScope.TAG, tag_key__in=keys)
    return Budget.objects.select_related("queue", "owner").filter(scope).order_by("name")


def _with_tags(rows: QuerySet[Budget], tags: Mapping[str, str]) -> list[Budget]:
    return [
        row
        for row in rows
        if row.scope != BudgetScope.TAG or has_tag(tags, key=row.tag_key, value=row.tag_value)
    ]
