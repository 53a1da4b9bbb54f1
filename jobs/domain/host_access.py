"""Whether an environment lends a job what it asks for of the machine itself.

Privileged containers, directories of the machine and its devices are for those environments alone where
an administrator has allowed them. A path that is allowed for reading stands for all below it. One that is
allowed for writing stands for itself: whoever may write there can put a symbolic link in it, and
the engine would follow that to any place of the machine.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .plans import ContainerPlan, JobPlan

DEVICES = "/dev"
WHO_CAN = "An administrator can allow it in the environment's settings."


@dataclass(frozen=True, slots=True)
class HostPathUse:
    """A directory, file or device of the machine that a job wants."""

    path: str
    writes: bool
    is_device: bool = False


@dataclass(frozen=True, slots=True)
class HostNeeds:
    """All that a job asks for of the machine itself."""

    privileged: bool
    paths: tuple[HostPathUse, ...]

    def __bool__(self) -> bool:
        return self.privileged or bool(self.paths)


def host_needs(plan: JobPlan) -> HostNeeds:
    """What the containers of a job ask for. A volume that none of them mounts is not looked at."""
    containers = [container for node in plan.nodes for container in node.containers]
    # A dict, for the order: nodes of one range all ask for the same.
    paths = {use: None for container in containers for use in _uses(container)}
    return HostNeeds(any(each.properties.get("privileged") for each in containers), tuple(paths))


def refusals(
    needs: HostNeeds,
    *,
    environment: str,
    allow_privileged: bool,
    allowed_host_paths: Sequence[Mapping[str, Any]],
) -> list[str]:
    """A sentence for each thing that this environment does not allow. Empty: all is well."""
    texts = []
    if needs.privileged and not allow_privileged:
        texts.append(f"The compute environment {environment} runs no privileged jobs. {WHO_CAN}")
    for use in needs.paths:
        if use.is_device and needs.privileged and allow_privileged:
            # It has all devices anyway.
            continue
        trouble = _trouble(use, allowed_host_paths)
        if trouble:
            texts.append(f"The compute environment {environment} {trouble}")
    return texts


def _uses(container: ContainerPlan) -> list[HostPathUse]:
    sources = {
        volume["name"]: volume["host"]["sourcePath"]
        for volume in container.volumes
        if volume.get("host", {}).get("sourcePath")
    }
    mounts = [
        HostPathUse(sources[mount["sourceVolume"]], writes=not mount.get("readOnly", False))
        for mount in container.properties.get("mountPoints", ())
        if mount["sourceVolume"] in sources
    ]
    devices = [
        HostPathUse(
            device["hostPath"],
            # None given are all three.
            writes=device.get("permissions") != ["READ"],
            is_device=True,
        )
        for device in container.properties.get("linuxParameters", {}).get("devices", ())
    ]
    return [*mounts, *devices]


def _trouble(use: HostPathUse, allowed: Sequence[Mapping[str, Any]]) -> str:
    what = "device" if use.is_device else "path"
    covering = [each for each in allowed if _is_within(use.path, each["path"])]
    if not covering:
        return f"does not lend jobs the {what} {use.path} of its machines. {WHO_CAN}"
    if use.writes and all(each.get("readOnly") for each in covering):
        return f"lends jobs the {what} {use.path} for reading alone. Make it read-only."
    above = [
        each["path"]
        for each in covering
        if not each.get("readOnly") and each["path"] != use.path and not _is_device_of(use, each)
    ]
    if above:
        return (
            f"lends jobs {above[0]} for writing, and that as a whole alone: "
            f"mount {above[0]}, and use {use.path} inside it."
        )
    return ""


def _is_device_of(use: HostPathUse, entry: Mapping[str, Any]) -> bool:
    # Who is lent all of /dev is lent each device there.
    return use.is_device and _is_within(entry["path"], DEVICES)


def _is_within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")
