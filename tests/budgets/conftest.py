"""Budgets whose scopes have cost what a test says."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from jobs.selectors import costs

Spend = Callable[[str], None]


@pytest.fixture
def spend(monkeypatch: pytest.MonkeyPatch) -> Spend:
    """Says what every scope has cost in this month, in US dollars; nothing at first."""
    amount = Decimal(0)

    def spent(**_: Any) -> Decimal:
        return amount

    def say(usd: str) -> None:
        nonlocal amount
        amount = Decimal(usd)

    monkeypatch.setattr(costs, "spent", spent)
    return say
