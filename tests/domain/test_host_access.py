"""What of its machines an environment lends to whom."""

from typing import Any

import pytest

from jobs.domain.host_access import host_needs, refusals
from jobs.domain.plans import Work, plan_of

DATA = {"path": "/data", "readOnly": False}
LIBRARY = {"path": "/lib", "readOnly": True}
FUSE = {"path": "/dev/fuse", "readOnly": False}
ALL_DEVICES = {"path": "/dev", "readOnly": False}


def asked(
    container: dict[str, Any], *allowed: dict[str, Any], allow_privileged: bool = False
) -> list[str]:
    work = Work(image="a", milli_vcpus=1, memory_mib=4, container=container)
    return refusals(
        host_needs(plan_of(work)),
        environment="farm",
        allow_privileged=allow_privileged,
        allowed_host_paths=allowed,
    )


def a_mount(path: str, *, read_only: bool = False) -> dict[str, Any]:
    return {
        "volumes": [{"name": "v", "host": {"sourcePath": path}}],
        "mountPoints": [{"sourceVolume": "v", "containerPath": "/v", "readOnly": read_only}],
    }


def a_device(path: str, *permissions: str) -> dict[str, Any]:
    device = {"hostPath": path, **({"permissions": list(permissions)} if permissions else {})}
    return {"linuxParameters": {"devices": [device]}}


def test_a_job_that_asks_for_nothing_needs_no_leave() -> None:
    assert asked({}) == []
    work = Work(image="a", milli_vcpus=1, memory_mib=4, container={"volumes": [{"name": "v"}]})
    assert not host_needs(plan_of(work))


@pytest.mark.parametrize(
    ("container", "allowed"),
    [
        (a_mount("/data"), DATA),
        (a_mount("/data", read_only=True), DATA),
        (a_mount("/lib", read_only=True), LIBRARY),
        (a_mount("/lib/python", read_only=True), LIBRARY),
        (a_device("/dev/fuse"), FUSE),
        (a_device("/dev/fuse"), ALL_DEVICES),
        (a_device("/lib/x", "READ"), LIBRARY),
    ],
)
def test_what_is_allowed_is_lent(container: dict[str, Any], allowed: dict[str, Any]) -> None:
    assert asked(container, allowed) == []


@pytest.mark.parametrize(
    ("container", "allowed", "said"),
    [
        (a_mount("/etc"), [DATA, LIBRARY], "does not lend jobs the path /etc"),
        (a_mount("/database"), [DATA], "does not lend jobs the path /database"),
        (a_mount("/"), [DATA], "does not lend jobs the path /"),
        (a_mount("/lib"), [LIBRARY], "for reading alone"),
        # Whoever writes to /data could have put a link there that leads anywhere.
        (a_mount("/data/link"), [DATA], "mount /data, and use /data/link inside it"),
        (
            a_mount("/lib/w/x", read_only=True),
            [LIBRARY, {**DATA, "path": "/lib/w"}],
            "mount /lib/w",
        ),
        (a_device("/data/link"), [DATA], "mount /data"),
        (a_device("/dev/sda"), [FUSE], "does not lend jobs the device /dev/sda"),
        (a_device("/lib/x"), [LIBRARY], "for reading alone"),
        ({"privileged": True}, [DATA], "farm runs no privileged jobs"),
    ],
)
def test_everything_else_is_refused_with_who_can_change_it(
    container: dict[str, Any], allowed: list[dict[str, Any]], said: str
) -> None:
    (text,) = asked(container, *allowed)
    assert said in text


def test_a_privileged_job_has_all_devices_but_not_all_paths() -> None:
    container = {"privileged": True, **a_device("/dev/sda"), **a_mount("/etc")}
    (text,) = asked(container, allow_privileged=True)
    assert "/etc" in text
