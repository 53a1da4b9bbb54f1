"""A fake engine that several processes share keeps the same promises."""

import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jobs.engines.base import (
    CannotPull,
    ContainerPhase,
    ContainerSpec,
    Engine,
    EngineError,
    EngineUnreachable,
    EventKind,
    PullProgress,
)
from jobs.engines.fake import FakeEngineClient, World
from jobs.engines.fake.scripts import run_command
from jobs.engines.fake.server import FakeEngineServer
from jobs.engines.registry import connect

from .basis import Recipes, in_background, of_container, status
from .contract import EngineContract
from .contract_of_files import FilesContract, Link, Write
from .contract_of_groups import GroupsContract
from .fake_recipes import FakeRecipes, linker_in, writer_to

PATIENCE_SECONDS = 30


@pytest.fixture
def path() -> Iterator[str]:
    """A socket's path; not pytest's folder, because it must be short."""
    with tempfile.TemporaryDirectory(prefix="fake-") as folder:
        yield f"{folder}/sock"


@pytest.fixture
def here() -> World:
    return World()


@pytest.fixture
def url(path: str, here: World) -> Iterator[str]:
    server = FakeEngineServer(path, here)
    yield f"fake+unix://{path}"
    server.stop()


class TestFakeEngineClient(EngineContract, GroupsContract, FilesContract):
    @pytest.fixture
    def recipes(self) -> Recipes:
        return FakeRecipes()

    @pytest.fixture
    def write(self, here: World) -> Write:
        return writer_to(here.belongings.files)

    @pytest.fixture
    def link(self, here: World) -> Link:
        return linker_in(here.belongings.files)

    @pytest.fixture
    def connect_as(self, url: str) -> Iterator[Callable[[str], Engine]]:
        made: list[FakeEngineClient] = []

        def connect_once(installation: str) -> Engine:
            made.append(FakeEngineClient(url, installation=installation))
            return made[-1]

        yield connect_once
        for engine in made:
            engine.close()

    @pytest.fixture
    def unreachable(self, path: str) -> Engine:
        return FakeEngineClient(f"fake+unix://{path}-none", installation="x")


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    engine = connect("fake", url, installation="x")
    yield engine
    engine.close()


def spec(name: str, *command: str) -> ContainerSpec:
    return ContainerSpec(name, "fake/sh", command, {}, 1000, 64, "none")


def test_only_an_engine_of_the_kind_fake_speaks_to_it(url: str) -> None:
    with pytest.raises(EngineError, match="no address of a Docker Engine"):
        connect("docker", url, installation="x")


def test_what_one_client_does_another_sees(engine: Engine, url: str) -> None:
    other = FakeEngineClient(url, installation="x")
    events = other.events(0)
    container_id = engine.create(spec("a", "exit_after", "0.01", "7"))
    engine.start(container_id)
    kinds = [event.kind for event in of_container(events, container_id, 2)]
    assert kinds == [EventKind.STARTED, EventKind.DIED]
    assert status(other, "a").exit_code == 7
    other.close()


def test_a_refused_call_leaves_the_connection_usable(engine: Engine) -> None:
    for _ in range(3):
        with pytest.raises(EngineError):
            engine.start("none")
    assert engine.info().version == "fake"


def test_progress_of_a_pull_comes_back(engine: Engine, here: World) -> None:
    seen: list[PullProgress] = []
    with pytest.raises(CannotPull):
        engine.pull("shop/report", seen.append)
    here.pullable["shop/report"] = run_command
    engine.pull("shop/report", seen.append)
    assert len(seen) == 1


def test_a_server_that_stops_breaks_streams_and_calls(path: str, here: World) -> None:
    server = FakeEngineServer(path, here)
    engine = FakeEngineClient(f"fake+unix://{path}", installation="x")
    engine.start(engine.create(spec("a", "sleep")))
    events = engine.events(0)
    assert next(events).kind is EventKind.STARTED
    rest = in_background(lambda: list(events))
    server.stop()
    with pytest.raises(EngineUnreachable):
        rest()
    with pytest.raises(EngineUnreachable, match="does not answer"):
        engine.info()
    engine.close()
    assert not Path(path).exists()


def test_an_unknown_call_is_refused(engine: FakeEngineClient) -> None:
    with pytest.raises(EngineError, match="no call"):
        engine._call("close")
    assert engine.info().version == "fake"


def test_it_runs_as_a_process_of_its_own(path: str) -> None:
    command = [sys.executable, "-m", "jobs.engines.fake.server", path]
    options = ["--nodes", "3", "--vcpus", "16", "--memory-gib", "2", "--gpus", "4"]
    with subprocess.Popen([*command, *options], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        engine = FakeEngineClient(f"fake+unix://{path}", installation="x")
        nodes = engine.nodes()
        assert [node.name for node in nodes] == ["fake-1", "fake-2", "fake-3"]
        assert {(node.milli_vcpus, node.memory_mib) for node in nodes} == {(16_000, 2048)}
        container_id = engine.create(spec("a", "sleep"))
        engine.start(container_id)
        assert status(engine, container_id).phase is ContainerPhase.RUNNING
        engine.close()
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_SECONDS) == 0
    assert not Path(path).exists()
