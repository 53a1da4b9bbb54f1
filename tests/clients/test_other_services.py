"""CloudWatch Logs, STS, ECS and EC2, as far as clients of Batch need them, and who may ask at all."""

import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from threading import Timer
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.installation import Installation, wait_until

from .clients import AWS_2, Clients, CliError
from .world import World, new

pytestmark = pytest.mark.processes

GROUP = "/aws/batch/job"
# While it waits or asks that is a good end; while it prints, as shells have it of a program that SIGINT has ended.
ENDED_BY_CTRL_C = (0, 130)
LINES = ["alpha 1", "beta 2", "alpha 3"]


@pytest.fixture(scope="module")
def world(clients: Clients) -> World:
    return World(clients)


@pytest.fixture(scope="module")
def ended(world: World) -> dict[str, Any]:
    """A job that wrote some lines, as DescribeJobs has it."""
    job_id = world.job("; ".join(f"echo {line}" for line in LINES))
    found = world.wait_for_job(job_id)
    assert found["status"] == "SUCCEEDED", found
    return found


@pytest.fixture(scope="module")
def stream(ended: dict[str, Any]) -> str:
    return str(ended["container"]["logStreamName"])


def code_of(call: Callable[[], object]) -> str:
    """The code of the error that a call raises."""
    with pytest.raises(ClientError) as refused:
        call()
    return str(refused.value.response["Error"]["Code"])


def messages(events: list[dict[str, Any]]) -> list[str]:
    return [event["message"] for event in events]


def test_log_events_are_read_forward_until_the_token_repeats(clients: Clients, stream: str) -> None:
    logs = clients.boto("logs")
    where: dict[str, Any] = {"logGroupName": GROUP, "logStreamName": stream, "limit": 2}
    read: list[str] = []
    answer = logs.get_log_events(**where, startFromHead=True)
    while True:
        read += messages(answer["events"])
        token = answer["nextForwardToken"]
        answer = logs.get_log_events(**where, nextToken=token)
        if answer["nextForwardToken"] == token:
            break
    assert read == LINES


def test_unless_it_is_asked_for_the_head_the_newest_lines_come_first(
    clients: Clients, stream: str
) -> None:
    logs = clients.boto("logs")
    where: dict[str, Any] = {"logGroupName": GROUP, "logStreamName": stream, "limit": 2}
    newest = logs.get_log_events(**where)
    assert messages(newest["events"]) == LINES[1:]
    before = logs.get_log_events(**where, nextToken=newest["nextBackwardToken"])
    assert messages(before["events"]) == LINES[:1]


def test_lines_are_searched_by_pattern(clients: Clients, stream: str) -> None:
    found = clients.boto("logs").filter_log_events(
        logGroupName=GROUP, logStreamNames=[stream], filterPattern="alpha"
    )
    assert messages(found["events"]) == [LINES[0], LINES[2]]


def test_streams_and_groups_are_listed(clients: Clients, stream: str) -> None:
    logs = clients.boto("logs")
    prefix = stream.rsplit("/", 1)[0]
    pages = logs.get_paginator("describe_log_streams").paginate(
        logGroupName=GROUP, logStreamNamePrefix=prefix
    )
    assert stream in [each["logStreamName"] for page in pages for each in page["logStreams"]]
    groups = logs.describe_log_groups(logGroupNamePrefix="/aws/")["logGroups"]
    assert GROUP in [each["logGroupName"] for each in groups]


def test_a_definition_logs_to_a_group_of_its_own(clients: Clients, world: World) -> None:
    logs, group = clients.boto("logs"), f"/{new('group')}"
    logs.create_log_group(logGroupName=group)
    assert code_of(lambda: logs.create_log_group(logGroupName=group)) == (
        "ResourceAlreadyExistsException"
    )
    made = world.batch.register_job_definition(
        jobDefinitionName=new("definition"),
        type="container",
        containerProperties={
            "image": "busybox:1.36",
            "command": ["echo", "here"],
            "resourceRequirements": [
                {"type": "VCPU", "value": "0.25"},
                {"type": "MEMORY", "value": "64"},
            ],
            "logConfiguration": {
                "logDriver": "awslogs",
                "options": {"awslogs-group": group, "awslogs-stream-prefix": "mine"},
            },
        },
    )
    job = world.batch.submit_job(
        jobName="own-group", jobQueue="default", jobDefinition=made["jobDefinitionArn"]
    )
    container = world.wait_for_job(job["jobId"])["container"]
    assert container["logStreamName"].startswith("mine/")
    found = logs.get_log_events(
        logGroupName=group, logStreamName=container["logStreamName"], startFromHead=True
    )
    assert messages(found["events"]) == ["here"]


