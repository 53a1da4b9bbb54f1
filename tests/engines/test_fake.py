"""The fake engine keeps the same promises, and does what tests ask of it."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from uuid import uuid4

import pytest

from jobs.engines.base import (
    CannotPull,
    ContainerPhase,
    ContainerSpec,
    Engine,
    EngineError,
    EngineUnreachable,
    EventKind,
    NoSuchContainer,
    PullProgress,
)
from jobs.engines.fake import FakeEngine, World, forget_world, world
from jobs.engines.fake.scripts import run_command
from jobs.engines.registry import connect

from .basis import Recipes, in_background
from .contract import EngineContract
from .contract_of_files import FilesContract, Link, Write
from .contract_of_groups import GroupsContract
from .fake_recipes import FakeRecipes, linker_in, writer_to


@pytest.fixture
def url() -> Iterator[str]:
    name = uuid4().hex
    yield f"fake://{name}"
    forget_world(name)


class TestFakeEngine(EngineContract, GroupsContract, FilesContract):
    @pytest.fixture
    def recipes(self) -> Recipes:
        return FakeRecipes()

    @pytest.fixture
    def write(self, url: str) -> Write:
        files = world(url.removeprefix("fake://")).belongings.files
        return writer_to(files)

    @pytest.fixture
    def link(self, url: str) -> Link:
        files = world(url.removeprefix("fake://")).belongings.files
        return linker_in(files)

    @pytest.fixture
    def connect_as(self, url: str) -> Callable[[str], Engine]:
        return lambda installation: FakeEngine(url, installation=installation)

    @pytest.fixture
    def unreachable(self, url: str) -> Engine:
        engine = FakeEngine(url, installation="x")
        engine.world.vanish()
        return engine


@pytest.fixture
def engine(url: str) -> Engine:
    return connect("fake", url, installation="x")


@pytest.fixture
def stopped(url: str) -> World:
    """The engine's world, with a clock that only the test moves."""
    here = world(url.removeprefix("fake://"))
    here.stop_clock()
    return here


def spec(*command: str, image: str = "fake/sh") -> ContainerSpec:
    return ContainerSpec(uuid4().hex, image, command, {}, 1000, 64, "none")


def launched(engine: Engine, *command: str) -> str:
    container_id = engine.create(spec(*command))
    engine.start(container_id)
    return container_id


def phase(engine: Engine, container_id: str) -> ContainerPhase:
    found = engine.inspect(container_id)
    assert found is not None
    return found.phase


def test_time_moves_only_when_the_test_moves_it(engine: Engine, stopped: World) -> None:
    container_id = launched(engine, "sleep", "3600")
    stopped.advance(3599)
    assert phase(engine, container_id) is ContainerPhase.RUNNING
    stopped.advance(1)
    ended = engine.inspect(container_id)
    assert ended is not None
    assert ended.phase is ContainerPhase.EXITED
    assert ended.finished_ns - ended.started_ns == 3600 * 10**9


def test_a_follower_wakes_when_time_moves(engine: Engine, stopped: World) -> None:
    container_id = launched(engine, "count", "3", "10")
    frames = in_background(lambda: list(engine.logs(container_id, since_ns=0, follow=True)))
    stopped.advance(30)
    assert [frame.data for frame in frames()] == [b"1\n", b"2\n", b"3\n"]


def test_vanishing_breaks_streams_and_calls_until_it_is_back(engine: Engine, url: str) -> None:
    here = world(url.removeprefix("fake://"))
    container_id = launched(engine, "sleep")
    events = engine.events(0)
    assert next(events).kind is EventKind.STARTED
    here.vanish()
    with pytest.raises(EngineUnreachable):
        next(events)
    with pytest.raises(EngineUnreachable):
        engine.inspect(container_id)
    here.come_back()
    assert phase(engine, container_id) is ContainerPhase.RUNNING


def test_a_restart_kills_what_runs_and_changes_the_boot_id(engine: Engine, stopped: World) -> None:
    before = engine.info().boot_id
    running, done = launched(engine, "sleep"), launched(engine, "exit", "3")
    stopped.restart()
    assert engine.info().boot_id != before
    codes = [found.exit_code for each in (running, done) if (found := engine.inspect(each))]
    assert codes == [137, 3]


