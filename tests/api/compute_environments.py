"""Compute environments over the API, for tests: resources to ask for, and calls that make, read and change one."""

from typing import Any

from django.contrib.auth.models import User

from tests.api.asking import ask
from tests.builders import an_engine, an_instance_type

ARN = "arn:aws:batch:us-east-1:123456789012:compute-environment/"
EC2: dict[str, Any] = {
    "type": "EC2",
    "maxvCpus": 16,
    "instanceTypes": ["m4.large"],
    "subnets": ["subnet-1"],
    "securityGroupIds": ["sg-1"],
    "instanceRole": "ecsInstanceRole",
}
SPOT: dict[str, Any] = {**EC2, "type": "SPOT", "spotIamFleetRole": "fleet"}
FARGATE: dict[str, Any] = {
    "type": "FARGATE",
    "maxvCpus": 16,
    "subnets": ["subnet-1"],
    "securityGroupIds": ["sg-1"],
}


def ground() -> None:
    """An engine whose machines are not known yet, and the types that are asked for here."""
    an_engine(name="local")
    an_instance_type("m4.large", memory_mib=8192)
    an_instance_type("c5.large")


def make(user: User, resources: dict[str, Any] | None = None, **params: Any) -> dict[str, Any]:
    if resources is not None:
        params["computeResources"] = resources
    values = {"computeEnvironmentName": "new", "type": "MANAGED", **params}
    return ask(user, "CreateComputeEnvironment", **values)


def described(user: User, name: str = "new") -> dict[str, Any]:
    found = ask(user, "DescribeComputeEnvironments", computeEnvironments=[name])
    (only,) = found["computeEnvironments"]
    assert isinstance(only, dict)
    return only


def update(user: User, **params: Any) -> dict[str, Any]:
    return ask(user, "UpdateComputeEnvironment", computeEnvironment="new", **params)
