"""What the containers of one try may do next, and how the try ended, from how each of them stands.

Sources: AWS Batch API, `TaskContainerProperties.essential` and `TaskContainerDependency`; AWS Batch User Guide,
"Job lifecycle for MNP jobs". The rules:

- A container starts when all that it depends on has started (START), ended (COMPLETE) or ended with
  exit code 0 (SUCCESS). If that can never be, it does not start at all.
- Nodes other than the main one start when a container of the main node runs.
- When an essential container ends, the others of its node are stopped; if its node is the main
  one, those of all nodes.
- One that was lost with its machine, and an essential one that could not be started, end the whole try:
  the nodes were promised to each other. A node that ends by itself leaves the others alone.
- The main node decides how the try ended.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import NamedTuple

from . import reasons
from .plans import ContainerPlan, JobPlan, StartCondition
from .states import JobStatus


class Place(NamedTuple):
    """Which container of a job: the index of its node, and its own there."""

    node_index: int
    container_index: int


@dataclass(frozen=True, slots=True)
class Member:
    """How one container of a try stands.

    `waits`: it may not start before others. `asked_to_stop`: because of others' end. `was_stopped`: it ended
    because it, or the job, was asked to stop. `lost`: it went with its machine.
    """

    place: Place
    waits: bool = False
    started: bool = False
    ended: bool = False
    exit_code: int | None = None
    asked_to_stop: bool = False
    was_stopped: bool = False
    lost: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """What is to be done now. `drop`: those that end without a container, each with the reason why it
    could never start; an empty reason: they are stopped before their start."""

    start: tuple[Place, ...] = ()
    stop: tuple[Place, ...] = ()
    drop: tuple[tuple[Place, str], ...] = ()


class Result(Enum):
    SUCCEEDED = auto()
    FAILED = auto()
    # All that could have decided were stopped: whoever asked for that gives the reason.
    STOPPED = auto()


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a try ended; `decider`: the container whose end tells it."""

    result: Result
    decider: Place


def waits_at_first(plan: JobPlan, place: Place) -> bool:
    """Whether a container has to wait for others when its job is placed."""
    return place.node_index != plan.main_node or bool(_container(plan, place).depends_on)


def next_step(plan: JobPlan, members: Sequence[Member], *, stopping: bool) -> Step:
    """What is to be done now. `stopping`: the whole job was asked to stop.

    Repeating it after it was done gives nothing to do.
    """
    group = _Group(plan, {member.place: member for member in members}, stopping)
    group.look()
    while group.drop_unstartable():
        group.look()
    return Step(
        start=tuple(place for place in group.waiting() if group.may_start(place)),
        stop=tuple(group.to_stop()),
        drop=tuple(group.dropped.items()),
    )


def verdict_of(plan: JobPlan, members: Sequence[Member]) -> Verdict:
    """How the try ended. `members`: all of them, in the order of their ends."""
    breakers = [member for member in members if _breaks_try(plan, member)]
    for member in breakers:
        if not _succeeded(member):
            return Verdict(Result.FAILED, member.place)
    if breakers:
        return Verdict(Result.SUCCEEDED, breakers[0].place)
    essential = [
        member.place
        for member in members
        if member.place.node_index == plan.main_node and _container(plan, member.place).essential
    ]
    return Verdict(Result.STOPPED, essential[0])


def node_status(plan: JobPlan, members: Sequence[Member]) -> JobStatus:
    """How one node of a placed try stands. `members`: all containers of that node.

    It has succeeded if all of its essential containers have. One that was stopped because others ended has
    not, whatever became of the job.
    """
    if all(member.ended for member in members):
        essential = (each for each in members if _container(plan, each.place).essential)
        return JobStatus.SUCCEEDED if all(map(_succeeded, essential)) else JobStatus.FAILED
    if any(member.started for member in members):
        return JobStatus.RUNNING
    return JobStatus.STARTING


@dataclass(slots=True)
class _Group:
    """A try's members while a step is worked out. `look` brings what is known of the whole up to date."""

    plan: JobPlan
    members: dict[Place, Member]
    stopping: bool
    dropped: dict[Place, str] = field(default_factory=dict)
    is_over: bool = False
    nodes_over: set[int] = field(default_factory=set)
    main_runs: bool = False

    def look(self) -> None:
        members = self.members.values()
        self.is_over = any(_breaks_try(self.plan, each) for each in members)
        self.nodes_over = {
            each.place.node_index
            for each in members
            if each.ended and _container(self.plan, each.place).essential
        }
        self.main_runs = any(
            each.started and each.place.node_index == self.plan.main_node for each in members
        )

    def waiting(self) -> list[Place]:
        return [each.place for each in self.members.values() if each.waits and not each.ended]

    def drop_unstartable(self) -> bool:
        """Drops those that can never start; whether there were any: others may follow from that."""
        found = {place: self._why_never(place) for place in self.waiting()}
        dropped = {place: why for place, why in found.items() if why is not None}
        for place, why in dropped.items():
            self.members[place] = replace(self.members[place], ended=True, was_stopped=not why)
        self.dropped |= dropped
        return bool(dropped)

    def to_stop(self) -> list[Place]:
        if self.stopping:
            # The job's own stop tells everybody.
            return []
        return [
            each.place
            for each in self.members.values()
            if not (each.ended or each.asked_to_stop) and self._ends_with_others(each.place)
        ]

    def may_start(self, place: Place) -> bool:
        if place.node_index != self.plan.main_node and not self.main_runs:
            return False
        return all(
            self._is_met(place, name, condition)
            for name, condition in _container(self.plan, place).depends_on
        )

    def _why_never(self, place: Place) -> str | None:
        """Why a waiting container never starts; None if it still may."""
        if self.stopping or self._ends_with_others(place):
            return ""
        container = _container(self.plan, place)
        for name, condition in container.depends_on:
            other = self._named(place, name)
            if other.ended and not self._is_met(place, name, condition):
                return reasons.dependency_not_met(
                    container=container.name,
                    on=name,
                    exit_code=other.exit_code if other.started else None,
                )
        return None

    def _ends_with_others(self, place: Place) -> bool:
        return self.is_over or place.node_index in self.nodes_over

    def _is_met(self, place: Place, name: str, condition: StartCondition) -> bool:
        other = self._named(place, name)
        if condition is StartCondition.START or not other.started:
            return other.started
        if condition is StartCondition.COMPLETE:
            return other.ended
        return other.ended and _succeeded(other)

    def _named(self, place: Place, name: str) -> Member:
        """The container of that name on the same node."""
        containers = self.plan.nodes[place.node_index].containers
        index = next(at for at, each in enumerate(containers) if each.name == name)
        return self.members[Place(place.node_index, index)]


def _breaks_try(plan: JobPlan, member: Member) -> bool:
    """Whether its end, which is nobody else's doing, is the end of the whole try."""
    if not member.ended or member.was_stopped:
        return False
    if member.lost:
        return not member.asked_to_stop
    if not _container(plan, member.place).essential:
        return False
    if not member.started:
        return not member.asked_to_stop
    return member.place.node_index == plan.main_node


def _succeeded(member: Member) -> bool:
    return member.started and not member.lost and member.exit_code == 0


def _container(plan: JobPlan, place: Place) -> ContainerPlan:
    return plan.nodes[place.node_index].containers[place.container_index]
