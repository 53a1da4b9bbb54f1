"""Images for tests, made on this machine: no registry is asked."""

import io
import os
import shutil
import ssl
import subprocess
import tarfile
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import docker
import pytest
from docker.errors import ImageNotFound

from jobs.engines.docker_engine import import_busybox

ROOT = Path(__file__).resolve().parent.parent
BUSYBOX = "batchweb/busybox:test"
DEBIAN = "batchweb-test-base:local"
PYTHON = "batchweb-test-python"
CA_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
# How this machine reaches the Python package index, if it is told by its environment.
PASSED_ON = (
    *("PIP_INDEX_URL", "PIP_DEFAULT_TIMEOUT", "UV_DEFAULT_INDEX", "UV_HTTP_TIMEOUT"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
)
INSTALL = "python3 -m venv /opt/venv && /opt/venv/bin/pip install --no-cache-dir --quiet"


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


def debian_image(client: docker.DockerClient) -> str:
    """The name of Debian with Python 3.11, bash, and this machine's way to the package index."""
    made = subprocess.run(
        [ROOT / "script" / "lib" / "base_image"], stdout=subprocess.PIPE, text=True, check=True
    )
    environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    environment |= {"PIP_CERT": CA_BUNDLE, "SSL_CERT_FILE": CA_BUNDLE}
    lines = [
        f"FROM {made.stdout.strip()}",
        f"COPY ca.crt {CA_BUNDLE}",
        *(f'ENV {name}="{value}"' for name, value in environment.items()),
    ]
    return _built(client, DEBIAN, lines, {"ca.crt": _ca_bundle()})


def python_image(client: docker.DockerClient, requirements: Path) -> str:
    """The name of an image whose `python` and commands are those of an environment with these requirements.

    The first time takes half a minute.
    """
    text = requirements.read_bytes()
    name = f"{PYTHON}:{sha256(INSTALL.encode() + text).hexdigest()[:12]}"
    try:
        client.images.get(name)
        return name
    except ImageNotFound:
        pass
    lines = [
        f"FROM {debian_image(client)}",
        "COPY requirements.txt /opt/requirements.txt",
        f"RUN {INSTALL} --requirement /opt/requirements.txt",
        "ENV PATH=/opt/venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    ]
    return _built(client, name, lines, {"requirements.txt": text})


def _built(
    client: docker.DockerClient, tag: str, lines: list[str], files: Mapping[str, bytes]
) -> str:
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as tar:
        for name, content in {"Dockerfile": "\n".join(lines).encode(), **files}.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    context.seek(0)
    client.images.build(
        fileobj=context, custom_context=True, tag=tag, network_mode="host", rm=True, forcerm=True
    )
    return tag


def _ca_bundle() -> bytes:
    """What this machine trusts: it may reach the package index through a proxy of its own."""
    return Path(ssl.get_default_verify_paths().cafile or CA_BUNDLE).read_bytes()
