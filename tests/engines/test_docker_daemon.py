"""What only a daemon of one's own can show: restarts, lost connections, no addresses left."""

from collections.abc import Iterator

import pytest

from jobs.engines.base import ContainerSpec, EngineError, EngineUnreachable
from jobs.engines.docker_engine import DockerEngine, boot
from tests.images import busybox_image

from .basis import in_background, status
from .daemon import Daemon

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    # Addresses for two networks: Docker's default bridge, and one more.
    own = Daemon("--default-address-pool", "base=10.213.0.0/23,size=24")
    own.start()
    yield own
    own.remove()


@pytest.fixture
def engine(daemon: Daemon) -> Iterator[DockerEngine]:
    engine = DockerEngine(daemon.url, installation="own")
    yield engine
    for container in engine.containers():
        engine.remove(container.id)
    engine.close()


def spec(daemon: Daemon, name: str, network: str = "none") -> ContainerSpec:
    image = busybox_image(daemon.url)
    command = ["sh", "-c", "trap 'exit 143' TERM; sleep 1000 & wait"]
    return ContainerSpec(name, image, command, {}, 100, 32, network)


def test_a_restart_is_told_by_another_boot_id(daemon: Daemon, engine: DockerEngine) -> None:
    before = engine.info().boot_id
    assert engine.info().boot_id == before != ""
    daemon.stop()
    daemon.start()
    after = engine.info().boot_id
    assert after not in {before, ""}
    assert engine.info().boot_id == after


def test_a_restart_is_told_also_where_the_daemons_process_is_not_seen(
    daemon: Daemon, engine: DockerEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boot, "_daemon_process", lambda _path: "")
    before = engine.info().boot_id
    assert before.startswith("bridge:")
    assert engine.info().boot_id == before
    daemon.stop()
    daemon.start()
    assert engine.info().boot_id not in {before, ""}


def test_a_stopped_daemon_breaks_streams_and_kills_containers(
    daemon: Daemon, engine: DockerEngine
) -> None:
    container_id = engine.create(spec(daemon, "broken"))
    engine.start(container_id)
    events, logs = engine.events(0), engine.logs(container_id, since_ns=0, follow=True)
    rest_of_events = in_background(lambda: list(events))
    daemon.stop()
    with pytest.raises(EngineUnreachable, match="broke off"):
        rest_of_events()
    # The container ended with its engine, so its log may have ended in good order before.
    assert list(_until_broken(logs)) == []
    with pytest.raises(EngineUnreachable, match="does not answer"):
        engine.inspect(container_id)
    daemon.start()
    assert status(engine, container_id).exit_code in {137, 143}


def test_networks_of_ours_that_rest_make_room_before_addresses_run_out(
    daemon: Daemon, engine: DockerEngine
) -> None:
    first = engine.create(spec(daemon, "first", "net-a"))
    engine.remove(first)
    second = engine.create(spec(daemon, "second", "net-b"))
    engine.start(second)
    with pytest.raises(EngineError, match="no addresses left"):
        engine.create(spec(daemon, "third", "net-c"))


def _until_broken(frames: Iterator[object]) -> Iterator[object]:
    try:
        yield from frames
    except EngineUnreachable:
        return
