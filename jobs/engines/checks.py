"""What no engine accepts, told before one is asked: in words that name what is wrong.

A user's input was checked before it came here (`jobs.domain`). This guards what the engine's own
interface would misread (a colon in a path is a separator to Docker) or silently ignore.
"""

import re
from collections.abc import Callable, Iterator

from .base import ContainerSpec, Device, HostMount, InvalidSpec, NoSuchFile, VolumeMount

# They are no networks of containers that find each other by name.
PREDEFINED_NETWORKS = frozenset({"bridge", "host", "none", "default"})
LOG_OPTIONS = frozenset({"mode", "max-buffer-size"})
_VOLUME_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")
# AWS lists them among the options of tmpfs, but the kernel cannot do them there.
_NO_TMPFS = frozenset({"bind", "rbind", "remount"})
# What is deeper is in archives of what is above it: Docker takes 255 levels for links in a circle, and some of
# them are its own.
LEVELS_AT_MOST = 240
# NAME_MAX of Linux.
NAME_BYTES_AT_MOST = 255
_PERMISSIONS = re.compile("r?w?m?")


def refuse_impossible(spec: ContainerSpec) -> None:
    """Raises InvalidSpec for the first thing that cannot be."""
    for check in _CHECKS:
        for complaint in check(spec):
            raise InvalidSpec(complaint)


def _mounts(spec: ContainerSpec) -> Iterator[str]:
    for mount in spec.mounts:
        yield from _path(mount.path)
        if isinstance(mount, HostMount):
            yield from _path(mount.host_path)
        elif not _VOLUME_NAME.fullmatch(mount.volume):
            yield f"{mount.volume!r} is no name of a volume"
        for name in mount.open_directories:
            if "/" in name or name in {"", ".", ".."}:
                yield f"{name!r} is no name of a directory"
    if spec.scratch:
        yield from _path(spec.scratch)
    paths = [mount.path for mount in spec.mounts] + [each.path for each in spec.tmpfs]
    paths += [spec.scratch] if spec.scratch else []
    if len(set(paths)) < len(paths):
        yield f"Duplicate mount point: two mounts of {_twice(paths)}"


def _path(path: str) -> Iterator[str]:
    if not path.startswith("/"):
        yield f"invalid mount path: {path!r} is not absolute"
    if ":" in path:
        yield f"invalid mount path: {path!r} must not contain a colon"
    if path.strip("/") in {"", "."}:
        yield f"invalid mount path: {path!r} is the root directory"


def _twice(paths: list[str]) -> str:
    return next(path for path in paths if paths.count(path) > 1)


def _tmpfs(spec: ContainerSpec) -> Iterator[str]:
    for each in spec.tmpfs:
        yield from _path(each.path)
        if each.size_mib < 1:
            yield f"tmpfs {each.path}: its size is at least 1 MiB"
        for option in sorted(_NO_TMPFS & set(each.options)):
            yield f"tmpfs {each.path}: the option {option!r} makes no file system in memory"


def _devices(spec: ContainerSpec) -> Iterator[str]:
    for device in spec.devices:
        yield from _device(device)


def _device(device: Device) -> Iterator[str]:
    for path in (device.host_path, device.path):
        if not path.startswith("/"):
            yield f"device {path!r}: its path is not absolute"
    if not device.permissions or not _PERMISSIONS.fullmatch(device.permissions):
        yield f"device {device.host_path}: permissions are some of r, w and m, in this order"


def _ulimits(spec: ContainerSpec) -> Iterator[str]:
    names = [limit.name for limit in spec.ulimits]
    if len(set(names)) < len(names):
        yield f"two ulimits named {_twice(names)}"
    for limit in spec.ulimits:
        if limit.hard >= 0 and not 0 <= limit.soft <= limit.hard:
            yield f"ulimit {limit.name}: the soft limit must not be above the hard limit"


def _memory(spec: ContainerSpec) -> Iterator[str]:
    if spec.shm_mib is not None and spec.shm_mib < 1:
        yield "the shared memory's size is at least 1 MiB"
    if spec.swap_mib is not None and spec.swap_mib < 0:
        yield "swap is 0 MiB or more"
    if spec.swappiness is not None and not 0 <= spec.swappiness <= 100:
        yield f"swappiness is 0 to 100, not {spec.swappiness}"


def _gpus(spec: ContainerSpec) -> Iterator[str]:
    if spec.gpus < 0:
        yield "the number of GPUs is 0 or more"
    if spec.gpu_ids and len(spec.gpu_ids) != spec.gpus:
        yield f"{spec.gpus} GPUs were asked for, but {len(spec.gpu_ids)} assigned"


def _network(spec: ContainerSpec) -> Iterator[str]:
    if spec.aliases and spec.network in PREDEFINED_NETWORKS:
        yield f"the network {spec.network!r} knows no aliases"
    if spec.pod and spec.network in {"host", "default"}:
        yield f"a pod cannot lie in the network {spec.network!r}"


def _log(spec: ContainerSpec) -> Iterator[str]:
    for name in sorted(spec.log_options.keys() - LOG_OPTIONS):
        yield f"unknown log opt {name!r}: there are {', '.join(sorted(LOG_OPTIONS))}"
    mode = spec.log_options.get("mode", "blocking")
    if mode not in {"blocking", "non-blocking"}:
        yield f"log opt mode: {mode!r} is neither blocking nor non-blocking"
    if "max-buffer-size" in spec.log_options and mode != "non-blocking":
        yield "log opt max-buffer-size: only with the mode non-blocking"


_CHECKS: tuple[Callable[[ContainerSpec], Iterator[str]], ...] = (
    _mounts,
    _tmpfs,
    _devices,
    _ulimits,
    _memory,
    _gpus,
    _network,
    _log,
)


def _can_be(name: str) -> bool:
    """Whether a file system may have a file of this name."""
    if name in {"", ".", ".."} or "\0" in name:
        return False
    return len(name.encode("utf-8", "surrogatepass")) <= NAME_BYTES_AT_MOST


def parts_of(path: str) -> list[str]:
    """The names on the way of a relative path; none for the whole. Raises NoSuchFile for what leads elsewhere."""
    parts = path.split("/") if path else []
    if len(parts) > LEVELS_AT_MOST or not all(map(_can_be, parts)):
        raise NoSuchFile(f"{path!r} is no path of a file")
    return parts


def volumes_of(spec: ContainerSpec) -> list[str]:
    """The names of the volumes that the container needs."""
    return sorted({mount.volume for mount in spec.mounts if isinstance(mount, VolumeMount)})
