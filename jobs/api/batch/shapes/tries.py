"""What a job runs, and its tries so far, as AWS Batch describes them. Pure: of rows that were read."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from jobs.domain import ecs_arns, names
from jobs.domain.arns import Arns
from jobs.domain.definitions.node_ranges import node_range, pick_ranges
from jobs.domain.environments.compute_resource_members import FARGATE_TYPES
from jobs.domain.work import properties_of
from jobs.models import Attempt, Job
from jobs.selectors.job_details import decider_of, main_node_of
from jobs.selectors.plans import work_of_job

from .definitions import with_lists

# AWS's limit; clients store it in columns of that size.
MAX_REASON_CHARACTERS = 255
NO_REASONS: Mapping[int, str] = {}

Shape = dict[str, Any]


def millis(at: datetime | None) -> int | None:
    """Milliseconds since the epoch."""
    return None if at is None else round(at.timestamp() * 1000)


def newest_try(attempts: Sequence[Attempt]) -> list[Attempt]:
    """The containers of the newest try; none without any."""
    return [each for each in attempts if each.number == attempts[-1].number]


def started_at(containers: Sequence[Attempt]) -> datetime | None:
    """When the first of them started."""
    return min((each.started_at for each in containers if each.started_at), default=None)


def stopped_at(containers: Sequence[Attempt]) -> datetime | None:
    """When the last of them stopped; None while one of them has not ended."""
    if any(each.ended_at is None for each in containers):
        return None
    stops = (each.stopped_at or each.ended_at for each in containers)
    return max((stop for stop in stops if stop is not None), default=None)


def attempt_details(
    realm: Arns, job: Job, attempts: Sequence[Attempt], reasons: Mapping[int, str] = NO_REASONS
) -> list[Shape]:
    """`attempts`: the tries that have ended. One that still runs is told of by the job itself.

    `reasons`: of tries, by number, why they ended, where that is more than one container tells.
    """
    tries = [list(rows) for _, rows in groupby(attempts, key=lambda each: each.number)]
    return [
        _attempt_detail(realm, job, rows, reasons.get(rows[0].number, ""))
        for rows in tries
        if all(each.ended_at is not None for each in rows)
    ]


def work_detail(realm: Arns, job: Job, newest: Sequence[Attempt], *, node_index: int = 0) -> Shape:
    """`container` or `ecsProperties`: what the job, or a node of it, runs, and how that goes.

    `newest` are the containers of its newest try, if there was one.
    """
    task = _task_of(job, node_index)
    if task is None:
        state = _container(realm, job, newest[0]) if newest else {"networkInterfaces": []}
        return {"container": {**with_lists(_properties_of(job, node_index)), **state}}
    states = {each.container_name: _state(job, each) for each in newest}
    containers = [{**each, **states.get(each["name"], {})} for each in task["containers"]]
    place = _place(realm, newest[0]) if newest else {}
    return {
        # AWS has it empty for jobs of several containers.
        "container": {},
        "ecsProperties": {"taskProperties": [{**task, **place, "containers": containers}]},
    }


def log_stream_name(job: Job, attempt: Attempt) -> str | None:
    """The name of a container's log stream; None before it runs."""
    stream = getattr(attempt, "log_stream", None)
    if stream is not None:
        return str(stream.name)
    if attempt.started_at is None:
        return None
    properties = _container_properties(job, attempt)
    return names.log_stream(
        job.definition.name,
        job.id,
        attempt.number,
        container=attempt.container_name,
        node_index=attempt.node_index,
        log_configuration=properties.get("logConfiguration"),
    ).name


def _attempt_detail(realm: Arns, job: Job, rows: Sequence[Attempt], reason: str) -> Shape:
    main = main_node_of(job)
    index = main if any(each.node_index == main for each in rows) else rows[0].node_index
    of_node = [each for each in rows if each.node_index == index]
    return {
        **_containers(realm, job, of_node),
        "startedAt": millis(started_at(of_node)),
        "stoppedAt": millis(stopped_at(of_node)),
        "statusReason": reason or decider_of(of_node, node_index=index).status_reason or None,
    }


def _containers(realm: Arns, job: Job, of_node: Sequence[Attempt]) -> Shape:
    if _task_of(job, of_node[0].node_index) is None:
        return {"container": _container(realm, job, of_node[0])}
    containers = [{"name": each.container_name, **_state(job, each)} for each in of_node]
    return {"taskProperties": [{**_place(realm, of_node[0]), "containers": containers}]}


def _container(realm: Arns, job: Job, attempt: Attempt) -> Shape:
    return {**_place(realm, attempt), **_state(job, attempt)}


def _place(realm: Arns, attempt: Attempt) -> Shape:
    environment = attempt.environment
    cluster = ecs_arns.cluster_name(environment.name, environment.uuid)
    task = ecs_arns.task_id(attempt.job_id, attempt.number, attempt.node_index)
    machine = ecs_arns.container_instance_arn(realm, cluster, attempt.host_id)
    return {
        # Fargate's machines are nobody's.
        "containerInstanceArn": None if attempt.capacity in FARGATE_TYPES else machine,
        "taskArn": ecs_arns.task_arn(realm, cluster, task),
    }


def _state(job: Job, attempt: Attempt) -> Shape:
    interfaces = [{"privateIpv4Address": attempt.address}] if attempt.address else []
    return {
        "exitCode": attempt.exit_code,
        "reason": attempt.reason[:MAX_REASON_CHARACTERS] or None,
        "logStreamName": log_stream_name(job, attempt),
        "networkInterfaces": interfaces,
    }


def _group_of(job: Job, node_index: int) -> Shape:
    """The range of nodes that a node's own properties are in."""
    properties = job.spec.node_properties
    groups = properties["nodeRangeProperties"]
    ranges = [node_range(group["targetNodes"]) for group in groups]
    group: Shape = groups[pick_ranges(ranges, properties["numNodes"])[node_index]]
    return group


def _task_of(job: Job, node_index: int) -> Shape | None:
    """What a node of several containers runs; None where it has one container alone."""
    spec = job.spec
    ecs = (
        _group_of(job, node_index).get("ecsProperties")
        if spec.node_properties
        else spec.ecs_properties
    )
    return ecs["taskProperties"][0] if ecs else None


def _properties_of(job: Job, node_index: int) -> Shape:
    """Of a node with one container, that container's properties."""
    if job.spec.node_properties:
        return dict(_group_of(job, node_index)["container"])
    return properties_of(work_of_job(job))


def _container_properties(job: Job, attempt: Attempt) -> Shape:
    task = _task_of(job, attempt.node_index)
    if task is None:
        return _properties_of(job, attempt.node_index)
    found: Shape = task["containers"][attempt.container_index]
    return found
