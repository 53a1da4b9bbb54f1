"""Builds snapshots for tests: each function takes only what a test is about."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from jobs.domain.resources import Resources
from jobs.scheduling.decide import decide
from jobs.scheduling.plan import Plan, WaitCode
from jobs.scheduling.snapshot import (
    ConsumableView,
    EnvironmentView,
    FairShareView,
    JobView,
    NodeView,
    QueueView,
    RunningView,
    Snapshot,
)

NOW = datetime(2026, 1, 5, tzinfo=UTC)
NOTHING = Resources(0, 0)


def a_node(
    id_: int = 1,
    *,
    vcpus: int = 4,
    memory_mib: int = 8192,
    gpus: int = 0,
    used: Resources = NOTHING,
) -> NodeView:
    return NodeView(id_, f"node-{id_}", Resources(vcpus * 1000, memory_mib, gpus), used)


def an_environment(
    id_: int = 1,
    *,
    nodes: tuple[int, ...] = (1,),
    enabled: bool = True,
    invalid: str = "",
    max_vcpus: int | None = None,
    used_milli_vcpus: int = 0,
) -> EnvironmentView:
    maximum = None if max_vcpus is None else max_vcpus * 1000
    return EnvironmentView(id_, f"env-{id_}", enabled, invalid, maximum, used_milli_vcpus, nodes)


def a_queue(
    id_: int = 1,
    *,
    priority: int = 1,
    environments: tuple[int, ...] = (1,),
    backfill: bool = True,
    fair_share: FairShareView | None = None,
    has_more: bool = False,
) -> QueueView:
    return QueueView(id_, f"queue-{id_}", priority, environments, backfill, fair_share, has_more)


def a_job(
    id_: int,
    *,
    queue: int = 1,
    vcpus: float = 1,
    memory_mib: int = 512,
    gpus: int = 0,
    nodes: int = 1,
    limit: int | None = None,
    estimate: float | None = None,
    share: str = "",
    priority: int = 0,
    consumables: tuple[tuple[str, int], ...] = (),
    owner: int = 0,
) -> JobView:
    needs = Resources(int(vcpus * 1000), memory_mib, gpus)
    return JobView(
        UUID(int=id_),
        queue,
        needs,
        0,
        gang=(needs,) * nodes if nodes > 1 else (),
        limit_seconds=limit,
        estimate_seconds=estimate,
        share_identifier=share,
        scheduling_priority=priority,
        consumables=consumables,
        name=f"job-{id_}",
        owner_id=owner,
    )


def a_run(
    *,
    node: int = 1,
    environment: int = 1,
    queue: int = 1,
    vcpus: float = 1,
    memory_mib: int = 512,
    seconds_ago: float = 0,
    limit: int | None = None,
    estimate: float | None = None,
    outlived: float | None = None,
    share: str = "",
) -> RunningView:
    return RunningView(
        queue,
        environment,
        node,
        Resources(int(vcpus * 1000), memory_mib),
        started_at=NOW - timedelta(seconds=seconds_ago),
        limit_seconds=limit,
        estimate_seconds=estimate,
        outlived_seconds=outlived,
        share_identifier=share,
    )


def a_snapshot(
    *jobs: JobView,
    nodes: tuple[NodeView, ...] = (a_node(),),
    environments: tuple[EnvironmentView, ...] = (an_environment(),),
    queues: tuple[QueueView, ...] = (a_queue(),),
    running: tuple[RunningView, ...] = (),
    consumables: tuple[ConsumableView, ...] = (),
) -> Snapshot:
    return Snapshot(nodes, environments, queues, jobs, running, consumables)


def plan_for(
    *jobs: JobView,
    nodes: tuple[NodeView, ...] = (a_node(),),
    environments: tuple[EnvironmentView, ...] = (an_environment(),),
    queues: tuple[QueueView, ...] = (a_queue(),),
    running: tuple[RunningView, ...] = (),
    consumables: tuple[ConsumableView, ...] = (),
) -> Plan:
    snapshot = a_snapshot(
        *jobs,
        nodes=nodes,
        environments=environments,
        queues=queues,
        running=running,
        consumables=consumables,
    )
    return decide(snapshot, NOW)


def placed(plan: Plan) -> list[int]:
    return [placement.job.id.int for placement in plan.placements]


def codes(plan: Plan) -> dict[int, WaitCode]:
    return {wait.job_id.int: wait.code for wait in plan.waits}


def reason(plan: Plan, job: int) -> str:
    return next(wait.reason for wait in plan.waits if wait.job_id.int == job)
