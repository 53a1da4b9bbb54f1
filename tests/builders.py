"""Builds rows for tests: each function makes what it needs, and takes only what a test is about."""

import itertools
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User

from jobs.domain.groups import Place, waits_at_first
from jobs.domain.ids import child_id, new_job_id
from jobs.domain.states import LIVE
from jobs.models import (
    AccessPolicy,
    ArraySummary,
    Attempt,
    Budget,
    BudgetScope,
    ComputeEnvironment,
    ConsumableHold,
    ConsumableResource,
    Engine,
    EngineKind,
    EngineStatus,
    EnvironmentType,
    EventRule,
    Instance,
    InstanceState,
    InstanceType,
    Job,
    JobDefinition,
    JobQueue,
    JobQueueEnvironment,
    JobSpec,
    JobStatus,
    Node,
    RegistryLogin,
    SchedulingPolicy,
    Secret,
    TargetKind,
    Transition,
)
from jobs.models.array import column_of
from jobs.selectors.plans import plan_of_job
from jobs.services.access.ciphers import encrypt
from jobs.services.sending.signing import SIGNING
from jobs.services.setup.instance_catalogue import load_instance_types, shipped_rows

SPEC_FIELDS = {field.name for field in JobSpec._meta.fields} - {"id"}
NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
_numbers = itertools.count(1)


def _name(kind: str) -> str:
    return f"{kind}-{next(_numbers)}"


def a_user(**fields: Any) -> User:
    return User.objects.create_user(fields.pop("username", _name("user")), **fields)


def an_engine(**fields: Any) -> Engine:
    name = fields.pop("name", _name("engine"))
    values = {"kind": EngineKind.FAKE, "url": f"fake://{name}", "status": EngineStatus.CONNECTED}
    return Engine.objects.create(name=name, **{**values, **fields})


def a_node(**fields: Any) -> Node:
    engine = fields.pop("engine", None) or an_engine()
    name = fields.pop("name", _name("node"))
    values = {"instance_id": f"i-{next(_numbers):017x}", "milli_vcpus": 4000, "memory_mib": 8192}
    return Node.objects.create(engine=engine, name=name, **{**values, **fields})


def an_instance_type(name: str = "", **fields: Any) -> InstanceType:
    """A custom type of 2 vCPUs and 4 GiB, unless told otherwise."""
    values = {
        "milli_vcpus": 2000,
        "memory_mib": 4096,
        "usd_per_hour": Decimal("0.1"),
        "spot_usd_per_hour": Decimal("0.04"),
        "is_custom": True,
    }
    return InstanceType.objects.create(
        name=name or f"family{next(_numbers)}.large", **{**values, **fields}
    )


def load_catalogue() -> None:
    """The instance types that come with Batchweb; no test has them unless it asks. Some 20 ms."""
    load_instance_types(rows=shipped_rows())


def an_environment(**fields: Any) -> ComputeEnvironment:
    engine = fields.pop("engine", None) or a_node().engine
    values = {"name": _name("environment"), "created_at": NOW}
    return ComputeEnvironment.objects.create(engine=engine, **{**values, **fields})


def an_instance(**fields: Any) -> Instance:
    """A RUNNING On-Demand instance of 2 vCPUs and 4 GiB, on the first node of its environment's engine."""
    environment = fields.pop("environment", None) or an_environment(type=EnvironmentType.MANAGED)
    node = fields.pop("node", None) or environment.engine.nodes.first()
    assert node is not None
    values = {
        "instance_id": f"i-{next(_numbers):017x}",
        "type_name": "rack.large",
        "milli_vcpus": 2000,
        "memory_mib": 4096,
        "usd_per_hour": Decimal("0.1"),
        "state": InstanceState.RUNNING,
        "launched_at": NOW,
        "running_at": NOW,
    }
    return Instance.objects.create(environment=environment, node=node, **{**values, **fields})


def a_queue(*environments: ComputeEnvironment, **fields: Any) -> JobQueue:
    queue = JobQueue.objects.create(**{"name": _name("queue"), "created_at": NOW, **fields})
    for order, environment in enumerate(environments or [an_environment()], 1):
        JobQueueEnvironment.objects.create(queue=queue, environment=environment, order=order)
    return queue


def a_policy(**fields: Any) -> SchedulingPolicy:
    """A fair-share policy. `shares` are its weight factors by share identifier."""
    shares = fields.pop("shares", {})
    values = {
        "name": _name("policy"),
        "share_distribution": [
            {"shareIdentifier": share, "weightFactor": weight} for share, weight in shares.items()
        ],
        "created_at": NOW,
    }
    return SchedulingPolicy.objects.create(**{**values, **fields})


