"""What of its machines an environment lends to whom."""

from typing import Any

import pytest

from jobs.domain.environments.host_access import host_needs, refusals
from jobs.domain.plans import Work, plan_of
from tests.builders import containers_of

DATA = {"path": "/data", "readOnly": False}
LIBRARY = {"path": "/lib", "readOnly": True}
FUSE = {"path": "/dev/fuse", "readOnly": False}


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
        (a_device("/dev/fuse"), FUSE),
        (a_device("/lib", "READ"), LIBRARY),
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
        (a_device("/dev/sda"), [FUSE], "does not lend jobs the device /dev/sda"),
        (a_device("/lib"), [LIBRARY], "for reading alone"),
        ({"privileged": True}, [DATA], "farm runs no privileged jobs"),
    ],
)
def test_everything_else_is_refused_with_who_can_change_it(
    container: dict[str, Any], allowed: list[dict[str, Any]], said: str
) -> None:
    (text,) = asked(container, *allowed)
    assert said in text


@pytest.mark.parametrize(
    ("container", "what"),
    [
        (a_mount("/lib/link", read_only=True), "path"),
        (a_mount("/lib/link"), "path"),
        (a_device("/lib/link", "READ"), "device"),
    ],
)
def test_what_is_lent_stands_for_itself_and_for_nothing_below_where_links_may_lie(
    container: dict[str, Any], what: str
) -> None:
    assert asked(container, LIBRARY, {**DATA, "path": "/"}) == [
        f"Host {what} /lib/link is not lent by the compute environment farm: it lends /lib as a whole. "
        "Mount that, or ask an administrator to lend /lib/link."
    ]


def test_a_privileged_job_has_all_devices_but_not_all_paths() -> None:
    container = {"privileged": True, **a_device("/dev/sda"), **a_mount("/etc")}
    (text,) = asked(container, allow_privileged=True)
    assert "/etc" in text


def test_of_several_containers_each_that_is_refused_is_named() -> None:
    containers = [
        {"name": "web", **a_device("/dev/fuse")},
        {"name": "log", "privileged": True},
        {"name": "idle"},
    ]
    properties = containers_of(*containers)
    work = Work(image="", milli_vcpus=0, memory_mib=0, ecs_properties=properties)
    texts = refusals(
        host_needs(plan_of(work)), environment="farm", allow_privileged=False, allowed_host_paths=[]
    )
    assert [text.partition(" The ")[0] for text in texts] == ["Container log:", "Container web:"]
    assert "runs no privileged jobs" in texts[0]
    assert "does not lend jobs the device /dev/fuse" in texts[1]
