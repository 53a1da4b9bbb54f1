"""The texts of waiting: AWS's words first where it has them, then the numbers.

A text holds the one thing that would let the job start. It names no position in the queue and no time:
those change all the while and are worked out when somebody looks (`selectors.waiting.front`).

Source of AWS's words: AWS Batch User Guide, "Jobs stuck in a RUNNABLE status".
"""

import re
from collections.abc import Iterable, Mapping, Sequence

from jobs.domain.ids import text_of
from jobs.domain.resources import Resources, format_memory, format_vcpus

from .plan import WaitCode
from .snapshot import EnvironmentView, JobView, NodeView, QueueView

Reason = tuple[WaitCode, str]

CANNOT_MEET_CPU = "CE(s) associated with the job queue cannot meet the CPU requirement of the job."
REQUIREMENT_TOO_HIGH = (
    "The job resource requirement (vCPU/memory/GPU) is higher than that can be met by the CE(s) "
    "attached to the job queue."
)
ENVIRONMENTS_INVALID = "CE(s) associated with the job queue are invalid."
_IN_QUEUE = "Waits in the queue"
_TURN_IN_QUEUE = "Waits its turn in the queue"
# What others of the same list say alike: AWS's words before the numbers, and the queue, which has a column.
_SAID_BY_ALL = re.compile(
    f"^(?:{'|'.join(map(re.escape, (CANNOT_MEET_CPU, REQUIREMENT_TOO_HIGH, ENVIRONMENTS_INVALID)))}) (?=.)"
    rf"|^{_IN_QUEUE} \S+ (?=behind )|^{_TURN_IN_QUEUE} \S+: "
)


def split_reason(text: str) -> tuple[WaitCode | None, str]:
    """The code of a text of waiting and what follows it; None and the text as it is for any other."""
    code, _, detail = text.partition(" - ")
    try:
        return WaitCode(code), detail
    except ValueError:
        return None, text


def brief_detail(detail: str) -> str:
    """What follows a text's code, for a list with little room: what tells this job from others comes first."""
    brief = _SAID_BY_ALL.sub("", detail)
    return brief[:1].upper() + brief[1:]


def needs_text(job: JobView) -> str:
    """What a job needs, for people: "2 vCPU, 4 GiB", "4 nodes of 2 vCPU, 4 GiB each"."""
    if not job.gang:
        return str(job.needs)
    if len(set(job.gang)) == 1:
        return f"{len(job.gang)} nodes of {job.gang[0]} each, all at once"
    return f"{len(job.gang)} nodes of up to {job.needs} each, all at once"


def no_enabled_environment(queue: QueueView, environments: Sequence[EnvironmentView]) -> Reason:
    """The queue has no environment, or only disabled ones."""
    if not environments:
        detail = f"The queue {queue.name} has no compute environment. Add one to it."
    else:
        names = _names(environments)
        detail = f"Every compute environment of the queue {queue.name} is disabled ({names}). Enable one."
    return reason_of(WaitCode.NO_ENVIRONMENT, detail)


def environment_invalid(environments: Sequence[EnvironmentView]) -> Reason:
    """All enabled environments are INVALID."""
    details = "; ".join(f"{env.name}: {env.invalid_reason}" for env in environments)
    return reason_of(WaitCode.ENVIRONMENT_INVALID, f"{ENVIRONMENTS_INVALID} {details}")


def far_behind(queue: str, count: int) -> Reason:
    """Waits so deep in the queue that no pass has looked at the job; so many come before it, or more."""
    ahead = f": at least {count} jobs come before it" if count else ""
    return reason_of(WaitCode.TURN, f"{_TURN_IN_QUEUE} {queue}{ahead}.")


