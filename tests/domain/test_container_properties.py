"""Container properties: what is taken, in which form it is kept, and what is refused by which text."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.domain import arrays, consumables, shares, time_limit_actions, variables
from jobs.domain.definitions import container_properties, ecs_properties, node_properties, overrides
from jobs.domain.definitions.container_properties import further_properties
from jobs.domain.members import Reader
from jobs.domain.secret_names import secret_names
from jobs.domain.validation import FieldError

FULL: dict[str, Any] = {
    "user": "1000:1000",
    "privileged": True,
    "readonlyRootFilesystem": True,
    "linuxParameters": {
        "devices": [
            {"hostPath": "/dev/fuse", "containerPath": "/dev/f", "permissions": ["READ", "WRITE"]}
        ],
        "initProcessEnabled": True,
        "sharedMemorySize": 64,
        "tmpfs": [
            {"containerPath": "/scratch", "size": 10, "mountOptions": ["noexec", "mode=1777"]}
        ],
        "maxSwap": 0,
        "swappiness": 0,
    },
    "ulimits": [{"name": "nofile", "softLimit": 1024, "hardLimit": 4096}],
    "mountPoints": [
        {"sourceVolume": "data", "containerPath": "/data", "readOnly": True},
        {"sourceVolume": "work", "containerPath": "/work"},
    ],
    "secrets": [{"name": "TOKEN", "valueFrom": "my-token"}],
    "logConfiguration": {
        "logDriver": "awslogs",
        "options": {"awslogs-group": "/mine", "awslogs-stream-prefix": "p"},
    },
    "volumes": [{"name": "data", "host": {"sourcePath": "/srv/data"}}, {"name": "work"}],
    "jobRoleArn": "arn:aws:iam::123456789012:role/job",
    "executionRoleArn": "arn:aws:iam::123456789012:role/exec",
    "networkConfiguration": {"assignPublicIp": "ENABLED"},
    "runtimePlatform": {"operatingSystemFamily": "LINUX", "cpuArchitecture": "X86_64"},
    "ephemeralStorage": {"sizeInGiB": 21},
    "fargatePlatformConfiguration": {"platformVersion": "LATEST"},
}


def test_everything_that_docker_can_do_is_taken_and_comes_back_as_it_was() -> None:
    clean = further_properties(FULL)
    assert clean == FULL
    assert further_properties(clean) == clean


def test_what_is_empty_or_false_asks_for_nothing() -> None:
    described = {
        "volumes": [{"name": "v", "host": {}, "efsVolumeConfiguration": None}],
        "mountPoints": [{"sourceVolume": "v", "containerPath": "/v", "readOnly": False}],
        "ulimits": [],
        "secrets": [],
        "user": "",
        "privileged": False,
        "enableExecuteCommand": False,
        "linuxParameters": {"devices": [], "tmpfs": [], "initProcessEnabled": False},
        "networkConfiguration": {},
        "repositoryCredentials": {},
    }
    assert further_properties(described) == {
        "mountPoints": [{"sourceVolume": "v", "containerPath": "/v"}],
        "volumes": [{"name": "v"}],
    }


@pytest.mark.parametrize("nothing", [None, "", "  ", {}, "{}"])
def test_nothing_is_no_properties(nothing: object) -> None:
    assert further_properties(nothing) == {}


@pytest.mark.parametrize(
    ("member", "value", "said"),
    [
        ("efs", 1, "efs: There is no such member."),
        ("privileged", "yes", "privileged: This is true or false."),
        ("user", "a b", "user: This is a user"),
        ("user", "-u", "user: This is a user"),
        ("linuxParameters", [], ""),
        ("linuxParameters", [1], "linuxParameters: This is an object"),
        ("linuxParameters", {"sharedMemorySize": 0}, "sharedMemorySize: This is a whole number"),
        ("linuxParameters", {"swappiness": 101}, "swappiness: This is a whole number, 0 to 100"),
        ("linuxParameters", {"maxSwap": -1}, "maxSwap: This is a whole number of MiB"),
        (
            "linuxParameters",
            {"tmpfs": [{"size": 1}]},
            r"tmpfs\[0\].containerPath: This is required",
        ),
        (
            "linuxParameters",
            {"tmpfs": [{"containerPath": "/t", "size": 1, "mountOptions": ["fast"]}]},
            r"linuxParameters.tmpfs\[0\].mountOptions\[0\]: This is a mount option",
        ),
        (
            "linuxParameters",
            {"devices": [{"hostPath": "dev"}]},
            r"devices\[0\].hostPath: .*absolute",
        ),
        (
            "linuxParameters",
            {"devices": [{"hostPath": "/dev/x", "permissions": ["ALL"]}]},
            r"permissions\[0\]: This is one of READ, WRITE, MKNOD",
        ),
        ("ulimits", {"name": "nofile"}, "ulimits: This is a list"),
        (
            "ulimits",
            [{"name": "open", "softLimit": 1, "hardLimit": 1}],
            r"ulimits\[0\].name: This is one of",
        ),
        (
            "ulimits",
            [{"name": "core", "softLimit": 2, "hardLimit": 1}],
            r"ulimits\[0\]: The softLimit is at most",
        ),
        (
            "ulimits",
            [{"name": "core", "softLimit": -1, "hardLimit": 1}],
            r"ulimits\[0\]: The softLimit is at most",
        ),
        ("ulimits", [{"name": "core", "softLimit": 1, "hardLimit": 1}] * 2, "Two ulimits"),
        ("volumes", [{"name": "a"}, {"name": "a"}], "volumes: Two volumes are named a"),
        ("volumes", [{"name": "a/b"}], r"volumes\[0\].name: A volume's name"),
        ("volumes", [{"name": "a", "host": {"sourcePath": "/a/../b"}}], "sourcePath: .*absolute"),
        ("volumes", [{"name": "a", "host": {"sourcePath": "/a:/b"}}], "sourcePath: .*absolute"),
        (
            "volumes",
            [{"name": "a", "efsVolumeConfiguration": {"fileSystemId": "fs-1"}}],
            r"volumes\[0\].efsVolumeConfiguration: Not supported here. Mount a host path",
        ),
        (
            "mountPoints",
            [{"sourceVolume": "a", "containerPath": "/a"}],
            r"mountPoints\[0\].sourceVolume: There is no volume named a. Add it",
        ),
        ("secrets", [{"name": "AWS_BATCH_X", "valueFrom": "a"}], r"secrets\[0\].name: .*reserved"),
        ("secrets", [{"name": "A"}], r"secrets\[0\].valueFrom: This is required"),
        (
            "secrets",
            [{"name": "A", "valueFrom": "arn:aws:s3:::x"}],
            "valueFrom: This is the ARN of",
        ),
        (
            "secrets",
            [{"name": "A", "valueFrom": "arn:aws:secretsmanager:r:1:secret:x-abcdef:key::"}],
            "valueFrom: A part of a secret cannot be named",
        ),
        ("secrets", [{"name": "A", "valueFrom": "a"}] * 2, "Two secrets are named A"),
        ("logConfiguration", {"logDriver": "splunk"}, "logDriver: The log driver is awslogs or"),
        (
            "logConfiguration",
            {"logDriver": "json-file", "options": {"max-sise": "1m"}},
            "options: json-file has no option max-sise",
        ),
        (
            "logConfiguration",
            {"logDriver": "awslogs", "secretOptions": [{"name": "a", "valueFrom": "b"}]},
            "secretOptions: Not supported here",
        ),
        ("runtimePlatform", {"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}, "Only LINUX"),
        (
            "ephemeralStorage",
            {"sizeInGiB": 20},
            "sizeInGiB: This is a whole number of GiB, 21 to 200",
        ),
        (
            "repositoryCredentials",
            {"credentialsParameter": ""},
            "credentialsParameter: This is req",
        ),
        (
            "repositoryCredentials",
            {"credentialsParameter": "arn:aws:s3:::bucket"},
            "credentialsParameter: This is the ARN of neither",
        ),
        ("enableExecuteCommand", True, "Not supported here. Use docker exec"),
        ("vcpus", 0.5, "vcpus: vcpus is a whole number"),
        ("memory", 2, "memory: Memory is between 4"),
    ],
)
def test_each_limit_names_the_member_and_the_fix(member: str, value: object, said: str) -> None:
    if not said:
        assert further_properties({member: value}) == {}
        return
    with pytest.raises(FieldError, match=said):
        further_properties({member: value})


def test_two_mounts_on_one_path_are_refused() -> None:
    asked = {
        "volumes": [{"name": "v"}],
        "mountPoints": [{"sourceVolume": "v", "containerPath": "/t/"}],
        "linuxParameters": {"tmpfs": [{"containerPath": "/t", "size": 1}]},
    }
    with pytest.raises(FieldError, match=r"tmpfs\[0\]: Something else is mounted on /t already"):
        further_properties(asked)


def test_all_wrong_members_are_named_at_once() -> None:
    with pytest.raises(FieldError) as caught:
        further_properties({"user": "a b", "ulimits": [{}, {"name": "x"}], "nope": 1})
    assert [path for path, _ in caught.value.problems] == [
        "nope",
        "user",
        "ulimits[0].name",
        "ulimits[0].softLimit",
        "ulimits[0].hardLimit",
        "ulimits[1].softLimit",
        "ulimits[1].hardLimit",
        "ulimits[1].name",
    ]


def test_a_secret_and_a_variable_of_one_name_are_refused() -> None:
    with pytest.raises(FieldError, match=r"secrets\[0\].name: There is a variable named A"):
        container_properties.container_properties(
            {
                "image": "a",
                "vcpus": 1,
                "memory": 4,
                "environment": [{"name": "A", "value": "b"}],
                "secrets": [{"name": "A", "valueFrom": "s"}],
            }
        )


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ([{"type": "VCPU", "value": "1"}], "Say how much memory"),
        ([{"type": "MEMORY", "value": "10"}], "Say how many vCPUs"),
        ([{"type": "GPU", "value": "-1"}], r"\[0\].value: GPUs are between"),
        ([{"type": "VCPU", "value": "1"}] * 2, "Two requirements are named VCPU"),
        ([{"type": "VCPU"}], r"\[0\].value: This is required"),
        ("all", "This is a list"),
    ],
)
def test_requirements_are_complete_and_each_there_once(value: object, said: str) -> None:
    with pytest.raises(FieldError, match=said):
        container_properties.container_properties({"image": "a", "resourceRequirements": value})


@pytest.mark.parametrize(
    ("value_from", "names"),
    [
        ("token", ("token",)),
        ("/app/token", ("/app/token",)),
        ("arn:aws:ssm:eu-1:1:parameter/app/token", ("app/token", "/app/token")),
        ("arn:aws:secretsmanager:eu-1:1:secret:tok-AbC123", ("tok-AbC123", "tok")),
        ("arn:aws:secretsmanager:eu-1:1:secret:tok", ("tok",)),
    ],
)
def test_an_arn_stands_for_the_name_in_it(value_from: str, names: tuple[str, ...]) -> None:
    assert secret_names(value_from) == names


READERS: list[Reader] = [
    container_properties.further_properties,
    container_properties.container_properties,
    ecs_properties.ecs_properties,
    node_properties.node_properties,
    overrides.container_overrides,
    overrides.ecs_overrides,
    overrides.node_overrides,
    arrays.depends_on,
    arrays.array_size,
    consumables.consumables,
    shares.share_distribution,
    time_limit_actions.time_limit_actions,
    variables.tags,
    variables.parameters,
]
MEMBERS = [
    *FULL,
    *("taskProperties", "containers", "numNodes", "nodeRangeProperties", "targetNodes", "name"),
    *("image", "resourceRequirements", "type", "value", "shareIdentifier", "jobId", "size"),
]
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(MEMBERS) | st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(ANYTHING)
def test_no_value_of_any_kind_escapes_as_another_error(value: object) -> None:
    for read in READERS:
        for each in (value, [value]):
            said = ""
            try:
                read(each)
            except FieldError as error:
                said = str(error)
            # Fit to be sent.
            assert said.encode() is not None
