"""UpdateComputeEnvironment: what AWS lets change, and what it refuses."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from jobs.models import ComputeEnvironment
from tests.api.asking import Refused
from tests.api.compute_environments import ARN, EC2, FARGATE, described, ground, make, update
from tests.builders import a_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def boss() -> User:
    return a_user(is_staff=True)


@pytest.fixture(autouse=True)
def _ground() -> None:
    ground()


PROGRESSIVE = {**EC2, "allocationStrategy": "BEST_FIT_PROGRESSIVE"}


@pytest.mark.parametrize(
    ("before", "change", "after"),
    [
        # A scaling update, of any strategy.
        (EC2, {"maxvCpus": 32}, {"maxvCpus": 32}),
        (EC2, {"minvCpus": 4}, {"minvCpus": 4, "desiredvCpus": 4}),
        (EC2, {"desiredvCpus": 8}, {"desiredvCpus": 8}),
        ({**EC2, "desiredvCpus": 8}, {"maxvCpus": 4}, {"maxvCpus": 4, "desiredvCpus": 4}),
        # Nothing at all is changed: no strategy stands against it.
        (EC2, {"instanceTypes": ["m4.large"]}, {}),
        (PROGRESSIVE, {"instanceTypes": ["c5"]}, {"instanceTypes": ["c5"]}),
        (PROGRESSIVE, {"type": "SPOT", "bidPercentage": 60}, {"type": "SPOT", "bidPercentage": 60}),
        (
            EC2,
            {"allocationStrategy": "BEST_FIT_PROGRESSIVE", "instanceTypes": ["c5"]},
            {"allocationStrategy": "BEST_FIT_PROGRESSIVE", "instanceTypes": ["c5"]},
        ),
        ({**PROGRESSIVE, "ec2KeyPair": "k"}, {"ec2KeyPair": ""}, {"ec2KeyPair": None}),
        ({**PROGRESSIVE, "imageId": "i"}, {"imageId": ""}, {"imageId": None}),
        (
            {**PROGRESSIVE, "launchTemplate": {"launchTemplateId": "a"}},
            {"launchTemplate": {"launchTemplateId": ""}},
            {"launchTemplate": None},
        ),
        (PROGRESSIVE, {"subnets": []}, {"subnets": None}),
        (PROGRESSIVE, {"updateToLatestImageVersion": True}, {}),
        (FARGATE, {"maxvCpus": 4, "subnets": ["b"]}, {"maxvCpus": 4, "subnets": ["b"]}),
        (FARGATE, {"subnets": [], "securityGroupIds": []}, {}),
    ],
)
def test_an_update_changes_what_aws_lets_change(
    before: dict[str, Any], change: dict[str, Any], after: dict[str, Any], boss: User
) -> None:
    make(boss, before)
    old = described(boss)["computeResources"]
    made = update(boss, computeResources=change)
    assert made == {"computeEnvironmentName": "new", "computeEnvironmentArn": f"{ARN}new"}
    expected = {name: value for name, value in {**old, **after}.items() if value is not None}
    assert described(boss)["computeResources"] == expected
    row = ComputeEnvironment.objects.get()
    assert row.max_milli_vcpus == expected["maxvCpus"] * 1000


@pytest.mark.parametrize(
    ("before", "change", "said"),
    [
        (
            EC2,
            {"instanceTypes": ["c5"]},
            "instanceTypes: An environment whose allocationStrategy is",
        ),
        (EC2, {"subnets": ["b"]}, "subnets: An environment whose allocationStrategy is BEST_FIT"),
        (EC2, {"allocationStrategy": "BEST_FIT"}, "'BEST_FIT' is none of"),
        ({**EC2, "desiredvCpus": 8}, {"desiredvCpus": 4}, "Manually scaling down compute environ"),
        (EC2, {"desiredvCpus": 17}, "desiredvCpus: This is between"),
        (EC2, {"type": "FARGATE"}, "type: This cannot be changed from EC2 to FARGATE."),
        (FARGATE, {"type": "FARGATE_SPOT"}, "type: This cannot be changed from FARGATE to"),
        (FARGATE, {"minvCpus": 1}, "minvCpus: This isn't applicable to Fargate"),
        (FARGATE, {"tags": {"a": "b"}}, "tags: This isn't applicable to Fargate"),
        (EC2, {"maxvCpus": 0}, "maxvCpus: Give at least 1"),
        (EC2, {"maxvCpus": 1}, "maxvCpus: Not one instance could be launched"),
        (EC2, {"instanceTypes": []}, "instanceTypes: This is required."),
        (PROGRESSIVE, {"instanceTypes": ["m9"]}, "There is no family of instance types m9 in the"),
        (EC2, {"spotIamFleetRole": "x"}, "spotIamFleetRole: Unknown member."),
    ],
)
def test_an_update_that_aws_refuses_changes_nothing(
    before: dict[str, Any], change: dict[str, Any], said: str, boss: User
) -> None:
    make(boss, before)
    old = described(boss)
    with pytest.raises(Refused) as refused:
        update(boss, computeResources=change, state="DISABLED")
    assert said in refused.value.message
    assert described(boss) == old


def test_with_a_role_of_ones_own_only_scaling_is_possible(boss: User) -> None:
    make(boss, PROGRESSIVE, serviceRole="mine")
    update(boss, computeResources={"maxvCpus": 4}, serviceRole="arn:aws:iam::1:role/yours")
    assert described(boss)["serviceRole"] == "arn:aws:iam::1:role/yours"
    with pytest.raises(Refused, match="Only an environment with the service-linked role"):
        update(boss, computeResources={"instanceTypes": ["c5"]})
    with pytest.raises(Refused, match="serviceRole: An environment with the service-linked role"):
        update(boss, serviceRole="AWSServiceRoleForBatch")


def test_an_update_policy_is_merged_with_what_there_is(boss: User) -> None:
    make(boss, EC2)
    update(boss, updatePolicy={"terminateJobsOnUpdate": True}, context="x")
    insights = {"containerInsights": "ENHANCED"}
    update(boss, updatePolicy={"jobExecutionTimeoutMinutes": 60}, ecsSettings=insights)
    found = described(boss)
    assert found["updatePolicy"] == {
        "terminateJobsOnUpdate": True,
        "jobExecutionTimeoutMinutes": 60,
    }
    update(boss, updatePolicy={"terminateJobsOnUpdate": False})
    assert not described(boss)["updatePolicy"]["terminateJobsOnUpdate"]
    assert (found["context"], found["ecsSettings"]) == ("x", {"containerInsights": "ENHANCED"})
    with pytest.raises(Refused, match="jobExecutionTimeoutMinutes: At most 7200"):
        update(boss, updatePolicy={"jobExecutionTimeoutMinutes": 7201})
