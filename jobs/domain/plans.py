"""What a job consists of when it runs: nodes, and on each its containers.

`plan_of` reads it out of what is stored with the job, which passed every check when it was submitted.
A plain job is one node with one container named "default"; one with `ecsProperties` is one node
with several; a multi-node parallel job has several nodes of either kind. Launch and placement look at
nothing else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any

from .definitions.node_ranges import node_range, pick_ranges
from .resources import MILLI

DEFAULT_CONTAINER = "default"
# Of a container's stored properties, what its engine is told.
ENGINE_MEMBERS = (
    "user",
    "privileged",
    "readonlyRootFilesystem",
    "linuxParameters",
    "ulimits",
    "mountPoints",
    "secrets",
    "repositoryCredentials",
    "logConfiguration",
)


class StartCondition(StrEnum):
    """What a container waits for: that another has started, has ended, or has ended with exit code 0."""

    START = "START"
    COMPLETE = "COMPLETE"
    SUCCESS = "SUCCESS"


@dataclass(frozen=True, slots=True)
class Work:
    """What a definition or a job runs, as it is stored.

    Where `ecs_properties` or `node_properties` are given, they alone count; the other fields then only
    sum them up: the image, command and environment of the first container (of the main node), and
    the amounts that the largest node needs.
    """

    image: str
    milli_vcpus: int
    memory_mib: int
    gpus: int = 0
    command: Sequence[str] = ()
    environment: Sequence[Mapping[str, str]] = ()
    container: Mapping[str, Any] = field(default_factory=dict)
    ecs_properties: Mapping[str, Any] = field(default_factory=dict)
    node_properties: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ContainerPlan:
    """One container. `properties` and `volumes` are canonical and have AWS's member names.

    `properties` holds of `ENGINE_MEMBERS` what was asked for. `volumes` are all of its node, of which
    `properties["mountPoints"]` names some. An empty `command` is the image's own. `role_arn` is the job's role, or
    that of its task; without one it gets no credentials.
    """

    name: str
    image: str
    command: tuple[str, ...]
    environment: tuple[tuple[str, str], ...]
    milli_vcpus: int
    memory_mib: int
    gpus: int = 0
    properties: Mapping[str, Any] = field(default_factory=dict)
    volumes: tuple[Mapping[str, Any], ...] = ()
    essential: bool = True
    depends_on: tuple[tuple[str, StartCondition], ...] = ()
    role_arn: str = ""


@dataclass(frozen=True, slots=True)
class NodePlan:
    """The containers that run together on one machine."""

    index: int
    containers: tuple[ContainerPlan, ...]

    @property
    def milli_vcpus(self) -> int:
        return sum(each.milli_vcpus for each in self.containers)

    @property
    def memory_mib(self) -> int:
        return sum(each.memory_mib for each in self.containers)

    @property
    def gpus(self) -> int:
        return sum(each.gpus for each in self.containers)


@dataclass(frozen=True, slots=True)
class JobPlan:
    """All nodes of a job, by their index. `main_node` decides how the job ends."""

    nodes: tuple[NodePlan, ...]
    main_node: int = 0

    @property
    def main(self) -> NodePlan:
        return self.nodes[self.main_node]

    @property
    def first_container(self) -> ContainerPlan:
        """The main node's first container: what stands for the whole job in a list."""
        return self.main.containers[0]


def plan_of(work: Work) -> JobPlan:
    """The plan of a stored job or definition, whichever of the three kinds it is."""
    if work.node_properties:
        return _multi_node(work.node_properties)
    if work.ecs_properties:
        return JobPlan((NodePlan(0, _task(work.ecs_properties)),))
    properties = {
        "image": work.image,
        "command": work.command,
        "environment": work.environment,
        **work.container,
    }
    container = _plain(properties, work.milli_vcpus, work.memory_mib, work.gpus)
    return JobPlan((NodePlan(0, (container,)),))


def requirements_of(properties: Mapping[str, Any]) -> dict[str, int]:
    """What stored container properties ask for: `milli_vcpus`, `memory_mib`, `gpus`.

    `resourceRequirements` go before the older `vcpus` and `memory`.
    """
    needs = {"VCPU": properties.get("vcpus", 0), "MEMORY": properties.get("memory", 0), "GPU": 0}
    needs |= {each["type"]: each["value"] for each in properties.get("resourceRequirements", ())}
    return {
        "milli_vcpus": int(Decimal(needs["VCPU"]) * MILLI),
        "memory_mib": int(needs["MEMORY"]),
        "gpus": int(needs["GPU"]),
    }


def _multi_node(properties: Mapping[str, Any]) -> JobPlan:
    groups = properties["nodeRangeProperties"]
    ranges = [node_range(group["targetNodes"]) for group in groups]
    containers = [_group(group) for group in groups]
    picked = pick_ranges(ranges, properties["numNodes"])
    return JobPlan(
        nodes=tuple(NodePlan(index, containers[at]) for index, at in enumerate(picked)),
        main_node=properties["mainNode"],
    )


def _group(group: Mapping[str, Any]) -> tuple[ContainerPlan, ...]:
    if "ecsProperties" in group:
        return _task(group["ecsProperties"])
    needs = requirements_of(group["container"])
    return (_plain(group["container"], **needs),)


def _plain(
    properties: Mapping[str, Any], milli_vcpus: int, memory_mib: int, gpus: int
) -> ContainerPlan:
    return _container(
        DEFAULT_CONTAINER,
        properties,
        properties.get("volumes", ()),
        {"milli_vcpus": milli_vcpus, "memory_mib": memory_mib, "gpus": gpus},
        properties.get("jobRoleArn", ""),
    )


def _task(ecs_properties: Mapping[str, Any]) -> tuple[ContainerPlan, ...]:
    task = ecs_properties["taskProperties"][0]
    volumes, role_arn = task.get("volumes", ()), task.get("taskRoleArn", "")
    return tuple(
        _container(each["name"], each, volumes, requirements_of(each), role_arn)
        for each in task["containers"]
    )


def _container(
    name: str,
    properties: Mapping[str, Any],
    volumes: Sequence[Mapping[str, Any]],
    needs: Mapping[str, int],
    role_arn: str,
) -> ContainerPlan:
    return ContainerPlan(
        name=name,
        image=properties["image"],
        command=tuple(properties.get("command", ())),
        environment=tuple(
            (pair["name"], pair["value"]) for pair in properties.get("environment", ())
        ),
        properties={
            member: properties[member] for member in ENGINE_MEMBERS if member in properties
        },
        volumes=tuple(volumes),
        essential=properties.get("essential", True),
        depends_on=tuple(
            (each["containerName"], StartCondition(each["condition"]))
            for each in properties.get("dependsOn", ())
        ),
        milli_vcpus=needs["milli_vcpus"],
        memory_mib=needs["memory_mib"],
        gpus=needs["gpus"],
        role_arn=role_arn,
    )
