"""Compute environments over the API: AWS's rules, defaults and words."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from jobs.models import ComputeEnvironment, Engine
from jobs.services.passes.statuses import advance_statuses
from tests.api.asking import Refused, ask, ask_all
from tests.api.compute_environments import ARN, EC2, FARGATE, SPOT, described, ground, make, update
from tests.builders import (
    NOW,
    a_node,
    a_queue,
    a_user,
    an_environment,
    an_instance_type,
)
from tests.services.stepping import a_lease

pytestmark = pytest.mark.django_db


@pytest.fixture
def boss() -> User:
    return a_user(is_staff=True)


@pytest.fixture(autouse=True)
def _ground() -> None:
    ground()


def test_the_first_example_of_aws_is_described_as_it_was_given(boss: User) -> None:
    resources = {
        **EC2,
        "allocationStrategy": "BEST_FIT_PROGRESSIVE",
        "minvCpus": 0,
        "tags": {"Name": "Batch"},
    }
    made = make(boss, resources, state="ENABLED", tags={"team": "a"}, context="x")
    assert made == {"computeEnvironmentName": "new", "computeEnvironmentArn": f"{ARN}new"}
    row = ComputeEnvironment.objects.get()
    assert (row.engine.name, row.max_milli_vcpus) == ("local", 16_000)
    cluster = f"arn:aws:ecs:us-east-1:123456789012:cluster/new_Batch_{row.uuid}"
    role = "role/aws-service-role/batch.amazonaws.com/AWSServiceRoleForBatch"
    assert described(boss) == {
        **made,
        "ecsClusterArn": cluster,
        "tags": {"team": "a"},
        "type": "MANAGED",
        "state": "ENABLED",
        "status": "CREATING",
        "computeResources": {
            **resources,
            "desiredvCpus": 0,
            "ec2Configuration": [{"imageType": "ECS_AL2023"}],
        },
        "serviceRole": f"arn:aws:iam::123456789012:{role}",
        "updatePolicy": {"terminateJobsOnUpdate": False, "jobExecutionTimeoutMinutes": 30},
        "containerOrchestrationType": "ECS",
        "uuid": str(row.uuid),
        "context": "x",
    }


def test_its_status_moves_as_in_aws(boss: User) -> None:
    lease = a_lease()
    make(boss, EC2)
    advance_statuses(lease=lease, now=NOW)
    found = described(boss)
    assert (found["status"], found["statusReason"]) == ("VALID", "ComputeEnvironment Healthy")
    update(boss, state="DISABLED")
    assert described(boss)["status"] == "UPDATING"
    advance_statuses(lease=lease, now=NOW)
    ask(boss, "DeleteComputeEnvironment", computeEnvironment="new")
    assert described(boss)["status"] == "DELETING"
    advance_statuses(lease=lease, now=NOW)
    assert ask(boss, "DescribeComputeEnvironments") == {"computeEnvironments": []}
    make(boss, FARGATE)


def test_fargate_has_what_was_given_and_nothing_else(boss: User) -> None:
    make(boss, FARGATE)
    assert described(boss)["computeResources"] == FARGATE


@pytest.mark.parametrize(
    ("resources", "said"),
    [
        ({**EC2, "maxvCpus": 0}, "computeResources: maxvCpus: Give at least 1"),
        ({**EC2, "maxvCpus": 2_000_000}, "computeResources: maxvCpus: This is a whole number of"),
        ({"type": "EC2"}, "computeResources.maxvCpus: This is required."),
        ({**EC2, "minvCpus": 17}, "minvCpus: This is at most maxvCpus, which is 16."),
        ({**EC2, "desiredvCpus": 17}, "desiredvCpus: This is between minvCpus and maxvCpus: 0 to"),
        ({**EC2, "minvCpus": 4, "desiredvCpus": 2}, "desiredvCpus: This is between"),
        ({**EC2, "minvCpus": -1}, "minvCpus: This is a whole number of vCPUs, 0 to"),
        ({**EC2, "subnets": []}, "subnets: This is required."),
        ({**EC2, "instanceTypes": []}, "instanceTypes: This is required."),
        ({**EC2, "instanceTypes": ["M4 large"]}, "instanceTypes[0]: This is an instance type"),
        ({**EC2, "instanceRole": ""}, "instanceRole: This is required."),
        ({**EC2, "securityGroupIds": []}, "securityGroupIds: Give at least one here, or in a"),
        (
            {**EC2, "bidPercentage": 101},
            "bidPercentage: This is a whole number of percent, 1 to 100. Left out, or 0, it is 100.",
        ),
        ({**EC2, "allocationStrategy": "WORST"}, "'WORST' is none of BEST_FIT,"),
        ({**EC2, "allocationStrategy": "SPOT_CAPACITY_OPTIMIZED"}, "only available for Spot"),
        (
            {**SPOT, "allocationStrategy": "BEST_FIT_PROGRESSIVE_ORDERED"},
            "only available for On-De",
        ),
        ({**SPOT, "spotIamFleetRole": ""}, "spotIamFleetRole: This is required where"),
        ({**EC2, "scalingPolicy": {"minScaleDownDelayMinutes": 5}}, "This is 0 (no delay), or 20"),
        ({**EC2, "ec2Configuration": [{"imageType": "a"}] * 3}, "There are at most 2 here."),
        (
            {**EC2, "launchTemplate": {"launchTemplateId": "a", "launchTemplateName": "b"}},
            "launchTemplate: Give launchTemplateId or launchTemplateName, not both.",
        ),
        (
            {**EC2, "launchTemplate": {"overrides": [{"version": "1"}]}},
            "launchTemplate.overrides[0].targetInstanceTypes: This is required.",
        ),
        ({**FARGATE, "minvCpus": 0}, "minvCpus: This isn't applicable to Fargate"),
        ({**FARGATE, "instanceTypes": ["m4.large"]}, "instanceTypes: This isn't applicable to"),
        ({**FARGATE, "subnets": []}, "subnets: This is required."),
        ({**FARGATE, "subnets": ["s"] * 17}, "subnets: Fargate resources have at most 16."),
        ({**FARGATE, "securityGroupIds": ["s"] * 6}, "securityGroupIds: Fargate resources have"),
        ({**EC2, "type": "ECS_MANAGED_INSTANCES"}, "ECS Managed Instances are not supported here"),
        ({**EC2, "capacityTags": {"a": "b"}}, "ECS Managed Instances are not supported here"),
        ({**EC2, "subnets": ["a\0"]}, "A text cannot hold NUL characters"),
        (None, "computeResources: A MANAGED environment needs these."),
    ],
)
def test_compute_resources_that_aws_refuses_are_refused(
    resources: dict[str, Any] | None, said: str, boss: User
) -> None:
    with pytest.raises(Refused) as refused:
        make(boss, resources)
    assert (refused.value.code, refused.value.status) == ("ClientException", 400)
    assert said in refused.value.message
    assert not ComputeEnvironment.objects.exists()


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"computeEnvironmentName": "a b"}, "computeEnvironmentName: A name starts with"),
        ({"computeEnvironmentName": "x" * 129}, "computeEnvironmentName: A name starts with"),
        ({"computeEnvironmentName": "taken"}, "There is an environment named taken already."),
        ({"type": "LENT"}, "type: 'LENT' is none of MANAGED, UNMANAGED."),
        ({"state": "ON"}, "state: 'ON' is none of"),
        ({"state": "DISABLED"}, "state: A MANAGED compute environment must be created in the"),
        ({"unmanagedvCpus": 4}, "unmanagedvCpus: Only an UNMANAGED environment has this."),
        ({"type": "UNMANAGED"}, "computeResources: Only a MANAGED environment has this."),
        ({"tags": {"aws:x": "y"}}, "tags: aws:x: keys that start with aws: are reserved."),
        (
            {"eksConfiguration": {"eksClusterArn": "a", "kubernetesNamespace": "b"}},
            "eksConfiguration: Amazon EKS is not supported",
        ),
        ({"serviceRole": "r" * 2049}, "serviceRole: This has at most 2048 characters."),
        ({"context": "a\0"}, "A text cannot hold NUL"),
    ],
)
def test_other_members_that_aws_refuses_are_refused(
    params: dict[str, Any], said: str, boss: User
) -> None:
    an_environment(name="taken")
    with pytest.raises(Refused) as refused:
        make(boss, EC2, **params)
    assert said in refused.value.message
    assert ComputeEnvironment.objects.count() == 1


@pytest.mark.parametrize(
    ("resources", "said"),
    [
        (
            {**EC2, "instanceTypes": ["m4.large", "m4.larg"]},
            "computeResources: instanceTypes[1]: There is no instance type m4.larg in the catalogue. "
            "The nearest are m4.large",
        ),
        (
            {**EC2, "instanceTypes": ["m4", "rack"]},
            "instanceTypes[1]: There is no family of instance types rack in the catalogue.",
        ),
        ({**EC2, "maxvCpus": 1}, "maxvCpus: Not one instance could be launched: m4.large, the"),
        (
            {**EC2, "instanceTypes": ["big.large"]},
            "instanceTypes: No node of the engine local can hold any of these: the largest, node, has "
            "2 vCPU, 24 GiB (x86_64), and the smallest type, big.large, needs 4 vCPU, 8 GiB (x86_64).",
        ),
        (
            {**EC2, "instanceTypes": ["m4.large", "arm.large"]},
            "instanceTypes: All types have one architecture, but arm.large is arm64 and m4.large is x86",
        ),
        ({**SPOT, "instanceTypes": ["dear"]}, "instanceTypes: None of these has a Spot price."),
    ],
)
def test_types_are_held_against_the_catalogue_and_the_machines(
    resources: dict[str, Any], said: str, boss: User
) -> None:
    engine = Engine.objects.get()
    a_node(engine=engine, name="node", milli_vcpus=2000, memory_mib=24576, architecture="amd64")
    an_instance_type("big.large", milli_vcpus=4000, memory_mib=8192)
    an_instance_type("arm.large", architecture="arm64")
    an_instance_type("dear.large", spot_usd_per_hour=None)
    with pytest.raises(Refused) as refused:
        make(boss, resources)
    assert said in refused.value.message
    assert not ComputeEnvironment.objects.exists()
    make(boss, {**EC2, "instanceTypes": ["m4.large", "big", "dear"]})


def test_without_an_engine_there_is_nothing_to_make_it_on(boss: User) -> None:
    Engine.objects.all().delete()
    with pytest.raises(Refused, match="There is no engine to run on yet"):
        make(boss, EC2)


def test_an_unmanaged_one_uses_the_machines_as_they_are(boss: User) -> None:
    make(boss, type="UNMANAGED", unmanagedvCpus=8, serviceRole="batch/service", state="DISABLED")
    found = described(boss)
    assert (found["unmanagedvCpus"], found["state"]) == (8, "DISABLED")
    assert found["serviceRole"] == "arn:aws:iam::123456789012:role/batch/service"
    assert not {"computeResources", "updatePolicy"} & found.keys()
    assert ComputeEnvironment.objects.get().max_milli_vcpus is None
    update(boss, unmanagedvCpus=16, serviceRole="other")
    assert described(boss)["unmanagedvCpus"] == 16


def test_what_is_described_can_be_given_again(boss: User) -> None:
    template = {
        "launchTemplateName": "t",
        "version": "$Latest",
        "overrides": [{"launchTemplateId": "lt-1", "targetInstanceTypes": ["m4.large"]}],
    }
    make(
        boss,
        {
            **SPOT,
            "bidPercentage": 0,
            "launchTemplate": template,
            "scalingPolicy": {"minScaleDownDelayMinutes": 20},
        },
        ecsSettings={"containerInsights": "ENABLED"},
    )
    found = described(boss)
    again = {
        member: found[member]
        for member in ("type", "state", "computeResources", "serviceRole", "tags", "ecsSettings")
        if found[member]
    }
    ask(boss, "CreateComputeEnvironment", computeEnvironmentName="again", **again)
    assert described(boss, "again")["computeResources"] == found["computeResources"]
    assert described(boss, "again")["ecsSettings"] == {"containerInsights": "ENABLED"}


@pytest.mark.parametrize("name", ["here", f"{ARN}here"])
def test_it_is_known_by_its_name_and_by_its_arn(name: str, boss: User) -> None:
    an_environment(name="here")
    assert described(boss, name)["computeEnvironmentName"] == "here"
    ask(boss, "UpdateComputeEnvironment", computeEnvironment=name, state="DISABLED")
    ask(boss, "DeleteComputeEnvironment", computeEnvironment=name)
    assert described(boss, name)["status"] == "DELETING"


@pytest.mark.parametrize(
    "name",
    [
        "there",
        f"{ARN}there",
        ARN.replace("123456789012", "210987654321") + "here",
        ARN.replace("us-east-1", "eu-west-1") + "here",
        "arn:aws:batch:us-east-1:123456789012:job-queue/here",
        "arn:nonsense",
        "",
        "a\0",
    ],
)
def test_what_there_is_not_is_left_out_or_not_found(name: str, boss: User) -> None:
    an_environment(name="here")
    found = ask(boss, "DescribeComputeEnvironments", computeEnvironments=[name])
    assert found == {"computeEnvironments": []}
    with pytest.raises(Refused, match="not found"):
        ask(boss, "UpdateComputeEnvironment", computeEnvironment=name, state="DISABLED")
    assert ask(boss, "DeleteComputeEnvironment", computeEnvironment=name) == {}


def test_it_is_deleted_only_when_disabled_and_without_a_queue(boss: User) -> None:
    queue = a_queue(an_environment(name="here"))
    with pytest.raises(Refused, match="Disable it before you delete it"):
        ask(boss, "DeleteComputeEnvironment", computeEnvironment="here")
    ask(boss, "UpdateComputeEnvironment", computeEnvironment="here", state="DISABLED")
    with pytest.raises(Refused, match="found existing JobQueue relationship") as refused:
        ask(boss, "DeleteComputeEnvironment", computeEnvironment="here")
    assert (refused.value.code, refused.value.status) == ("ClientException", 400)
    queue.environment_order.all().delete()
    assert ask(boss, "DeleteComputeEnvironment", computeEnvironment="here") == {}
    assert ask(boss, "DeleteComputeEnvironment", computeEnvironment="here") == {}
    with pytest.raises(Refused, match="is being deleted"):
        ask(boss, "UpdateComputeEnvironment", computeEnvironment="here", state="ENABLED")


def test_all_are_listed_by_name_in_pages(boss: User) -> None:
    for name in "cabed":
        an_environment(name=name)
    rows = ask_all(boss, "DescribeComputeEnvironments", "computeEnvironments", maxResults=2)
    assert [row["computeEnvironmentName"] for row in rows] == list("abcde")


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"maxResults": 0}, "maxResults: Give a number from 1 to 100"),
        ({"maxResults": 101}, "maxResults: Give a number from 1 to 100"),
        ({"nextToken": "x"}, "nextToken: This is no token"),
        (
            {"computeEnvironments": ["a"] * 101},
            "computeEnvironments: At most 100 at once, not 101.",
        ),
    ],
)
def test_a_list_out_of_bounds_is_refused(params: dict[str, Any], said: str, boss: User) -> None:
    with pytest.raises(Refused, match=said):
        ask(boss, "DescribeComputeEnvironments", **params)


def test_only_administrators_change_environments_and_all_may_look() -> None:
    user = a_user()
    an_environment(name="new")
    changes: list[Callable[[], dict[str, Any]]] = [
        lambda: make(user, EC2),
        lambda: update(user, state="DISABLED"),
        lambda: ask(user, "DeleteComputeEnvironment", computeEnvironment="new"),
    ]
    for change in changes:
        with pytest.raises(Refused) as refused:
            change()
        assert (refused.value.code, refused.value.status) == ("AccessDeniedException", 403)
    assert described(user)["state"] == "ENABLED"
