"""Fixtures of the API's tests."""

import pytest

from jobs.api.logs import live_tail


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Live tail looks for news at once, not after a second."""
    monkeypatch.setattr(live_tail, "TICK_SECONDS", 0.01)
