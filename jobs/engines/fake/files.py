"""The files of a fake world's volumes and lent directories: what was put there, and what a test writes."""

import io
import tarfile
from dataclasses import dataclass

from ..base import ContainerSpec, EngineError, HostMount, NoSuchFile, VolumeMount
from ..checks import parts_of


@dataclass(frozen=True, slots=True)
class FakeFile:
    """A file with its `data`; without, a link if it has a `target`, and else a directory."""

    data: bytes | None = None
    target: str = ""
    modified_at: float = 0


class Files:
    """By volume's name, or the path of a node's directory; there by relative path."""

    def __init__(self) -> None:
        self._files: dict[str, dict[str, FakeFile]] = {}

    def prepare(self, spec: ContainerSpec) -> None:
        """A container of `spec` was created: what it mounts is there."""
        for mount in spec.mounts:
            there = self._files.setdefault(_source(mount), {})
            for name in mount.open_directories:
                there[name] = FakeFile()

    def forget(self, source: str) -> None:
        self._files.pop(source, None)

    def write(self, source: str, path: str, file: FakeFile) -> None:
        """What a container might have done: a file, a link or a directory in a volume, with all above it."""
        there = self._files[source]
        parts = parts_of(path)
        for count in range(1, len(parts)):
            there.setdefault("/".join(parts[:count]), FakeFile())
        there[path] = file

    def put(self, spec: ContainerSpec, path: str, data: bytes, modified_at: float) -> None:
        """See the protocol. Raises EngineError where no mount of the container has the path."""
        for mount in spec.mounts:
            above = mount.path.rstrip("/") + "/"
            if path.startswith(above):
                below = path.removeprefix(above)
                self.write(_source(mount), below, FakeFile(data, modified_at=modified_at))
                return
        raise EngineError(f"{path} is in no mount of {spec.name}")

    def archive(self, mount: HostMount | VolumeMount, path: str) -> list[bytes]:
        """See `Engine.read_files`. Raises NoSuchFile."""
        there = self._files.get(_source(mount))
        if there is None:
            raise NoSuchFile(f"There is nothing at {_source(mount)}")
        there = {"": FakeFile(), **there}
        parts = parts_of(path)
        ways = ["/".join(parts[:count]) for count in range(len(parts) + 1)]
        is_way = all(way in there and _kind(there[way]) == tarfile.DIRTYPE for way in ways[:-1])
        if not is_way or path not in there or there[path].target:
            raise NoSuchFile(f"There is no file {path}")
        return [_written(there, path)]


def _source(mount: HostMount | VolumeMount) -> str:
    return mount.host_path if isinstance(mount, HostMount) else mount.volume


def _kind(file: FakeFile) -> bytes:
    if file.target:
        return tarfile.SYMTYPE
    return tarfile.DIRTYPE if file.data is None else tarfile.REGTYPE


def _written(there: dict[str, FakeFile], path: str) -> bytes:
    archive = io.BytesIO()
    root = path.rpartition("/")[2] or "mounted"
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name in sorted(there):
            if path in {"", name} or name.startswith(f"{path}/"):
                below = name.removeprefix(path).strip("/")
                entry = tarfile.TarInfo(f"{root}/{below}".rstrip("/"))
                file = there[name]
                entry.type, entry.linkname, entry.mtime = _kind(file), file.target, file.modified_at
                entry.size = len(file.data or b"")
                tar.addfile(entry, io.BytesIO(file.data) if file.data is not None else None)
    return archive.getvalue()
