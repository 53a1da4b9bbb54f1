"""The address at which jobs reach their machine. Docker Engine only."""

import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import docker
import pytest
from docker.errors import NotFound

from jobs.domain import names
from jobs.engines.base import SERVICE_ADDRESS, ContainerSpec, Engine, EngineError
from jobs.engines.docker_engine import DockerEngine
from jobs.engines.docker_engine.service_address import NETWORK

from .basis import EngineFixtures, Recipes, text
from .docker_basis import DockerFixtures

pytestmark = pytest.mark.engine


class TestServiceAddress(DockerFixtures, EngineFixtures):
    @pytest.fixture
    def removed(self, client: docker.APIClient) -> None:
        """As after `docker network prune`."""
        try:
            client.remove_network(NETWORK)
        except NotFound:
            return

    @pytest.fixture
    def port(self, engine: Engine) -> Iterator[int]:
        """A port of this machine's service address on which somebody says hello."""
        engine.make_service_address()
        listener = socket.create_server((SERVICE_ADDRESS, 0))

        def serve() -> None:
            while True:
                try:
                    connected, _ = listener.accept()
                except OSError:
                    return
                with connected:
                    connected.sendall(b"hello\n")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
        listener.close()

    @pytest.mark.parametrize("kind", ["environment", "job"])
    @pytest.mark.parametrize("in_pod", [False, True])
    def test_containers_reach_their_machine_at_it(
        self,
        run: Callable[..., str],
        engine: Engine,
        installation: str,
        port: int,
        kind: str,
        in_pod: bool,
    ) -> None:
        job_id = uuid4()
        network = {
            "environment": names.network_name(installation, 1),
            "job": names.job_network_name(installation, job_id, 1),
        }[kind]
        container_id = run(
            ["sh", "-c", f"nc -w 5 {SERVICE_ADDRESS} {port} < /dev/null"],
            network=network,
            pod=names.pod_name(job_id, 1) if in_pod else "",
            service_address=True,
        )
        assert text(engine, container_id) == b"hello\n"

    def test_nobody_is_connected_to_its_network(
        self, run: Callable[..., str], client: docker.APIClient, recipes: Recipes, installation: str
    ) -> None:
        container_id = run(
            recipes.exits(0), network=names.network_name(installation, 1), service_address=True
        )
        found = client.inspect_container(container_id)["NetworkSettings"]["Networks"]
        assert list(found) == [names.network_name(installation, 1)]

    def test_it_is_made_only_where_a_container_asks_for_it(
        self, removed: None, engine: Engine, spec: Callable[..., ContainerSpec], recipes: Recipes
    ) -> None:
        engine.create(spec(recipes.exits(0)))
        assert not engine.has_service_address()
        engine.create(spec(recipes.exits(0), service_address=True))
        assert engine.has_service_address()

    def test_several_processes_that_need_it_make_one(
        self, removed: None, docker_engine_url: str, client: docker.APIClient, installation: str
    ) -> None:
        engines = [DockerEngine(docker_engine_url, installation=installation) for _ in range(4)]
        gate = threading.Barrier(len(engines))

        def make(each: DockerEngine) -> bool:
            gate.wait()
            each.make_service_address()
            return each.has_service_address()

        with ThreadPoolExecutor(len(engines)) as pool:
            assert all(pool.map(make, engines))
        assert len(client.networks(names=[NETWORK])) == 1
        for each in engines:
            each.close()

    def test_who_has_its_addresses_is_told(
        self, removed: None, engine: Engine, client: docker.APIClient
    ) -> None:
        config = docker.types.IPAMConfig(
            pool_configs=[docker.types.IPAMPool(subnet="169.254.170.0/24")]
        )
        other = client.create_network(f"other-{uuid4().hex[:8]}", ipam=config)
        try:
            with pytest.raises(EngineError, match=r"169\.254\.170\.2.*BATCHWEB_JOBS_API_URL"):
                engine.make_service_address()
        finally:
            client.remove_network(other["Id"])
