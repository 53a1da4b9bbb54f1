"""The seeded definitions' image is there in the end, on a real Docker Engine, without a registry."""

import subprocess
from collections.abc import Iterator
from io import StringIO
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command

from jobs.models import EngineKind
from jobs.services.supervision.images import static_busybox
from tests.builders import an_engine

pytestmark = [pytest.mark.django_db, pytest.mark.engine]

# No registry has it: `.invalid` resolves nowhere (RFC 6761), so a pull fails at once.
REGISTRY = "registry.invalid"


@pytest.fixture
def tag(docker_engine_url: str) -> Iterator[str]:
    an_engine(kind=EngineKind.DOCKER, url=docker_engine_url)
    name = uuid4().hex[:12]
    yield name
    subprocess.run(
        ["docker", "-H", docker_engine_url, "rmi", "-f", f"{REGISTRY}/busybox:{name}"],
        check=False,
        capture_output=True,
    )


def run(image: str) -> str:
    out = StringIO()
    call_command("seed_image", "--image", image, stdout=out)
    return out.getvalue()


def test_a_busybox_that_cannot_be_pulled_is_made_here_and_then_found(tag: str) -> None:
    image = f"{REGISTRY}/busybox:{tag}"
    assert f"Made the image {image} from" in run(image)
    assert "already" in run(image)


def test_another_image_is_not_replaced_by_busybox(tag: str) -> None:
    with pytest.raises(CommandError, match=r"could not be pulled .* Pull or build it by hand"):
        run(f"{REGISTRY}/alpine:{tag}")


def test_only_a_static_busybox_will_do() -> None:
    assert static_busybox("/bin/busybox") is not None
    assert static_busybox("/bin/ls") is None
    assert static_busybox("/etc/passwd") is None
