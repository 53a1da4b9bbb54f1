"""The texts of waiting: AWS's words first where it has them, then the numbers.

A text holds what would let the job start. It names no position in the queue: that changes all the
time and is worked out when somebody looks.
"""

from collections.abc import Iterable, Mapping, Sequence

from jobs.domain.resources import Resources, format_memory, format_vcpus

from .plan import WaitCode
from .snapshot import EnvironmentView, NodeView, QueueView

Reason = tuple[WaitCode, str]


def split_reason(text: str) -> tuple[WaitCode | None, str]:
    """The code of a text of waiting and what follows it; None and the text as it is for any other."""
    code, _, detail = text.partition(" - ")
    try:
        return WaitCode(code), detail
    except ValueError:
        return None, text


def no_enabled_environment(queue: QueueView, environments: Sequence[EnvironmentView]) -> Reason:
    """The queue has no environment, or only disabled ones."""
    if not environments:
        detail = f"The queue {queue.name} has no compute environment. Add one to it."
    else:
        names = _names(environments)
        detail = f"Every compute environment of the queue {queue.name} is disabled ({names}). Enable one."
    return WaitCode.NO_ENVIRONMENT, f"{WaitCode.NO_ENVIRONMENT} - {detail}"


def environment_invalid(environments: Sequence[EnvironmentView]) -> Reason:
    """All enabled environments are INVALID."""
    details = "; ".join(f"{env.name}: {env.invalid_reason}" for env in environments)
    return (
        WaitCode.ENVIRONMENT_INVALID,
        f"{WaitCode.ENVIRONMENT_INVALID} - The compute environment is INVALID. {details}",
    )


def never_fits(
    needs: Resources, environments: Sequence[EnvironmentView], nodes: Mapping[int, NodeView]
) -> Reason:
    """No node, however empty, and no environment's maximum could ever hold this job."""
    machines = [nodes[id_] for env in environments for id_ in env.node_ids]
    if not machines:
        names = _names(environments)
        return (
            WaitCode.ENVIRONMENT_INVALID,
            f"{WaitCode.ENVIRONMENT_INVALID} - No machine is ready in {names}.",
        )
    largest_milli_vcpus = max(_usable_milli_vcpus(env, nodes) for env in environments)
    largest_memory_mib = max(node.capacity.memory_mib for node in machines)
    if needs.milli_vcpus > largest_milli_vcpus:
        return (
            WaitCode.MAX_RESOURCE,
            f"{WaitCode.MAX_RESOURCE} - CE(s) associated with the job queue cannot meet the CPU "
            f"requirement of the job. It needs {format_vcpus(needs.milli_vcpus)} vCPU; "
            f"the most that one machine here can give is {format_vcpus(largest_milli_vcpus)}. "
            "Ask for fewer, or add a larger machine.",
        )
    if needs.memory_mib > largest_memory_mib:
        return (
            WaitCode.JOB_REQUIREMENT,
            f"{WaitCode.JOB_REQUIREMENT} - CE(s) associated with the job queue cannot meet the "
            f"memory requirement of the job. It needs {format_memory(needs.memory_mib)} "
            f"({needs.memory_mib} MiB); the most that one machine here can give is "
            f"{format_memory(largest_memory_mib)} ({largest_memory_mib} MiB). "
            "Ask for less, or add a larger machine.",
        )
    return (
        WaitCode.JOB_REQUIREMENT,
        f"{WaitCode.JOB_REQUIREMENT} - No single machine has both {needs}. "
        f"The machines have {'; '.join(str(node.capacity) for node in machines)}.",
    )


def environment_full(
    needs: Resources, environment: EnvironmentView, used_milli_vcpus: Mapping[int, int]
) -> Reason:
    """The environment's maximum of vCPUs leaves too little, whatever its machines have."""
    maximum = format_vcpus(environment.max_milli_vcpus or 0)
    used = format_vcpus(used_milli_vcpus[environment.id])
    return (
        WaitCode.ENVIRONMENT_FULL,
        f"{WaitCode.ENVIRONMENT_FULL} - Needs {format_vcpus(needs.milli_vcpus)} vCPU; "
        f"{environment.name} uses {used} of its maximum of {maximum}.",
    )


def no_room(needs: Resources, free_by_node: Mapping[str, Resources]) -> Reason:
    """Machines that could hold the job have too little left now."""
    free = "; ".join(f"{amount} free on {name}" for name, amount in _emptiest(free_by_node))
    return WaitCode.CAPACITY, f"{WaitCode.CAPACITY} - Needs {needs}; {free}."


def behind_earlier_jobs(queue: QueueView) -> Reason:
    """What is free is kept for a job whose turn comes first."""
    return (
        WaitCode.TURN,
        f"{WaitCode.TURN} - Waits its turn in the queue {queue.name}: "
        "an earlier job, or one of a queue with a higher priority, waits for room.",
    )


def _emptiest(free_by_node: Mapping[str, Resources]) -> list[tuple[str, Resources]]:
    """The three nodes with the most free vCPUs: a list of a hundred would tell nobody anything."""
    return sorted(free_by_node.items(), key=lambda item: (-item[1].milli_vcpus, item[0]))[:3]


def _usable_milli_vcpus(environment: EnvironmentView, nodes: Mapping[int, NodeView]) -> int:
    largest = max((nodes[id_].capacity.milli_vcpus for id_ in environment.node_ids), default=0)
    if environment.max_milli_vcpus is None:
        return largest
    return min(largest, environment.max_milli_vcpus)


def _names(environments: Iterable[EnvironmentView]) -> str:
    return ", ".join(environment.name for environment in environments)
