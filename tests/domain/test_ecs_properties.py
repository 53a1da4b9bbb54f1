"""Jobs of several containers and of several nodes: AWS Batch's rules about their parts."""

from typing import Any

import pytest

from jobs.domain.definitions.ecs_properties import ecs_properties
from jobs.domain.definitions.node_properties import node_properties
from jobs.domain.validation import FieldError

NEEDS = [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "64"}]


def a_container(name: str = "main", *waits_for: tuple[str, str], **members: Any) -> dict[str, Any]:
    depends_on = [{"containerName": other, "condition": how} for other, how in waits_for]
    return {
        "name": name,
        "image": "busybox",
        "resourceRequirements": NEEDS,
        **({"dependsOn": depends_on} if depends_on else {}),
        **members,
    }


def a_task(*containers: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {"taskProperties": [{"containers": list(containers), **members}]}


def test_a_task_comes_back_as_it_was() -> None:
    task = a_task(
        a_container("main", ("setup", "SUCCESS"), ("side", "START"), user="1000"),
        a_container("setup", essential=False),
        a_container("side", mountPoints=[{"sourceVolume": "v", "containerPath": "/v"}]),
        volumes=[{"name": "v"}],
        taskRoleArn="arn:x",
    )
    assert ecs_properties(task) == task


def test_essential_is_said_only_if_it_was() -> None:
    clean = ecs_properties(a_task(a_container("a", essential=True), a_container("b")))
    assert [each.get("essential") for each in clean["taskProperties"][0]["containers"]] == [
        True,
        None,
    ]


def test_a_container_alone_needs_no_name() -> None:
    clean = ecs_properties(a_task({"image": "a", "resourceRequirements": NEEDS}))
    assert clean["taskProperties"][0]["containers"][0]["name"] == "default"


@pytest.mark.parametrize(
    ("task", "said"),
    [
        ({"taskProperties": []}, "taskProperties: This is required"),
        ({"taskProperties": [{}, {}]}, "taskProperties: There is at most 1"),
        (a_task(*[a_container(f"c{n}") for n in range(11)]), "containers: There are at most 10"),
        (a_task(a_container("a"), a_container("a")), "Two containers are named a"),
        (a_task(a_container("a"), a_container("")), r"containers\[1\].name: Each of several"),
        (a_task(a_container("a b")), r"containers\[0\].name: A container's name"),
        (a_task({"name": "a"}), r"containers\[0\].image: This is required"),
        (a_task({"name": "a", "image": "b"}), r"containers\[0\].resourceRequirements: Say how"),
        (a_task(a_container("a", essential=False)), "containers: At least one container is"),
        (
            a_task(a_container("a", ("b", "START"))),
            r"dependsOn\[0\]: There is no container named b",
        ),
        (a_task(a_container("a", ("a", "START"))), "a: these would wait for each other for ever"),
        (
            a_task(a_container("a", ("b", "START")), a_container("b", ("a", "START"))),
            "a, b: these would wait",
        ),
        (
            a_task(a_container("a", ("b", "COMPLETE")), a_container("b")),
            r"dependsOn\[0\]: b is essential, so its end is the job's: only START",
        ),
        (
            a_task(a_container("a", ("b", "HEALTHY")), a_container("b")),
            "condition: This is one of START, COMPLETE, SUCCESS",
        ),
        (
            a_task(a_container(volumes=[{"name": "v"}])),
            r"containers\[0\].volumes: There is no such",
        ),
        (
            a_task(a_container(mountPoints=[{"sourceVolume": "v", "containerPath": "/v"}])),
            r"containers\[0\].mountPoints\[0\].sourceVolume: There is no volume named v",
        ),
        (a_task(a_container(), ipcMode="host"), "ipcMode: Only"),
        (a_task(a_container(), pidMode="task"), "pidMode: Not supported here"),
        (a_task(a_container(firelensConfiguration={"type": "fluentd"})), "Not supported here"),
    ],
)
def test_what_cannot_run_together_is_refused(task: dict[str, Any], said: str) -> None:
    with pytest.raises(FieldError, match=said):
        ecs_properties(task)


def a_group(nodes: str, **members: Any) -> dict[str, Any]:
    container = {"image": "a", "resourceRequirements": NEEDS}
    return {"targetNodes": nodes, **(members or {"container": container})}


def a_gang(
    *groups: dict[str, Any], num_nodes: object = 4, main_node: object = 0
) -> dict[str, object]:
    return {
        "numNodes": num_nodes,
        "mainNode": main_node,
        "nodeRangeProperties": list(groups),
    }


def test_a_gang_comes_back_as_it_was() -> None:
    gang = a_gang(
        a_group("0:"),
        a_group(
            "1:2",
            ecsProperties=a_task(a_container()),
            instanceTypes=["c5.large"],
            consumableResourceProperties={
                "consumableResourceList": [{"consumableResource": "a", "quantity": 1}]
            },
        ),
    )
    assert node_properties(gang) == gang


@pytest.mark.parametrize(
    ("gang", "said"),
    [
        (a_gang(a_group(":"), num_nodes=0), "numNodes: This is a whole number of nodes, 1 to 1000"),
        (a_gang(a_group(":"), main_node=4), "mainNode: With 4 nodes this is at most 3"),
        (a_gang(a_group("0:4")), r"\[0\].targetNodes: With 4 nodes the last is 3"),
        (a_gang(a_group("0:2")), "nodeRangeProperties: Node 3 is in no node range"),
        (a_gang(a_group("x")), r"\[0\].targetNodes: A range of nodes is such as"),
        (a_gang(*[a_group(":")] * 6), "nodeRangeProperties: There are at most 5"),
        (
            a_gang(a_group(":", container={"image": "a"}, ecsProperties=a_task(a_container()))),
            "Say how many vCPUs",
        ),
        (a_gang(a_group(":", instanceTypes=["a"])), r"\[0\]: Give either container or ecsProp"),
        (
            a_gang({**a_group(":"), "ecsProperties": a_task(a_container())}),
            r"\[0\]: Give either container or ecsProp",
        ),
        (a_gang(a_group(":", eksProperties={"a": 1})), "eksProperties: Not supported here"),
        ({"numNodes": 1}, "mainNode: This is required"),
    ],
)
def test_a_gang_that_cannot_be_is_refused(gang: dict[str, object], said: str) -> None:
    with pytest.raises(FieldError, match=said):
        node_properties(gang)
