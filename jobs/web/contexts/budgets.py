"""What the pages of budgets, their forms and their JSON are drawn from, and the warnings on other pages."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from django.contrib.auth.models import User
from django.http import QueryDict
from django.urls import reverse
from django.utils import timezone

from jobs.domain import budgets as rules
from jobs.domain.cost_ranges import FIGURES_LAST
from jobs.domain.errors import NotFound
from jobs.models import Budget, BudgetAction, BudgetScope
from jobs.selectors import budgets as selectors
from jobs.selectors.choices import queue_names
from jobs.selectors.costs.rows import Part
from jobs.services.setup.budgets import FIELDS, values_of

from .cost_query import CostQuery
from .forms import shown_errors
from .lazily import lazily
from .named import NameQuery, read_query

NEW: dict[str, object] = {
    "scope": BudgetScope.QUEUE,
    "warn_percentage": rules.DEFAULT_WARN_PERCENTAGE,
    "action": BudgetAction.WARN,
}
SCOPE_WORDS = {
    BudgetScope.QUEUE: "All jobs of a queue",
    BudgetScope.OWNER: "All jobs of a user",
    BudgetScope.TAG: "All jobs with a tag",
}
ACTION_WORDS = {
    BudgetAction.WARN: "Warn only",
    BudgetAction.REFUSE: "Refuse new jobs",
    BudgetAction.CANCEL: "Refuse new jobs, and cancel what waits; what runs goes on",
}
TOPICS = "budgets"


@dataclass(frozen=True, slots=True)
class BudgetRow:
    """A budget as it is drawn. `part` and `warn_part` are parts of 1."""

    budget: Budget
    percentage: int
    part: float
    warn_part: float

    @property
    def is_exceeded(self) -> bool:
        return self.budget.exceeded_at is not None

    @property
    def is_warned(self) -> bool:
        return self.budget.warned_at is not None

    @property
    def told(self) -> str:
        """What being exceeded means for new jobs."""
        return {
            BudgetAction.WARN: "Jobs go on: it only warns.",
            BudgetAction.REFUSE: "New jobs are refused.",
            BudgetAction.CANCEL: "New jobs are refused, and what waits is cancelled.",
        }[BudgetAction(self.budget.action)]


def row_of(budget: Budget) -> BudgetRow:
    percentage = rules.percentage(spent_usd=budget.spent_usd, usd_per_month=budget.usd_per_month)
    return BudgetRow(
        budget=budget,
        percentage=percentage,
        part=float(budget.spent_usd / budget.usd_per_month),
        warn_part=budget.warn_percentage / 100,
    )


def rows_of(budgets: Iterable[Budget]) -> list[BudgetRow]:
    return [row_of(budget) for budget in budgets]


def warnings(read: Callable[[], Iterable[Budget]]) -> Callable[[], list[BudgetRow]]:
    """What `read` gives, as rows, read when drawn (see `lazily`): `budgets/_warnings.html` draws it."""
    return lazily(lambda: rows_of(read()))


def list_query(query: QueryDict) -> NameQuery:
    return read_query("budgets", query)


def build_list(*, query: NameQuery, user: User) -> dict[str, Any]:
    """Read when drawn; see `lazily`."""
    page = lazily(lambda: selectors.list_budgets(user=user, after=query.after, search=query.search))
    return {
        **query.shown(page),
        "rows": lazily(lambda: rows_of(page().rows)),
        "topics": TOPICS,
    }


def list_as_json(*, query: NameQuery, user: User) -> dict[str, Any]:
    """`results` by name, and `next`: the URL of the page that follows, or null."""
    page = selectors.list_budgets(user=user, after=query.after, search=query.search)
    return query.as_json(page, summary)


def find(*, name: str, user: User) -> Budget:
    """The budget. Raises NotFound, also for one that the user does not see."""
    found = selectors.find_budget(user=user, name=name)
    if found is None:
        raise NotFound(f"There is no budget {name}.")
    return found


def build(*, budget: Budget, user: User) -> dict[str, Any]:
    """With a link to the rows that it is the sum of, where the user sees all of them."""
    sees_all = user.is_staff or budget.owner_id == user.pk
    return {
        "budget": budget,
        "row": row_of(budget),
        "action_words": ACTION_WORDS[BudgetAction(budget.action)],
        "rows_url": _rows_url(budget) if sees_all else "",
        "ends_on": rules.next_month(budget.month) if budget.month else None,
        "topics": TOPICS,
    }


def _rows_url(budget: Budget) -> str:
    """The rows that `spent_usd` is the sum of; empty where it was not added up lately, or is of several tags."""
    if budget.month is None or budget.spent_as_of is None:
        return ""
    if timezone.now() - budget.spent_as_of > FIGURES_LAST:
        return ""
    scopes: dict[str, dict[str, object]] = {
        BudgetScope.QUEUE: {"queue": budget.queue_id},
        BudgetScope.OWNER: {"owner": budget.owner_id},
        BudgetScope.TAG: {"tag": budget.tag_key, "value": budget.tag_value},
    }
    if budget.scope == BudgetScope.TAG and not budget.tag_value:
        return ""
    at = budget.spent_as_of.astimezone(UTC)
    return CostQuery(budget.month, at.date(), at).rows_url(Part.ALL, scopes[budget.scope])


def summary(budget: Budget) -> dict[str, Any]:
    """A budget as JSON; amounts of money are texts."""
    values = values_of(budget)
    return {
        **values,
        "usd_per_month": str(budget.usd_per_month),
        "month": budget.month,
        "spent_usd": str(budget.spent_usd),
        "spent_percentage": row_of(budget).percentage,
        "spent_as_of": budget.spent_as_of,
        "warned_at": budget.warned_at,
        "exceeded_at": budget.exceeded_at,
        "created_at": budget.created_at,
        "url": reverse("budget", args=[budget.name]),
    }


def build_form(
    *,
    values: Mapping[str, object],
    errors: Mapping[str, list[str]] | None = None,
    budget: Budget | None = None,
) -> dict[str, Any]:
    """The form with these values; with `budget` it changes that one."""
    return {
        "budget": budget,
        "values": values,
        "scopes": SCOPE_WORDS.items(),
        "actions": ACTION_WORDS.items(),
        "queue_names": queue_names(enabled_only=False),
        **shown_errors(errors, fields=FIELDS),
    }
