"""What clients of Batch ask of ECS: the tasks and container instances whose ARNs describe-jobs hands out."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from jobs.domain import ecs_arns
from jobs.domain.environments.compute_resource_members import FARGATE_TYPES
from jobs.domain.resources import Resources
from jobs.models import Attempt, ComputeEnvironment, InstanceState
from jobs.selectors import tasks as selectors
from jobs.selectors.tasks import Machine

from .calls import Caller, Operation, Request
from .errors import ApiError

MISSING = "MISSING"
MAX_DESCRIBED = 100
CPU_UNITS_PER_VCPU = 1024
INSTANCE_STATUSES = {
    InstanceState.LAUNCHING: "REGISTERING",
    InstanceState.RUNNING: "ACTIVE",
    InstanceState.DRAINING: "DRAINING",
    InstanceState.ENDED: "INACTIVE",
}


def describe_tasks(caller: Caller, request: Request, now: datetime) -> dict[str, Any]:
    """Tries of jobs as tasks."""
    environment = _environment_of(caller, request)
    asked = _asked(request, "tasks")
    keys = {
        text: key
        for text in asked
        if (key := ecs_arns.task_of(_id_in(caller, environment, text, ecs_arns.TASK)))
    }
    found = selectors.find_tasks(user=caller.user, environment=environment, keys=set(keys.values()))
    return {
        "tasks": [
            _task(caller, environment, found[keys[text]])
            for text in asked
            if keys.get(text) in found
        ],
        "failures": _failures(text for text in asked if keys.get(text) not in found),
    }


def describe_container_instances(caller: Caller, request: Request, now: datetime) -> dict[str, Any]:
    """Machines as parts of an environment's cluster."""
    environment = _environment_of(caller, request)
    asked = _asked(request, "containerInstances")
    ids = {
        text: ecs_arns.instance_id_of(
            _id_in(caller, environment, text, ecs_arns.CONTAINER_INSTANCE)
        )
        or ""
        for text in asked
    }
    found = selectors.find_machines(environment=environment, instance_ids=set(ids.values()))
    return {
        "containerInstances": [
            _container_instance(caller, environment, found[ids[text]])
            for text in asked
            if ids[text] in found
        ],
        "failures": _failures(text for text in asked if ids[text] not in found),
    }


def _environment_of(caller: Caller, request: Request) -> ComputeEnvironment:
    """The environment whose cluster is meant. Raises ApiError."""
    text = request.get("cluster", "default")
    name = caller.arns.name_in(text, ecs_arns.CLUSTER, service=ecs_arns.SERVICE)
    uuid = ecs_arns.environment_uuid_in(name or "")
    environment = selectors.find_environment(uuid) if uuid else None
    if environment is None:
        raise ApiError("ClusterNotFoundException", "Cluster not found.")
    return environment


def _asked(request: Request, member: str) -> list[str]:
    """Each that is asked for once. Raises ApiError."""
    texts = list(dict.fromkeys(request[member]))
    if not texts or len(texts) > MAX_DESCRIBED:
        raise ApiError("InvalidParameterException", f"{member}: Give 1 to {MAX_DESCRIBED} of them.")
    return texts


def _id_in(caller: Caller, environment: ComputeEnvironment, text: str, kind: str) -> str:
    """The id in an ARN of the environment's cluster, or the id itself; nothing for any other ARN."""
    name = caller.arns.name_in(text, kind, service=ecs_arns.SERVICE) or ""
    cluster, slash, id_ = name.rpartition("/")
    if slash and cluster != _cluster(environment):
        return ""
    return id_


def _failures(texts: Iterable[str]) -> list[dict[str, str]]:
    return [{"arn": text, "reason": MISSING} for text in texts]


def _cluster(environment: ComputeEnvironment) -> str:
    return ecs_arns.cluster_name(environment.name, environment.uuid)


def _cluster_arn(caller: Caller, environment: ComputeEnvironment) -> str:
    return caller.arns.of(ecs_arns.CLUSTER, _cluster(environment), service=ecs_arns.SERVICE)


