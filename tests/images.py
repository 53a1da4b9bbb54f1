"""Images for tests, made on this machine: no registry is asked."""

import shutil

import pytest

from jobs.engines.docker_engine import import_busybox

BUSYBOX = "batchweb/busybox:test"


def busybox_path() -> str:
    """A static busybox, as Debian's package busybox-static has it."""
    found = shutil.which("busybox")
    if found is None:
        pytest.fail("No busybox found. script/test installs one (Debian: busybox-static).")
    return found


def busybox_image(url: str = "") -> str:
    """The name of an image with a shell and the usual tools, on the engine at `url`."""
    import_busybox(url, BUSYBOX, busybox_path())
    return BUSYBOX
