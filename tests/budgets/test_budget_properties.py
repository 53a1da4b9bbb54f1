"""Whatever is submitted, changed and spent in whatever order: a spent budget lets nothing through."""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from jobs.domain.budgets import has_tag
from jobs.domain.errors import InvalidInput
from jobs.models import Budget, BudgetAction
from jobs.selectors import costs
from jobs.services.costs.budgets import bring_up_to_date
from jobs.services.passes.budgets import BudgetRounds
from jobs.services.passes.lease import Standby
from jobs.services.requests.submit import submit_job
from jobs.services.setup.budgets import update_budget
from tests.builders import NOW, a_budget, a_definition, a_queue, a_user

TAGS: tuple[dict[str, str], ...] = (
    {},
    {"team": "blue"},
    {"team": "red"},
    {"team": "", "other": "x"},
)
SCOPES: tuple[dict[str, Any], ...] = (
    {"queue": 0},
    {"queue": 1},
    {"owner": 0},
    {"owner": 1},
    {"tag_key": "team", "tag_value": "blue"},
    {"tag_key": "team", "tag_value": ""},
)
BUDGETS = st.lists(
    st.tuples(st.sampled_from(SCOPES), st.sampled_from(BudgetAction.values)), max_size=4
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("spend"), st.integers(0, 20)),
        st.tuples(st.just("limit"), st.integers(0, 3), st.integers(1, 20)),
        st.tuples(st.just("submit"), st.integers(0, 1), st.integers(0, 1), st.sampled_from(TAGS)),
        st.tuples(st.just("round")),
    ),
    max_size=12,
)


class World:
    """Two queues, two owners, some budgets, and what their scopes have cost."""

    def __init__(self, kinds: list[tuple[dict[str, Any], str]]) -> None:
        self.queues = [a_queue(), a_queue()]
        self.owners = [a_user(), a_user()]
        self.definition = a_definition()
        self.now = NOW
        self.usd = Decimal(0)
        rows: dict[str, list[Any]] = {"queue": self.queues, "owner": self.owners}
        self.budgets = [
            a_budget(
                action=action,
                **{
                    name: rows[name][value] if name in rows else value for name, value in of.items()
                },
            )
            for of, action in kinds
        ]
        lease = Standby(holder="test").try_acquire(monotonic=0)
        assert lease is not None
        self._lease = lease
        self._rounds = BudgetRounds()

    def do(self, name: str, *values: Any) -> None:
        self.now += timedelta(seconds=20)
        getattr(self, name)(*values)

    def spend(self, usd: int) -> None:
        self.usd += usd
        bring_up_to_date(now=self.now)

    def limit(self, which: int, usd: int) -> None:
        if self.budgets:
            budget = self.budgets[which % len(self.budgets)]
            update_budget(budget=budget, fields={"usd_per_month": usd}, now=self.now)

    def round(self) -> None:
        monotonic = (self.now - NOW).total_seconds()
        while self._rounds.go_on(lease=self._lease, now=self.now, monotonic=monotonic):
            pass

    def submit(self, queue_at: int, owner_at: int, tags: dict[str, str]) -> None:
        queue, owner = self.queues[queue_at], self.owners[owner_at]
        against = _refusing(queue.pk, owner.pk, tags)
        fields = {
            "name": "job",
            "queue": queue.name,
            "definition": self.definition.name,
            "tags": tags,
        }
        if not against:
            submit_job(owner=owner, fields=fields, now=self.now)
            return
        with pytest.raises(InvalidInput) as refused:
            submit_job(owner=owner, fields=fields, now=self.now)
        assert all(budget.name in str(refused.value) for budget in against)


class SpentBudgets(TestCase):
    """On a database that each example has for itself."""

    @settings(max_examples=40, deadline=None)
    @given(kinds=BUDGETS, steps=STEPS)
    def test_a_spent_budget_lets_no_submission_of_its_scope_through(
        self, kinds: list[tuple[dict[str, Any], str]], steps: list[tuple[Any, ...]]
    ) -> None:
        world = World(kinds)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(costs, "spent", lambda **_: world.usd)
            patch.setattr(timezone, "now", lambda: world.now)
            for step in steps:
                world.do(*step)


def _refusing(queue_id: int, owner_id: int, tags: Mapping[str, str]) -> list[Budget]:
    """Worked out the long way: over all budgets, one by one."""
    return [
        budget
        for budget in Budget.objects.all()
        if budget.exceeded_at is not None
        and budget.action in {"REFUSE", "CANCEL"}
        and (
            budget.queue_id == queue_id
            or budget.owner_id == owner_id
            or (budget.scope == "TAG" and has_tag(tags, key=budget.tag_key, value=budget.tag_value))
        )
    ]
