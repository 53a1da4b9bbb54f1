"""Files of volumes, through Docker's archives: put into a container, and read through a reader.

A reader is a container that has the volume and is never started: Docker has no other way to a volume's
files. It goes when the read is over; one whose process died is found by its label.
"""

import base64
import io
import json
import stat
import tarfile
from collections.abc import Generator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import requests

from jobs.domain.names import CONTAINER_PREFIX, LABEL_INSTALLATION, LABEL_POD, LABEL_READER

from ..base import (
    ContainerSpec,
    EngineError,
    HostMount,
    NoSuchContainer,
    NoSuchFile,
    VolumeMount,
)
from ..checks import parts_of
from .connection import Connection, answer, expect, message
from .creation import source_of
from .filters import as_filters
from .pause import PAUSE_IMAGE, import_pause
from .stream import Stream

# Longer than any download of a checkpoint.
_STALE_AFTER = timedelta(hours=12)
_ROOT = "/mounted"
_OPEN_MODE = 0o1777
_LINKS_IN_A_CIRCLE = "too many links"
# Go's own bits of a file's mode (os.FileMode), as Docker tells them.
_GO_DIRECTORY, _GO_LINK = 1 << 31, 1 << 27


class Files:
    """The engine's files of this installation's volumes."""

    def __init__(self, connection: Connection, installation: str) -> None:
        self._connection = connection
        self._installation = installation

    def open_directories(self, container_id: str, spec: ContainerSpec) -> None:
        """Makes what mounts of a new container are to have. An unpacked directory replaces a link."""
        for mount in spec.mounts:
            if mount.open_directories:
                names = mount.open_directories
                self._put(container_id, mount.path, _archive(map(_open_directory, names)))

    def open_scratch(self, container_id: str, path: str) -> None:
        """Makes the scratch directory of a new container that got a volume above it."""
        above, _, name = path.rpartition("/")
        self._put(container_id, above, _archive([_open_directory(name)]))

    def starts_as_root(self, spec: ContainerSpec) -> bool:
        """Whether the container's first process may write wherever it likes; an unknown image's does."""
        user = spec.user
        if not user:
            response = self._connection.call("GET", f"/images/{quote(spec.image, safe='/:@')}/json")
            user = (answer(response)["Config"] or {}).get("User", "") if response.ok else ""
        return user.partition(":")[0] in {"", "0", "root"}

    def put(self, container_id: str, path: str, data: bytes) -> None:
        """See the protocol. Docker writes files piece by piece, but a link is there at once."""
        folder, _, name = path.rpartition("/")
        fresh = tarfile.TarInfo(f".{name}.{uuid4().hex[:12]}")
        fresh.mode, fresh.size = stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH, len(data)
        link = tarfile.TarInfo(name)
        link.type, link.linkname = tarfile.LNKTYPE, fresh.name
        self._put(container_id, folder, _archive([fresh, link], data))

    def read(self, mount: HostMount | VolumeMount, path: str) -> Generator[bytes, None, None]:
        """See the protocol."""
        parts = parts_of(path)
        reader = self._make_reader(mount)
        try:
            self._refuse_links(reader, parts)
            stream = self._archive_of(reader, "/".join([_ROOT, *parts]))
        except BaseException:
            self._remove(reader)
            raise
        blocks = self._blocks(reader, stream)
        # From here on the reader goes with the generator, also if nobody ever reads.
        next(blocks)
        return blocks

    def remove_stale(self) -> int:
        """Removes readers that nobody can be reading through any more; how many."""
        response = self._connection.call(
            "GET",
            "/containers/json",
            params={
                "all": "1",
                "filters": as_filters(
                    label=[f"{LABEL_INSTALLATION}={self._installation}", LABEL_READER]
                ),
            },
        )
        before = datetime.now(UTC) - _STALE_AFTER
        stale = [
            found["Id"]
            for found in answer(response)
            if datetime.fromtimestamp(found["Created"], UTC) < before
        ]
        for container_id in stale:
            self._remove(container_id)
        return len(stale)

    def _blocks(self, reader: str, stream: Stream) -> Generator[bytes, None, None]:
        try:
            yield b""
            yield from stream.blocks()
        finally:
            stream.close()
            self._remove(reader)

    def _put(self, container_id: str, folder: str, archive: bytes) -> None:
        response = self._connection.send_archive(container_id, folder, archive)
        if response.status_code == 404 and message(response).startswith("No such container"):
            raise NoSuchContainer(message(response))
        expect(response)

    def _make_reader(self, mount: HostMount | VolumeMount) -> str:
        # Docker would make a volume that is not there.
        if isinstance(mount, VolumeMount):
            found = self._connection.call("GET", f"/volumes/{mount.volume}")
            if found.status_code == 404:
                raise NoSuchFile(f"There is no volume {mount.volume}")
            expect(found)
        response = self._create_reader(mount)
        if response.status_code == 404:
            import_pause(self._connection.client())
            response = self._create_reader(mount)
        if response.status_code == 400 and "source path does not exist" in message(response):
            raise NoSuchFile(message(response))
        return str(answer(response)["Id"])

    def _create_reader(self, mount: HostMount | VolumeMount) -> requests.Response:
        name = f"{CONTAINER_PREFIX}-reader-{uuid4().hex}"
        body: dict[str, object] = {
            "Image": PAUSE_IMAGE,
            # As a pod's, so that it is among no list of a job's containers.
            "Labels": {
                LABEL_INSTALLATION: self._installation,
                LABEL_POD: name,
                LABEL_READER: name,
            },
            "HostConfig": {
                "NetworkMode": "none",
                "ReadonlyRootfs": True,
                **_mount_of(mount),
            },
        }
        return self._connection.call("POST", "/containers/create", params={"name": name}, body=body)

    def _refuse_links(self, reader: str, parts: list[str]) -> None:
        """Docker would follow a link on the way, within the reader."""
        for count in range(1, len(parts) + 1):
            found = self._stat(reader, "/".join([_ROOT, *parts[:count]]))
            mode = int(found["mode"])
            is_last = count == len(parts)
            if mode & _GO_LINK or not (is_last or mode & _GO_DIRECTORY):
                raise NoSuchFile(f"There is no file {'/'.join(parts)}")

    def _stat(self, reader: str, path: str) -> Mapping[str, Any]:
        response = self._connection.call(
            "HEAD", f"/containers/{reader}/archive", params={"path": path}
        )
        if response.status_code == 404:
            raise NoSuchFile("There is no such file")
        if response.status_code == 500:
            # Why, is told to a GET only.
            self._archive_of(reader, path).close()
        expect(response)
        told = base64.b64decode(response.headers["X-Docker-Container-Path-Stat"])
        found: Mapping[str, Any] = json.loads(told)
        return found

    def _archive_of(self, reader: str, path: str) -> Stream:
        response, stream = self._connection.stream(
            "GET",
            f"/containers/{reader}/archive",
            params={"path": path},
            # Else Docker compresses it.
            headers={"Accept-Encoding": "identity"},
        )
        if response.status_code == 404:
            stream.close()
            raise NoSuchFile("There is no such file")
        if not response.ok:
            said = message(response)
            stream.close()
            if _LINKS_IN_A_CIRCLE in said:
                raise NoSuchFile(said)
            raise EngineError(said)
        return stream

    def _remove(self, reader: str) -> None:
        response = self._connection.call("DELETE", f"/containers/{reader}")
        if response.status_code not in {404, 409}:
            expect(response)


def _mount_of(mount: HostMount | VolumeMount) -> Mapping[str, object]:
    """Written in full: a bind of a directory that is not there must not make it."""
    return {
        "Mounts": [
            {
                "Type": "bind" if isinstance(mount, HostMount) else "volume",
                "Source": source_of(mount),
                "Target": _ROOT,
                "ReadOnly": True,
            }
        ]
    }


def _open_directory(name: str) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode = tarfile.DIRTYPE, _OPEN_MODE
    return entry


def _archive(found: Any, data: bytes = b"") -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for entry in found:
            tar.addfile(entry, io.BytesIO(data) if entry.isreg() else None)
    return written.getvalue()
