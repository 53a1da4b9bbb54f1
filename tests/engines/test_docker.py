"""Docker Engine keeps the contract, and limits its containers as they were asked to be."""

import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from uuid import uuid4

import docker
import pytest

from jobs.domain.names import LABEL_INSTALLATION
from jobs.engines.base import (
    AlreadyStarted,
    CannotStart,
    ContainerPhase,
    ContainerSpec,
    Engine,
    EngineError,
    NoSuchContainer,
)
from jobs.engines.docker_engine import DockerEngine
from jobs.engines.docker_engine.local_image import busybox_root
from tests.images import busybox_path

from .basis import Recipes, await_end, log, status, text
from .contract import EngineContract
from .contract_of_groups import GroupsContract
from .docker_basis import DockerFixtures

pytestmark = pytest.mark.engine
MIB = 1024 * 1024


class TestDockerEngine(DockerFixtures, EngineContract, GroupsContract):
    @pytest.fixture
    def unreachable(self) -> Engine:
        return DockerEngine("unix:///var/run/no-such-docker.sock", installation="x")

    def test_a_container_is_limited_as_asked(
        self,
        engine: Engine,
        recipes: Recipes,
        spec: Callable[..., ContainerSpec],
        client: docker.APIClient,
    ) -> None:
        container_id = engine.create(
            spec(recipes.exits(0), milli_vcpus=250, memory_mib=64, pids_limit=77)
        )
        limits = client.inspect_container(container_id)["HostConfig"]
        assert limits["NanoCpus"] == 250_000_000
        assert limits["Memory"] == 64 * MIB
        assert limits["MemorySwap"] in {64 * MIB, -1, 0}
        assert limits["PidsLimit"] == 77
        assert limits["SecurityOpt"] == ["no-new-privileges"]
        assert limits["RestartPolicy"]["Name"] == "no"
        assert limits["AutoRemove"] is False
        assert limits["Init"] is False
        assert limits["LogConfig"]["Type"] == "local"

    def test_the_kernel_holds_the_limits(
        self, engine: Engine, recipes: Recipes, run: Callable[..., str]
    ) -> None:
        seen = text(
            engine,
            run(
                [
                    "sh",
                    "-c",
                    "cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes"
                    " /sys/fs/cgroup/pids.max /sys/fs/cgroup/pids/pids.max 2>/dev/null;"
                    " grep NoNewPrivs /proc/self/status",
                ],
                pids_limit=77,
            ),
        )
        assert seen.split() == [b"%d" % (64 * MIB), b"77", b"NoNewPrivs:", b"1"]

    def test_a_fork_bomb_stays_in_its_container(
        self, engine: Engine, run: Callable[..., str]
    ) -> None:
        container_id = run(
            ["sh", "-c", "for i in $(seq 50); do sleep 2 & done; wait"], pids_limit=20
        )
        assert b"can't fork" in text(engine, container_id)

    def test_running_out_of_memory_is_told(self, engine: Engine, run: Callable[..., str]) -> None:
        container_id = run(["sh", "-c", "tail /dev/zero"], memory_mib=16)
        ended = status(engine, container_id)
        assert ended.exit_code == 137
        assert ended.oom_killed

    def test_the_entry_point_stays_and_no_command_means_the_images(
        self, engine: Engine, run: Callable[..., str], client: docker.APIClient
    ) -> None:
        image = f"batchweb/entered:{uuid4().hex[:8]}"
        client.import_image_from_data(
            busybox_root(busybox_path()),
            repository=image.partition(":")[0],
            tag=image.partition(":")[2],
            changes=['ENTRYPOINT ["echo","entered"]', 'CMD ["default"]'],
        )
        try:
            assert text(engine, run([], image=image)) == b"entered default\n"
            assert text(engine, run(["a", "b c"], image=image)) == b"entered a b c\n"
        finally:
            for container in client.containers(all=True, filters={"ancestor": image}):
                client.remove_container(container["Id"], force=True)
            client.remove_image(image)

    def test_allowed_host_directories_are_mounted(
        self, engine: Engine, run: Callable[..., str], tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        shared = tmp_path_factory.mktemp("shared")
        run(["sh", "-c", "echo here > /shared/file"], binds=[f"{shared}:/shared"])
        assert (shared / "file").read_text() == "here\n"

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"memory_mib": 1}, "Minimum memory limit"),
            ({"image": "NOT an image"}, "invalid reference format"),
            ({"name": "not a name"}, "Invalid container name"),
            ({"binds": ["nonsense"]}, "nonsense"),
        ],
    )
    def test_what_docker_refuses_is_told_in_its_words(
        self,
        engine: Engine,
        recipes: Recipes,
        spec: Callable[..., ContainerSpec],
        changes: dict[str, object],
        words: str,
    ) -> None:
        with pytest.raises(EngineError, match=words):
            engine.create(spec(recipes.exits(0), **changes))

    @pytest.mark.parametrize(
        ("command", "words"),
        [
            ("/no/such", 'exec: "/no/such": stat /no/such: no such file or directory'),
            ("/etc", 'exec: "/etc": permission denied'),
        ],
    )
    def test_a_command_that_cannot_run_is_told_in_short(
        self, engine: Engine, spec: Callable[..., ContainerSpec], command: str, words: str
    ) -> None:
        container_id = engine.create(spec([command]))
        with pytest.raises(CannotStart) as raised:
            engine.start(container_id)
        assert str(raised.value) == words

    def test_a_start_and_an_end_during_discard_are_noticed(
        self,
        engine: DockerEngine,
        recipes: Recipes,
        spec: Callable[..., ContainerSpec],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        container_id = engine.create(spec(recipes.exits(0)))
        before = engine.inspect(container_id)
        engine.start(container_id)
        await_end(engine, container_id)
        # What discard would have seen, had it looked before the start.
        monkeypatch.setattr(engine, "inspect", lambda _id: before)
        with pytest.raises(AlreadyStarted):
            engine.discard(container_id)

    def test_a_start_during_discard_keeps_the_container(
        self,
        engine: DockerEngine,
        recipes: Recipes,
        spec: Callable[..., ContainerSpec],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        container_id = engine.create(spec(recipes.sleeps()))
        before = engine.inspect(container_id)
        engine.start(container_id)
        with monkeypatch.context() as patch:
            patch.setattr(engine, "inspect", lambda _id: before)
            with pytest.raises(AlreadyStarted):
                engine.discard(container_id)
        assert status(engine, container_id).phase is ContainerPhase.RUNNING

    def test_following_while_much_is_written_gives_a_prefix(
        self, engine: Engine, recipes: Recipes, spec: Callable[..., ContainerSpec]
    ) -> None:
        for _ in range(3):
            container_id = engine.create(spec(recipes.counts(2000, 0)))
            engine.start(container_id)
            followed = list(engine.logs(container_id, since_ns=0, follow=True))
            await_end(engine, container_id)
            whole = log(engine, container_id)
            assert followed == whole[: len(followed)]
            assert [frame.data for frame in whole] == [b"%d\n" % n for n in range(1, 2001)]

    def test_the_log_of_an_unstarted_container_is_empty(
        self, engine: Engine, recipes: Recipes, spec: Callable[..., ContainerSpec]
    ) -> None:
        assert log(engine, engine.create(spec(recipes.exits(0)))) == []


class TestNetworks(DockerFixtures):
    @pytest.fixture
    def installation(self) -> str:
        return f"networks-{uuid4().hex[:8]}"

    @pytest.fixture
    def wanted(self, recipes: Recipes, installation: str) -> ContainerSpec:
        return ContainerSpec(
            name=installation,
            image=recipes.image,
            command=recipes.exits(0),
            environment={},
            milli_vcpus=100,
            memory_mib=16,
            network=installation,
        )

    def test_many_who_need_one_network_make_one(
        self,
        docker_engine_url: str,
        connect_as: Callable[[str], Engine],
        client: docker.APIClient,
        wanted: ContainerSpec,
        installation: str,
    ) -> None:
        connect_as(installation)
        engines = [DockerEngine(docker_engine_url, installation=installation) for _ in range(6)]
        gate = threading.Barrier(len(engines))

        def launch(number: int) -> str:
            gate.wait()
            return engines[number].create(replace(wanted, name=f"{installation}-{number}"))

        with ThreadPoolExecutor(len(engines)) as pool:
            containers = list(pool.map(launch, range(len(engines))))
        engines[0].start(containers[0])
        (network,) = client.networks(names=[installation])
        assert network["Driver"] == "bridge"
        assert network["Labels"] == {LABEL_INSTALLATION: installation}
        for engine in engines:
            engine.close()

    def test_a_network_that_was_pruned_is_made_again(
        self,
        connect_as: Callable[[str], Engine],
        client: docker.APIClient,
        wanted: ContainerSpec,
        installation: str,
    ) -> None:
        engine = connect_as(installation)
        container_id = engine.create(wanted)
        client.remove_network(installation)
        engine.start(container_id)
        await_end(engine, container_id)
        assert status(engine, container_id).exit_code == 0

    def test_two_networks_of_one_name_become_one(
        self,
        connect_as: Callable[[str], Engine],
        client: docker.APIClient,
        wanted: ContainerSpec,
        installation: str,
    ) -> None:
        engine = connect_as(installation)
        container_id = engine.create(wanted)
        client.create_network(installation, check_duplicate=False)
        engine.start(container_id)
        assert len(client.networks(names=[installation])) == 1


def test_a_container_that_is_being_removed_cannot_start(docker_engine_url: str) -> None:
    engine = DockerEngine(docker_engine_url, installation=f"gone-{uuid4().hex[:8]}")
    with pytest.raises(NoSuchContainer):
        engine.start("0" * 64)
    engine.close()


def test_a_forked_child_connects_anew(docker_engine_url: str) -> None:
    script = """
import os, sys
from jobs.engines.registry import connect
engine = connect("docker", sys.argv[1], installation="fork")
events = engine.events(0)
child = os.fork()
if child == 0:
    engine.info(), connect("docker", sys.argv[1], installation="fork").info(), engine.close()
    os._exit(0)
_, status = os.waitpid(child, 0)
engine.info()
engine.close()
assert next(events, None) is None
sys.exit(os.waitstatus_to_exitcode(status))
"""
    subprocess.run([sys.executable, "-c", script, docker_engine_url], check=True, timeout=60)


def test_an_empty_address_means_docker_host(
    docker_engine_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", docker_engine_url)
    engine = DockerEngine("", installation="x")
    assert engine.info().version
    engine.close()