def _task(
    caller: Caller, environment: ComputeEnvironment, rows: Sequence[Attempt]
) -> dict[str, Any]:
    first, cluster = rows[0], _cluster(environment)
    task = ecs_arns.task_id(first.job_id, first.number, first.node_index)
    arn = ecs_arns.task_arn(caller.arns, cluster, task)
    is_over = all(row.ended_at for row in rows)
    is_fargate = first.capacity in FARGATE_TYPES
    return {
        "taskArn": arn,
        "clusterArn": _cluster_arn(caller, environment),
        "containerInstanceArn": None
        if is_fargate
        else ecs_arns.container_instance_arn(caller.arns, cluster, first.host_id),
        "containers": [_container(arn, row) for row in rows],
        "lastStatus": "STOPPED" if is_over else _status(rows),
        "desiredStatus": "STOPPED" if is_over else "RUNNING",
        "cpu": _cpu_units(sum(row.milli_vcpus for row in rows)),
        "memory": str(sum(row.memory_mib for row in rows)),
        "launchType": "FARGATE" if is_fargate else "EC2",
        "createdAt": min(row.placed_at for row in rows),
        "startedAt": min((row.started_at for row in rows if row.started_at), default=None),
        "stoppedAt": max(row.stopped_at or row.ended_at for row in rows if row.ended_at)
        if is_over
        else None,
        "stoppedReason": first.status_reason or None if is_over else None,
    }


def _status(rows: Sequence[Attempt]) -> str:
    return "RUNNING" if any(row.started_at for row in rows) else "PENDING"


def _container(task_arn: str, row: Attempt) -> dict[str, Any]:
    return {
        "taskArn": task_arn,
        "name": row.container_name,
        "image": row.image,
        "runtimeId": row.container_id or None,
        "lastStatus": "STOPPED" if row.ended_at else _status([row]),
        "exitCode": row.exit_code,
        "reason": row.reason or None,
        "cpu": _cpu_units(row.milli_vcpus),
        "memory": str(row.memory_mib),
    }


def _cpu_units(milli_vcpus: int) -> str:
    return str(milli_vcpus * CPU_UNITS_PER_VCPU // 1000)


def _container_instance(
    caller: Caller, environment: ComputeEnvironment, machine: Machine
) -> dict[str, Any]:
    host, instance = machine.host, machine.instance
    size = Resources(host.milli_vcpus, host.memory_mib, host.gpus)
    return {
        "containerInstanceArn": ecs_arns.container_instance_arn(
            caller.arns, _cluster(environment), host.instance_id
        ),
        "ec2InstanceId": host.instance_id,
        "status": "ACTIVE"
        if instance is None
        else INSTANCE_STATUSES[InstanceState(instance.state)],
        "statusReason": (instance.end_reason or None) if instance else None,
        "agentConnected": machine.is_up,
        "registeredResources": _amounts(size),
        "remainingResources": _amounts(size - machine.used) if instance else None,
        "registeredAt": instance.launched_at if instance else None,
        "attributes": [{"name": "ecs.instance-type", "value": instance.type_name}]
        if instance
        else None,
        "runningTasksCount": machine.running,
        "pendingTasksCount": machine.pending,
    }


def _amounts(size: Resources) -> list[dict[str, Any]]:
    amounts = (("CPU", int(_cpu_units(size.milli_vcpus))), ("MEMORY", size.memory_mib))
    return [{"name": name, "type": "INTEGER", "integerValue": value} for name, value in amounts]


def operations() -> Mapping[str, Operation]:
    """Every operation by its name."""
    return {
        "DescribeTasks": Operation(
            describe_tasks,
            "Tasks are the tries of jobs that the caller may see; `cluster` is needed, as describe-jobs "
            "hands it out in `taskArn`. Only what Batchweb knows of them: no network, no tags.",
        ),
        "DescribeContainerInstances": Operation(
            describe_container_instances,
            "Container instances are a managed environment's instances, also when they have ended (INACTIVE), "
            "and the machines of the environment's engine.",
        ),
    }
