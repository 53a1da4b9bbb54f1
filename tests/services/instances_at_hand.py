"""Managed environments, and jobs on their instances, for tests of passes."""

from datetime import datetime
from typing import Any

from jobs.models import (
    Attempt,
    ComputeEnvironment,
    EnvironmentType,
    InstanceType,
    Job,
    JobStatus,
)
from tests.builders import (
    a_job,
    a_node,
    a_queue,
    an_environment,
    an_instance_type,
)


def a_managed(*, engine: Any = None, kind: str = "EC2", **resources: Any) -> ComputeEnvironment:
    """An environment of instances of `rack.large` (2 vCPU, 4 GiB) on a machine of 4 vCPU and 8 GiB."""
    if not InstanceType.objects.filter(name="rack.large").exists():
        an_instance_type("rack.large")
    has_instances = kind in ("EC2", "SPOT")
    members = {
        "type": kind,
        "maxvCpus": 16,
        **(
            {
                "instanceTypes": ["rack"],
                "allocationStrategy": "BEST_FIT_PROGRESSIVE",
                "minvCpus": 0,
                "desiredvCpus": 0,
            }
            if has_instances
            else {}
        ),
        **resources,
    }
    return an_environment(
        type=EnvironmentType.MANAGED,
        engine=engine or a_node().engine,
        compute_resources=members,
        max_milli_vcpus=members["maxvCpus"] * 1000,
    )


def a_waiting(environment: ComputeEnvironment, **fields: Any) -> Job:
    return a_job(queue=a_queue(environment), status=JobStatus.RUNNABLE, **fields)


def end(attempt: Attempt, at: datetime) -> None:
    """As if its container had ended then."""
    Attempt.objects.filter(id=attempt.id).update(
        started_at=attempt.placed_at, stopped_at=at, ended_at=at, exit_code=0
    )
    Job.objects.filter(id=attempt.job_id).update(status=JobStatus.SUCCEEDED, stopped_at=at)
