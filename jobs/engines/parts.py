"""What a container is given beside its own file system: mounts, memory, limits and devices."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tmpfs:
    """A file system in memory at `path`; what is in it counts as the container's memory."""

    path: str
    size_mib: int
    options: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Ulimit:
    """A limit of the kernel, by its name in `ulimit`'s long form ("nofile"). -1: no limit."""

    name: str
    soft: int
    hard: int


@dataclass(frozen=True, slots=True)
class Device:
    """A device of the node. `path`: in the container. `permissions`: some of "r", "w", "m" (mknod)."""

    host_path: str
    path: str
    permissions: str = "rwm"


@dataclass(frozen=True, slots=True)
class HostMount:
    """A directory or file of the node, seen at `path`; a directory is made if there is none.

    `open_directories`: names of directories in it that all users may write to, as to /tmp; they are
    made where they are missing.
    """

    host_path: str
    path: str
    read_only: bool = False
    open_directories: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class VolumeMount:
    """A volume of the node, seen at `path`: made when first needed, and kept until `remove_volume`.

    `open_directories`: as of a `HostMount`.
    """

    volume: str
    path: str
    read_only: bool = False
    open_directories: Sequence[str] = ()
