"""What a job runs, as one value: out of a definition's fields, and with its commands' parameters replaced."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from .consumables import total
from .definitions.container_properties import check_secrets
from .definitions.node_ranges import node_range, pick_ranges
from .definitions.parameters import substitute
from .plans import Work, plan_of, requirements_of
from .resources import format_vcpus

Properties = dict[str, Any]
# Members of container properties that `Work` has fields for.
OWN_MEMBERS = ("image", "command", "environment", "resourceRequirements")


def work_of_group(
    *,
    ecs_properties: Mapping[str, Any] | None = None,
    node_properties: Mapping[str, Any] | None = None,
) -> Work:
    """The work of canonical `ecsProperties` or `nodeProperties`, with what sums it up."""
    work = Work(
        image="",
        milli_vcpus=0,
        memory_mib=0,
        ecs_properties=ecs_properties or {},
        node_properties=node_properties or {},
    )
    plan = plan_of(work)
    first = plan.first_container
    return replace(
        work,
        image=first.image,
        command=list(first.command),
        environment=[{"name": name, "value": value} for name, value in first.environment],
        milli_vcpus=max(node.milli_vcpus for node in plan.nodes),
        memory_mib=max(node.memory_mib for node in plan.nodes),
        gpus=max(node.gpus for node in plan.nodes),
    )


def properties_of(work: Work) -> Properties:
    """A plain job's whole canonical `ContainerProperties`."""
    amounts = {
        "VCPU": "" if "vcpus" in work.container else format_vcpus(work.milli_vcpus),
        "MEMORY": "" if "memory" in work.container else str(work.memory_mib),
        "GPU": str(work.gpus) if work.gpus else "",
    }
    return {
        "image": work.image,
        "command": list(work.command),
        # What is stored, and no copy: of thousands of variables, an array's children share one list.
        "environment": work.environment or [],
        "resourceRequirements": [
            {"type": kind, "value": value} for kind, value in amounts.items() if value
        ],
        **work.container,
    }


def work_of_container(properties: Mapping[str, Any]) -> Work:
    """The work of a plain job's whole canonical `ContainerProperties`; `properties_of` backwards."""
    needs = requirements_of(properties)
    return Work(
        image=properties["image"],
        command=list(properties.get("command", ())),
        environment=list(properties.get("environment", ())),
        milli_vcpus=needs["milli_vcpus"],
        memory_mib=needs["memory_mib"],
        gpus=needs["gpus"],
        container={
            member: value for member, value in properties.items() if member not in OWN_MEMBERS
        },
    )


def map_containers(work: Work, change: Callable[[Properties], Properties]) -> Work:
    """The work with each of its containers changed, whichever kind of job it is."""
    if work.node_properties:
        groups = [
            _map_group(group, change) for group in work.node_properties["nodeRangeProperties"]
        ]
        return work_of_group(
            node_properties={**work.node_properties, "nodeRangeProperties": groups}
        )
    if work.ecs_properties:
        return work_of_group(ecs_properties=map_task(work.ecs_properties, change))
    return work_of_container(change(properties_of(work)))


def map_task(
    ecs_properties: Mapping[str, Any], change: Callable[[Properties], Properties]
) -> Properties:
    """`ecsProperties` with each container changed."""
    task = ecs_properties["taskProperties"][0]
    containers = [change(dict(each)) for each in task["containers"]]
    return {"taskProperties": [{**task, "containers": containers}]}


def substitute_parameters(work: Work, values: Mapping[str, str]) -> Work:
    """The work with `Ref::name` replaced in all of its commands. Raises FieldError if one grows too long."""

    def change(container: Properties) -> Properties:
        if not container.get("command"):
            return container
        return {**container, "command": substitute(container["command"], values)}

    return map_containers(work, change)


def check_work(work: Work) -> None:
    """Raises FieldError where overrides have made secrets and variables meet under one name."""

    def check(container: Properties) -> Properties:
        check_secrets(container)
        return container

    map_containers(work, check)


def node_consumables(node_properties: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What all nodes of a multi-node job need together: each of a range's nodes as much as the range says.

    Nothing for any other job, whose `node_properties` are empty.
    """
    if not node_properties:
        return []
    groups = node_properties["nodeRangeProperties"]
    picked = pick_ranges(
        [node_range(group["targetNodes"]) for group in groups], node_properties["numNodes"]
    )
    return total(
        groups[at].get("consumableResourceProperties", {}).get("consumableResourceList", ())
        for at in picked
    )


def _map_group(group: Mapping[str, Any], change: Callable[[Properties], Properties]) -> Properties:
    if "ecsProperties" in group:
        return {**group, "ecsProperties": map_task(group["ecsProperties"], change)}
    return {**group, "container": change(dict(group["container"]))}
