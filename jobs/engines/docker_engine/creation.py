"""What Docker is told about a container: the body of `POST /containers/create`."""

from collections.abc import Mapping

from jobs.domain.names import LABEL_INSTALLATION

from ..base import ContainerSpec, HostMount, VolumeMount

_MIB = 1024 * 1024
# Named in full, so that the daemon's own defaults cannot change what we rely on: the log can be read
# back, nothing is dropped under load (unless asked for), and nothing is rotated away before it was
# shipped (Docker has no word for "unlimited", so the size is one that no disk has). Not Docker's usual
# `json-file`: it replaces all bytes that are not UTF-8, and takes the daemon half as much time again to
# read.
_LOG_OPTIONS = {"max-size": "1000t", "max-file": "1", "compress": "false"}


def create_body(
    spec: ContainerSpec, installation: str, *, scratch_volume: str = ""
) -> dict[str, object]:
    """The body for a spec that passed `checks`. No entry point is given, so the image's stays.

    `scratch_volume`: where an anonymous volume is mounted, which goes with the container.
    """
    body: dict[str, object] = {
        "Image": spec.image,
        "Cmd": list(spec.command),
        "Env": [f"{name}={value}" for name, value in spec.environment.items()],
        "Labels": {**spec.labels, LABEL_INSTALLATION: installation},
        "User": spec.user,
        "Volumes": {scratch_volume: {}} if scratch_volume else {},
        "HostConfig": {
            **_resources(spec),
            **_privileges(spec),
            **_files(spec),
            "NetworkMode": f"container:{spec.pod}" if spec.pod else spec.network,
            "RestartPolicy": {"Name": "no"},
            "AutoRemove": False,
            "Init": spec.init,
            "LogConfig": {
                "Type": "local",
                "Config": {"mode": "blocking", **spec.log_options, **_LOG_OPTIONS},
            },
        },
    }
    if not spec.pod:
        body |= networking(spec)
    return body


def networking(spec: ContainerSpec) -> dict[str, object]:
    """The part of a body that gives a container its further names in the network; empty if it has none."""
    if not spec.aliases:
        return {}
    endpoint = {"Aliases": list(spec.aliases)}
    return {"NetworkingConfig": {"EndpointsConfig": {spec.network: endpoint}}}


def _resources(spec: ContainerSpec) -> Mapping[str, object]:
    memory_bytes = spec.memory_mib * _MIB
    found: dict[str, object] = {
        "NanoCpus": spec.milli_vcpus * 1_000_000,
        "Memory": memory_bytes,
        # Memory and swap together: the same as the memory if there is no swap.
        "MemorySwap": memory_bytes + (spec.swap_mib or 0) * _MIB,
        "PidsLimit": spec.pids_limit,
        "Ulimits": [
            {"Name": limit.name, "Soft": limit.soft, "Hard": limit.hard} for limit in spec.ulimits
        ],
    }
    if spec.swap_mib and spec.swappiness is not None:
        found["MemorySwappiness"] = spec.swappiness
    if spec.shm_mib is not None:
        found["ShmSize"] = spec.shm_mib * _MIB
    if spec.gpus:
        # Docker takes either a number (then the first ones) or ids.
        which = {"DeviceIDs": list(spec.gpu_ids)} if spec.gpu_ids else {"Count": spec.gpus}
        found["DeviceRequests"] = [{**which, "Capabilities": [["gpu"]]}]
    return found


def _privileges(spec: ContainerSpec) -> Mapping[str, object]:
    return {
        "Privileged": spec.privileged,
        # With it a privileged container could not use sudo: half a privilege, and no safety.
        "SecurityOpt": [] if spec.privileged else ["no-new-privileges"],
        "ReadonlyRootfs": spec.read_only_root,
        "Devices": [
            {
                "PathOnHost": device.host_path,
                "PathInContainer": device.path,
                "CgroupPermissions": device.permissions,
            }
            for device in spec.devices
        ],
    }


def _files(spec: ContainerSpec) -> Mapping[str, object]:
    return {
        "Binds": [*spec.binds, *(_bind(mount) for mount in spec.mounts)],
        "Tmpfs": {
            each.path: ",".join([f"size={each.size_mib}m", *each.options]) for each in spec.tmpfs
        },
    }


def source_of(mount: HostMount | VolumeMount) -> str:
    """What Docker knows a mount by: a path of the node, or a volume's name."""
    return mount.host_path if isinstance(mount, HostMount) else mount.volume


def _bind(mount: HostMount | VolumeMount) -> str:
    return f"{source_of(mount)}:{mount.path}" + (":ro" if mount.read_only else "")