@pytest.mark.parametrize(
    ("operation", "params"),
    [
        ("get_log_events", {"logGroupName": GROUP, "logStreamName": "there-is-none"}),
        ("filter_log_events", {"logGroupName": "there-is-none"}),
        ("describe_log_streams", {"logGroupName": "there-is-none"}),
    ],
)
def test_what_is_not_there_is_said_to_be_so(
    operation: str, params: dict[str, str], clients: Clients
) -> None:
    call = getattr(clients.boto("logs"), operation)
    assert code_of(lambda: call(**params)) == "ResourceNotFoundException"


@contextmanager
def tail(clients: Clients, *options: str) -> Iterator[Iterator[str]]:
    """The lines that `aws logs tail --follow` prints, until the end of the block, where it is ended with Ctrl-C."""
    environment = clients.environment()
    environment.pop("AWS_DATA_PATH", None)
    aws = next(each for each in AWS_2 if each.exists())
    # Whoever runs the tests in the background of a shell has them, and all that they start, ignore Ctrl-C.
    words = ["env", "--default-signal=INT", str(aws), "logs", "tail", GROUP, "--follow", *options]
    words += ["--endpoint-url", clients.keys["AWS_ENDPOINT_URL"]]
    with subprocess.Popen(
        words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        # Where nothing is printed, a line is waited for in vain.
        guard = Timer(90, process.kill)
        guard.start()
        try:
            yield iter(process.stdout)
            process.send_signal(signal.SIGINT)
            _, said = process.communicate()
        finally:
            guard.cancel()
            process.kill()
    assert process.returncode in ENDED_BY_CTRL_C, said
    assert not said.strip()


def test_the_cli_follows_a_running_job(clients: Clients, world: World) -> None:
    """`aws logs tail --follow` shows lines as they come, the first of them while the job runs."""
    job_id = world.job("for i in 1 2 3 4 5 6; do echo line $i; sleep 1; done")
    stream = world.wait_for_job(job_id, "RUNNING", "SUCCEEDED")["container"]["logStreamName"]
    with tail(clients, "--format", "short", "--log-stream-names", stream) as lines:
        seen = [line.strip().partition(" ")[2] for line in islice(lines, 6)]
    assert seen == [f"line {number}" for number in range(1, 7)]


def test_the_cli_follows_the_group_of_all_jobs(clients: Clients, world: World) -> None:
    """Without any option: among the lines of all jobs are those of one that goes on running."""
    job_id = world.job("i=0; while true; do i=$((i+1)); echo tick $i of all; sleep 1; done")
    stream = world.wait_for_job(job_id, "RUNNING")["container"]["logStreamName"]
    wanted = [f"{stream} tick {number} of all" for number in range(1, 5)]
    with tail(clients) as lines:
        # After the time of each.
        printed = (line.strip().partition(" ")[2] for line in lines)
        assert list(islice((line for line in printed if line.startswith(stream)), 4)) == wanted
        assert world.wait_for_job(job_id, "RUNNING")["status"] == "RUNNING"
    world.batch.terminate_job(jobId=job_id, reason="it was followed")
    assert world.wait_for_job(job_id)["status"] == "FAILED"


def test_sts_tells_who_one_is(clients: Clients) -> None:
    identity = clients.boto("sts").get_caller_identity()
    assert identity["Account"] == "123456789012"
    assert identity["Arn"] == "arn:aws:iam::123456789012:user/admin"
    assert clients.aws("sts", "get-caller-identity")["Arn"] == identity["Arn"]


def test_ecs_and_ec2_know_what_a_job_names(clients: Clients, ended: dict[str, Any]) -> None:
    container = ended["container"]
    ecs, ec2 = clients.boto("ecs"), clients.boto("ec2")
    cluster = container["taskArn"].split("/")[1]
    task = ecs.describe_tasks(cluster=cluster, tasks=[container["taskArn"]])["tasks"][0]
    assert task["taskArn"] == container["taskArn"]
    machine = ecs.describe_container_instances(
        cluster=cluster, containerInstances=[container["containerInstanceArn"]]
    )["containerInstances"][0]
    found = ec2.describe_instances(InstanceIds=[machine["ec2InstanceId"]])
    assert found["Reservations"][0]["Instances"][0]["InstanceId"] == machine["ec2InstanceId"]
    other = container["taskArn"].rpartition("/")[0] + "/" + "0" * 32
    missing = ecs.describe_tasks(cluster=cluster, tasks=[other])
    assert missing["failures"][0]["reason"] == "MISSING"


@pytest.mark.parametrize(
    ("service", "operation", "params"),
    [
        ("s3", "list_buckets", {}),
        ("s3", "get_object", {"Bucket": "bucket", "Key": "a/key"}),
        ("dynamodb", "list_tables", {}),
        ("iam", "list_users", {}),
        ("lambda", "list_functions", {}),
        ("logs", "describe_queries", {}),
        ("ec2", "describe_vpcs", {}),
        ("sts", "get_session_token", {}),
    ],
)
def test_other_services_say_that_they_are_not_here(
    service: str, operation: str, params: dict[str, str], clients: Clients
) -> None:
    more = {"s3": {"addressing_style": "path"}} if service == "s3" else {}
    call = getattr(clients.boto(service, **more), operation)
    with pytest.raises(ClientError) as refused:
        call(**params)
    error = refused.value.response["Error"]
    assert "not supported" in error["Message"].lower(), error


def with_keys(clients: Clients, service: str = "batch", **changed: Any) -> Any:
    session: Any = boto3.session.Session()
    return session.client(
        service,
        endpoint_url=clients.keys["AWS_ENDPOINT_URL"],
        config=Config(retries={"total_max_attempts": 1}),
        **{
            "region_name": "us-east-1",
            "aws_access_key_id": clients.keys["AWS_ACCESS_KEY_ID"],
            "aws_secret_access_key": clients.keys["AWS_SECRET_ACCESS_KEY"],
            **changed,
        },
    )


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"aws_access_key_id": "AKIAIOSFODNN7EXAMPLE"}, "UnrecognizedClientException"),
        ({"aws_secret_access_key": "wrong"}, "SignatureDoesNotMatch"),
        ({"aws_session_token": "made-up"}, "UnrecognizedClientException"),
    ],
)
def test_wrong_keys_are_refused(changed: dict[str, str], code: str, clients: Clients) -> None:
    for service, operation in (("batch", "describe_job_queues"), ("logs", "describe_log_groups")):
        assert code_of(getattr(with_keys(clients, service, **changed), operation)) == code


