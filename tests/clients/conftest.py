"""One installation for all tests of clients: what they make has names of its own."""

from collections.abc import Iterator

import pytest

from tests.images import busybox_image
from tests.installation import Installation

from .clients import Clients


@pytest.fixture(scope="session")
def live(docker_engine_url: str) -> Iterator[Installation]:
    """A whole installation, with a short grace time."""
    settings = {"BATCHWEB_STOP_GRACE_SECONDS": "1"}
    with Installation(image=busybox_image(docker_engine_url), environment=settings) as running:
        yield running


@pytest.fixture(scope="session")
def clients(live: Installation) -> Clients:
    """The clients of its administrator."""
    return Clients(live.dev_env())
