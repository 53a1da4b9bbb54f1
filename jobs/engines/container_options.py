"""From AWS's container properties to an engine's: what a container's plan says of users, limits and mounts.

Source: AWS Batch API, `ContainerProperties` and `LinuxParameters`, and what ECS makes of them for Docker
(each member's documentation names Docker's own). The plan is canonical: `jobs.domain` checked it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypedDict

from jobs.domain.plans import ContainerPlan

from .base import Device, HostMount, Tmpfs, Ulimit, VolumeMount
from .checks import LOG_OPTIONS

_PERMISSIONS = {"READ": "r", "WRITE": "w", "MKNOD": "m"}


class ContainerOptions(TypedDict):
    """Members of `ContainerSpec`; `ContainerSpec(..., **options)` takes them."""

    user: str
    read_only_root: bool
    privileged: bool
    init: bool
    shm_mib: int | None
    tmpfs: Sequence[Tmpfs]
    ulimits: Sequence[Ulimit]
    devices: Sequence[Device]
    gpus: int
    gpu_ids: Sequence[str]
    swap_mib: int | None
    swappiness: int | None
    mounts: Sequence[HostMount | VolumeMount]
    log_options: Mapping[str, str]


def options_of(
    plan: ContainerPlan, *, volume_name: Callable[[str], str], gpu_ids: Sequence[str] = ()
) -> ContainerOptions:
    """What the engine is told beside image, command, environment, CPU and memory.

    `volume_name` gives the engine's name of a volume that has no place on the node of its own. `gpu_ids`:
    the GPUs that the container holds, where they were chosen. Secrets are not in it: they become
    variables of the environment.
    """
    properties = plan.properties
    linux: Mapping[str, Any] = properties.get("linuxParameters", {})
    swap_mib = linux.get("maxSwap")
    return {
        "user": properties.get("user", ""),
        "read_only_root": properties.get("readonlyRootFilesystem", False),
        "privileged": properties.get("privileged", False),
        "init": linux.get("initProcessEnabled", False),
        "shm_mib": linux.get("sharedMemorySize"),
        "tmpfs": [_tmpfs(each) for each in linux.get("tmpfs", ())],
        "ulimits": [
            Ulimit(each["name"], each["softLimit"], each["hardLimit"])
            for each in properties.get("ulimits", ())
        ],
        "devices": [_device(each) for each in linux.get("devices", ())],
        "gpus": plan.gpus,
        "gpu_ids": tuple(gpu_ids),
        "swap_mib": swap_mib,
        # AWS: it is ignored unless maxSwap is given.
        "swappiness": linux.get("swappiness") if swap_mib else None,
        "mounts": _mounts(plan, volume_name),
        "log_options": _log_options(properties.get("logConfiguration", {})),
    }


def scratch_volumes(plan: ContainerPlan) -> list[str]:
    """The volumes that the container mounts and that have no place on the node: by the job's names."""
    return sorted(
        {
            volume["name"]
            for volume, _ in _mounted(plan)
            if not volume.get("host", {}).get("sourcePath")
        }
    )


def _tmpfs(given: Mapping[str, Any]) -> Tmpfs:
    return Tmpfs(given["containerPath"], given["size"], tuple(given.get("mountOptions", ())))


def _device(given: Mapping[str, Any]) -> Device:
    # AWS: by default the same path, and all three permissions.
    permissions = given.get("permissions") or list(_PERMISSIONS)
    return Device(
        host_path=given["hostPath"],
        path=given.get("containerPath") or given["hostPath"],
        permissions="".join(mark for name, mark in _PERMISSIONS.items() if name in permissions),
    )


def _mounted(plan: ContainerPlan) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Each volume that the container mounts, with the mount point."""
    volumes = {volume["name"]: volume for volume in plan.volumes}
    return [
        (volumes[mount["sourceVolume"]], mount) for mount in plan.properties.get("mountPoints", ())
    ]


def _mounts(
    plan: ContainerPlan, volume_name: Callable[[str], str]
) -> list[HostMount | VolumeMount]:
    mounts: list[HostMount | VolumeMount] = []
    for volume, mount in _mounted(plan):
        path, read_only = mount["containerPath"], mount.get("readOnly", False)
        if source := volume.get("host", {}).get("sourcePath"):
            mounts.append(HostMount(source, path, read_only))
        else:
            mounts.append(VolumeMount(volume_name(volume["name"]), path, read_only))
    return mounts


def _log_options(configuration: Mapping[str, Any]) -> Mapping[str, str]:
    """How the container waits for its log. Where the log goes is not the engine's to decide: it keeps
    every log until the supervisor has read it."""
    given: Mapping[str, str] = configuration.get("options", {})
    options = {name: value for name, value in given.items() if name in LOG_OPTIONS}
    if options.get("mode") != "non-blocking":
        # A buffer is for those who do not wait; awslogs takes its size whatever the mode is.
        options.pop("max-buffer-size", None)
    return options