def test_another_region_has_nothing_of_ours(clients: Clients) -> None:
    with pytest.raises(ClientError) as refused:
        with_keys(clients, region_name="eu-west-3").describe_job_queues()
    assert "us-east-1" in refused.value.response["Error"]["Message"]


def test_other_users_objects_do_not_exist(
    live: Installation, clients: Clients, ended: dict[str, Any], stream: str
) -> None:
    other = Clients({**clients.keys, **live.access_key("somebody-else")})
    batch, logs = other.boto(), other.boto("logs")
    assert batch.describe_jobs(jobs=[ended["jobId"]])["jobs"] == []
    assert batch.list_jobs(jobQueue="default", jobStatus="SUCCEEDED")["jobSummaryList"] == []
    missing = code_of(lambda: logs.get_log_events(logGroupName=GROUP, logStreamName=stream))
    assert missing == "ResourceNotFoundException"
    batch.terminate_job(jobId=ended["jobId"], reason="not mine")
    assert code_of(lambda: batch.create_scheduling_policy(name=new("policy"))) == (
        "AccessDeniedException"
    )
    # What is his own he sees.
    mine = batch.submit_job(jobName="mine", jobQueue="default", jobDefinition="hello")["jobId"]
    wait_until(
        lambda: batch.describe_jobs(jobs=[mine])["jobs"][0]["status"] == "SUCCEEDED",
        what="his job has ended",
    )


def test_the_cli_shows_the_text_of_a_refusal(clients: Clients) -> None:
    with pytest.raises(CliError, match=r"ClientException.*there-is-none"):
        clients.aws(
            *("batch", "submit-job", "--job-name", "j", "--job-queue", "there-is-none"),
            *("--job-definition", "hello"),
        )
