"""Making, changing and deleting budgets. `services.costs.budgets` holds what is spent against them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from jobs import changes
from jobs.domain import budgets, validation
from jobs.domain.validation import Checker, FieldError, is_empty
from jobs.models import Budget, BudgetAction, BudgetScope, JobQueue
from jobs.selectors.named import queue_named
from jobs.services.costs.budgets import set_spent, spent_of
from jobs.services.writing.races import second_look, still_there

from .names import free_name

# What each scope is said by; the first is needed.
OF_SCOPE: Mapping[str, tuple[str, ...]] = {
    BudgetScope.QUEUE: ("queue",),
    BudgetScope.OWNER: ("owner",),
    BudgetScope.TAG: ("tag_key", "tag_value"),
}
SCOPE_FIELDS = tuple(field for fields in OF_SCOPE.values() for field in fields)
FIELDS = frozenset({"name", "scope", *SCOPE_FIELDS, "usd_per_month", "warn_percentage", "action"})


@dataclass(frozen=True, slots=True)
class BudgetFields:
    """A budget that passed every check, as it will be written."""

    name: str
    scope: str
    usd_per_month: Decimal
    warn_percentage: int
    action: str
    queue: JobQueue | None = None
    owner: User | None = None
    tag_key: str = ""
    tag_value: str = ""


def check_budget(*, fields: Mapping[str, object], budget: Budget | None = None) -> BudgetFields:
    """The clean budget, or InvalidInput with every field that is wrong. Writes nothing.

    `scope` is QUEUE with `queue` (its name), OWNER with `owner` (a user's name), or TAG with `tag_key` and
    `tag_value` (empty: any value). `usd_per_month`, `warn_percentage` (80 where it is left out) and `action`
    (WARN where it is left out). With `budget` these are changes of that: what is left out stays.
    """
    checker = Checker()
    checker.only(fields, FIELDS)
    asked = fields if budget is None else _with_own(budget, fields)
    scope = checker.check("scope", budgets.scope, asked.get("scope"), "")
    target = _check_target(checker, scope, asked)
    clean = BudgetFields(
        name=checker.check(
            "name",
            lambda value: free_name(value, Budget.objects.all(), budget, kind="a budget"),
            asked.get("name"),
            "",
        ),
        scope=scope,
        usd_per_month=checker.check(
            "usd_per_month", budgets.usd_per_month, asked.get("usd_per_month"), Decimal(1)
        ),
        warn_percentage=checker.check(
            "warn_percentage", budgets.warn_percentage, asked.get("warn_percentage"), 100
        ),
        action=checker.check(
            "action", budgets.action, asked.get("action") or BudgetAction.WARN, ""
        ),
        **target,
    )
    checker.done()
    return clean


def create_budget(*, fields: Mapping[str, object], now: datetime) -> Budget:
    """Writes a new budget, with what is spent of it already. Raises InvalidInput; then nothing changed."""
    clean = check_budget(fields=fields)
    row = Budget(created_at=now)
    _put(row, clean)
    set_spent(row, spent_usd=spent_of(row, now=now), now=now)
    with second_look(lambda: check_budget(fields=fields)), transaction.atomic():
        row.save(force_insert=True)
        changes.publish([changes.BUDGETS])
    return row


def update_budget(*, budget: Budget, fields: Mapping[str, object], now: datetime) -> Budget:
    """Changes a budget, and holds what is spent against it as it is then.

    Jobs that a raised budget had refused can be submitted at once; what was cancelled stays so. Raises
    InvalidInput, or NotFound if it was deleted meanwhile.
    """
    clean = check_budget(fields=fields, budget=budget)
    changed = Budget(id=budget.id)
    _put(changed, clean)
    spent = spent_of(changed, now=now)
    with second_look(lambda: check_budget(fields=fields, budget=budget)), transaction.atomic():
        row = _locked(budget)
        old = (row.warned_at, row.exceeded_at) if row.month == budgets.month_of(now) else ()
        _put(row, clean)
        # Judged anew: a mark that the budget has outgrown goes, one that it keeps has its time.
        row.month = None
        set_spent(row, spent_usd=spent, now=now)
        if old:
            row.warned_at = row.warned_at and (old[0] or now)
            row.exceeded_at = row.exceeded_at and (old[1] or now)
        row.save()
        changes.publish([changes.BUDGETS])
    return row


def delete_budget(*, budget: Budget) -> None:
    """Deletes a budget; nothing is refused for its sake any more."""
    with transaction.atomic():
        if Budget.objects.filter(id=budget.id).delete()[0]:
            changes.publish([changes.BUDGETS])


def values_of(budget: Budget) -> dict[str, object]:
    """The fields that would make this budget: what a form shows, and what a change leaves as it is."""
    return {
        "name": budget.name,
        "scope": budget.scope,
        "queue": budget.queue.name if budget.queue else "",
        "owner": budget.owner.get_username() if budget.owner else "",
        "tag_key": budget.tag_key,
        "tag_value": budget.tag_value,
        "usd_per_month": budget.usd_per_month,
        "warn_percentage": budget.warn_percentage,
        "action": budget.action,
    }


def _with_own(budget: Budget, fields: Mapping[str, object]) -> dict[str, object]:
    own = values_of(budget)
    if fields.get("scope", budget.scope) != budget.scope:
        # Another scope: what the old one was said by says nothing of it.
        own.update(dict.fromkeys(SCOPE_FIELDS, ""))
    return {**own, **fields}


def _check_target(checker: Checker, scope: str, asked: Mapping[str, object]) -> dict[str, Any]:
    """Whose budget it is, clean; an error for what says it of another scope."""
    readers = {
        "queue": _queue,
        "owner": _owner,
        "tag_key": budgets.tag_key,
        "tag_value": budgets.tag_value,
    }
    own = OF_SCOPE.get(scope, ())
    for field in SCOPE_FIELDS:
        if scope and field not in own and not is_empty(asked.get(field)):
            checker.add(field, f"A budget for {scope} has none. Leave it empty.")
    return {field: checker.check(field, readers[field], asked.get(field), None) for field in own}


def _put(row: Budget, clean: BudgetFields) -> None:
    for field in FIELDS:
        setattr(row, field, getattr(clean, field))


def _locked(budget: Budget) -> Budget:
    return still_there(
        Budget.objects.select_for_update(), budget, called=f"The budget {budget.name}"
    )


def _queue(value: object) -> JobQueue:
    name = validation.read_text(value)
    if not name:
        raise FieldError("Choose the job queue that the budget is for.")
    queue = queue_named(name)
    if queue is None:
        raise FieldError(f"There is no job queue named {name[:140]}.")
    return queue


def _owner(value: object) -> User:
    name = validation.read_text(value)
    if not name:
        raise FieldError("Give the name of the user whom the budget is for.")
    user = User.objects.filter(username=name).first()
    if user is None:
        raise FieldError(f"There is no user named {name[:140]}.")
    return user
