"""Containers of one job that reach each other. Docker Engine only."""

import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import docker
import pytest
from docker.errors import ImageNotFound

from jobs.domain import names
from jobs.domain.names import LABEL_INSTALLATION, LABEL_POD
from jobs.engines.base import ContainerSpec, Engine, EngineError
from jobs.engines.docker_engine import DockerEngine
from jobs.engines.docker_engine.pause import PAUSE_IMAGE, pause_program

from .basis import EngineFixtures, Recipes, await_end, await_line, status, text
from .docker_basis import DockerFixtures

# A web server that says one word. It listens when the command that starts it returns.
SERVE = "echo %s > /tmp/index.html; httpd -p 8080 -h /tmp; echo ready; sleep 1000 & wait"
# busybox can ask for addresses itself, but the C library that it is linked with cannot.
ASK = (
    "address=$(nslookup -type=a %s | awk '/^Address: /{print $2}');"
    " printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 5 ${address:-%s} 8080 | tail -1"
)
ELF_HEADERS_BYTES = 64 + 56


@pytest.mark.engine
class TestGroups(DockerFixtures, EngineFixtures):
    @pytest.fixture
    def network(self, installation: str) -> str:
        return names.job_network_name(installation, uuid4(), 1)

    @pytest.fixture
    def serve(
        self, engine: Engine, spec: Callable[..., ContainerSpec], network: str
    ) -> Callable[..., str]:
        """Starts a container that serves a word on port 8080, and gives its id."""

        def start(word: str, **changes: object) -> str:
            wanted = spec(["sh", "-c", SERVE % word], network=network, **changes)
            container_id = engine.create(wanted)
            engine.start(container_id)
            await_line(engine, container_id)
            return container_id

        return start

    @pytest.fixture
    def ask(self, engine: Engine, run: Callable[..., str], network: str) -> Callable[..., str]:
        """What a container hears on port 8080 of a host."""

        def heard(host: str, **changes: object) -> str:
            command = ["sh", "-c", ASK % (host, host)]
            return text(engine, run(command, **({"network": network} | changes))).decode()

        return heard

    def test_containers_of_a_pod_reach_each_other_on_localhost(
        self, serve: Callable[..., str], ask: Callable[..., str]
    ) -> None:
        pod = names.pod_name(uuid4(), 1)
        serve("inside", pod=pod)
        assert ask("127.0.0.1", pod=pod) == "inside\n"
        assert ask("127.0.0.1") != "inside\n"

    def test_nodes_reach_each_other_by_address_and_by_alias(
        self, engine: Engine, serve: Callable[..., str], ask: Callable[..., str]
    ) -> None:
        main = serve("main", aliases=["node-0"])
        assert ask(status(engine, main).address) == "main\n"
        assert ask("node-0") == "main\n"

    def test_nodes_of_several_containers_reach_each_other_by_the_pods_names(
        self, engine: Engine, serve: Callable[..., str], ask: Callable[..., str]
    ) -> None:
        job_id = uuid4()
        main = serve("main", pod=names.pod_name(job_id, 1, 0), aliases=["node-0"])
        other = {"pod": names.pod_name(job_id, 1, 1), "aliases": ["node-1"]}
        assert ask(status(engine, main).address, **other) == "main\n"
        assert ask("node-0", **other) == "main\n"

    def test_jobs_do_not_reach_each_other(
        self, engine: Engine, serve: Callable[..., str], ask: Callable[..., str], installation: str
    ) -> None:
        address = status(engine, serve("mine")).address
        theirs = names.job_network_name(installation, uuid4(), 1)
        assert ask(address, network=theirs) != "mine\n"

    def test_a_pod_that_stopped_runs_again_for_who_starts_in_it(
        self,
        engine: Engine,
        recipes: Recipes,
        spec: Callable[..., ContainerSpec],
        client: docker.APIClient,
        network: str,
    ) -> None:
        pod = names.pod_name(uuid4(), 1)
        container_id = engine.create(spec(recipes.exits(4), pod=pod, network=network))
        client.kill(pod)
        client.wait(pod)
        engine.start(container_id)
        await_end(engine, container_id)
        assert status(engine, container_id).exit_code == 4

    def test_a_pods_container_can_do_nothing(
        self, serve: Callable[..., str], client: docker.APIClient, installation: str
    ) -> None:
        pod = names.pod_name(uuid4(), 1)
        serve("x", pod=pod)
        found = client.inspect_container(pod)
        assert found["Config"]["Labels"] == {LABEL_INSTALLATION: installation, LABEL_POD: pod}
        assert found["Config"]["User"] == "65534:65534"
        host = found["HostConfig"]
        assert (host["CapDrop"], host["ReadonlyRootfs"]) == (["ALL"], True)
        assert host["SecurityOpt"] == ["no-new-privileges"]

    def test_several_processes_that_need_one_pod_make_one_even_without_its_image(
        self,
        docker_engine_url: str,
        engine: Engine,
        spec: Callable[..., ContainerSpec],
        client: docker.APIClient,
        network: str,
        installation: str,
    ) -> None:
        _without_image(client)
        pod = names.pod_name(uuid4(), 1)
        engines = [DockerEngine(docker_engine_url, installation=installation) for _ in range(4)]
        gate = threading.Barrier(len(engines))

        def launch(each: DockerEngine) -> str:
            gate.wait()
            return each.create(spec(["true"], pod=pod, network=network))

        with ThreadPoolExecutor(len(engines)) as pool:
            made = list(pool.map(launch, engines))
        for container_id in made:
            engine.start(container_id)
        assert [found.name for found in engine.pods()] == [pod]
        for each in engines:
            each.close()


def _without_image(client: docker.APIClient) -> None:
    try:
        client.remove_image(PAUSE_IMAGE, force=True)
    except ImageNotFound:
        return


class TestPauseProgram:
    @pytest.fixture
    def program(self, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
        path = tmp_path / "pause"
        path.write_bytes(pause_program("x86_64"))
        path.chmod(0o755)
        with subprocess.Popen([path], stdout=subprocess.PIPE) as process:
            yield process
            process.kill()

    def test_it_waits_until_it_is_killed(self, program: subprocess.Popen[bytes]) -> None:
        with pytest.raises(subprocess.TimeoutExpired):
            program.wait(0.2)
        program.kill()
        assert program.wait(60) == -9

    @pytest.mark.parametrize(
        ("architecture", "machine", "code"),
        [
            # pause(); and again.
            ("x86_64", 62, "b8 22000000 0f05 ebf7"),
            ("amd64", 62, "b8 22000000 0f05 ebf7"),
            # ppoll(0, 0, 0, 0, 0); and again.
            (
                "aarch64",
                183,
                "000080d2 010080d2 020080d2 030080d2 040080d2 280980d2 010000d4 f9ffff17",
            ),
        ],
    )
    def test_it_is_a_static_program_for_the_machine(
        self, architecture: str, machine: int, code: str
    ) -> None:
        program = pause_program(architecture)
        assert program[:4] == b"\x7fELF"
        assert int.from_bytes(program[18:20], "little") == machine
        assert program[ELF_HEADERS_BYTES:] == bytes.fromhex(code)
        assert int.from_bytes(program[24:32], "little") == 0x400000 + ELF_HEADERS_BYTES

    def test_an_unknown_machine_is_told(self) -> None:
        with pytest.raises(EngineError, match="riscv64"):
            pause_program("riscv64")
