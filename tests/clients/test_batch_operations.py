"""Every operation of AWS Batch with boto3 and with the AWS CLI: one that works, and ones that are refused."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError

from jobs.api.service_models import output_shape, service_model

from .clients import Clients, CliError
from .world import (
    NOWHERE,
    Params,
    World,
    definition_params,
    new,
    quota_share_params,
    service_environment_params,
    service_job_params,
)

pytestmark = pytest.mark.processes

Make = Callable[[World], Params]
REASON = "by a test"
NO_JOB = "00000000-0000-7000-8000-000000000000"


@dataclass(frozen=True)
class Case:
    """What works (nothing, where an operation refuses whatever it is asked), and what is refused."""

    good: Make | None
    bad: Sequence[Make] = field(default=())


def always(**params: object) -> Make:
    return lambda _: dict(params)


CASES: dict[str, Case] = {
    "CreateComputeEnvironment": Case(
        lambda _: {
            "computeEnvironmentName": new("made"),
            "type": "MANAGED",
            "computeResources": {
                "type": "EC2",
                "maxvCpus": 4,
                "instanceTypes": ["optimal"],
                "subnets": ["subnet-1"],
                "securityGroupIds": ["sg-1"],
                "instanceRole": "ecsInstanceRole",
            },
        },
        [
            always(computeEnvironmentName="b@d", type="UNMANAGED"),
            lambda world: {"computeEnvironmentName": world.environment(), "type": "UNMANAGED"},
            always(computeEnvironmentName="managed-without-resources", type="MANAGED"),
        ],
    ),
    "DescribeComputeEnvironments": Case(
        lambda world: {"computeEnvironments": [world.environment()]}, [always(nextToken="???")]
    ),
    "UpdateComputeEnvironment": Case(
        lambda world: {"computeEnvironment": world.environment(), "state": "DISABLED"},
        [always(computeEnvironment="there-is-none", state="DISABLED")],
    ),
    "DeleteComputeEnvironment": Case(
        lambda world: {"computeEnvironment": world.disabled_environment()},
        [lambda world: {"computeEnvironment": world.environment()}],
    ),
    "CreateJobQueue": Case(
        lambda world: {
            "jobQueueName": new("made"),
            "priority": 3,
            "computeEnvironmentOrder": [{"order": 7, "computeEnvironment": world.environment()}],
        },
        [
            always(
                jobQueueName="queue-of-nothing",
                priority=1,
                computeEnvironmentOrder=[{"order": 1, "computeEnvironment": "there-is-none"}],
            )
        ],
    ),
    "DescribeJobQueues": Case(
        lambda world: {"jobQueues": [world.arn_of_queue(world.queue())]}, [always(maxResults=0)]
    ),
    "UpdateJobQueue": Case(
        lambda world: {"jobQueue": world.queue(), "priority": 9},
        [always(jobQueue=NOWHERE.format("job-queue"), priority=9)],
    ),
    "DeleteJobQueue": Case(
        lambda world: {"jobQueue": world.disabled_queue()},
        [lambda world: {"jobQueue": world.queue()}],
    ),
    "RegisterJobDefinition": Case(
        lambda _: definition_params(tags={"team": "a"}),
        [always(jobDefinitionName="no-container", type="container")],
    ),
    "DescribeJobDefinitions": Case(
        lambda world: {"jobDefinitions": [world.definition()]},
        [always(jobDefinitions=["x"] * 101)],
    ),
    "DeregisterJobDefinition": Case(
        lambda world: {"jobDefinition": world.definition()},
        [always(jobDefinition="there-is-none:1")],
    ),
    "SubmitJob": Case(
        lambda world: {
            "jobName": new("job"),
            "jobQueue": "default",
            "jobDefinition": world.definition(),
            "arrayProperties": {"size": 2},
            "tags": {"a": "b"},
        },
        [
            always(jobName="j", jobQueue="there-is-none", jobDefinition="hello"),
            always(jobName="j", jobQueue="default", jobDefinition="there-is-none"),
            always(jobName="b@d", jobQueue="default", jobDefinition="hello"),
            always(
                jobName="j",
                jobQueue="default",
                jobDefinition="hello",
                dependsOn=[{"jobId": NO_JOB}],
            ),
        ],
    ),
    "DescribeJobs": Case(
        lambda world: {"jobs": [world.job(), NO_JOB, "made-up"]}, [always(jobs=["x"] * 101)]
    ),
    "ListJobs": Case(
        lambda world: {
            "jobQueue": "default",
            "filters": [{"name": "JOB_NAME", "values": ["job-*"]}],
            "maxResults": 3,
        },
        [
            always(),
            always(jobQueue="there-is-none"),
            always(jobQueue="default", jobStatus="RESTING"),
        ],
    ),
    "CancelJob": Case(
        lambda world: {"jobId": world.waiting_job(), "reason": REASON},
        [always(jobId="", reason=REASON)],
    ),
    "TerminateJob": Case(
        lambda world: {"jobId": world.job("sleep 600"), "reason": REASON},
        [always(jobId="", reason=REASON)],
    ),
    "CancelJobs": Case(
        lambda world: {"jobs": [world.waiting_job(), world.waiting_job()], "reason": REASON},
        [always(jobs=["x"] * 1001, reason=REASON)],
    ),
    "TerminateJobs": Case(
        lambda world: {"jobs": [world.waiting_job(), world.job("sleep 600")], "reason": REASON},
        [always(jobs=["x"] * 1001, reason=REASON)],
    ),
    "GetJobQueueSnapshot": Case(
        lambda world: {"jobQueue": world.queue()}, [always(jobQueue="there-is-none")]
    ),
    "CreateSchedulingPolicy": Case(
        lambda _: {
            "name": new("policy"),
            "fairsharePolicy": {
                "shareDecaySeconds": 3600,
                "computeReservation": 10,
                "shareDistribution": [{"shareIdentifier": "a*", "weightFactor": 0.5}],
            },
        },
        [always(name="policy", fairsharePolicy={"computeReservation": 100})],
    ),
    "DescribeSchedulingPolicies": Case(
        lambda world: {"arns": [world.policy()]}, [always(arns=["x"] * 101)]
    ),
    "ListSchedulingPolicies": Case(always(maxResults=2), [always(nextToken="???")]),
    "UpdateSchedulingPolicy": Case(
        lambda world: {"arn": world.policy(), "fairsharePolicy": {"shareDecaySeconds": 60}},
        [always(arn=NOWHERE.format("scheduling-policy"), fairsharePolicy={})],
    ),
    "DeleteSchedulingPolicy": Case(
        lambda world: {"arn": world.policy()}, [always(arn="no arn at all")]
    ),
    "CreateConsumableResource": Case(
        lambda _: {"consumableResourceName": new("licence"), "totalQuantity": 3},
        [always(consumableResourceName="b@d")],
    ),
    "DescribeConsumableResource": Case(
        lambda world: {"consumableResource": world.resource()},
        [always(consumableResource="there-is-none")],
    ),
    "ListConsumableResources": Case(
        always(filters=[{"name": "CONSUMABLE_RESOURCE_NAME", "values": ["resource*"]}]),
        [always(filters=[{"name": "COLOUR", "values": ["red"]}])],
    ),
    "UpdateConsumableResource": Case(
        lambda world: {"consumableResource": world.resource(), "operation": "ADD", "quantity": 2},
        [
            lambda world: {
                "consumableResource": world.resource(),
                "operation": "REMOVE",
                "quantity": 99,
            }
        ],
    ),
    "DeleteConsumableResource": Case(
        lambda world: {"consumableResource": world.resource()},
        [always(consumableResource="there-is-none")],
    ),
    "ListJobsByConsumableResource": Case(
        lambda world: {"consumableResource": world.resource()},
        [always(consumableResource="there-is-none")],
    ),
    "TagResource": Case(
        lambda world: {"resourceArn": world.policy(), "tags": {"a": "b"}},
        [
            lambda world: {"resourceArn": world.policy(), "tags": {"aws:a": "b"}},
            always(resourceArn="arn:aws:s3:::bucket", tags={"a": "b"}),
        ],
    ),
    "UntagResource": Case(
        lambda world: {"resourceArn": world.arn_of_queue(world.queue()), "tagKeys": ["a", "b"]},
        [always(resourceArn=NOWHERE.format("job-queue"), tagKeys=["a"])],
    ),
    "ListTagsForResource": Case(
        lambda world: {"resourceArn": world.policy()},
        [always(resourceArn=NOWHERE.format("job-definition"))],
    ),
    "CreateServiceEnvironment": Case(
        lambda _: service_environment_params(new("made")),
        [lambda world: service_environment_params(world.service_environment())],
    ),
    "DescribeServiceEnvironments": Case(
        lambda world: {"serviceEnvironments": [world.service_environment()]},
        [always(nextToken="???")],
    ),
    "UpdateServiceEnvironment": Case(
        lambda world: {"serviceEnvironment": world.service_environment(), "state": "DISABLED"},
        [always(serviceEnvironment="there-is-none", state="DISABLED")],
    ),
    "DeleteServiceEnvironment": Case(
        lambda world: {"serviceEnvironment": disabled_service_environment(world)},
        [lambda world: {"serviceEnvironment": world.service_environment()}],
    ),
    "CreateQuotaShare": Case(
        lambda world: quota_share_params(world.training_queue()),
        [always(**quota_share_params("there-is-none"))],
    ),
    "DescribeQuotaShare": Case(
        lambda world: {"quotaShareArn": world.quota_share()}, [always(quotaShareArn="none")]
    ),
    "ListQuotaShares": Case(
        lambda world: {"jobQueue": world.training_queue()}, [always(jobQueue="there-is-none")]
    ),
    "UpdateQuotaShare": Case(
        lambda world: {"quotaShareArn": world.quota_share(), "state": "DISABLED"},
        [always(quotaShareArn="none", state="DISABLED")],
    ),
    "DeleteQuotaShare": Case(
        lambda world: {"quotaShareArn": disabled_quota_share(world)},
        [always(quotaShareArn="none")],
    ),
    # Service jobs do not run here: to submit one is refused, and so there is never one.
    "SubmitServiceJob": Case(None, [lambda world: service_job_params(world.training_queue())]),
    "DescribeServiceJob": Case(None, [always(jobId=NO_JOB)]),
    "ListServiceJobs": Case(
        lambda world: {"jobQueue": world.training_queue()}, [always(jobQueue="there-is-none")]
    ),
    "TerminateServiceJob": Case(
        always(jobId=NO_JOB, reason=REASON), [always(jobId=NO_JOB), always(reason=REASON)]
    ),
    "TerminateServiceJobs": Case(
        always(jobs=[NO_JOB], reason=REASON), [always(jobs=["x"] * 1001, reason=REASON)]
    ),
    "UpdateServiceJob": Case(None, [always(jobId=NO_JOB, schedulingPriority=1)]),
}


def disabled_service_environment(world: World) -> str:
    name = world.service_environment()
    world.batch.update_service_environment(serviceEnvironment=name, state="DISABLED")
    return name


def disabled_quota_share(world: World) -> str:
    arn = world.quota_share()
    world.batch.update_quota_share(quotaShareArn=arn, state="DISABLED")
    return arn


@pytest.fixture(scope="module")
def world(clients: Clients) -> World:
    return World(clients)


def test_there_is_a_case_for_every_operation_of_the_service() -> None:
    assert sorted(CASES) == sorted(service_model("batch").operation_names)


@pytest.mark.parametrize("operation", sorted(CASES))
def test_boto3_is_answered(operation: str, clients: Clients, world: World) -> None:
    case = CASES[operation]
    # boto3's own checks are off: what is wrong shall come to us.
    call = getattr(clients.boto(parameter_validation=False), xform_name(operation))
    if case.good:
        answer = call(**case.good(world))
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200
    for make in case.bad:
        with pytest.raises(ClientError) as refused:
            call(**make(world))
        error = refused.value.response["Error"]
        assert error["Code"] == "ClientException", error
        assert error["Message"]


@pytest.mark.parametrize("operation", sorted(CASES))
def test_the_cli_is_answered(operation: str, clients: Clients, world: World) -> None:
    case = CASES[operation]
    command = xform_name(operation, "-")

    def call(params: Params) -> object:
        return clients.aws("batch", command, "--cli-input-json", json.dumps(params))

    if case.good:
        answer = call(case.good(world))
        shape = output_shape("batch", operation)
        assert bool(answer) == bool(shape and shape.members)
    for make in case.bad:
        with pytest.raises(CliError, match=r"ClientException|Parameter validation failed"):
            call(make(world))
