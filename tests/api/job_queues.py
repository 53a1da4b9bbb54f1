"""Job queues over the API, for tests: what they may name, and calls that make, read and change one."""

from typing import Any

from django.contrib.auth.models import User

from jobs.models import ServiceEnvironment
from tests.api.asking import ask
from tests.builders import NOW, a_policy, an_environment

ARNS = "arn:aws:batch:us-east-1:123456789012:"
ARN = f"{ARNS}job-queue/"
ENVIRONMENT = f"{ARNS}compute-environment/"
SERVICE = f"{ARNS}service-environment/"
POLICY = f"{ARNS}scheduling-policy/"
RULE = {
    "reason": "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY",
    "state": "RUNNABLE",
    "maxTimeSeconds": 600,
    "action": "CANCEL",
}
QUOTAS = {"idleResourceAssignmentStrategy": "FIFO"}


def surroundings() -> None:
    """Environments of each kind and status, service environments and policies, which queues are made of."""
    for name in "abcd":
        an_environment(name=name)
    for name, type_ in (("spot", "SPOT"), ("fargate", "FARGATE"), ("cheap", "FARGATE_SPOT")):
        an_environment(name=name, type="MANAGED", compute_resources={"type": type_, "maxvCpus": 4})
    an_environment(name="bad", status="INVALID", status_reason="Connection refused")
    an_environment(name="going", status="DELETING")
    an_environment(name="coming", status="CREATING")
    for name in "st":
        ServiceEnvironment.objects.create(name=name, created_at=NOW)
    a_policy(name="fair")
    a_policy(name="fairer")
    a_policy(name="quotas", quota_share_policy=QUOTAS)


def order(*names: str, member: str = "computeEnvironment") -> list[dict[str, Any]]:
    return [{"order": number, member: name} for number, name in enumerate(names, start=1)]


def services(*names: str) -> list[dict[str, Any]]:
    return order(*names, member="serviceEnvironment")


def make(user: User, *environments: str, **params: Any) -> dict[str, Any]:
    if environments:
        params["computeEnvironmentOrder"] = order(*environments)
    return ask(user, "CreateJobQueue", **{"jobQueueName": "new", "priority": 1, **params})


def described(user: User, name: str = "new") -> dict[str, Any]:
    (only,) = ask(user, "DescribeJobQueues", jobQueues=[name])["jobQueues"]
    assert isinstance(only, dict)
    return only


def update(user: User, name: str = "new", **params: Any) -> dict[str, Any]:
    return ask(user, "UpdateJobQueue", jobQueue=name, **params)
