"""The imagined machines, the instances on them, and what runs: the state that passes look at and plans change.

Amounts are kept up to date with each change, and a view is made anew only of what has changed since the pass before.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from jobs.domain.resources import Resources

from ..plan import Launch, Placement
from ..snapshot import (
    EnvironmentView,
    InstanceView,
    Kind,
    ManagedView,
    NodeView,
    RunningView,
    place_of_instance,
)
from .imagined import ImaginedJob
from .scenario import Scenario

NOTHING = Resources(0, 0)
MICROSECONDS = 1_000_000
ENGINE = 1
# The environment that is simulated, and that of the On-Demand work beside it.
MEASURED = 1
BESIDE = 2


@dataclass(slots=True, eq=False)
class Run:
    """One try of a job. `places` are where its nodes run: machines, or instances (negative)."""

    job: ImaginedJob
    environment_id: int
    places: tuple[int, ...]
    attempt_ids: tuple[int, ...]
    started: float
    kill_at: float | None = None
    is_over: bool = False


@dataclass(slots=True, eq=False)
class Instance:
    """A live instance; `runs` are by the ids of their attempts. `idle_since` is None while something runs."""

    id: int
    launch: Launch
    launched: float
    used: Resources = NOTHING
    idle_since: float | None = None
    is_open: bool = True
    kill_at: float | None = None
    runs: dict[int, Run] = field(default_factory=dict)

    @property
    def size(self) -> Resources:
        return self.launch.type.size


class Fleet:
    """Times are seconds from `start`. Ids count from 1."""

    def __init__(self, scenario: Scenario, start: datetime) -> None:
        self._scenario = scenario
        self._start = start
        self._nodes = dict(enumerate(scenario.nodes, start=1))
        self._node_used = dict.fromkeys(self._nodes, NOTHING)
        self._environment_used: dict[int, int] = defaultdict(int)
        self.instances: dict[int, Instance] = {}
        self.runs: dict[int, Run] = {}
        self._by_definition: dict[str, dict[int, Run]] = defaultdict(dict)
        self._node_views: dict[int, NodeView] = {}
        self._instance_views: dict[int, InstanceView] = {}
        self._running_views: dict[int, RunningView] = {}
        self._last_instance = self._last_attempt = 0
        self._managed = _managed(scenario)

    # Changes

    def launch(self, launch: Launch, now: float) -> Instance:
        """An instance takes its room of its machine. It is idle as long as nothing is placed there."""
        self._last_instance += 1
        instance = Instance(self._last_instance, launch, now, idle_since=now)
        self.instances[instance.id] = instance
        self._use(launch.node_id, launch.type.size)
        return instance

    def end(self, instance: Instance) -> None:
        """It gives its room back. Nothing runs on it any more."""
        del self.instances[instance.id]
        self._instance_views.pop(instance.id, None)
        self._use(instance.launch.node_id, NOTHING - instance.size)

    def drain(self, instance: Instance, kill_at: float | None) -> None:
        """It takes no more jobs."""
        instance.is_open = False
        instance.kill_at = kill_at
        self._instance_views.pop(instance.id, None)

    def start(self, placement: Placement, job: ImaginedJob, now: float) -> Run:
        """A try of the job takes its room."""
        parts = placement.job.parts
        first = self._last_attempt + 1
        self._last_attempt += len(parts)
        ids = tuple(range(first, first + len(parts)))
        run = Run(job, placement.environment_id, placement.node_ids, ids, now)
        for id_, place, holds in zip(ids, run.places, parts, strict=True):
            self.runs[id_] = run
            self._by_definition[job.task.definition][id_] = run
            self._occupy(place, holds, id_, run)
            self._running_views[id_] = RunningView(
                queue_id=job.queue_id,
                environment_id=run.environment_id,
                node_id=place,
                holds=holds,
                started_at=self.moment(now),
                limit_seconds=job.task.limit_seconds,
                estimate_seconds=placement.job.estimate_seconds,
                share_identifier=job.task.share,
                attempt_id=id_ if self._may_be_interrupted(run) else 0,
            )
            self._environment_used[run.environment_id] += holds.milli_vcpus
        return run

    def stop(self, run: Run, now: float) -> None:
        """The try is over, however it ended."""
        run.is_over = True
        for id_, place in zip(run.attempt_ids, run.places, strict=True):
            del self.runs[id_]
            del self._by_definition[run.job.task.definition][id_]
            holds = self._running_views.pop(id_).holds
            self._environment_used[run.environment_id] -= holds.milli_vcpus
            self._leave(place, holds, id_, now)

    def interrupt(self, run: Run, kill_at: float) -> None:
        """The try is told when it will be killed."""
        run.kill_at = kill_at
        for id_ in run.attempt_ids:
            self._remake(id_, run)

    def instances_of(self, run: Run) -> list[Instance]:
        """The live instances on which a try runs or ran."""
        ids = [place_of_instance(place) for place in run.places if place < 0]
        return [self.instances[id_] for id_ in dict.fromkeys(ids) if id_ in self.instances]

    def expect(self, definition: str, seconds: float | None) -> None:
        """Runs of the definition are expected to take so long from now on."""
        for id_, run in self._by_definition[definition].items():
            self._remake(id_, run, estimate_seconds=seconds)

    # Views

    def moment(self, seconds: float) -> datetime:
        return self._start + timedelta(microseconds=round(seconds * MICROSECONDS))

    def seconds_to(self, moment: datetime) -> float:
        return (moment - self._start).total_seconds()

    def node_views(self) -> tuple[NodeView, ...]:
        for id_, capacity in self._nodes.items():
            if id_ not in self._node_views:
                self._node_views[id_] = NodeView(
                    id=id_,
                    name=f"node-{id_}",
                    capacity=capacity,
                    used=self._node_used[id_],
                    architecture=self._scenario.architecture,
                    engine_id=ENGINE,
                )
        return tuple(self._node_views[id_] for id_ in self._nodes)

    def instance_views(self) -> tuple[InstanceView, ...]:
        for id_, instance in self.instances.items():
            if id_ not in self._instance_views:
                self._instance_views[id_] = self._view_of(instance)
        return tuple(self._instance_views[id_] for id_ in self.instances)

    def running_views(self) -> tuple[RunningView, ...]:
        return tuple(self._running_views.values())

    def environment_views(self) -> tuple[EnvironmentView, ...]:
        """The simulated environment, and that of the work beside it."""
        scenario, node_ids = self._scenario, tuple(self._nodes)
        measured = EnvironmentView(
            id=MEASURED,
            name=scenario.name,
            enabled=True,
            invalid_reason="",
            max_milli_vcpus=_maximum(scenario),
            used_milli_vcpus=self._environment_used[MEASURED],
            node_ids=node_ids,
            kind=scenario.kind,
            managed=self._managed,
            notice_seconds=scenario.notice_seconds,
        )
        used = self._environment_used[BESIDE]
        beside = EnvironmentView(BESIDE, "on-demand", True, "", None, used, node_ids)
        return measured, beside

    def milli_vcpus_of_instances(self) -> int:
        """What live instances have."""
        return sum(instance.size.milli_vcpus for instance in self.instances.values())

    def used_milli_vcpus(self, environment_id: int) -> int:
        """What the jobs of an environment hold."""
        return self._environment_used[environment_id]

    # Inside

    def _occupy(self, place: int, holds: Resources, attempt_id: int, run: Run) -> None:
        if place > 0:
            self._use(place, holds)
            return
        instance = self.instances[place_of_instance(place)]
        instance.used += holds
        instance.idle_since = None
        instance.runs[attempt_id] = run
        self._instance_views.pop(instance.id, None)

    def _leave(self, place: int, holds: Resources, attempt_id: int, now: float) -> None:
        if place > 0:
            self._use(place, NOTHING - holds)
            return
        instance = self.instances[place_of_instance(place)]
        instance.used -= holds
        del instance.runs[attempt_id]
        if not instance.runs:
            instance.idle_since = now
        self._instance_views.pop(instance.id, None)

    def _use(self, node_id: int, amount: Resources) -> None:
        self._node_used[node_id] += amount
        self._node_views.pop(node_id, None)

    def _may_be_interrupted(self, run: Run) -> bool:
        """By itself, and not with an instance."""
        is_measured = run.environment_id == MEASURED
        return is_measured and self._scenario.kind is Kind.FARGATE_SPOT

    def _remake(self, attempt_id: int, run: Run, **changes: float | None) -> None:
        old = self._running_views[attempt_id]
        self._running_views[attempt_id] = RunningView(
            queue_id=old.queue_id,
            environment_id=old.environment_id,
            node_id=old.node_id,
            holds=old.holds,
            started_at=old.started_at,
            limit_seconds=old.limit_seconds,
            estimate_seconds=changes.get("estimate_seconds", old.estimate_seconds),
            share_identifier=old.share_identifier,
            attempt_id=old.attempt_id,
            kill_at=None if run.kill_at is None else self.moment(run.kill_at),
        )

    def _view_of(self, instance: Instance) -> InstanceView:
        launch = instance.launch
        return InstanceView(
            id=instance.id,
            name=f"i-{instance.id}",
            environment_id=launch.environment_id,
            node_id=launch.node_id,
            type=launch.type,
            used=instance.used,
            launched_at=self.moment(instance.launched),
            is_spot=launch.is_spot,
            is_open=instance.is_open,
            idle_since=None if instance.idle_since is None else self.moment(instance.idle_since),
            kill_at=None if instance.kill_at is None else self.moment(instance.kill_at),
            bid_percentage=launch.bid_percentage,
        )


def _maximum(scenario: Scenario) -> int | None:
    """None where the machines themselves are the limit: passes are faster then."""
    limits = scenario.most_milli_vcpus < scenario.total.milli_vcpus
    return scenario.most_milli_vcpus if limits or scenario.kind.has_instances else None


def _managed(scenario: Scenario) -> ManagedView | None:
    if not scenario.kind.has_instances:
        return None
    return ManagedView(
        types=scenario.types,
        strategy=scenario.strategy,
        min_milli_vcpus=scenario.min_milli_vcpus,
        bid_percentage=scenario.bid_percentage,
        idle_seconds=scenario.idle_seconds,
    )
