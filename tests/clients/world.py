"""What operations are called with: things of AWS Batch with names of their own, made as they are needed."""

import itertools
from typing import Any

from tests.installation import wait_until

from .clients import Clients

_numbers = itertools.count(1)
Params = dict[str, Any]
NOWHERE = "arn:aws:batch:us-east-1:123456789012:{}/there-is-none"


def new(kind: str) -> str:
    """A name that nothing has."""
    return f"{kind}-{next(_numbers)}"


class World:
    """Makes what an operation needs, by other operations."""

    def __init__(self, clients: Clients) -> None:
        self.batch = clients.boto()

    def environment(self, **more: Any) -> str:
        """The name of a valid environment."""
        name = new("environment")
        self.batch.create_compute_environment(computeEnvironmentName=name, type="UNMANAGED", **more)
        self.wait_for_environment(name, "VALID")
        return name

    def wait_for_environment(self, name: str, status: str) -> None:
        wait_until(
            lambda: self._status("compute_environments", "computeEnvironments", name) == status,
            what=f"{name} is {status}",
        )

    def queue(self, **more: Any) -> str:
        """The name of a valid queue."""
        name = new("queue")
        if "serviceEnvironmentOrder" not in more:
            order = [{"order": 1, "computeEnvironment": self.environment()}]
            more = {"computeEnvironmentOrder": order, **more}
        self.batch.create_job_queue(jobQueueName=name, priority=1, **more)
        self.wait_for_queue(name, "VALID")
        return name

    def wait_for_queue(self, name: str, status: str) -> None:
        wait_until(
            lambda: self._status("job_queues", "jobQueues", name) == status,
            what=f"{name} is {status}",
        )

    def definition(self, script: str = "echo hello") -> str:
        """The `name:revision` of a definition that runs a shell's script."""
        made = self.batch.register_job_definition(**definition_params(script))
        return f"{made['jobDefinitionName']}:{made['revision']}"

    def job(self, script: str = "echo hello", **more: Any) -> str:
        """The id of a new job in the first queue."""
        values = {"jobQueue": "default", "jobDefinition": self.definition(script), **more}
        return str(self.batch.submit_job(jobName=new("job"), **values)["jobId"])

    def waiting_job(self) -> str:
        """One that no machine here has room for."""
        return self.job(
            containerOverrides={"resourceRequirements": [{"type": "VCPU", "value": "128"}]}
        )

    def wait_for_job(self, job_id: str, *statuses: str) -> Params:
        """The job as DescribeJobs has it, once it is in one of these statuses (default: it has ended)."""
        wanted = set(statuses) or {"SUCCEEDED", "FAILED"}
        found: Params = {}

        def there() -> bool:
            found.update(self.batch.describe_jobs(jobs=[job_id])["jobs"][0])
            return found["status"] in wanted

        wait_until(there, what=f"{job_id} is in {wanted}")
        return found

    def policy(self) -> str:
        """The ARN of a fair-share policy."""
        made = self.batch.create_scheduling_policy(name=new("policy"), fairsharePolicy={})
        return str(made["arn"])

    def resource(self, quantity: int = 5) -> str:
        """The name of a consumable resource."""
        name = new("resource")
        self.batch.create_consumable_resource(
            consumableResourceName=name, resourceType="REPLENISHABLE", totalQuantity=quantity
        )
        return name

    def service_environment(self) -> str:
        """The name of a service environment."""
        name = new("service")
        self.batch.create_service_environment(**service_environment_params(name))
        return name

    def training_queue(self) -> str:
        """The name of a queue for service jobs, with a quota-share policy."""
        policy = self.batch.create_scheduling_policy(
            name=new("policy"), quotaSharePolicy={"idleResourceAssignmentStrategy": "FIFO"}
        )
        return self.queue(
            jobQueueType="SAGEMAKER_TRAINING",
            schedulingPolicyArn=policy["arn"],
            serviceEnvironmentOrder=[
                {"order": 1, "serviceEnvironment": self.service_environment()}
            ],
        )

    def quota_share(self) -> str:
        """The ARN of a quota share."""
        made = self.batch.create_quota_share(**quota_share_params(self.training_queue()))
        return str(made["quotaShareArn"])

    def disabled_environment(self) -> str:
        """The name of one that may be deleted."""
        name = self.environment()
        self.batch.update_compute_environment(computeEnvironment=name, state="DISABLED")
        self.wait_for_environment(name, "VALID")
        return name

    def disabled_queue(self) -> str:
        """The name of one that may be deleted."""
        name = self.queue()
        self.batch.update_job_queue(jobQueue=name, state="DISABLED")
        self.wait_for_queue(name, "VALID")
        return name

    def arn_of_queue(self, name: str) -> str:
        """A queue's ARN."""
        return str(self.batch.describe_job_queues(jobQueues=[name])["jobQueues"][0]["jobQueueArn"])

    def _status(self, operation: str, member: str, name: str) -> str:
        found = getattr(self.batch, f"describe_{operation}")(**{member: [name]})[member]
        return str(found[0]["status"]) if found else "DELETED"


def definition_params(script: str = "echo hello", **more: Any) -> Params:
    """What RegisterJobDefinition takes for a shell's script."""
    return {
        "jobDefinitionName": new("definition"),
        "type": "container",
        "containerProperties": {
            "image": "busybox:1.36",
            "command": ["sh", "-c", script],
            "resourceRequirements": [
                {"type": "VCPU", "value": "0.25"},
                {"type": "MEMORY", "value": "64"},
            ],
        },
        **more,
    }


def service_environment_params(name: str) -> Params:
    """What CreateServiceEnvironment takes."""
    return {
        "serviceEnvironmentName": name,
        "serviceEnvironmentType": "SAGEMAKER_TRAINING",
        "capacityLimits": [{"maxCapacity": 4, "capacityUnit": "NUM_INSTANCES"}],
    }


def quota_share_params(queue: str) -> Params:
    """What CreateQuotaShare takes."""
    return {
        "quotaShareName": new("share"),
        "jobQueue": queue,
        "capacityLimits": [{"maxCapacity": 1, "capacityUnit": "ml.m5.large"}],
        "resourceSharingConfiguration": {"strategy": "RESERVE"},
        "preemptionConfiguration": {"inSharePreemption": "DISABLED"},
    }


def service_job_params(queue: str) -> Params:
    """What SubmitServiceJob takes."""
    return {
        "jobName": new("training"),
        "jobQueue": queue,
        "serviceJobType": "SAGEMAKER_TRAINING",
        "serviceRequestPayload": "{}",
    }
