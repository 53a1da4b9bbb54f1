"""What Fargate has and what it cannot do: a job's size and members, checked.

Source: AWS Batch API, `ResourceRequirement.value` (the pairs of vCPUs and memory), `EphemeralStorage`, and what the
members of `ContainerProperties`, `EcsTaskProperties`, `LinuxParameters`, `LogConfiguration` and `Volume` say of
"jobs that are running on Fargate resources". An execution role is not asked for: nothing here needs one.
"""

from collections.abc import Iterator, Mapping
from math import log2
from typing import Any

from .plans import Work
from .resources import MIB_PER_GIB, Resources, format_vcpus

CAPABILITY = "FARGATE"
INCLUDED_EPHEMERAL_GIB = 20
# How many of the pairs next to what was asked for are named.
PAIRS_NAMED = 3
# Before the size that it has not.
NO_SUCH_SIZE = "Fargate has no "
NOT_ON_FARGATE = "Fargate has nothing of the kind. Leave it out."
USE_REQUIREMENTS = "Jobs on Fargate say this in resourceRequirements."
NO_NODES = "A multi-node parallel job cannot run on Fargate."

Problem = tuple[str, str]


def _gib(*amounts: float) -> tuple[int, ...]:
    return tuple(int(amount * MIB_PER_GIB) for amount in amounts)


# Thousandths of a vCPU, and the amounts of memory in MiB that there are with them.
SIZES: Mapping[int, tuple[int, ...]] = {
    250: _gib(0.5, 1, 2),
    500: _gib(*range(1, 5)),
    1000: _gib(*range(2, 9)),
    2000: _gib(*range(4, 17)),
    4000: _gib(*range(8, 31)),
    8000: _gib(*range(16, 61, 4)),
    16000: _gib(*range(32, 121, 8)),
    32000: _gib(60, 120, 244),
}


def problems(work: Work) -> list[Problem]:
    """What stands against running this on Fargate: the path of each member, and what to do.

    Paths start at the container properties, or at `ecsProperties`. What is said of its size has the path "".
    """
    if work.node_properties:
        return [("", NO_NODES)]
    found = [*_of_group(work.ecs_properties)] if work.ecs_properties else [*_of_plain(work)]
    text = size_problem(milli_vcpus=work.milli_vcpus, memory_mib=work.memory_mib)
    return [*found, ("", text)] if text else found


def size_problem(*, milli_vcpus: int, memory_mib: int) -> str:
    """Why Fargate has no such size, with the nearest that it has; empty where it has it."""
    if memory_mib in SIZES.get(milli_vcpus, ()):
        return ""
    named = ", ".join(_pair(*pair) for pair in nearest_sizes(milli_vcpus, memory_mib))
    return f"{NO_SUCH_SIZE}{_pair(milli_vcpus, memory_mib)}. The nearest that it has: {named}."


def nearest_sizes(milli_vcpus: int, memory_mib: int) -> list[tuple[int, int]]:
    """The pairs next to that size, by how many times they are larger or smaller; in order of size."""
    pairs = [(vcpus, memory) for vcpus, memories in SIZES.items() for memory in memories]

    def distance(pair: tuple[int, int]) -> float:
        return abs(log2(pair[0] / max(milli_vcpus, 1))) + abs(log2(pair[1] / max(memory_mib, 1)))

    return sorted(sorted(pairs, key=distance)[:PAIRS_NAMED])


def sizes_holding(needs: Resources) -> Iterator[Resources]:
    """The sizes that hold so much, smallest first: by vCPUs, then by memory. GPUs are not looked at."""
    for milli_vcpus, memories in SIZES.items():
        for memory_mib in memories:
            if milli_vcpus >= needs.milli_vcpus and memory_mib >= needs.memory_mib:
                yield Resources(milli_vcpus, memory_mib)


def extra_ephemeral_gib(container: Mapping[str, Any]) -> int:
    """The GiB of storage that are paid for: what canonical properties ask for beyond what is included.

    `container` are container properties, or `ecsProperties` with their one task.
    """
    (task,) = container.get("taskProperties", [container])
    size = task.get("ephemeralStorage", {}).get("sizeInGiB", INCLUDED_EPHEMERAL_GIB)
    return max(0, int(size) - INCLUDED_EPHEMERAL_GIB)


def _pair(milli_vcpus: int, memory_mib: int) -> str:
    return f"{format_vcpus(milli_vcpus)} vCPU with {memory_mib} MiB"


def _of_plain(work: Work) -> Iterator[Problem]:
    container = work.container
    for member in ("vcpus", "memory"):
        if member in container:
            yield member, USE_REQUIREMENTS
    if work.gpus:
        yield "resourceRequirements", f"GPU: {NOT_ON_FARGATE}"
    for member in ("instanceType", "ulimits"):
        if member in container:
            yield member, NOT_ON_FARGATE
    yield from _of_container(container)
    yield from _of_volumes(container)


def _of_group(ecs_properties: Mapping[str, Any]) -> Iterator[Problem]:
    (task,) = ecs_properties["taskProperties"]
    where = "taskProperties[0]."
    for index, container in enumerate(task["containers"]):
        for path, text in _of_member(container):
            yield f"{where}containers[{index}].{path}", text
    for path, text in _of_volumes(task):
        yield where + path, text


def _of_member(container: Mapping[str, Any]) -> Iterator[Problem]:
    """Of one of several containers: AWS lets those set how many files they have open."""
    if any(each["type"] == "GPU" for each in container.get("resourceRequirements", ())):
        yield "resourceRequirements", f"GPU: {NOT_ON_FARGATE}"
    if any(each["name"] != "nofile" for each in container.get("ulimits", ())):
        yield "ulimits", "Fargate sets no limit but nofile. Leave the others out."
    yield from _of_container(container)


def _of_container(container: Mapping[str, Any]) -> Iterator[Problem]:
    if container.get("privileged"):
        yield "privileged", NOT_ON_FARGATE
    parameters = container.get("linuxParameters", {})
    for member in ("devices", "sharedMemorySize", "tmpfs", "maxSwap", "swappiness"):
        if member in parameters:
            yield f"linuxParameters.{member}", NOT_ON_FARGATE
    if container.get("logConfiguration", {}).get("logDriver", "awslogs") != "awslogs":
        yield "logConfiguration.logDriver", "Jobs on Fargate have awslogs."


def _of_volumes(task: Mapping[str, Any]) -> Iterator[Problem]:
    for index, volume in enumerate(task.get("volumes", ())):
        if volume.get("host", {}).get("sourcePath"):
            yield f"volumes[{index}].host.sourcePath", "Fargate lends no path of its machines."
