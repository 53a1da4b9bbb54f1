"""Makes a small image on this machine, out of a static busybox, where no registry answers."""

import io
import subprocess
import tarfile
from pathlib import Path

import docker
import requests
from docker.errors import APIError, DockerException, ImageNotFound

from ..base import EngineError
from .connection import Connection
from .texts import connection_failure

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_FILES = {
    "etc/passwd": b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
    "etc/group": b"root:x:0:\nnogroup:x:65534:\n",
}
_DIRECTORIES = {
    "bin": 0o755,
    "etc": 0o755,
    "root": 0o700,
    "tmp": 0o1777,
    "var": 0o755,
}


def import_busybox(
    client_or_url: docker.APIClient | str, tag: str, busybox_path: str = "/bin/busybox"
) -> str:
    """Makes the image `tag` ("name:tag") unless there is one, and gives its id.

    `busybox_path` must be a static binary. The root file system holds busybox with all its
    applets, root and nobody, and a /tmp; the command is a shell. Raises EngineError.
    """
    client = Connection(client_or_url).client() if isinstance(client_or_url, str) else client_or_url
    try:
        return _image_id(client, tag)
    except ImageNotFound:
        pass
    except (DockerException, requests.RequestException) as error:
        raise EngineError(_failure(error)) from error
    name, _, version = tag.partition(":")
    root = busybox_root(busybox_path)
    try:
        client.import_image_from_data(
            root,
            repository=name,
            tag=version or "latest",
            changes=['CMD ["sh"]', f"ENV PATH={_PATH}"],
        )
        return _image_id(client, tag)
    except (DockerException, requests.RequestException) as error:
        raise EngineError(_failure(error)) from error


def _image_id(client: docker.APIClient, tag: str) -> str:
    return str(client.inspect_image(tag)["Id"])  # type: ignore[no-untyped-call]


def _failure(error: Exception) -> str:
    said = error.explanation if isinstance(error, APIError) else None
    return said or connection_failure(error)


def busybox_root(busybox_path: str) -> bytes:
    """The root file system as a tar archive: the same bytes for the same busybox."""
    try:
        binary = Path(busybox_path).read_bytes()
        listed = subprocess.run(  # noqa: S603 (a path that the caller chose)
            [busybox_path, "--list"], check=True, capture_output=True, text=True
        )
    except (OSError, subprocess.CalledProcessError) as error:
        raise EngineError(f"{busybox_path} is no busybox that runs here: {error}") from error
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, mode in _DIRECTORIES.items():
            tar.addfile(_entry(name, tarfile.DIRTYPE, mode))
        for name, content in {"bin/busybox": binary, **_FILES}.items():
            mode = 0o755 if name.startswith("bin/") else 0o644
            entry = _entry(name, tarfile.REGTYPE, mode)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
        for applet in sorted(set(listed.stdout.split()) - {"busybox"}):
            link = _entry(f"bin/{applet}", tarfile.SYMTYPE, 0o777)
            link.linkname = "busybox"
            tar.addfile(link)
    return archive.getvalue()


def _entry(name: str, kind: bytes, mode: int) -> tarfile.TarInfo:
    """Owned by root and without a time, so that nothing depends on who makes it and when."""
    entry = tarfile.TarInfo(name)
    entry.type = kind
    entry.mode = mode
    return entry
