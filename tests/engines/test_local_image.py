"""The image that is made where no registry answers."""

from collections.abc import Iterator
from uuid import uuid4

import docker
import pytest

from jobs.engines.base import EngineError
from jobs.engines.docker_engine.local_image import busybox_root, import_busybox
from tests.images import busybox_path

pytestmark = pytest.mark.engine


@pytest.fixture
def client(docker_engine_url: str) -> Iterator[docker.APIClient]:
    client = docker.APIClient(base_url=docker_engine_url, version="auto")
    yield client
    client.close()


def test_the_local_image_has_a_shell_its_users_and_a_place_to_write(
    docker_engine_url: str, client: docker.APIClient
) -> None:
    tag = f"batchweb/local:{uuid4().hex[:8]}"
    image_id = import_busybox(docker_engine_url, tag, busybox_path())
    try:
        assert import_busybox(docker_engine_url, tag, busybox_path()) == image_id
        config = client.inspect_image(tag)["Config"]  # type: ignore[no-untyped-call]
        assert config["Cmd"] == ["sh"]
        assert any(variable.startswith("PATH=") for variable in config["Env"])
        made = client.create_container(
            tag, ["sh", "-c", "id -un; touch /tmp/x && echo written"], user="nobody"
        )
        try:
            client.start(made["Id"])
            client.wait(made["Id"])
            assert client.logs(made["Id"]) == b"nobody\nwritten\n"
        finally:
            client.remove_container(made["Id"], force=True)
    finally:
        client.remove_image(tag)


def test_the_local_images_root_is_the_same_each_time() -> None:
    assert busybox_root(busybox_path()) == busybox_root(busybox_path())


def test_what_is_no_busybox_makes_no_image(docker_engine_url: str) -> None:
    with pytest.raises(EngineError, match="no busybox"):
        import_busybox(docker_engine_url, "batchweb/none:x", "/no/such/busybox")
