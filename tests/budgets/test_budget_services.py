"""Making, changing and deleting budgets, and holding against them what was spent."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from pytest_django import DjangoAssertNumQueries

from jobs import changes
from jobs.domain.errors import InvalidInput, NotFound
from jobs.models import Budget, BudgetAction, BudgetScope
from jobs.services.costs.budgets import bring_up_to_date
from jobs.services.setup.budgets import create_budget, delete_budget, update_budget, values_of
from tests.builders import NOW, a_budget, a_queue, a_user

from .conftest import Spend

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("spend")]
JANUARY = date(2026, 1, 1)


def test_a_budget_is_made_for_a_queue_an_owner_or_a_tag() -> None:
    queue, user = a_queue(), a_user()
    common = {"usd_per_month": "10"}
    of_queue = create_budget(
        fields={**common, "name": "q", "scope": "QUEUE", "queue": queue.name}, now=NOW
    )
    of_owner = create_budget(
        fields={**common, "name": "o", "scope": "owner", "owner": user.username}, now=NOW
    )
    of_tag = create_budget(
        fields={**common, "name": "t", "scope": "TAG", "tag_key": "team", "action": "CANCEL"},
        now=NOW,
    )
    assert (of_queue.queue, of_queue.warn_percentage, of_queue.action) == (
        queue,
        80,
        BudgetAction.WARN,
    )
    assert (of_owner.owner, of_owner.scope) == (user, BudgetScope.OWNER)
    assert (of_tag.tag_key, of_tag.tag_value, of_tag.action) == ("team", "", BudgetAction.CANCEL)


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({}, {"name", "scope", "usd_per_month"}),
        ({"scope": "QUEUE", "queue": "nothing"}, {"name", "queue", "usd_per_month"}),
        ({"name": "b", "scope": "OWNER", "usd_per_month": 1}, {"owner"}),
        ({"name": "b", "scope": "OWNER", "owner": "nobody", "usd_per_month": 1}, {"owner"}),
        ({"name": "b", "scope": "TAG", "tag_key": " ", "usd_per_month": 1}, {"tag_key"}),
        ({"name": "b", "scope": "TAG", "tag_key": "k" * 129, "usd_per_month": 1}, {"tag_key"}),
        # What says it of another scope is a slip.
        (
            {"name": "b", "scope": "TAG", "tag_key": "k", "queue": "q", "usd_per_month": 1},
            {"queue"},
        ),
        ({"name": "b", "scope": "TAG", "tag_key": "k", "usd_per_month": 0}, {"usd_per_month"}),
        (
            {"name": "b", "scope": "TAG", "tag_key": "k", "usd_per_month": 1, "action": "STOP"},
            {"action"},
        ),
        ({"name": "b", "scope": "TAG", "tag_key": "k", "usd_per_month": 1, "cap": 2}, {"cap"}),
        (
            {"name": "b", "scope": "TAG", "tag_key": "a\0", "usd_per_month": 1},
            {"tag_key"},
        ),
    ],
)
def test_every_wrong_field_is_named_and_nothing_is_written(
    fields: dict[str, object], wrong: set[str]
) -> None:
    with pytest.raises(InvalidInput) as refused:
        create_budget(fields=fields, now=NOW)
    assert set(refused.value.errors) == wrong
    assert not Budget.objects.exists()


def test_two_budgets_have_two_names() -> None:
    a_budget(name="lab")
    with pytest.raises(InvalidInput, match="There is a budget named lab already"):
        create_budget(
            fields={"name": "lab", "scope": "TAG", "tag_key": "k", "usd_per_month": 1}, now=NOW
        )


def test_a_new_budget_counts_what_was_spent_before(spend: Spend) -> None:
    spend("12")
    made = create_budget(
        fields={"name": "b", "scope": "TAG", "tag_key": "k", "usd_per_month": "10"}, now=NOW
    )
    assert (made.spent_usd, made.month, made.exceeded_at) == (Decimal(12), JANUARY, NOW)


def test_a_raised_budget_is_judged_anew(spend: Spend) -> None:
    budget = a_budget(usd_per_month=Decimal(10))
    spend("10")
    bring_up_to_date(now=NOW)
    later = NOW + timedelta(minutes=1)
    raised = update_budget(budget=budget, fields={"usd_per_month": "12"}, now=later)
    assert (raised.warned_at, raised.exceeded_at) == (NOW, None)
    raised = update_budget(budget=raised, fields={"usd_per_month": "100"}, now=later)
    assert (raised.warned_at, raised.exceeded_at) == (None, None)
    lowered = update_budget(budget=raised, fields={"usd_per_month": "5"}, now=later)
    assert (lowered.warned_at, lowered.exceeded_at) == (later, later)


def test_what_a_change_leaves_out_stays() -> None:
    budget = a_budget(tag_value="blue", warn_percentage=50)
    before = values_of(budget)
    changed = update_budget(budget=budget, fields={"action": "REFUSE"}, now=NOW)
    assert values_of(changed) == {**before, "action": "REFUSE"}
    # Another scope starts with nothing of the old one.
    user = a_user()
    moved = update_budget(
        budget=changed, fields={"scope": "OWNER", "owner": user.username}, now=NOW
    )
    assert (moved.owner, moved.tag_key, moved.tag_value) == (user, "", "")


def test_a_deleted_budget_is_not_changed() -> None:
    budget = a_budget()
    delete_budget(budget=Budget.objects.get(pk=budget.pk))
    with pytest.raises(NotFound, match="was deleted"):
        update_budget(budget=budget, fields={"action": "REFUSE"}, now=NOW)
    delete_budget(budget=budget)


def test_what_is_crossed_is_marked_once_and_told(
    spend: Spend, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[list[str]] = []
    monkeypatch.setattr(changes, "publish", lambda topics: told.append(list(topics)))
    budget = a_budget(usd_per_month=Decimal(10), warn_percentage=80)
    steps = [("1", None, None), ("8", 2, None), ("9", 2, None), ("10", 2, 4), ("30", 2, 4)]
    for minute, (usd, warned, exceeded) in enumerate(steps, start=1):
        spend(usd)
        now = NOW + timedelta(minutes=minute)
        assert bring_up_to_date(now=now) == 1
        budget.refresh_from_db()
        assert (budget.spent_usd, budget.spent_as_of) == (Decimal(usd), now)
        marks = [at and (at - NOW).seconds // 60 for at in (budget.warned_at, budget.exceeded_at)]
        assert marks == [warned, exceeded]
    assert told == [[changes.BUDGETS]] * len(steps)
    bring_up_to_date(now=NOW + timedelta(minutes=9))
    assert len(told) == len(steps), "nothing changed, so nothing is told"


def test_a_new_month_begins_with_nothing(spend: Spend) -> None:
    budget = a_budget(usd_per_month=Decimal(10))
    spend("10")
    bring_up_to_date(now=datetime(2026, 1, 31, 23, 59, tzinfo=UTC))
    spend("0")
    bring_up_to_date(now=datetime(2026, 2, 1, tzinfo=UTC))
    budget.refresh_from_db()
    assert (budget.month, budget.spent_usd) == (date(2026, 2, 1), Decimal(0))
    assert (budget.warned_at, budget.exceeded_at) == (None, None)


def test_who_comes_late_with_older_figures_changes_nothing(spend: Spend) -> None:
    budget = a_budget(usd_per_month=Decimal(10))
    spend("10")
    bring_up_to_date(now=NOW)
    spend("1")
    bring_up_to_date(now=NOW - timedelta(seconds=1))
    budget.refresh_from_db()
    assert (budget.spent_usd, budget.exceeded_at) == (Decimal(10), NOW)


def test_without_budgets_it_is_one_query(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(1):
        assert bring_up_to_date(now=NOW) == 0
