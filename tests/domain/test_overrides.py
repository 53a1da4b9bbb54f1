"""What a submission changes of its definition, against the rules of AWS Batch."""

from typing import Any

import pytest

from jobs.domain.definitions import overrides
from jobs.domain.definitions.node_properties import node_properties
from jobs.domain.plans import Work, plan_of
from jobs.domain.validation import FieldError
from jobs.domain.work import (
    node_consumables,
    properties_of,
    substitute_parameters,
    work_of_container,
    work_of_group,
)


def amounts(**values: str) -> list[dict[str, str]]:
    return [{"type": kind, "value": value} for kind, value in values.items()]


PLAIN: dict[str, Any] = {
    "image": "busybox",
    "command": ["echo", "Ref::what"],
    "environment": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
    "resourceRequirements": amounts(VCPU="1", MEMORY="100"),
}


@pytest.mark.parametrize(
    ("given", "changed"),
    [
        ({}, {}),
        ({"command": ["true"]}, {"command": ["true"]}),
        ({"image": "alpine"}, {"image": "alpine"}),
        (
            {"environment": [{"name": "B", "value": "3"}, {"name": "C", "value": "4"}]},
            {
                "environment": [
                    {"name": "A", "value": "1"},
                    {"name": "B", "value": "3"},
                    {"name": "C", "value": "4"},
                ]
            },
        ),
        # By type: what is not named stays.
        (
            {"resourceRequirements": amounts(MEMORY="200")},
            {"resourceRequirements": amounts(VCPU="1", MEMORY="200")},
        ),
        (
            {"resourceRequirements": amounts(GPU="2")},
            {"resourceRequirements": amounts(VCPU="1", MEMORY="100", GPU="2")},
        ),
        # The older members do nothing to what is in resourceRequirements.
        ({"vcpus": 4, "memory": 400}, {}),
    ],
)
def test_a_container_is_overridden_member_by_member(
    given: dict[str, Any], changed: dict[str, Any]
) -> None:
    work = work_of_container(PLAIN)
    overridden = overrides.override_plain(work, overrides.container_overrides(given))
    assert properties_of(overridden) == {**PLAIN, **changed}


@pytest.mark.parametrize(
    ("given", "milli_vcpus", "memory_mib", "older"),
    [
        ({}, 2000, 128, {"vcpus": 2}),
        ({"vcpus": 4, "memory": 400}, 4000, 128, {"vcpus": 4}),
        ({"resourceRequirements": amounts(VCPU="0.5")}, 500, 128, {}),
        # The newer member goes before the older one in an override, too.
        ({"vcpus": 8, "resourceRequirements": amounts(VCPU="3")}, 3000, 128, {}),
    ],
)
def test_the_older_amounts_override_their_like_alone(
    given: dict[str, Any], milli_vcpus: int, memory_mib: int, older: dict[str, int]
) -> None:
    work = work_of_container(
        {"image": "a", "vcpus": 2, "resourceRequirements": amounts(MEMORY="128")}
    )
    overridden = overrides.override_plain(work, overrides.container_overrides(given))
    assert (overridden.milli_vcpus, overridden.memory_mib) == (milli_vcpus, memory_mib)
    assert overridden.container == older


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"command": ["a", ""]}, "command: A command that overrides has no empty words."),
        ({"user": "root"}, "user: There is no such member."),
        ({"resourceRequirements": amounts(DISK="1")}, r"resourceRequirements\[0\].type"),
        ("[1", "Not valid JSON"),
    ],
)
def test_an_override_that_cannot_be_is_refused(given: object, said: str) -> None:
    with pytest.raises(FieldError, match=said):
        overrides.container_overrides(given)


TASK = {
    "taskProperties": [
        {
            "containers": [
                {**PLAIN, "name": "main"},
                {**PLAIN, "name": "side", "essential": False},
            ]
        }
    ]
}


def test_containers_of_a_task_are_overridden_by_name() -> None:
    work = work_of_group(ecs_properties=TASK)
    given = overrides.ecs_overrides(
        {
            "taskProperties": [
                {
                    "containers": [
                        {"name": "side", "resourceRequirements": amounts(VCPU="3")},
                    ]
                }
            ]
        }
    )
    main, side = plan_of(overrides.override_ecs(work, given)).main.containers
    assert (main.milli_vcpus, side.milli_vcpus) == (1000, 3000)


