from collections.abc import Callable

import pytest

from jobs.services.search.follow import index_history


@pytest.fixture
def index() -> Callable[[], None]:
    """Writes documents of all that happened until now."""

    def run() -> None:
        while index_history():
            pass

    return run
