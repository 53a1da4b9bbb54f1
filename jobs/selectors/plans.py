"""What a stored job consists of when it runs."""

from collections.abc import Mapping
from typing import Any

from jobs.domain.plans import JobPlan, Work, plan_of
from jobs.models import Attempt, Job, JobDefinition


def plan_of_job(job: Job) -> JobPlan:
    """The job's nodes and containers. No query if the job was read with its spec."""
    return plan_of(work_of_job(job))


def work_of_job(job: Job) -> Work:
    """What a job runs, all overrides made. No query if the job was read with its spec."""
    spec = job.spec
    return Work(
        image=spec.image,
        milli_vcpus=job.milli_vcpus,
        memory_mib=job.memory_mib,
        gpus=job.gpus,
        command=spec.command,
        environment=spec.environment,
        container=spec.container,
        ecs_properties=spec.ecs_properties,
        node_properties=spec.node_properties,
    )


def work_of_definition(definition: JobDefinition) -> Work:
    """What a definition's jobs run, before anything is overridden."""
    return Work(
        image=definition.image,
        milli_vcpus=definition.milli_vcpus,
        memory_mib=definition.memory_mib,
        gpus=definition.gpus,
        command=definition.command,
        environment=definition.environment,
        container=definition.container,
        ecs_properties=definition.ecs_properties,
        node_properties=definition.node_properties,
    )


def is_group(job: Job) -> bool:
    """Whether a try of the job has containers that depend on each other: several of them, or several nodes.

    No query if the job was read with its spec.
    """
    return bool(job.spec.ecs_properties or job.spec.node_properties)


def log_configuration_of(attempt: Attempt) -> Mapping[str, Any]:
    """How the attempt's container logs. No query if the attempt was read with its job and the job's spec."""
    configuration: Mapping[str, Any] = _properties_of(attempt).get("logConfiguration", {})
    return configuration


def registry_secret_of(attempt: Attempt) -> str:
    """The secret that the attempt's container names for its image's registry; empty: none. No query either."""
    credentials: Mapping[str, str] = _properties_of(attempt).get("repositoryCredentials", {})
    return credentials.get("credentialsParameter", "")


def _properties_of(attempt: Attempt) -> Mapping[str, Any]:
    """What is asked of the attempt's container beside what it runs. A plain job's plan is not even made."""
    properties: Mapping[str, Any] = attempt.job.spec.container
    if is_group(attempt.job):
        node = plan_of_job(attempt.job).nodes[attempt.node_index]
        properties = node.containers[attempt.container_index].properties
    return properties
