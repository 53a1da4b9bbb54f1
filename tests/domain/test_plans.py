"""A stored job becomes nodes and containers."""

from typing import Any

import pytest

from jobs.domain.definitions.node_ranges import NodeRange, node_range, pick_ranges
from jobs.domain.plans import ContainerPlan, JobPlan, NodePlan, StartCondition, Work, plan_of
from jobs.domain.validation import FieldError


def a_plan(**stored: Any) -> JobPlan:
    values: dict[str, Any] = {
        "image": "busybox",
        "command": ["echo", "hi"],
        "environment": [{"name": "A", "value": "1"}],
        "milli_vcpus": 250,
        "memory_mib": 64,
    }
    return plan_of(Work(**{**values, **stored}))


def requirements(vcpus: str, memory: str) -> list[dict[str, str]]:
    return [{"type": "VCPU", "value": vcpus}, {"type": "MEMORY", "value": memory}]


TASK = {
    "taskProperties": [
        {
            "containers": [
                {
                    "name": "main",
                    "image": "main:1",
                    "resourceRequirements": requirements("1.5", "100"),
                    "dependsOn": [{"containerName": "setup", "condition": "SUCCESS"}],
                    "mountPoints": [{"sourceVolume": "work", "containerPath": "/work"}],
                },
                {
                    "name": "setup",
                    "image": "setup:1",
                    "essential": False,
                    "resourceRequirements": [
                        *requirements("0.25", "50"),
                        {"type": "GPU", "value": "2"},
                    ],
                },
            ],
            "volumes": [{"name": "work"}],
        }
    ]
}


def test_a_plain_job_is_one_container_on_one_node() -> None:
    plan = a_plan(
        gpus=1,
        container={"user": "1000", "jobRoleArn": "arn:x", "volumes": [{"name": "v"}]},
    )
    container = ContainerPlan(
        name="default",
        image="busybox",
        command=("echo", "hi"),
        environment=(("A", "1"),),
        milli_vcpus=250,
        memory_mib=64,
        gpus=1,
        properties={"user": "1000"},
        volumes=({"name": "v"},),
        role_arn="arn:x",
    )
    assert plan == JobPlan((NodePlan(0, (container,)),))
    assert plan.first_container is plan.nodes[0].containers[0]


def test_several_containers_share_their_node_and_its_volumes() -> None:
    node = a_plan(ecs_properties=TASK).main
    main, setup = node.containers
    assert (main.name, main.milli_vcpus, main.memory_mib) == ("main", 1500, 100)
    assert main.depends_on == (("setup", StartCondition.SUCCESS),)
    assert (main.essential, setup.essential) == (True, False)
    assert main.volumes == setup.volumes == ({"name": "work"},)
    assert (node.milli_vcpus, node.memory_mib, node.gpus) == (1750, 150, 2)


def test_each_node_is_as_the_innermost_range_says() -> None:
    plan = a_plan(
        node_properties={
            "numNodes": 4,
            "mainNode": 2,
            "nodeRangeProperties": [
                {"targetNodes": "0:", "container": {"image": "all", "vcpus": 1, "memory": 10}},
                {"targetNodes": "2", "ecsProperties": TASK},
            ],
        }
    )
    assert [node.containers[0].image for node in plan.nodes] == ["all", "all", "main:1", "all"]
    assert [node.milli_vcpus for node in plan.nodes] == [1000, 1000, 1750, 1000]
    assert plan.first_container.image == "main:1"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0:3", NodeRange(0, 3)),
        ("4:", NodeRange(4, None)),
        (":2", NodeRange(0, 2)),
        (":", NodeRange(0, None)),
        ("7", NodeRange(7, 7)),
    ],
)
def test_a_range_leaves_out_its_start_or_its_end(text: str, expected: NodeRange) -> None:
    assert node_range(text) == expected


@pytest.mark.parametrize("text", ["", "a:b", "3:1", "1-2", "-1:", "0:1:2", None, 3])
def test_other_texts_are_no_range(text: object) -> None:
    with pytest.raises(FieldError):
        node_range(text)


@pytest.mark.parametrize(
    ("ranges", "num_nodes", "picked"),
    [
        (["0:1", "2:"], 4, [0, 0, 1, 1]),
        # Nested, in either order.
        (["0:10", "4:5"], 11, [0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]),
        (["1", ":"], 3, [1, 0, 1]),
        (["0", "1:9"], 3, [0, 1, 1]),
        (["0:10", "4:"], 11, [0] * 4 + [1] * 7),
        # Fewer nodes than a range names.
        ([":", "0:5"], 3, [1, 1, 1]),
    ],
)
def test_the_inner_range_counts(ranges: list[str], num_nodes: int, picked: list[int]) -> None:
    assert pick_ranges([node_range(text) for text in ranges], num_nodes) == picked


@pytest.mark.parametrize(
    ("ranges", "num_nodes", "said"),
    [
        (["0:1"], 3, "Node 2 is in no node range"),
        (["0:2", "1:3"], 4, "overlap"),
        (["0:2", "1:"], 4, "overlap"),
        (["0:", ":"], 2, "overlap"),
    ],
)
def test_ranges_cover_all_nodes_and_never_cross(
    ranges: list[str], num_nodes: int, said: str
) -> None:
    with pytest.raises(FieldError, match=said):
        pick_ranges([node_range(text) for text in ranges], num_nodes)
