"""What a job is told that waits for capacity of a managed environment. See `reasons` for the rules of such texts."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from jobs.domain.resources import Resources, format_vcpus

from .plan import WaitCode
from .reasons import REQUIREMENT_TOO_HIGH, Reason, free_text, needs_text, reason_of
from .snapshot import EnvironmentView, JobView, TypeView


def instances_at_maximum(
    job: JobView, environment: EnvironmentView, *, live_milli_vcpus: int
) -> Reason:
    """No instance has room, and one more would pass the environment's maximum."""
    maximum = format_vcpus(environment.max_milli_vcpus or 0)
    return reason_of(
        WaitCode.ENVIRONMENT_FULL,
        f"Needs {needs_text(job)}; no instance of {environment.name} has room for it, and they have "
        f"{format_vcpus(live_milli_vcpus)} of its maximum of {maximum} vCPU.",
    )


def no_machine_for_instance(
    job: JobView,
    environment: EnvironmentView,
    types: Sequence[TypeView],
    free_by_node: Mapping[str, Resources],
) -> Reason:
    """No instance has room, and no machine has enough left for another."""
    smallest = min(
        types, key=lambda each: (each.size.milli_vcpus, each.size.memory_mib), default=None
    )
    wanted = f"another {smallest.name} ({smallest.size})" if smallest else "another instance"
    return reason_of(
        WaitCode.CAPACITY,
        f"Needs {needs_text(job)}; no instance of {environment.name} has room for it, and no machine "
        f"has room for {wanted}: {free_text(job, free_by_node)}.",
    )


def over_bid(
    job: JobView, environment: EnvironmentView, type_: TypeView, *, price: Decimal, most: Decimal
) -> Reason:
    """The going Spot price is higher than what the environment pays."""
    return reason_of(
        WaitCode.CAPACITY,
        f"Needs {needs_text(job)}; with one more {type_.name} the going Spot price would be {price:f} USD per hour, "
        f"and {environment.name} pays at most {most.normalize():f}. The price falls when less of the "
        "engine is in use.",
    )


def interrupting(job: JobView, environment: EnvironmentView) -> Reason:
    """Spot work was told to make room."""
    return reason_of(
        WaitCode.CAPACITY,
        f"Needs {needs_text(job)} in {environment.name}; Spot work is being interrupted to make room for it.",
    )


def no_type_holds(
    job: JobView, environments: Sequence[EnvironmentView], machines: Mapping[str, Resources]
) -> Reason:
    """No instance type of the environments that some machine could hold would ever hold the job."""
    names = ", ".join(env.name for env in environments)
    largest = max(
        (each.size for env in environments if env.managed for each in env.managed.types),
        key=lambda size: (size.milli_vcpus, size.memory_mib),
        default=Resources(0, 0),
    )
    there = "; ".join(f"{name} has {size}" for name, size in list(machines.items())[:3])
    return reason_of(
        WaitCode.JOB_REQUIREMENT,
        f"{REQUIREMENT_TOO_HIGH} It needs {needs_text(job)}; the largest instance type of {names} has {largest}, "
        f"and an instance must fit on a machine within the maximum of vCPUs: {there}. Ask for less, or allow "
        "larger types.",
    )
