"""What the contract's tests stand on: recipes, fixtures, and ways to wait."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar
from uuid import uuid4

import pytest

from jobs.engines.base import (
    ContainerPhase,
    ContainerSpec,
    ContainerStatus,
    Engine,
    EngineEvent,
    EventKind,
    LogFrame,
    LogSource,
)

PATIENCE_SECONDS = 60
Piece = tuple[LogSource, bytes]
T = TypeVar("T")


class Recipes(ABC):
    """Commands for one engine's test image, by what they do."""

    image: str

    @abstractmethod
    def exits(self, code: int) -> Sequence[str]: ...

    @abstractmethod
    def sleeps(self) -> Sequence[str]:
        """Writes a line and runs until it is signalled; ends at once, with 143, on SIGTERM."""

    @abstractmethod
    def counts(self, lines: int, every_seconds: float) -> Sequence[str]:
        """A number a line, from 1."""

    @abstractmethod
    def says(self, *pieces: Piece) -> Sequence[str]:
        """Writes the pieces and ends with 0."""

    @abstractmethod
    def says_one_line(self, length: int) -> Sequence[str]:
        """One line of so many x, with its newline."""

    @abstractmethod
    def prints_variable(self, name: str) -> Sequence[str]: ...


def in_background(work: Callable[[], T]) -> Callable[[], T]:
    """Starts `work` in a thread; call what comes back to wait for its result."""
    pool = ThreadPoolExecutor(1)
    future = pool.submit(work)
    pool.shutdown(wait=False)
    return lambda: future.result(PATIENCE_SECONDS)


class EngineFixtures(ABC):
    """Fixtures `recipes` and `connect_as` come from the engine's own test file."""

    @pytest.fixture
    @abstractmethod
    def recipes(self) -> Recipes: ...

    @pytest.fixture
    @abstractmethod
    def connect_as(self) -> Callable[[str], Engine]:
        """Makes a connection for an installation; what it created is removed after the test."""

    @pytest.fixture
    def installation(self) -> str:
        return f"contract-{uuid4().hex[:8]}"

    @pytest.fixture
    def engine(self, connect_as: Callable[[str], Engine], installation: str) -> Iterator[Engine]:
        engine = connect_as(installation)
        # A test that waits for what never comes fails by this, instead of hanging.
        guard = threading.Timer(PATIENCE_SECONDS, engine.close)
        guard.start()
        yield engine
        guard.cancel()

    @pytest.fixture
    def spec(self, recipes: Recipes) -> Callable[..., ContainerSpec]:
        def make(command: Sequence[str], **changes: object) -> ContainerSpec:
            fields: dict[str, object] = {
                "name": f"contract-{uuid4().hex[:12]}",
                "image": recipes.image,
                "command": command,
                "environment": {},
                "milli_vcpus": 1000,
                "memory_mib": 64,
                "network": "none",
            }
            return ContainerSpec(**(fields | changes))  # type: ignore[arg-type]

        return make

    @pytest.fixture
    def run(self, engine: Engine, spec: Callable[..., ContainerSpec]) -> Callable[..., str]:
        """Runs a command to its end and gives the container's id."""

        def run_to_end(command: Sequence[str], **changes: object) -> str:
            container_id = engine.create(spec(command, **changes))
            engine.start(container_id)
            await_end(engine, container_id)
            return container_id

        return run_to_end


def status(engine: Engine, name_or_id: str) -> ContainerStatus:
    found = engine.inspect(name_or_id)
    assert found is not None
    return found


def log(engine: Engine, container_id: str, since_ns: int = 0) -> list[LogFrame]:
    return list(engine.logs(container_id, since_ns=since_ns, follow=False))


def text(engine: Engine, container_id: str) -> bytes:
    return b"".join(frame.data for frame in log(engine, container_id))


def of_container(events: Iterator[EngineEvent], container_id: str, count: int) -> list[EngineEvent]:
    """The next `count` events of that container."""
    ours = (event for event in events if event.container_id == container_id)
    return list(islice(ours, count))


def await_end(engine: Engine, container_id: str) -> None:
    """Returns when the container has ended, told by an event."""
    events = engine.events(0)
    if status(engine, container_id).phase is ContainerPhase.EXITED:
        return
    for event in events:
        if event.container_id == container_id and event.kind is EventKind.DIED:
            return
    pytest.fail("the events ended before the container did")


def await_line(engine: Engine, container_id: str) -> None:
    """Returns when the container has written something."""
    next(engine.logs(container_id, since_ns=0, follow=True))