def a_consumable(**fields: Any) -> ConsumableResource:
    values = {"name": _name("consumable"), "total_quantity": 10, "created_at": NOW}
    return ConsumableResource.objects.create(**{**values, **fields})


def a_budget(**fields: Any) -> Budget:
    """A budget for a queue, an owner, or else a tag, of which nothing is spent."""
    scope = next((name for name in ("queue", "owner") if name in fields), "tag")
    values = {
        "name": _name("budget"),
        "scope": BudgetScope[scope.upper()],
        "usd_per_month": 10,
        "created_at": NOW,
        **({"tag_key": "team"} if scope == "tag" else {}),
    }
    return Budget.objects.create(**{**values, **fields})


def a_hold(**fields: Any) -> ConsumableHold:
    """What a running job holds of a resource, which says so too."""
    job = fields.pop("job", None) or a_job(status=JobStatus.RUNNING, attempts_made=1)
    resource = fields.pop("resource", None) or a_consumable()
    values = {"attempt_number": job.attempts_made or 1, "quantity": 1, "taken_at": NOW}
    hold = ConsumableHold.objects.create(job=job, resource=resource, **{**values, **fields})
    if hold.released_at is None:
        resource.in_use_quantity += hold.quantity
        resource.save(update_fields=["in_use_quantity"])
    return hold


def a_secret(**fields: Any) -> Secret:
    """A secret whose value nobody can read: `services.access.secrets` makes those that can be."""
    owner = fields.pop("owner", None) or a_user()
    values = {"name": _name("secret"), "encrypted": b"-", "created_at": NOW, "updated_at": NOW}
    return Secret.objects.create(owner=owner, **{**values, **fields})


def a_registry_login(**fields: Any) -> RegistryLogin:
    """A login whose password nobody can read: `services.access.registry_logins` makes those that can be."""
    owner = fields.pop("owner", None) or a_user()
    values = {
        "prefix": f"registry.example.com/{_name('team')}",
        "username": "robot",
        "encrypted": b"-",
        "created_at": NOW,
        "updated_at": NOW,
    }
    return RegistryLogin.objects.create(owner=owner, **{**values, **fields})


def an_access_policy(*statements: dict[str, Any], **fields: Any) -> AccessPolicy:
    """A policy of these statements (without any, one about engines), attached to `users` and `groups`."""
    users, groups = fields.pop("users", ()), fields.pop("groups", ())
    nothing = {"Effect": "Deny", "Action": "batchweb:DeleteEngine", "Resource": "*"}
    document = {"Version": "2012-10-17", "Statement": list(statements) or [nothing]}
    values = {
        "name": fields.pop("name", None) or _name("access"),
        "created_at": NOW,
        "updated_at": NOW,
    }
    row = AccessPolicy.objects.create(
        **{"document": json.dumps(document, indent=2), **values, **fields}
    )
    row.users.set(users)
    row.groups.set(groups)
    return row


def an_event_rule(**fields: Any) -> EventRule:
    """A rule of an administrator that sends each change of a job's state to a receiver that is not there."""
    values = {
        "name": fields.pop("name", None) or _name("rule"),
        "pattern": {"source": ["aws.batch"]},
        "target_kind": TargetKind.WEBHOOK,
        "address": "http://127.0.0.1:9/",
        "encrypted": encrypt(f"whsec_{'A' * 32}", purpose=SIGNING),
    }
    moments = {"created_at": NOW, "changed_at": NOW, "since": NOW}
    owner = fields.pop("owner", None) or a_user(is_staff=True)
    return EventRule.objects.create(owner=owner, **{**values, **moments, **fields})


def a_definition(**fields: Any) -> JobDefinition:
    values = {
        "name": _name("definition"),
        "revision": 1,
        "image": "busybox:1.36",
        "command": ["true"],
        "milli_vcpus": 1000,
        "memory_mib": 512,
        "created_at": NOW,
    }
    return JobDefinition.objects.create(**{**values, **fields})


