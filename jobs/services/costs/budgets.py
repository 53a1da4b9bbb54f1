"""What is spent of each budget, brought up to date by workers, so that a submission only reads it.

A budget counts a calendar month (UTC). What crosses its warning share, or all of it, is marked once; a new
month begins with nothing spent and no marks.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import transaction

from jobs import changes, queueing
from jobs.domain.budgets import Marks, judge, month_of, month_start
from jobs.models import Budget, BudgetScope
from jobs.selectors import costs
from jobs.selectors.costs import Living

# Added up since then, a budget is not handed over again.
FRESH_FOR = timedelta(seconds=5)
SCOPE_FIELDS = ("scope", "queue_id", "owner_id", "tag_key", "tag_value")
FOUND_FIELDS = ("month", "spent_usd", "spent_as_of", "warned_at", "exceeded_at")


def hand_over_budgets(*, now: datetime) -> int:
    """Hands the budgets that were not added up just now to workers; how many. For the scheduler's loop."""
    if not queueing.is_idle(queueing.BUDGETS):
        return 0
    old = Budget.objects.exclude(spent_as_of__gt=now - FRESH_FOR)
    ids = list(old.order_by("id").values_list("id", flat=True))
    queueing.enqueue_after_commit(queueing.BUDGETS, ids)
    return len(ids)


def bring_up_to_date(*, now: datetime, budget_ids: Collection[int] | None = None) -> int:
    """Adds up what the scope of each budget has cost in this month, and marks what is crossed; of how many.

    What lives is read and priced once for all. One query where there is no budget; each budget is a
    transaction of its own, so doing it twice, or half of it, does no harm.
    """
    found = Budget.objects.all() if budget_ids is None else Budget.objects.filter(id__in=budget_ids)
    rows = list(found.select_related("queue", "owner").order_by("id"))
    if rows:
        living = costs.living_of_month(since=month_start(now), now=now)
        for row in rows:
            _record(row, spent_of(row, now=now, living=living), now)
    return len(rows)


def spent_of(budget: Budget, *, now: datetime, living: Living | None = None) -> Decimal:
    """What the budget's scope has cost in this month, in US dollars. Reads only.

    `living`: all that lives, where that was read already.
    """
    since = month_start(now)
    if budget.scope == BudgetScope.QUEUE:
        return costs.spent(queue=budget.queue, month_start=since, now=now, living=living)
    if budget.scope == BudgetScope.OWNER:
        return costs.spent(owner=budget.owner, month_start=since, now=now, living=living)
    tag = (budget.tag_key, budget.tag_value)
    return costs.spent(tag=tag, month_start=since, now=now, living=living)


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
