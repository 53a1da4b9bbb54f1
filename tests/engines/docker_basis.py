"""What tests of the Docker Engine stand on: a shell's recipes, and connections that clean up."""

from collections.abc import Callable, Iterator, Sequence

import docker
import pytest

from jobs.domain.names import LABEL_INSTALLATION
from jobs.engines.base import Engine
from jobs.engines.docker_engine import DockerEngine
from tests.images import busybox_image

from .basis import Piece, Recipes


class ShellRecipes(Recipes):
    def __init__(self, image: str) -> None:
        self.image = image

    def exits(self, code: int) -> Sequence[str]:
        return ["sh", "-c", f"exit {code}"]

    def sleeps(self) -> Sequence[str]:
        return ["sh", "-c", "trap 'exit 143' TERM; echo ready; sleep 1000 & wait"]

    def counts(self, lines: int, every_seconds: float) -> Sequence[str]:
        pause = f"sleep {every_seconds}" if every_seconds else ":"
        return ["sh", "-c", f"for i in $(seq {lines}); do echo $i; {pause}; done"]

    def says(self, *pieces: Piece) -> Sequence[str]:
        return ["sh", "-c", "; ".join(_printf(source, data) for source, data in pieces)]

    def says_one_line(self, length: int) -> Sequence[str]:
        return ["sh", "-c", f"head -c {length} /dev/zero | tr '\\0' x; echo"]

    def prints_variable(self, name: str) -> Sequence[str]:
        return ["sh", "-c", f'echo "${name}"']


def _printf(source: str, data: bytes) -> str:
    octal = "".join(f"\\{byte:03o}" for byte in data)
    return f"printf '{octal}' >&{2 if source == 'stderr' else 1}"


class DockerFixtures:
    @pytest.fixture
    def client(self, docker_engine_url: str) -> Iterator[docker.APIClient]:
        """Docker itself, to look behind the engine."""
        client = docker.APIClient(base_url=docker_engine_url, version="auto")
        yield client
        client.close()

    @pytest.fixture
    def recipes(self, docker_engine_url: str) -> Recipes:
        return ShellRecipes(busybox_image(docker_engine_url))

    @pytest.fixture
    def connect_as(
        self, docker_engine_url: str, client: docker.APIClient
    ) -> Iterator[Callable[[str], Engine]]:
        made: dict[str, Engine] = {}

        def connect(installation: str) -> Engine:
            made[installation] = DockerEngine(docker_engine_url, installation=installation)
            return made[installation]

        yield connect
        for installation, engine in made.items():
            engine.close()
            remove_all(client, installation)


def remove_all(client: docker.APIClient, installation: str) -> None:
    ours = {"label": f"{LABEL_INSTALLATION}={installation}"}
    for container in client.containers(all=True, filters=ours):
        client.remove_container(container["Id"], force=True, v=True)
    for network in client.networks(filters=ours):
        client.remove_network(network["Id"])
    for volume in client.volumes(filters=ours)["Volumes"] or []:
        client.remove_volume(volume["Name"])
