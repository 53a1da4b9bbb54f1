"""AWS's container properties, as an engine takes them."""

from dataclasses import replace
from typing import Any

import pytest

from jobs.domain.plans import ContainerPlan
from jobs.engines.base import ContainerSpec, Device, HostMount, Tmpfs, Ulimit, VolumeMount
from jobs.engines.container_options import options_of, scratch_volumes

BARE = ContainerPlan("default", "busybox", (), (), 1000, 64)


def options(properties: dict[str, Any], **changes: Any) -> dict[str, Any]:
    plan = replace(BARE, properties=properties, **changes)
    return dict(options_of(plan, volume_name=lambda name: f"v-{name}"))


def linux(**parameters: object) -> dict[str, object]:
    return {"linuxParameters": parameters}


def test_a_plan_without_properties_changes_nothing() -> None:
    bare = ContainerSpec("n", "i", (), {}, 1000, 64, "none")
    spec = ContainerSpec(
        "n", "i", (), {}, 1000, 64, "none", **options_of(BARE, volume_name=lambda name: name)
    )
    assert all(
        getattr(spec, name) == getattr(bare, name) or not getattr(spec, name)
        for name in ContainerSpec.__dataclass_fields__
    )


@pytest.mark.parametrize(
    ("properties", "member", "value"),
    [
        ({"user": "1000:1000"}, "user", "1000:1000"),
        ({"privileged": True}, "privileged", True),
        ({"readonlyRootFilesystem": True}, "read_only_root", True),
        (linux(initProcessEnabled=True), "init", True),
        (linux(sharedMemorySize=256), "shm_mib", 256),
        (linux(maxSwap=100), "swap_mib", 100),
        (linux(maxSwap=0), "swap_mib", 0),
        (linux(maxSwap=100, swappiness=0), "swappiness", 0),
        # AWS ignores it unless there is swap.
        (linux(swappiness=90), "swappiness", None),
        (linux(maxSwap=0, swappiness=90), "swappiness", None),
        (
            {"ulimits": [{"name": "nofile", "softLimit": 10, "hardLimit": 20}]},
            "ulimits",
            [Ulimit("nofile", 10, 20)],
        ),
        (
            linux(tmpfs=[{"containerPath": "/t", "size": 5, "mountOptions": ["noexec"]}]),
            "tmpfs",
            [Tmpfs("/t", 5, ("noexec",))],
        ),
        (linux(tmpfs=[{"containerPath": "/t", "size": 5}]), "tmpfs", [Tmpfs("/t", 5)]),
        # The same path and everything, unless it is said.
        (linux(devices=[{"hostPath": "/dev/a"}]), "devices", [Device("/dev/a", "/dev/a", "rwm")]),
        (
            linux(
                devices=[
                    {
                        "hostPath": "/dev/a",
                        "containerPath": "/dev/b",
                        "permissions": ["MKNOD", "READ"],
                    }
                ]
            ),
            "devices",
            [Device("/dev/a", "/dev/b", "rm")],
        ),
        (
            {
                "logConfiguration": {
                    "logDriver": "awslogs",
                    "options": {
                        "awslogs-group": "g",
                        "mode": "non-blocking",
                        "max-buffer-size": "25m",
                    },
                }
            },
            "log_options",
            {"mode": "non-blocking", "max-buffer-size": "25m"},
        ),
        # What would turn a log away before it was read is left out.
        (
            {
                "logConfiguration": {
                    "logDriver": "json-file",
                    "options": {"max-size": "1m", "max-buffer-size": "25m"},
                }
            },
            "log_options",
            {},
        ),
    ],
)
def test_a_property_becomes_an_engines_member(
    properties: dict[str, Any], member: str, value: object
) -> None:
    assert options(properties)[member] == value


def test_gpus_come_with_those_that_were_chosen() -> None:
    found = options_of(replace(BARE, gpus=2), volume_name=str, gpu_ids=["0", "3"])
    assert (found["gpus"], found["gpu_ids"]) == (2, ("0", "3"))


VOLUMES = (
    {"name": "data", "host": {"sourcePath": "/srv/data"}},
    {"name": "scratch"},
    {"name": "empty", "host": {}},
    {"name": "unused"},
)
MOUNTS = {
    "mountPoints": [
        {"sourceVolume": "data", "containerPath": "/in", "readOnly": True},
        {"sourceVolume": "scratch", "containerPath": "/out"},
        {"sourceVolume": "empty", "containerPath": "/tmp", "readOnly": False},
        {"sourceVolume": "scratch", "containerPath": "/again", "readOnly": True},
    ]
}


def test_mounts_are_of_the_node_or_of_the_jobs_own_volumes() -> None:
    assert options(MOUNTS, volumes=VOLUMES)["mounts"] == [
        HostMount("/srv/data", "/in", read_only=True),
        VolumeMount("v-scratch", "/out"),
        VolumeMount("v-empty", "/tmp"),
        VolumeMount("v-scratch", "/again", read_only=True),
    ]


def test_a_volume_that_nobody_mounts_is_not_made() -> None:
    plan = replace(BARE, properties=MOUNTS, volumes=VOLUMES)
    assert scratch_volumes(plan) == ["empty", "scratch"]
    assert scratch_volumes(BARE) == []