def never_fits(
    job: JobView, environments: Sequence[EnvironmentView], nodes: Mapping[int, NodeView]
) -> Reason:
    """No node, however empty, and no environment's maximum could ever hold this job."""
    machines = list({id_: nodes[id_] for env in environments for id_ in env.node_ids}.values())
    if not machines:
        return reason_of(
            WaitCode.ENVIRONMENT_INVALID,
            f"{ENVIRONMENTS_INVALID} No machine is ready in {_names(environments)}.",
        )
    needs = job.needs
    largest_milli_vcpus = max(_usable_milli_vcpus(env, nodes) for env in environments)
    if needs.milli_vcpus > largest_milli_vcpus:
        return reason_of(
            WaitCode.MAX_RESOURCE,
            f"{CANNOT_MEET_CPU} It needs {format_vcpus(needs.milli_vcpus)} vCPU; "
            f"the most that one machine here can give is {format_vcpus(largest_milli_vcpus)}. "
            "Ask for fewer, or add a larger machine.",
        )
    for part in job.parts:
        if not any(part.fits_in(node.capacity) for node in machines):
            detail = _too_much(part, machines)
            return reason_of(WaitCode.JOB_REQUIREMENT, f"{REQUIREMENT_TOO_HIGH} {detail}")
    return _together_too_much(job, environments)


def environment_full(
    job: JobView, environment: EnvironmentView, used_milli_vcpus: Mapping[int, int]
) -> Reason:
    """The environment's maximum of vCPUs leaves too little, whatever its machines have."""
    maximum = format_vcpus(environment.max_milli_vcpus or 0)
    used = format_vcpus(used_milli_vcpus[environment.id])
    return reason_of(
        WaitCode.ENVIRONMENT_FULL,
        f"Needs {format_vcpus(job.milli_vcpus)} vCPU; "
        f"{environment.name} uses {used} of its maximum of {maximum}.",
    )


def share_reserve(
    job: JobView,
    environment: EnvironmentView,
    *,
    ceiling: int,
    used_milli_vcpus: Mapping[int, int],
) -> Reason:
    """The policy's `computeReservation` keeps the rest for shares that are not active."""
    used = format_vcpus(used_milli_vcpus[environment.id])
    return reason_of(
        WaitCode.SHARE_RESERVE,
        f"Needs {format_vcpus(job.milli_vcpus)} vCPU; active shares may use "
        f"{format_vcpus(ceiling)} of {environment.name}, of which {used} are in use. "
        "The compute reservation of the scheduling policy keeps the rest for other shares.",
    )


def no_room(job: JobView, free_by_node: Mapping[str, Resources]) -> Reason:
    """Machines that could hold the job have too little left now."""
    free = free_text(job, free_by_node)
    return reason_of(WaitCode.CAPACITY, f"Needs {needs_text(job)}; {free}.")


def free_text(job: JobView, free_by_node: Mapping[str, Resources]) -> str:
    """What is free, of those that have most: "1 vCPU, 2 GiB free on a; ..."."""
    return "; ".join(
        f"{amount.text(with_gpus=bool(job.needs.gpus))} free on {name}"
        for name, amount in _emptiest(free_by_node)
    )


def behind(queue: QueueView, job: JobView, ahead: JobView, queue_ahead: QueueView) -> Reason:
    """What is free is kept for a job whose turn comes first; it is named to its owner alone."""
    where = "" if queue_ahead.id == queue.id else f" of the queue {queue_ahead.name}"
    which = "another job"
    if ahead.owner_id == job.owner_id:
        named = f"{ahead.name} ({text_of(ahead.id)})" if ahead.name else text_of(ahead.id)
        which = f"the job {named}"
    return reason_of(
        WaitCode.TURN,
        f"{_IN_QUEUE} {queue.name} behind {which}{where}, "
        f"which comes first and needs {needs_text(ahead)}.",
    )


def behind_the_front(queue: QueueView) -> Reason:
    """So many wait before it that nobody has looked at it yet."""
    return reason_of(WaitCode.TURN, f"{_TURN_IN_QUEUE} {queue.name}: many jobs come before it.")


