"""Whether an environment lends a job what it asks for of the machine itself.

Privileged containers, directories of the machine and its devices are for those environments alone where
an administrator has allowed them. A path that is allowed stands for exactly itself, never for one below:
anybody who may write there, now or earlier, in this environment or another one, could have put a
symbolic link in it, and the engine would follow that to any place of the machine.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from jobs.domain.plans import ContainerPlan, JobPlan

from .host_paths import is_within

WHO_CAN = "An administrator can allow it in the environment's settings."


@dataclass(frozen=True, slots=True)
class HostPathUse:
    """A directory, file or device of the machine that a job wants.

    `container` is which one of the job wants it; empty if that is clear.
    """

    path: str
    writes: bool
    is_device: bool = False
    container: str = ""


@dataclass(frozen=True, slots=True)
class HostNeeds:
    """All that a job asks for of the machine itself. `privileged` are containers as in `HostPathUse`."""

    privileged: tuple[str, ...]
    paths: tuple[HostPathUse, ...]

    def __bool__(self) -> bool:
        return bool(self.privileged or self.paths)


def host_needs(plan: JobPlan) -> HostNeeds:
    """What the containers of a job ask for. A volume that none of them mounts is not looked at."""
    # Dicts, for the order: nodes of one range all ask for the same.
    privileged: dict[str, None] = {}
    paths: dict[HostPathUse, None] = {}
    for name, container in named_containers(plan):
        if container.properties.get("privileged"):
            privileged[name] = None
        paths |= {replace(use, container=name): None for use in _uses(container)}
    return HostNeeds(tuple(privileged), tuple(paths))


def named_containers(plan: JobPlan) -> list[tuple[str, ContainerPlan]]:
    """All containers of a job, each with the name that errors give it: none where a node has only one."""
    several = any(len(node.containers) > 1 for node in plan.nodes)
    return [
        (container.name if several else "", container)
        for node in plan.nodes
        for container in node.containers
    ]


def said_of(container: str, text: str) -> str:
    """The sentence, which names the container if that is not clear."""
    return f"Container {container}: {text}" if container else text


def refusals(
    needs: HostNeeds,
    *,
    environment: str,
    allow_privileged: bool,
    allowed_host_paths: Sequence[Mapping[str, Any]],
) -> list[str]:
    """A sentence for each thing that this environment does not allow. Empty: all is well."""
    texts = []
    if not allow_privileged:
        text = f"The compute environment {environment} runs no privileged jobs. {WHO_CAN}"
        texts += [said_of(container, text) for container in needs.privileged]
    for use in needs.paths:
        if use.is_device and needs.privileged and allow_privileged:
            # It has all devices anyway.
            continue
        trouble = _trouble(use, environment, allowed_host_paths)
        if trouble:
            texts.append(said_of(use.container, trouble))
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


def _trouble(use: HostPathUse, environment: str, allowed: Sequence[Mapping[str, Any]]) -> str:
    what = "device" if use.is_device else "path"
    entry = next((each for each in allowed if each["path"] == use.path), None)
    if entry is not None:
        if use.writes and entry.get("readOnly"):
            return (
                f"The compute environment {environment} lends jobs the {what} {use.path} "
                "for reading alone. Make it read-only."
            )
        return ""
    above = [each["path"] for each in allowed if is_within(use.path, each["path"])]
    if above:
        # The nearest one.
        whole = max(above, key=len)
        return (
            f"Host {what} {use.path} is not lent by the compute environment {environment}: it lends "
            f"{whole} as a whole. Mount that, or ask an administrator to lend {use.path}."
        )
    return (
        f"The compute environment {environment} does not lend jobs the {what} {use.path} of its "
        f"machines. {WHO_CAN}"
    )
