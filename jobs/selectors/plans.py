"""What a stored job consists of when it runs."""

from jobs.domain.plans import JobPlan, Work, plan_of
from jobs.models import Job, JobDefinition


def plan_of_job(job: Job) -> JobPlan:
    """The job's nodes and containers. No query if the job was read with its spec."""
    spec = job.spec
    return plan_of(
        Work(
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
