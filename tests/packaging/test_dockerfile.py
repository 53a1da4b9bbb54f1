"""The image of the Dockerfile, built on a Debian base made here, and run in its roles."""

import http.client
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.models.containers import Container

from tests.images import debian_image

pytestmark = pytest.mark.engine

ROOT = Path(__file__).resolve().parents[2]
IMAGE = "batchweb-test:dockerfile"
SETTINGS = {
    "BATCHWEB_SECRET_KEY": "only-for-this-test-0123456789-0123456789-0123456789",
    "BATCHWEB_ALLOWED_HOSTS": ".example.com",
    "DATABASE_URL": "sqlite:////var/lib/batchweb/test.sqlite3",
    "REDIS_URL": "redis://127.0.0.1:1",
}


@pytest.fixture(scope="module")
def client(docker_engine_url: str) -> Iterator[docker.DockerClient]:
    client = docker.DockerClient(base_url=docker_engine_url, timeout=600)
    yield client
    client.close()


@pytest.fixture(scope="module")
def image(client: docker.DockerClient) -> str:
    base = debian_image(client)
    client.images.build(
        path=str(ROOT),
        tag=IMAGE,
        buildargs={"BASE_IMAGE": base},
        network_mode="host",
        rm=True,
        forcerm=True,
    )
    return IMAGE


def _run(client: docker.DockerClient, image: str, command: list[str], **options: Any) -> str:
    environment = SETTINGS | options.pop("environment", {})
    output: bytes = client.containers.run(
        image, command, environment=environment, remove=True, stderr=True, **options
    )
    return output.decode()


def test_the_image_checks_itself_for_production(client: docker.DockerClient, image: str) -> None:
    output = _run(client, image, ["python", "manage.py", "check", "--deploy"])

    assert "no issues" in output


def test_the_image_runs_as_a_user_without_rights(client: docker.DockerClient, image: str) -> None:
    assert _run(client, image, ["id", "-un"]).strip() == "batchweb"


def test_the_image_holds_neither_tests_nor_development_tools(
    client: docker.DockerClient, image: str
) -> None:
    holds = _run(client, image, ["sh", "-c", "ls -a /app; ls /app/.venv/bin"]).split()

    assert "manage.py" in holds
    assert not {"tests", "var", ".git", "pytest", "mypy", "ruff"} & set(holds)


def test_the_image_brings_the_instance_catalogue(client: docker.DockerClient, image: str) -> None:
    load = "python manage.py migrate -v 0 && python manage.py instance_types load"

    assert "Loaded: 282 new" in _run(client, image, ["sh", "-c", load])


def test_production_settings_name_what_is_missing(client: docker.DockerClient, image: str) -> None:
    with pytest.raises(docker.errors.ContainerError, match="BATCHWEB_SECRET_KEY is not set"):
        _run(
            client,
            image,
            ["python", "manage.py", "check"],
            environment={"BATCHWEB_SECRET_KEY": ""},
        )


@pytest.fixture
def web(client: docker.DockerClient, image: str) -> Iterator[Container]:
    serve = "python manage.py migrate --noinput && exec " + " ".join(
        client.images.get(image).attrs["Config"]["Cmd"]
    )
    container = client.containers.run(
        image, ["sh", "-c", serve], environment=SETTINGS, detach=True, publish_all_ports=True
    )
    try:
        yield container
    finally:
        container.remove(force=True, v=True)


def _get(port: int, path: str) -> http.client.HTTPResponse | None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path, headers={"Host": "batch.example.com"})
        response = connection.getresponse()
        response.read()
        return response
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def _answered(container: Container, port: int, path: str) -> http.client.HTTPResponse:
    deadline = time.monotonic() + 60
    while (response := _get(port, path)) is None:
        container.reload()
        assert container.status == "running", container.logs()
        assert time.monotonic() < deadline, container.logs()
        time.sleep(0.1)
    return response


def test_the_image_serves_pages_and_static_files(web: Container) -> None:
    web.reload()
    published = web.attrs["NetworkSettings"]["Ports"]["8000/tcp"]
    port = int(published[0]["HostPort"])

    assert _answered(web, port, "/login/").status == http.HTTPStatus.OK
    health = web.exec_run(["python", "-m", "batchweb.healthcheck"])
    assert health.exit_code == 0, health.output
    manifest = web.exec_run(["cat", "/app/staticfiles/staticfiles.json"]).output
    assert isinstance(manifest, bytes)
    name = json.loads(manifest)["paths"]["css/batchweb.css"]
    stylesheet = _answered(web, port, f"/static/{name}")
    assert stylesheet.status == http.HTTPStatus.OK
    assert "immutable" in (stylesheet.getheader("Cache-Control") or "")
