"""Builds rows for tests: each function makes what it needs, and takes only what a test is about."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.auth.models import User

from jobs.domain.ids import new_job_id
from jobs.models import (
    Attempt,
    ComputeEnvironment,
    Engine,
    EngineKind,
    EngineStatus,
    Job,
    JobDefinition,
    JobQueue,
    JobQueueEnvironment,
    JobSpec,
    JobStatus,
    Node,
    Transition,
)

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


def an_environment(**fields: Any) -> ComputeEnvironment:
    engine = fields.pop("engine", None) or a_node().engine
    values = {"name": _name("environment"), "created_at": NOW}
    return ComputeEnvironment.objects.create(engine=engine, **{**values, **fields})


def a_queue(*environments: ComputeEnvironment, **fields: Any) -> JobQueue:
    queue = JobQueue.objects.create(**{"name": _name("queue"), "created_at": NOW, **fields})
    for order, environment in enumerate(environments or [an_environment()], 1):
        JobQueueEnvironment.objects.create(queue=queue, environment=environment, order=order)
    return queue


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