def test_a_container_that_there_is_not_is_named() -> None:
    work = work_of_group(ecs_properties=TASK)
    given = {"taskProperties": [{"containers": [{"name": "other"}]}]}
    with pytest.raises(FieldError, match=r"containers\[0\].name: .* main, side: name one"):
        overrides.override_ecs(work, given)


def nodes(*ranges: str, num_nodes: int = 4, main_node: int = 0) -> Work:
    properties = {
        "numNodes": num_nodes,
        "mainNode": main_node,
        "nodeRangeProperties": [
            {"targetNodes": each, "container": {**PLAIN, "image": f"of{each}"}} for each in ranges
        ],
    }
    return work_of_group(node_properties=node_properties(properties))


def images(work: Work) -> list[str]:
    return [node.containers[0].image.removeprefix("of") for node in plan_of(work).nodes]


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (":", ["x", "x", "x", "x"]),
        ("0", ["x", "1:", "1:", "1:"]),
        ("1:", ["0", "x", "x", "x"]),
        # A part of a range.
        ("2:2", ["0", "1:", "x", "1:"]),
        # Parts of two ranges.
        ("0:2", ["x", "x", "x", "1:"]),
    ],
)
def test_an_override_counts_for_the_nodes_that_it_names(target: str, expected: list[str]) -> None:
    given = overrides.node_overrides(
        {"nodePropertyOverrides": [{"targetNodes": target, "containerOverrides": {"image": "x"}}]}
    )
    assert images(overrides.override_nodes(nodes("0", "1:"), given)) == expected


def test_a_range_around_another_is_overridden_on_both_sides_of_it() -> None:
    given = overrides.node_overrides(
        {"nodePropertyOverrides": [{"targetNodes": "0:4", "containerOverrides": {"image": "x"}}]}
    )
    work = overrides.override_nodes(nodes(":", "2", num_nodes=6), given)
    assert images(work) == ["x", "x", "x", "x", "x", ":"]


@pytest.mark.parametrize(("num_nodes", "count"), [(2, 2), (4, 4), (9, 9)])
def test_an_open_range_takes_more_or_fewer_nodes(num_nodes: int, count: int) -> None:
    given = overrides.node_overrides({"numNodes": num_nodes})
    assert len(plan_of(overrides.override_nodes(nodes("0", "1:"), given)).nodes) == count


@pytest.mark.parametrize(
    ("work", "num_nodes", "said"),
    [
        (nodes("0:3"), 5, "no node range with an open end"),
        (nodes("0:1", "2:"), 2, "a node range that starts at 2"),
        (nodes(":", main_node=3), 2, "main node is 3"),
    ],
)
def test_the_number_of_nodes_changes_under_aws_conditions(
    work: Work, num_nodes: int, said: str
) -> None:
    with pytest.raises(FieldError, match=f"numNodes: .*{said}"):
        overrides.override_nodes(work, {"numNodes": num_nodes})


def test_an_override_of_the_other_kind_is_refused() -> None:
    given = {"nodePropertyOverrides": [{"targetNodes": ":", "ecsPropertiesOverride": {"a": 1}}]}
    with pytest.raises(FieldError, match=r"\[0\].ecsPropertiesOverride: These nodes have no"):
        overrides.override_nodes(nodes(":"), given)


def test_each_node_takes_what_its_range_says_of_consumables() -> None:
    work = nodes("0", "1:")
    properties: dict[str, Any] = dict(work.node_properties)
    properties["nodeRangeProperties"][1]["consumableResourceProperties"] = {
        "consumableResourceList": [{"consumableResource": "licence", "quantity": 2}]
    }
    assert node_consumables(properties) == [{"consumableResource": "licence", "quantity": 6}]


def test_parameters_are_replaced_in_the_commands_of_every_container() -> None:
    values = {"what": "hello"}
    for work in (work_of_container(PLAIN), work_of_group(ecs_properties=TASK), nodes(":")):
        plan = plan_of(substitute_parameters(work, values))
        for node in plan.nodes:
            assert {each.command for each in node.containers} == {("echo", "hello")}
