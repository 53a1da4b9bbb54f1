"""DescribeJobs of jobs of several containers, and of several nodes."""

from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User

from jobs.domain import ecs_arns
from jobs.models import (
    Job,
    JobStatus,
    Transition,
)
from tests.api.test_describe_jobs import ARN, LATER, a_running_group, describe, ended
from tests.builders import (
    a_definition,
    a_group,
    a_job,
    a_user,
    containers_of,
    nodes_of,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def user() -> User:
    return a_user()


def test_a_job_of_several_containers_tells_of_each(user: User) -> None:
    main, side = a_running_group(
        owner=user,
        definition=a_definition(name="several"),
        ecs_properties=containers_of({"name": "main"}, {"name": "side", "essential": False}),
    )
    ended(side, exit_code=3)
    [found] = describe(user, main.job_id)
    assert found["container"] == {}
    assert found["attempts"] == []
    [task] = found["ecsProperties"]["taskProperties"]
    assert task["taskArn"].endswith(ecs_arns.task_id(main.job_id, 1))
    assert [each["name"] for each in task["containers"]] == ["main", "side"]
    assert task["containers"][0]["logStreamName"].startswith("several/main/")
    assert "exitCode" not in task["containers"][0]
    assert task["containers"][1]["exitCode"] == 3
    ended(main, exit_code=1, status_reason="Essential container in task exited")
    [attempt] = describe(user, main.job_id)[0]["attempts"]
    assert attempt["statusReason"] == "Essential container in task exited"
    [task] = attempt["taskProperties"]
    assert [(each["name"], each["exitCode"]) for each in task["containers"]] == [
        ("main", 1),
        ("side", 3),
    ]


def test_a_multinode_job_tells_its_nodes_and_each_node_itself(user: User) -> None:
    first, main, last = a_running_group(
        owner=user, node_properties=nodes_of(3, main=1), node_count=3
    )
    ended(last, exit_code=1)
    job = str(first.job_id)
    whole, zero, one, two = describe(user, job, f"{job}#0", f"{ARN}job/{job}#1", f"{job}#2")
    assert whole["nodeProperties"]["numNodes"] == 3
    assert "container" not in whole
    assert "nodeDetails" not in whole
    assert [each["jobId"] for each in (zero, one, two)] == [f"{job}#{index}" for index in range(3)]
    assert [each["status"] for each in (zero, one, two)] == ["RUNNING", "RUNNING", "FAILED"]
    assert zero["nodeDetails"] == {"nodeIndex": 0, "isMainNode": False}
    assert one["nodeDetails"] == {"nodeIndex": 1, "isMainNode": True}
    assert zero["container"]["taskArn"].endswith(ecs_arns.task_id(UUID(job), 1))
    assert one["container"]["taskArn"].endswith(ecs_arns.task_id(UUID(job), 1, 1))
    assert two["container"]["exitCode"] == 1
    assert len(two["attempts"]) == 1
    ended(main, status_reason="done")
    ended(first, exit_code=143)
    Job.objects.filter(id=job).update(status=JobStatus.SUCCEEDED, stopped_at=LATER)
    whole, zero = describe(user, job, f"{job}#0")
    [attempt] = whole["attempts"]
    assert attempt["statusReason"] == "done"
    assert attempt["container"]["exitCode"] == 0
    assert zero["status"] == "FAILED"


def test_a_try_that_ended_because_a_node_was_lost_says_so(user: User) -> None:
    attempts = a_running_group(owner=user, node_properties=nodes_of(2), node_count=2)
    lost = "Host EC2 (instance i-1) terminated."
    ended(attempts[0], exit_code=143, status_reason="Stopped")
    ended(attempts[1], exit_code=None, status_reason=lost)
    job = attempts[0].job
    Job.objects.filter(id=job.id).update(status=JobStatus.RUNNABLE, attempts_allowed=2)
    for old, new, reason in (("STARTING", "RUNNING", ""), ("RUNNING", "RUNNABLE", lost)):
        Transition.objects.create(
            job=job, attempt_number=1, from_status=old, to_status=new, reason=reason, at=LATER
        )
    [attempt] = describe(user, job.id)[0]["attempts"]
    assert attempt["statusReason"] == lost
    assert attempt["container"]["exitCode"] == 143
    [attempt] = describe(user, f"{job.id}#0")[0]["attempts"]
    assert attempt["statusReason"] == "Stopped"


@pytest.mark.parametrize(
    ("status", "fields"),
    [
        (JobStatus.RUNNABLE, {}),
        (JobStatus.FAILED, {"status_reason": "Cancelled by user"}),
    ],
)
def test_a_node_that_was_never_placed_is_where_its_job_is(
    user: User, status: str, fields: dict[str, Any]
) -> None:
    job = a_job(owner=user, status=status, node_properties=nodes_of(2), node_count=2, **fields)
    [found] = describe(user, f"{job.id}#1")
    assert found["status"] == status
    assert found.get("statusReason", "") == fields.get("status_reason", "")


def test_a_node_that_starts_is_starting(user: User) -> None:
    job = a_job(
        owner=user,
        status=JobStatus.STARTING,
        attempts_made=1,
        node_properties=nodes_of(3),
        node_count=3,
    )
    a_group(job=job)
    assert describe(user, f"{job.id}#2")[0]["status"] == "STARTING"