def a_job(**fields: Any) -> Job:
    """A job in any status, with its history's first line."""
    definition = fields.pop("definition", None) or a_definition()
    values = {
        "name": _name("job"),
        "queue": fields.pop("queue", None) or a_queue(),
        "definition": definition,
        "owner": fields.pop("owner", None) or a_user(),
        "status": JobStatus.SUBMITTED,
        "status_changed_at": NOW,
        "milli_vcpus": definition.milli_vcpus,
        "memory_mib": definition.memory_mib,
        "attempts_allowed": definition.attempts,
        "created_at": NOW,
    }
    if fields.get("status") in {JobStatus.SUCCEEDED, JobStatus.FAILED}:
        values["stopped_at"] = NOW + timedelta(minutes=1)
    job_id = fields.pop("id", None) or new_job_id()
    values["spec"] = fields.pop("spec", None) or a_spec(
        id=job_id, **{name: fields.pop(name) for name in SPEC_FIELDS & fields.keys()}, of=definition
    )
    job = Job.objects.create(id=job_id, **{**values, **fields})
    Transition.objects.create(job=job, to_status=JobStatus.SUBMITTED, at=NOW)
    return job


def an_array(size: int, *, children: str = JobStatus.RUNNABLE, **fields: Any) -> Job:
    """The parent of an array whose children all are in the same status; `fields` hold for all of them."""
    parent = a_job(array_size=size, status=_status_of_array(children), **fields)
    values = {
        field.attname: getattr(parent, field.attname)
        for field in Job._meta.concrete_fields
        if field.name not in {"id", "parent", "array_index", "status"}
    }
    if children in LIVE:
        values["stopped_at"] = None
    rows = [
        Job(
            id=child_id(parent.id, index),
            parent=parent,
            array_index=index,
            status=children,
            **values,
        )
        for index in range(size)
    ]
    Job.objects.bulk_create(rows)
    Transition.objects.bulk_create(
        Transition(job=row, to_status=JobStatus.SUBMITTED, at=NOW) for row in rows
    )
    ArraySummary.objects.create(job=parent, **{column_of(children): size})
    return parent


def _status_of_array(children: str) -> str:
    if children == JobStatus.SUBMITTED or children not in LIVE:
        return children
    return JobStatus.PENDING


def a_spec(*, of: JobDefinition, **fields: Any) -> JobSpec:
    """What a job of the definition runs."""
    values = {"image": of.image, "command": of.command, "environment": of.environment}
    return JobSpec.objects.create(**{**values, **fields})


def an_attempt(**fields: Any) -> Attempt:
    """A live attempt of a job that is STARTING, on the first node of its first environment."""
    job = fields.pop("job", None) or a_job(status=JobStatus.STARTING, attempts_made=1)
    environment = fields.pop("environment", None) or job.queue.environments.first()
    assert environment is not None
    node = fields.pop("node", None) or environment.engine.nodes.first()
    assert node is not None
    values = {
        "number": job.attempts_made or 1,
        "image": job.image,
        "milli_vcpus": job.milli_vcpus,
        "memory_mib": job.memory_mib,
        "usd_per_vcpu_hour": environment.usd_per_vcpu_hour,
        "usd_per_gib_hour": environment.usd_per_gib_hour,
        "placed_at": NOW,
    }
    return Attempt.objects.create(
        job=job, environment=environment, node=node, **{**values, **fields}
    )


def a_group(**fields: Any) -> list[Attempt]:
    """The live attempts of one try of a job of several containers or nodes, as they are when it is placed.

    Give it a `job`, or `ecs_properties` or `node_properties` (see `containers_of` and `nodes_of`).
    """
    job = fields.pop("job", None) or a_job(status=JobStatus.STARTING, attempts_made=1, **fields)
    plan = plan_of_job(job)
    return [
        an_attempt(
            job=job,
            node_index=node.index,
            container_index=index,
            container_name=container.name,
            essential=container.essential,
            image=container.image,
            milli_vcpus=container.milli_vcpus,
            memory_mib=container.memory_mib,
            waits_for_others=waits_at_first(plan, Place(node.index, index)),
        )
        for node in plan.nodes
        for index, container in enumerate(node.containers)
    ]


def containers_of(*containers: dict[str, Any], **task: Any) -> dict[str, Any]:
    """Canonical `ecsProperties` of containers that each have at least a `name`."""
    return {"taskProperties": [{"containers": [_container(**each) for each in containers], **task}]}


def nodes_of(count: int, *, main: int = 0, **group: Any) -> dict[str, Any]:
    """Canonical `nodeProperties` of nodes that are all alike: a `container`, or `ecsProperties`."""
    if "ecsProperties" not in group:
        group["container"] = _container(**group.get("container", {}))
    return {
        "numNodes": count,
        "mainNode": main,
        "nodeRangeProperties": [{"targetNodes": f"0:{count - 1}", **group}],
    }


def _container(**fields: Any) -> dict[str, Any]:
    amounts = [{"type": "VCPU", "value": "0.1"}, {"type": "MEMORY", "value": "64"}]
    return {"image": "fake/sh", "command": ["sleep"], "resourceRequirements": amounts, **fields}