def test_a_lost_container_is_gone_without_an_event(engine: Engine, stopped: World) -> None:
    container_id = launched(engine, "sleep")
    stopped.lose(container_id)
    assert engine.inspect(container_id) is None
    with pytest.raises(NoSuchContainer):
        engine.start(container_id)
    assert [event.kind for event in stopped.events] == [EventKind.STARTED]


def test_running_out_of_memory_is_told(engine: Engine) -> None:
    found = engine.inspect(launched(engine, "oom"))
    assert found is not None
    assert (found.exit_code, found.oom_killed) == (137, True)


def test_a_container_ends_after_a_while_with_its_code(engine: Engine, stopped: World) -> None:
    container_id = launched(engine, "exit_after", "10", "7")
    stopped.advance(9)
    assert phase(engine, container_id) is ContainerPhase.RUNNING
    stopped.advance(1)
    found = engine.inspect(container_id)
    assert found is not None
    assert found.exit_code == 7


def test_a_stubborn_container_ends_by_sigkill_only(engine: Engine, stopped: World) -> None:
    container_id = launched(engine, "stubborn")
    assert engine.signal(container_id, "SIGTERM")
    assert phase(engine, container_id) is ContainerPhase.RUNNING
    assert engine.signal(container_id, "SIGKILL")
    assert phase(engine, container_id) is ContainerPhase.EXITED


def test_a_world_with_gpus_runs_what_needs_them(engine: Engine, stopped: World) -> None:
    stopped.gpus = 2
    container_id = engine.create(replace(spec("sleep"), gpus=2))
    engine.start(container_id)
    assert phase(engine, container_id) is ContainerPhase.RUNNING


def test_a_lost_container_gives_its_place_in_the_network_back(
    engine: Engine, stopped: World
) -> None:
    container_id = engine.create(replace(spec("sleep"), network="n"))
    engine.start(container_id)
    stopped.lose(container_id)
    engine.remove_network("n")
    assert engine.networks() == []


def test_a_lost_container_never_ends(engine: Engine, stopped: World) -> None:
    """Else it would leave its network twice, and the network would seem to be in use for ever."""
    lost = engine.create(replace(spec("sleep", "5"), network="n"))
    engine.start(lost)
    stopped.lose(lost)
    stopped.advance(10)
    assert [event.kind for event in stopped.events] == [EventKind.STARTED]
    engine.start(engine.create(replace(spec("sleep", "5"), network="n")))
    stopped.advance(10)
    engine.remove_network("n")
    assert engine.networks() == []


def test_a_long_past_is_forgotten_and_what_comes_is_told(engine: Engine, stopped: World) -> None:
    stopped.events_kept = 5
    events = engine.events(0)
    first = [launched(engine, "exit") for _ in range(4)]
    assert [next(events).container_id for _ in range(8)] == [each for each in first for _ in "ab"]
    second = launched(engine, "exit")
    assert len(stopped.events) == 5
    assert [next(events).container_id for _ in range(2)] == [second, second]


def test_only_what_the_test_offers_can_be_pulled(engine: Engine, stopped: World) -> None:
    seen: list[PullProgress] = []
    with pytest.raises(CannotPull):
        engine.pull("shop/report", seen.append)
    stopped.pullable["shop/report"] = run_command
    engine.pull("shop/report", seen.append)
    assert engine.has_image("shop/report")
    assert len(seen) == 1


def test_connections_are_shared_until_they_are_closed(url: str) -> None:
    first = connect("fake", url, installation="x")
    assert connect("fake", url, installation="x") is first
    assert connect("fake", url, installation="y") is not first
    first.close()
    assert connect("fake", url, installation="x") is not first


@pytest.mark.parametrize(("kind", "url"), [("podman", ""), ("docker", "ssh://x"), ("fake", "x")])
def test_an_impossible_kind_or_address_is_refused(kind: str, url: str) -> None:
    with pytest.raises(EngineError, match=r"(?i)engine"):
        connect(kind, url, installation="x")
