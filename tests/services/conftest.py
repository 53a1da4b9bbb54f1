"""Tries that tests begin."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from jobs.services.passes.lease import Lease
from tests.builders import a_group, containers_of, nodes_of
from tests.services.playing import Begin, Play, playing
from tests.services.stepping import a_lease


@pytest.fixture
def containers() -> Iterator[Begin]:
    """Begins a try of a job of several containers, each given as a dict with a name."""
    with ExitStack() as stack:

        def begin(
            *containers: dict[str, Any], task: dict[str, Any] | None = None, **job: Any
        ) -> Play:
            properties = containers_of(*containers, **(task or {}))
            play = stack.enter_context(playing(a_group(ecs_properties=properties, **job)))
            play.launch()
            return play

        yield begin


@pytest.fixture
def nodes() -> Iterator[Begin]:
    """Begins a try of a multi-node job."""
    with ExitStack() as stack:

        def begin(
            count: int, *, main: int = 0, job: dict[str, Any] | None = None, **group: Any
        ) -> Play:
            properties = nodes_of(count, main=main, **group)
            attempts = a_group(node_properties=properties, node_count=count, **(job or {}))
            play = stack.enter_context(playing(attempts))
            play.launch()
            return play

        yield begin


@pytest.fixture
def lease() -> Lease:
    """The right to decide, as the active scheduler has it."""
    return a_lease()
