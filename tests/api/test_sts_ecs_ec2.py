"""What clients of Batch ask beside it: who they are, and what stands behind the ARNs they are given."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from jobs.domain import ecs_arns
from jobs.models import Attempt, ComputeEnvironment, Instance, JobCredentials, NodeState
from jobs.selectors.realm import arns
from tests.builders import (
    NOW,
    a_group,
    a_job,
    a_node,
    a_user,
    an_attempt,
    an_environment,
    an_instance,
    containers_of,
)

from .asking import Refused, ask
from .speaking import speak

pytestmark = pytest.mark.django_db


def test_a_user_is_told_who_he_is() -> None:
    user = a_user(username="kim@example.org")

    identity = speak(user, "sts", "GetCallerIdentity")

    assert identity["Account"] == "123456789012"
    assert identity["Arn"] == "arn:aws:iam::123456789012:user/kim@example.org"
    assert identity["UserId"].startswith("AIDA")
    assert identity == speak(user, "sts", "GetCallerIdentity")
    assert identity["UserId"] != speak(a_user(), "sts", "GetCallerIdentity")["UserId"]


def test_a_job_with_a_role_is_told_that_it_acts_in_it() -> None:
    attempt = an_attempt()
    JobCredentials.objects.create(
        attempt=attempt,
        role_arn="arn:aws:iam::123456789012:role/path/trainer",
        access_key_id="ASIA",
        encrypted_secret=b"",
        encrypted_session_token=b"",
        session_digest="s",
        created_at=NOW,
        expires_at=NOW,
    )

    identity = speak(attempt.job.owner, "sts", "GetCallerIdentity", attempt_id=attempt.id)

    task = ecs_arns.task_id(attempt.job_id, 1)
    assert identity["Arn"] == f"arn:aws:sts::123456789012:assumed-role/trainer/{task}"
    assert identity["UserId"].startswith("AROA")
    assert identity["UserId"].endswith(f":{task}")


def test_another_operation_of_sts_is_not_supported() -> None:
    with pytest.raises(Refused) as refused:
        speak(
            a_user(),
            "sts",
            "AssumeRole",
            RoleArn="arn:aws:iam::1:role/abcdef",
            RoleSessionName="ab",
        )
    assert refused.value.code == "UnsupportedOperation"


# --- ECS ---------------------------------------------------------------------------


def cluster_of(attempt: Attempt) -> str:
    return ecs_arns.cluster_name(attempt.environment.name, attempt.environment.uuid)


def task_arn_of(attempt: Attempt) -> str:
    task = ecs_arns.task_id(attempt.job_id, attempt.number, attempt.node_index)
    return ecs_arns.task_arn(arns(), cluster_of(attempt), task)


def ecs(user: User, operation: str, **params: Any) -> dict[str, Any]:
    return ask(user, operation, service="ecs", **params)


def a_started(owner: User, **fields: Any) -> Attempt:
    job = a_job(owner=owner, status="RUNNING", attempts_made=1)
    return an_attempt(job=job, started_at=NOW, container_id="c" * 64, **fields)


def test_a_task_is_found_by_the_arn_that_describe_jobs_hands_out() -> None:
    owner = a_user()
    attempt = a_started(owner)
    arn, cluster = task_arn_of(attempt), cluster_of(attempt)

    output = ecs(owner, "DescribeTasks", cluster=cluster, tasks=[arn])

    assert output["failures"] == []
    (task,) = output["tasks"]
    assert task["taskArn"] == arn
    assert task["clusterArn"] == f"arn:aws:ecs:us-east-1:123456789012:cluster/{cluster}"
    assert (task["lastStatus"], task["desiredStatus"]) == ("RUNNING", "RUNNING")
    assert task["startedAt"] == NOW.timestamp()
    assert (task["cpu"], task["memory"]) == ("1024", "512")
    assert task["containers"][0]["runtimeId"] == "c" * 64
    instance = ecs_arns.instance_id_of(task["containerInstanceArn"].rpartition("/")[2])
    assert instance == attempt.node.instance_id
    by_id = ecs(
        owner,
        "DescribeTasks",
        cluster=task["clusterArn"],
        tasks=[arn.rpartition("/")[2]],
    )
    assert by_id["tasks"] == output["tasks"]


def test_a_task_that_is_over_tells_how_it_ended() -> None:
    owner = a_user()
    attempt = a_started(
        owner,
        ended_at=NOW + timedelta(seconds=9),
        stopped_at=NOW + timedelta(seconds=8),
        exit_code=3,
        status_reason="Essential container in task exited",
    )

    (task,) = ecs(
        owner, "DescribeTasks", cluster=cluster_of(attempt), tasks=[task_arn_of(attempt)]
    )["tasks"]

    assert (task["lastStatus"], task["desiredStatus"]) == ("STOPPED", "STOPPED")
    assert task["stoppedAt"] == NOW.timestamp() + 8
    assert task["stoppedReason"] == "Essential container in task exited"
    assert task["containers"][0]["exitCode"] == 3


def test_the_containers_of_one_node_are_one_task() -> None:
    attempts = a_group(ecs_properties=containers_of({"name": "app"}, {"name": "side"}))
    owner = attempts[0].job.owner

    (task,) = ecs(
        owner, "DescribeTasks", cluster=cluster_of(attempts[0]), tasks=[task_arn_of(attempts[0])]
    )["tasks"]

    assert [each["name"] for each in task["containers"]] == ["app", "side"]
    assert task["lastStatus"] == "PENDING"


def test_unknown_tasks_and_others_tasks_are_missing(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    owner, stranger = a_user(), a_user()
    attempt = a_started(owner)
    arn, cluster = task_arn_of(attempt), cluster_of(attempt)
    other = a_started(owner)
    bad = [
        "x",
        "0" * 32,
        arn[:-1],
        arn.replace("us-east-1", "eu-west-1"),
        task_arn_of(other),
        task_arn_of(other).replace(cluster_of(other), cluster),
    ]

    # The environment, the tasks, their nodes with them.
    with django_assert_num_queries(2):
        output = ecs(owner, "DescribeTasks", cluster=cluster, tasks=[*bad, arn])

    assert [task["taskArn"] for task in output["tasks"]] == [arn]
    assert output["failures"] == [{"arn": text, "reason": "MISSING"} for text in bad]
    assert ecs(stranger, "DescribeTasks", cluster=cluster, tasks=[arn])["tasks"] == []


@pytest.mark.parametrize("operation", ["DescribeTasks", "DescribeContainerInstances"])
@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({}, "InvalidParameterException"),
        ({"cluster": "c", "what": "x"}, "InvalidParameterException"),
        ({"what": ["a"]}, "ClusterNotFoundException"),
        ({"cluster": "c", "what": ["a"]}, "ClusterNotFoundException"),
        ({"cluster": "c_Batch_" + "0" * 36, "what": ["a"]}, "ClusterNotFoundException"),
        ({"cluster": "arn:aws:ecs:x", "what": ["a"]}, "ClusterNotFoundException"),
    ],
)
def test_bad_requests_to_ecs(operation: str, params: dict[str, Any], code: str) -> None:
    member = {"DescribeTasks": "tasks", "DescribeContainerInstances": "containerInstances"}
    given = {member[operation] if name == "what" else name: each for name, each in params.items()}

    with pytest.raises(Refused) as refused:
        ecs(a_user(), operation, **given)

    assert (refused.value.code, refused.value.status) == (code, 400)


@pytest.mark.parametrize("count", [0, 101])
def test_a_hundred_tasks_are_described_at_once(count: int) -> None:
    attempt = a_started(a_user())

    with pytest.raises(Refused, match="Give 1 to 100"):
        ecs(
            attempt.job.owner,
            "DescribeTasks",
            cluster=cluster_of(attempt),
            tasks=[f"t{at}" for at in range(count)],
        )


def test_a_machine_is_found_as_a_container_instance() -> None:
    owner = a_user()
    attempt = a_started(owner)
    node = attempt.node
    arn = ecs_arns.container_instance_arn(arns(), cluster_of(attempt), node.instance_id)

    output = ecs(
        owner,
        "DescribeContainerInstances",
        cluster=cluster_of(attempt),
        containerInstances=[arn, "none"],
    )

    assert output["failures"] == [{"arn": "none", "reason": "MISSING"}]
    (instance,) = output["containerInstances"]
    assert instance["containerInstanceArn"] == arn
    assert instance["ec2InstanceId"] == node.instance_id
    assert instance["agentConnected"] is True
    assert (instance["runningTasksCount"], instance["pendingTasksCount"]) == (1, 0)
    amounts = {each["name"]: each["integerValue"] for each in instance["registeredResources"]}
    assert amounts == {"CPU": 4096, "MEMORY": 8192}


def an_instance_with_a_task(**fields: Any) -> tuple[User, Attempt]:
    owner = a_user()
    job = a_job(owner=owner, status="RUNNING", attempts_made=1)
    environment = job.queue.environments.get()
    ComputeEnvironment.objects.update(type="MANAGED", compute_resources={"type": "SPOT"})
    instance = an_instance(environment=environment, type_name="m4.large", **fields)
    return owner, an_attempt(job=job, instance=instance, capacity="SPOT", started_at=NOW)


def test_an_instance_is_found_as_a_container_instance_with_what_is_left_of_it() -> None:
    owner, attempt = an_instance_with_a_task()
    assert attempt.instance is not None
    (task,) = ecs(
        owner, "DescribeTasks", cluster=cluster_of(attempt), tasks=[task_arn_of(attempt)]
    )["tasks"]
    arn = task["containerInstanceArn"]
    assert ecs_arns.instance_id_of(arn.rpartition("/")[2]) == attempt.instance.instance_id

    (found,) = ecs(
        owner,
        "DescribeContainerInstances",
        cluster=cluster_of(attempt),
        containerInstances=[arn],
    )["containerInstances"]

    assert (found["ec2InstanceId"], found["status"]) == (attempt.host_id, "ACTIVE")
    assert (found["runningTasksCount"], found["pendingTasksCount"]) == (1, 0)
    assert found["attributes"] == [{"name": "ecs.instance-type", "value": "m4.large"}]
    for member, amounts in (
        ("registeredResources", {"CPU": 2048, "MEMORY": 4096}),
        ("remainingResources", {"CPU": 1024, "MEMORY": 3584}),
    ):
        assert {each["name"]: each["integerValue"] for each in found[member]} == amounts


@pytest.mark.parametrize(
    ("state", "status", "is_connected"),
    [
        ("LAUNCHING", "REGISTERING", True),
        ("DRAINING", "DRAINING", True),
        ("ENDED", "INACTIVE", False),
    ],
)
def test_the_life_of_an_instance_in_the_words_of_ecs(
    state: str, status: str, is_connected: bool
) -> None:
    owner, attempt = an_instance_with_a_task(
        state=state, ended_at=NOW if state == "ENDED" else None
    )
    arn = ecs_arns.container_instance_arn(arns(), cluster_of(attempt), attempt.host_id)
    (found,) = ecs(
        owner,
        "DescribeContainerInstances",
        cluster=cluster_of(attempt),
        containerInstances=[arn],
    )["containerInstances"]
    assert (found["status"], found["agentConnected"]) == (status, is_connected)


def test_a_task_on_fargate_has_no_instance() -> None:
    owner = a_user()
    attempt = a_started(owner, capacity="FARGATE")
    (task,) = ecs(
        owner, "DescribeTasks", cluster=cluster_of(attempt), tasks=[task_arn_of(attempt)]
    )["tasks"]
    assert task["launchType"] == "FARGATE"
    assert "containerInstanceArn" not in task


# --- EC2 ---------------------------------------------------------------------------


def instances(user: User, **params: Any) -> list[dict[str, Any]]:
    output = speak(user, "ec2", "DescribeInstances", **params)
    return [each for reservation in output["Reservations"] for each in reservation["Instances"]]


def test_nodes_are_instances() -> None:
    user = a_user()
    node = a_node(name="worker-1", architecture="aarch64")
    down = a_node(state=NodeState.DOWN)

    (found,) = instances(user, InstanceIds=[node.instance_id])

    assert found["State"] == {"Code": 16, "Name": "running"}
    assert found["Architecture"] == "arm64"
    assert found["Placement"]["AvailabilityZone"] == "us-east-1a"
    assert found["Tags"] == [{"Key": "Name", "Value": "worker-1"}]
    running = {"Name": "instance-state-name", "Values": ["running", "pending"]}
    assert [each["InstanceId"] for each in instances(user, Filters=[running])] == [node.instance_id]
    chosen = {"Name": "instance-id", "Values": [down.instance_id, "i-0"]}
    assert [each["InstanceId"] for each in instances(user, Filters=[chosen])] == [down.instance_id]
    assert instances(user, Filters=[chosen, running]) == []


def test_instances_of_environments_have_a_type_and_a_life() -> None:
    user = a_user()
    environment = an_environment(name="here", compute_resources={"tags": {"team": "a"}})
    environment.engine.nodes.update(architecture="amd64")
    spot = an_instance(environment=environment, type_name="m4.large", is_spot=True)
    (found,) = instances(user, InstanceIds=[spot.instance_id])
    assert (found["InstanceType"], found["InstanceLifecycle"]) == ("m4.large", "spot")
    assert (found["State"]["Name"], found["Architecture"]) == ("running", "x86_64")
    tags = {each["Key"]: each["Value"] for each in found["Tags"]}
    assert tags == {"Name": "m4.large", "aws:batch:compute-environment": "here", "team": "a"}

    drained = an_instance(environment=environment, state="DRAINING")
    ended = an_instance(
        environment=environment,
        state="ENDED",
        ended_at=NOW - timedelta(hours=2),
        end_reason="Idle.",
    )
    listed = {each["InstanceId"]: each for each in instances(user)}
    assert listed.keys() >= {spot.instance_id, drained.instance_id}
    assert "InstanceLifecycle" not in listed[drained.instance_id]
    # Long after its end it is found by its id alone.
    assert ended.instance_id not in listed
    (found,) = instances(user, InstanceIds=[ended.instance_id])
    assert found["State"] == {"Code": 48, "Name": "terminated"}
    assert found["StateTransitionReason"] == "Idle."
    Instance.objects.filter(pk=ended.pk).update(ended_at=timezone.now())
    terminated = {"Name": "instance-state-name", "Values": ["terminated"]}
    assert [each["InstanceId"] for each in instances(user, Filters=[terminated])] == [
        ended.instance_id
    ]


def test_instances_come_page_by_page() -> None:
    user = a_user()
    ids = sorted(a_node().instance_id for _ in range(12))
    found: list[str] = []
    params: dict[str, Any] = {"MaxResults": 5}
    while True:
        output = speak(user, "ec2", "DescribeInstances", **params)
        found += [each["Instances"][0]["InstanceId"] for each in output["Reservations"]]
        if not output.get("NextToken"):
            break
        params["NextToken"] = output["NextToken"]

    assert found == ids


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"InstanceIds": ["i-00000000000000000"]}, "InvalidInstanceID.NotFound"),
        ({"InstanceIds": ["x"]}, "InvalidInstanceID.Malformed"),
        ({"InstanceIds": ["i-00000000"], "MaxResults": 5}, "InvalidParameterCombination"),
        ({"MaxResults": 4}, "InvalidParameterValue"),
        ({"MaxResults": 1001}, "InvalidParameterValue"),
        ({"NextToken": "x"}, "InvalidNextToken"),
        ({"Filters": [{"Name": "vpc-id", "Values": ["v"]}]}, "InvalidParameterValue"),
        ({"DryRun": True}, "DryRunOperation"),
    ],
)
def test_bad_requests_to_ec2(params: dict[str, Any], code: str) -> None:
    with pytest.raises(Refused) as refused:
        instances(a_user(), **params)

    assert refused.value.code == code
