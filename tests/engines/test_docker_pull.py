"""Pulling images from a registry of the test's own."""

import io
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import docker
import pytest

from jobs.engines.base import (
    CannotPull,
    EngineError,
    LoginRefused,
    PullProgress,
    PullRefused,
    RegistryLogin,
)
from jobs.engines.docker_engine import DockerEngine

from .registry import PASSWORDS, Registry

LAYER_BYTES = 3_000_000
pytestmark = pytest.mark.engine


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    registry = Registry(tmp_path)
    yield registry
    registry.stop()


@pytest.fixture
def engine(docker_engine_url: str) -> Iterator[DockerEngine]:
    engine = DockerEngine(docker_engine_url, installation="pull")
    yield engine
    engine.close()


@pytest.fixture
def client(docker_engine_url: str) -> Iterator[docker.APIClient]:
    client = docker.APIClient(base_url=docker_engine_url, version="auto")
    yield client
    client.close()


@pytest.fixture
def private(tmp_path: Path) -> Iterator[Registry]:
    registry = Registry(tmp_path, private=True)
    yield registry
    registry.stop()


@pytest.fixture
def pushed(registry: Registry, client: docker.APIClient) -> Iterator[str]:
    """An image of two tags, and of a layer that no other has, known to the registry only."""
    yield from _pushed(registry, client, "latest", "other")


@pytest.fixture
def kept_private(private: Registry, client: docker.APIClient) -> Iterator[str]:
    """The same of one tag in a registry that wants a login."""
    yield from _pushed(private, client, "latest", username="ada", password=PASSWORDS["ada"])


def _pushed(
    registry: Registry, client: docker.APIClient, *tags: str, **login: str
) -> Iterator[str]:
    name = f"{registry.address}/{uuid4().hex[:8]}/image"
    for tag in tags:
        client.import_image_from_data(_archive(os.urandom(LAYER_BYTES)), name, tag, ['CMD ["x"]'])
        said = client.push(name, tag, auth_config=login or None)
        assert "errorDetail" not in said, said
        client.remove_image(f"{name}:{tag}")
    yield name
    for image in client.images(name):
        for tag in image["RepoTags"]:
            client.remove_image(tag)


def _archive(content: bytes) -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        entry = tarfile.TarInfo("file")
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content))
    return archive.getvalue()


def test_a_pull_fetches_the_image_and_tells_how_far_it_is(
    engine: DockerEngine, pushed: str
) -> None:
    seen: list[PullProgress] = []
    assert not engine.has_image(pushed)
    engine.pull(pushed, seen.append)
    assert engine.has_image(pushed)
    assert seen[-1].detail == "Unpacking: 1 of 1 layers ready"
    assert seen[-1].bytes_done == seen[-1].bytes_total >= LAYER_BYTES


def test_a_name_without_a_tag_is_its_latest_only(engine: DockerEngine, pushed: str) -> None:
    engine.pull(pushed, lambda _progress: None)
    assert engine.has_image(pushed)
    assert not engine.has_image(f"{pushed}:other")
    engine.pull(f"{pushed}:other", lambda _progress: None)
    assert engine.has_image(f"{pushed}:other")


def test_an_image_that_the_registry_does_not_have_cannot_be_pulled(
    engine: DockerEngine, registry: Registry
) -> None:
    with pytest.raises(CannotPull, match="manifest unknown"):
        engine.pull(f"{registry.address}/no/such:1", lambda _progress: None)


def test_a_registry_that_is_down_is_told(engine: DockerEngine, registry: Registry) -> None:
    registry.stop()
    with pytest.raises(CannotPull, match="connection refused"):
        engine.pull(f"{registry.address}/no/such:1", lambda _progress: None)


def a_login(registry: Registry, password: str = PASSWORDS["ada"]) -> RegistryLogin:
    return RegistryLogin(registry.address, "ada", password)


def test_a_private_image_is_given_to_its_login_alone(
    engine: DockerEngine, private: Registry, kept_private: str
) -> None:
    with pytest.raises(PullRefused, match="no basic auth credentials"):
        engine.pull(kept_private, lambda _progress: None)
    with pytest.raises(PullRefused, match="unauthorized"):
        engine.pull(kept_private, lambda _progress: None, a_login(private, "wrong"))
    engine.pull(kept_private, lambda _progress: None, a_login(private))
    assert engine.has_image(kept_private)
    # The registry is asked though the engine holds it.
    with pytest.raises(PullRefused):
        engine.pull(kept_private, lambda _progress: None)
    with pytest.raises(CannotPull, match="manifest unknown") as raised:
        engine.pull(f"{kept_private}:nosuch", lambda _progress: None, a_login(private))
    assert not isinstance(raised.value, PullRefused)


def test_a_login_is_tried_without_an_image(engine: DockerEngine, private: Registry) -> None:
    engine.check_login(a_login(private))
    with pytest.raises(LoginRefused, match="401 Unauthorized"):
        engine.check_login(a_login(private, "wrong"))
    private.stop()
    with pytest.raises(EngineError, match="connection refused") as raised:
        engine.check_login(a_login(private))
    assert not isinstance(raised.value, LoginRefused)
    assert PASSWORDS["ada"] not in repr(a_login(private))
