"""Machines with managed environments in which time passes: every pass is a real one, and its plan is carried out."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from jobs.domain.resources import Resources
from jobs.scheduling.decide import decide
from jobs.scheduling.plan import EndCause, Plan
from jobs.scheduling.snapshot import (
    EnvironmentView,
    InstanceView,
    JobView,
    Kind,
    ManagedView,
    NodeView,
    QueueView,
    RunningView,
    Snapshot,
    TypeView,
)
from tests.scheduling.views import NOTHING, NOW, a_node, a_queue


def a_type(
    name: str = "m5.large",
    vcpus: float = 2,
    memory_mib: int = 4096,
    *,
    usd: str | None = None,
    spot: str | None = None,
    gpus: int = 0,
    architecture: str = "x86_64",
) -> TypeView:
    """Of 0.05 USD an hour for each vCPU, and 0.02 as Spot, unless it says otherwise."""
    return TypeView(
        name=name,
        size=Resources(int(vcpus * 1000), memory_mib, gpus),
        architecture=architecture,
        usd_per_hour=Decimal(usd) if usd else Decimal(str(vcpus)) * Decimal("0.05"),
        spot_usd_per_hour=Decimal(spot) if spot else Decimal(str(vcpus)) * Decimal("0.02"),
    )


SMALL = a_type("m5.large", 2, 4096)
LARGE = a_type("m5.xlarge", 4, 8192)


def a_managed(
    id_: int = 1,
    *types: TypeView,
    kind: Kind = Kind.EC2,
    nodes: tuple[int, ...] = (1,),
    max_vcpus: int = 16,
    min_vcpus: int = 0,
    desired_vcpus: int = 0,
    strategy: str = "BEST_FIT_PROGRESSIVE",
    bid: int = 100,
    idle: int = 300,
    notice: int = 120,
    enabled: bool = True,
    ending: bool = False,
) -> EnvironmentView:
    managed = ManagedView(
        types=types or (SMALL, LARGE),
        strategy=strategy,
        min_milli_vcpus=min_vcpus * 1000,
        desired_milli_vcpus=desired_vcpus * 1000,
        bid_percentage=bid,
        idle_seconds=idle,
    )
    return EnvironmentView(
        id=id_,
        name=f"env-{id_}",
        enabled=enabled,
        invalid_reason="It is being deleted." if ending else "",
        max_milli_vcpus=max_vcpus * 1000,
        used_milli_vcpus=0,
        node_ids=nodes,
        kind=kind,
        managed=managed if kind.has_instances else None,
        notice_seconds=notice,
        is_ending=ending,
    )


@dataclass
class Run:
    job: JobView
    environment_id: int
    node_ids: tuple[int, ...]
    started_at: datetime
    ends_at: datetime
    number: int
    kill_at: datetime | None = None


@dataclass
class Fleet:
    """`seconds` says how long a job really runs. What was interrupted and did not end in time waits again."""

    nodes: tuple[NodeView, ...] = (a_node(vcpus=8, memory_mib=16_384),)
    environments: tuple[EnvironmentView, ...] = (a_managed(),)
    queues: tuple[QueueView, ...] = (a_queue(),)
    seconds: Callable[[JobView], float] = lambda _: 60.0
    now: datetime = NOW
    waiting: list[JobView] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    instances: dict[int, InstanceView] = field(default_factory=dict)
    ended: dict[int, EndCause] = field(default_factory=dict)
    done: list[UUID] = field(default_factory=list)
    interrupted: list[UUID] = field(default_factory=list)
    numbers: int = 0

    def submit(self, *jobs: JobView) -> None:
        self.waiting.extend(jobs)

    def step(self, seconds: float = 0) -> Plan:
        """Time passes, what is over ends, and a pass is made and carried out."""
        self.now += timedelta(seconds=seconds)
        self._end_runs()
        plan = decide(self.snapshot(), self.now)
        self._carry_out(plan)
        self.check()
        return plan

    def run_out(self, *, step: float = 10, at_most: int = 2000) -> None:
        """Until nothing waits or runs."""
        for _ in range(at_most):
            if not (self.waiting or self.runs):
                return
            self.step(step)
        raise AssertionError(f"{len(self.waiting)} still wait, {len(self.runs)} still run")

    def snapshot(self) -> Snapshot:
        running = self._running()
        on_place = dict[int, Resources]()
        for run in running:
            on_place[run.node_id] = on_place.get(run.node_id, NOTHING) + run.holds
        instances = tuple(
            replace(each, used=on_place.get(each.place_id, NOTHING))
            for each in self.instances.values()
        )
        reserved = dict(on_place)
        for each in instances:
            reserved[each.node_id] = reserved.get(each.node_id, NOTHING) + each.type.size
        return Snapshot(
            nodes=tuple(replace(node, used=reserved.get(node.id, NOTHING)) for node in self.nodes),
            environments=tuple(
                replace(
                    env,
                    used_milli_vcpus=sum(
                        run.holds.milli_vcpus for run in running if run.environment_id == env.id
                    ),
                )
                for env in self.environments
            ),
            queues=self.queues,
            jobs=tuple(sorted(self.waiting, key=lambda job: job.id.int)),
            running=tuple(running),
            instances=instances,
        )

    def check(self) -> None:
        """No machine, instance or maximum is passed."""
        snapshot = self.snapshot()
        for node in snapshot.nodes:
            assert node.used.fits_in(node.capacity), node
        live = dict[int, int]()
        for instance in snapshot.instances:
            assert instance.used.fits_in(instance.type.size), instance
            live[instance.environment_id] = (
                live.get(instance.environment_id, 0) + instance.type.size.milli_vcpus
            )
        for env in snapshot.environments:
            used = live.get(env.id, 0) if env.kind.has_instances else env.used_milli_vcpus
            assert env.max_milli_vcpus is None or used <= env.max_milli_vcpus, env

    def live(self, environment_id: int = 1) -> list[InstanceView]:
        return [each for each in self.instances.values() if each.environment_id == environment_id]

    def types(self, environment_id: int = 1) -> list[str]:
        return [each.type.name for each in self.live(environment_id)]

    def _running(self) -> list[RunningView]:
        kinds = {env.id: env.kind for env in self.environments}
        return [
            RunningView(
                queue_id=run.job.queue_id,
                environment_id=run.environment_id,
                node_id=node_id,
                holds=part,
                started_at=run.started_at,
                limit_seconds=run.job.limit_seconds,
                estimate_seconds=run.job.estimate_seconds,
                share_identifier=run.job.share_identifier,
                attempt_id=run.number if kinds[run.environment_id] is Kind.FARGATE_SPOT else 0,
                kill_at=run.kill_at if kinds[run.environment_id] is Kind.FARGATE_SPOT else None,
            )
            for run in self.runs
            for node_id, part in zip(run.node_ids, run.job.parts, strict=True)
        ]

    def _end_runs(self) -> None:
        left = []
        for run in self.runs:
            if run.ends_at <= self.now and (run.kill_at is None or run.ends_at <= run.kill_at):
                self.done.append(run.job.id)
            elif run.kill_at is not None and run.kill_at <= self.now:
                self.interrupted.append(run.job.id)
                self.waiting.append(replace(run.job, attempts_made=run.job.attempts_made + 1))
            else:
                left.append(run)
        self.runs = left
        busy = {node_id for run in self.runs for node_id in run.node_ids}
        for each in list(self.instances.values()):
            since = None if each.place_id in busy else (each.idle_since or self.now)
            self.instances[each.id] = replace(each, idle_since=since)

    def _carry_out(self, plan: Plan) -> None:
        for end in plan.ends:
            assert not any(
                self.instances[end.instance_id].place_id in run.node_ids for run in self.runs
            )
            self.ended[end.instance_id] = end.cause
            del self.instances[end.instance_id]
        for drain in plan.drains:
            instance = self.instances[drain.instance_id]
            self.instances[instance.id] = replace(instance, is_open=False, kill_at=drain.kill_at)
            self._tell(
                [run for run in self.runs if instance.place_id in run.node_ids], drain.kill_at
            )
        for each in plan.interruptions:
            self._tell([run for run in self.runs if run.number == each.attempt_id], each.kill_at)
        places = dict[int, int]()
        for launch in plan.launches:
            self.numbers += 1
            instance = InstanceView(
                id=self.numbers,
                name=f"i-{self.numbers}",
                environment_id=launch.environment_id,
                node_id=launch.node_id,
                type=launch.type,
                used=NOTHING,
                launched_at=self.now,
                is_spot=launch.is_spot,
                idle_since=self.now,
                bid_percentage=launch.bid_percentage,
            )
            self.instances[instance.id] = instance
            places[launch.place_id] = instance.place_id
        for placement in plan.placements:
            self.numbers += 1
            self.waiting.remove(placement.job)
            for id_ in (places.get(id_, id_) for id_ in placement.node_ids if id_ < 0):
                self.instances[-id_] = replace(self.instances[-id_], idle_since=None)
            self.runs.append(
                Run(
                    job=placement.job,
                    environment_id=placement.environment_id,
                    node_ids=tuple(places.get(id_, id_) for id_ in placement.node_ids),
                    started_at=self.now,
                    ends_at=self.now + timedelta(seconds=self.seconds(placement.job)),
                    number=self.numbers,
                )
            )

    @staticmethod
    def _tell(runs: Iterable[Run], kill_at: datetime | None) -> None:
        for run in runs:
            run.kill_at = run.kill_at or kill_at
