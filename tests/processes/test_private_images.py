"""Jobs whose images are in a registry that wants a login, really pulled and run."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
import requests

from tests.engines.registry import PASSWORDS, Registry
from tests.images import BUSYBOX, busybox_image
from tests.installation import Installation, wait_until

pytestmark = pytest.mark.processes

TOKEN = """
from django.contrib.auth.models import User
from django.utils import timezone
from jobs.services.access.tokens import create_token
user, _ = User.objects.get_or_create(username={username!r})
print(create_token(user=user, name="test", now=timezone.now())[1])
"""


class Script:
    """What a user's script does, with his own token."""

    def __init__(self, installation: Installation, username: str) -> None:
        made = installation.manage("shell", "--no-imports", "-c", TOKEN.format(username=username))
        self._installation = installation
        self._headers = {
            "Authorization": f"Bearer {made.split()[-1]}",
            "Accept": "application/json",
        }

    def post(self, path: str, **fields: Any) -> dict[str, Any]:
        url = self._installation.url + path
        answer = requests.post(url, data=fields, headers=self._headers, timeout=30)
        assert answer.ok, answer.text
        return dict(answer.json())

    def get(self, path: str) -> dict[str, Any]:
        url = self._installation.url + path
        return dict(requests.get(url, headers=self._headers, timeout=30).json())

    def run(self, definition: str) -> dict[str, Any]:
        """A job, once it has ended."""
        fields = {"name": "private", "queue": "default", "definition": definition}
        return self._installation.wait_for(self.post("/jobs/", **fields)["id"])


@pytest.fixture(scope="module")
def registry(
    tmp_path_factory: pytest.TempPathFactory, docker_engine_url: str
) -> Iterator[Registry]:
    made = Registry(tmp_path_factory.mktemp("registry"), private=True)
    yield made
    made.stop()


@pytest.fixture
def images(registry: Registry, docker_engine_url: str) -> Iterator[tuple[str, str]]:
    """Two images that the registry alone has."""
    client = docker.APIClient(base_url=docker_engine_url, version="auto")
    busybox_image(docker_engine_url)
    names = (f"{registry.address}/lab/tool:1", f"{registry.address}/lab/other:1")
    for name in names:
        repository, _, tag = name.rpartition(":")
        client.tag(BUSYBOX, repository, tag)
        login = {"username": "ada", "password": PASSWORDS["ada"]}
        said = client.push(repository, tag, auth_config=login)
        assert "errorDetail" not in said, said
        client.remove_image(name)
    yield names
    for name in names:
        if client.images(name):
            client.remove_image(name)
    client.close()


@pytest.fixture(scope="module")
def installation(docker_engine_url: str) -> Iterator[Installation]:
    with Installation(image=busybox_image(docker_engine_url)) as running:
        yield running


def container(image: str, **fields: Any) -> dict[str, Any]:
    return {
        "image": image,
        "command": ["sh", "-c", "echo private"],
        "resourceRequirements": [
            {"type": "VCPU", "value": "0.1"},
            {"type": "MEMORY", "value": "32"},
        ],
        **fields,
    }


def test_a_private_image_serves_those_whose_login_it_is_pulled_with(
    installation: Installation,
    registry: Registry,
    images: tuple[str, str],
    docker_engine_url: str,
) -> None:
    ada, bob = Script(installation, "ada"), Script(installation, "bob")
    plain = installation.define(
        jobDefinitionName="plain", type="container", containerProperties=container(images[0])
    )
    refused = f"CannotPullContainerError: {images[0]}: "
    without = ada.run(plain)
    assert without["status"] == "FAILED"
    assert without["status_reason"].startswith(refused)
    assert without["status_reason"].endswith("add one under Registries.")

    login = ada.post(
        "/registries/", prefix=registry.address, username="ada", password=PASSWORDS["ada"]
    )
    ada.post(f"{login['url']}check/")
    checked = wait_until(lambda: ada.get(login["url"])["check"]["checked_at"], what="the check")
    assert checked
    assert ada.get(login["url"])["check"]["answer"].startswith("The registry accepts it.")
    done = ada.run(plain)
    assert (done["status"], installation.log(done["id"])) == ("SUCCEEDED", "private\n")
    assert ada.get(login["url"])["last_used_at"]

    # The machine holds it now, and yet it is not bob's.
    others = bob.run(plain)
    assert others["status"] == "FAILED"
    assert others["status_reason"].startswith(refused)
    # Nor by its digest, which Docker would not ask the registry for.
    client = docker.APIClient(base_url=docker_engine_url, version="auto")
    [digest] = client.inspect_image(images[0])["RepoDigests"]  # type: ignore[no-untyped-call]
    client.close()
    by_digest = installation.define(
        jobDefinitionName="digest", type="container", containerProperties=container(digest)
    )
    others = bob.run(by_digest)
    assert others["status"] == "FAILED"
    assert others["status_reason"].startswith(f"CannotPullContainerError: {digest}: ")
    assert ada.run(by_digest)["status"] == "SUCCEEDED"

    secret = {"username": "team", "password": PASSWORDS["team"]}
    bob.post("/secrets/", name="registry", value=json.dumps(secret))
    named = {"repositoryCredentials": {"credentialsParameter": "registry"}}
    several = installation.define(
        jobDefinitionName="several",
        type="container",
        ecsProperties={
            "taskProperties": [
                {
                    "containers": [
                        container(images[0], name="one", **named),
                        container(images[1], name="two", **named),
                    ]
                }
            ]
        },
    )
    assert bob.run(several)["status"] == "SUCCEEDED"
    nodes = installation.define(
        jobDefinitionName="nodes",
        type="multinode",
        nodeProperties={
            "numNodes": 2,
            "mainNode": 0,
            "nodeRangeProperties": [{"targetNodes": "0:1", "container": container(images[1])}],
        },
    )
    assert ada.run(nodes)["status"] == "SUCCEEDED"
    assert bob.run(nodes)["status"] == "FAILED"
    assert_written_nowhere(installation.var)


def assert_written_nowhere(folder: Path) -> None:
    """No password is in the database, a log, or whatever else is kept."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    held = [
        path for path in files if any(p.encode() in path.read_bytes() for p in PASSWORDS.values())
    ]
    assert held == []
