"""What is spent of each budget, brought up to date by the scheduler, so that a submission only reads it.

A budget counts a calendar month (UTC). What crosses its warning share, or all of it, is marked once; a new
month begins with nothing spent and no marks.
"""

from datetime import datetime
from decimal import Decimal

from django.db import transaction

from jobs import changes
from jobs.domain.budgets import Marks, judge, month_of, month_start
from jobs.models import Budget, BudgetScope
from jobs.selectors import costs

SCOPE_FIELDS = ("scope", "queue_id", "owner_id", "tag_key", "tag_value")
FOUND_FIELDS = ("month", "spent_usd", "spent_as_of", "warned_at", "exceeded_at")


def bring_up_to_date(*, now: datetime) -> int:
    """Adds up what each budget's scope has cost in this month, and marks what is crossed; of how many.

    One query where there is no budget. Each budget is a transaction of its own.
    """
    rows = list(Budget.objects.select_related("queue", "owner").order_by("id"))
    for row in rows:
        _record(row, spent_of(row, now=now), now)
    return len(rows)


def spent_of(budget: Budget, *, now: datetime) -> Decimal:
    """What the budget's scope has cost in this month, in US dollars. Reads only."""
    since = month_start(now)
    if budget.scope == BudgetScope.QUEUE:
        return costs.spent(queue=budget.queue, month_start=since, now=now)
    if budget.scope == BudgetScope.OWNER:
        return costs.spent(owner=budget.owner, month_start=since, now=now)
    tag = (budget.tag_key, budget.tag_value)
    return costs.spent(tag=tag, month_start=since, now=now)


def set_spent(budget: Budget, *, spent_usd: Decimal, now: datetime) -> None:
    """Puts what was spent, and what that crosses, into the row; it is not written here."""
    is_new_month = budget.month != month_of(now)
    after = judge(
        spent_usd=spent_usd,
        usd_per_month=budget.usd_per_month,
        warn_percentage=budget.warn_percentage,
        before=Marks(None, None) if is_new_month else Marks(budget.warned_at, budget.exceeded_at),
        now=now,
    )
    budget.month, budget.spent_usd, budget.spent_as_of = month_of(now), spent_usd, now
    budget.warned_at, budget.exceeded_at = after.warned_at, after.exceeded_at


def _record(read: Budget, spent_usd: Decimal, now: datetime) -> None:
    with transaction.atomic():
        # Locked: somebody may be changing what was read.
        row = Budget.objects.select_for_update(no_key=True).filter(id=read.id).first()
        if row is None or _scope(row) != _scope(read):
            return
        if row.spent_as_of is not None and row.spent_as_of >= now:
            return
        before = (row.month, row.spent_usd, row.warned_at, row.exceeded_at)
        set_spent(row, spent_usd=spent_usd, now=now)
        row.save(update_fields=FOUND_FIELDS)
        if before != (row.month, row.spent_usd, row.warned_at, row.exceeded_at):
            changes.publish([changes.BUDGETS])


def _scope(budget: Budget) -> tuple[object, ...]:
    return tuple(getattr(budget, field) for field in SCOPE_FIELDS)
