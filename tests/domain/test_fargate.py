"""The sizes that Fargate has, and what it cannot do."""

from dataclasses import replace
from typing import Any

import pytest

from jobs.domain.fargate import (
    NO_NODES,
    NOT_ON_FARGATE,
    SIZES,
    extra_ephemeral_gib,
    nearest_sizes,
    problems,
    size_problem,
    sizes_holding,
)
from jobs.domain.plans import Work
from jobs.domain.resources import Resources
from jobs.domain.work import work_of_group
from tests.builders import containers_of, nodes_of

PLAIN = Work(image="busybox", milli_vcpus=250, memory_mib=512)


def test_the_sizes_are_those_of_the_documentation() -> None:
    assert sum(len(memories) for memories in SIZES.values()) == 3 + 4 + 7 + 13 + 23 + 12 + 12 + 3
    assert SIZES[250] == (512, 1024, 2048)
    assert SIZES[8000][:3] == (16384, 20480, 24576)
    assert SIZES[16000][-1] == 122880
    assert SIZES[32000] == (61440, 122880, 249856)


@pytest.mark.parametrize(
    ("milli_vcpus", "memory_mib"),
    [(250, 512), (250, 2048), (500, 3072), (1000, 8192), (4000, 30720), (8000, 61440)],
)
def test_a_pair_of_the_table_is_taken(milli_vcpus: int, memory_mib: int) -> None:
    assert size_problem(milli_vcpus=milli_vcpus, memory_mib=memory_mib) == ""


@pytest.mark.parametrize(
    ("asked", "nearest"),
    [
        ((500, 512), [(250, 512), (250, 1024), (500, 1024)]),
        ((100, 64), [(250, 512), (250, 1024), (500, 1024)]),
        ((1000, 2000), [(500, 2048), (1000, 2048), (1000, 3072)]),
        ((3000, 8192), [(2000, 8192), (4000, 8192), (4000, 9216)]),
        ((64000, 500_000), [(16000, 122880), (32000, 122880), (32000, 249856)]),
    ],
)
def test_the_nearest_pairs_are_named(
    asked: tuple[int, int], nearest: list[tuple[int, int]]
) -> None:
    assert nearest_sizes(*asked) == nearest
    assert size_problem(milli_vcpus=asked[0], memory_mib=asked[1]).startswith("Fargate has no ")


def test_a_size_that_there_is_not_is_told_in_one_sentence_each() -> None:
    assert size_problem(milli_vcpus=500, memory_mib=512) == (
        "Fargate has no 0.5 vCPU with 512 MiB. The nearest that it has: 0.25 vCPU with 512 MiB, "
        "0.25 vCPU with 1024 MiB, 0.5 vCPU with 1024 MiB."
    )


@pytest.mark.parametrize(
    ("container", "path"),
    [
        ({"privileged": True}, "privileged"),
        ({"ulimits": [{"name": "nofile", "softLimit": 1, "hardLimit": 1}]}, "ulimits"),
        ({"instanceType": "m5.large"}, "instanceType"),
        ({"vcpus": 1}, "vcpus"),
        ({"memory": 512}, "memory"),
        ({"linuxParameters": {"maxSwap": 0}}, "linuxParameters.maxSwap"),
        ({"linuxParameters": {"swappiness": 10}}, "linuxParameters.swappiness"),
        ({"linuxParameters": {"sharedMemorySize": 64}}, "linuxParameters.sharedMemorySize"),
        ({"linuxParameters": {"tmpfs": [{}]}}, "linuxParameters.tmpfs"),
        ({"linuxParameters": {"devices": [{}]}}, "linuxParameters.devices"),
        ({"volumes": [{"host": {"sourcePath": "/d"}}]}, "volumes[0].host.sourcePath"),
        ({"logConfiguration": {"logDriver": "json-file"}}, "logConfiguration.logDriver"),
    ],
)
def test_what_fargate_cannot_do_is_named_by_its_path(container: dict[str, Any], path: str) -> None:
    assert [where for where, _ in problems(replace(PLAIN, container=container))] == [path]


@pytest.mark.parametrize(
    "container",
    [
        {},
        {"privileged": False, "linuxParameters": {"initProcessEnabled": True}},
        {"volumes": [{"name": "scratch"}], "logConfiguration": {"logDriver": "awslogs"}},
        {"ephemeralStorage": {"sizeInGiB": 200}, "executionRoleArn": "role"},
    ],
)
def test_what_fargate_can_do_is_taken(container: dict[str, Any]) -> None:
    assert problems(replace(PLAIN, container=container)) == []


def test_gpus_and_nodes_are_refused() -> None:
    assert problems(replace(PLAIN, gpus=1)) == [("resourceRequirements", f"GPU: {NOT_ON_FARGATE}")]
    assert problems(work_of_group(node_properties=nodes_of(2))) == [("", NO_NODES)]


def test_containers_count_together_and_each_is_looked_at() -> None:
    half = [{"type": "VCPU", "value": "0.25"}, {"type": "MEMORY", "value": "512"}]
    files = [{"name": "nofile", "softLimit": 1, "hardLimit": 1}]
    work = work_of_group(
        ecs_properties=containers_of(
            {"name": "a", "resourceRequirements": half, "ulimits": files},
            {"name": "b", "resourceRequirements": half},
        )
    )
    assert problems(work) == []
    work = work_of_group(
        ecs_properties=containers_of(
            {"name": "a", "privileged": True},
            {"name": "b", "ulimits": [{"name": "core", "softLimit": 1, "hardLimit": 1}]},
            volumes=[{"name": "d", "host": {"sourcePath": "/d"}}],
        )
    )
    assert [path for path, _ in problems(work)] == [
        "taskProperties[0].containers[0].privileged",
        "taskProperties[0].containers[1].ulimits",
        "taskProperties[0].volumes[0].host.sourcePath",
        "",
    ]


@pytest.mark.parametrize(
    ("container", "extra"),
    [
        ({}, 0),
        ({"ephemeralStorage": {"sizeInGiB": 21}}, 1),
        ({"ephemeralStorage": {"sizeInGiB": 200}}, 180),
        ({"taskProperties": [{"ephemeralStorage": {"sizeInGiB": 50}}]}, 30),
    ],
)
def test_storage_beyond_what_is_included_is_paid_for(container: dict[str, Any], extra: int) -> None:
    assert extra_ephemeral_gib(container) == extra


def test_the_sizes_that_hold_so_much_come_smallest_first() -> None:
    found = list(sizes_holding(Resources(400, 3500)))
    assert found[:3] == [Resources(500, 4096), Resources(1000, 4096), Resources(1000, 5120)]
    assert not list(sizes_holding(Resources(32000, 300000)))