def consumable_unknown(name: str) -> Reason:
    """The resource was deleted after the submission."""
    return reason_of(
        WaitCode.CONSUMABLE_REQUIREMENT,
        f"There is no consumable resource {name}. Make it, or submit the job without it.",
    )


def consumable_impossible(name: str, quantity: int, *, total: int) -> Reason:
    """It would not suffice if nobody else used any."""
    return reason_of(
        WaitCode.CONSUMABLE_REQUIREMENT,
        f"Needs {quantity} of the consumable resource {name}, which has {total} in total. "
        "Ask for less, or raise its total.",
    )


def consumable_short(name: str, quantity: int, *, free: int, total: int, kept: int) -> Reason:
    """Too little of it is free now."""
    text = f"Needs {quantity} of the consumable resource {name}; {free} of {total} are free"
    if kept:
        text += ", and kept for jobs that come first"
    return reason_of(WaitCode.CONSUMABLE, f"{text}.")


def _too_much(needs: Resources, machines: Sequence[NodeView]) -> str:
    most_memory_mib = max(node.capacity.memory_mib for node in machines)
    if needs.memory_mib > most_memory_mib:
        return (
            f"It needs {format_memory(needs.memory_mib)} ({needs.memory_mib} MiB) of memory; "
            f"the most that one machine here can give is {format_memory(most_memory_mib)} "
            f"({most_memory_mib} MiB). Ask for less, or add a larger machine."
        )
    most_gpus = max(node.capacity.gpus for node in machines)
    if needs.gpus > most_gpus:
        return (
            f"It needs {needs.gpus} GPU; the most that one machine here can give is {most_gpus}. "
            "Ask for fewer, or add a machine that has them."
        )
    with_gpus = bool(needs.gpus)
    have = "; ".join(node.capacity.text(with_gpus=with_gpus) for node in machines[:_LONGEST_LIST])
    quantifier = "all of" if with_gpus else "both"
    return f"No single machine has {quantifier} {needs}. The machines have {have}."


def _together_too_much(job: JobView, environments: Sequence[EnvironmentView]) -> Reason:
    """Each node of the job would find a machine, but no environment holds the whole job."""
    maxima = [env.max_milli_vcpus for env in environments]
    if all(maximum is not None and maximum < job.milli_vcpus for maximum in maxima):
        largest = max(maximum or 0 for maximum in maxima)
        return reason_of(
            WaitCode.MAX_RESOURCE,
            f"{CANNOT_MEET_CPU} It needs {needs_text(job)}: {format_vcpus(job.milli_vcpus)} vCPU "
            f"together; the largest maximum here is {format_vcpus(largest)}. "
            "Ask for fewer, or raise it.",
        )
    return reason_of(
        WaitCode.JOB_REQUIREMENT,
        f"{REQUIREMENT_TOO_HIGH} It needs {needs_text(job)}; no compute environment here could "
        "hold that. Ask for less, or add machines.",
    )


# A list of a hundred machines would tell nobody anything.
_LONGEST_LIST = 3


def _emptiest(free_by_node: Mapping[str, Resources]) -> list[tuple[str, Resources]]:
    """The nodes with the most free vCPUs."""
    by_room = sorted(free_by_node.items(), key=lambda item: (-item[1].milli_vcpus, item[0]))
    return by_room[:_LONGEST_LIST]


def _usable_milli_vcpus(environment: EnvironmentView, nodes: Mapping[int, NodeView]) -> int:
    largest = max((nodes[id_].capacity.milli_vcpus for id_ in environment.node_ids), default=0)
    if environment.max_milli_vcpus is None:
        return largest
    return min(largest, environment.max_milli_vcpus)


def _names(environments: Iterable[EnvironmentView]) -> str:
    return ", ".join(environment.name for environment in environments)


def reason_of(code: WaitCode, detail: str) -> Reason:
    """A text of waiting, with its code in front: `split_reason` takes it apart again."""
    return code, f"{code} - {detail}"
