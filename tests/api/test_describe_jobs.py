"""DescribeJobs tells all of a job that is known, to whom may see it."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from jobs.domain import ecs_arns
from jobs.domain.ids import new_job_id, text_of
from jobs.models import (
    Attempt,
    DependencyType,
    Job,
    JobDependency,
    JobStatus,
    LogStream,
    StopKind,
)
from tests.api.asking import Refused, ask
from tests.builders import (
    NOW,
    a_definition,
    a_group,
    a_job,
    a_node,
    a_queue,
    a_user,
    an_array,
    an_attempt,
    an_environment,
    nodes_of,
)

pytestmark = pytest.mark.django_db

ARN = "arn:aws:batch:us-east-1:123456789012:"
ECS = "arn:aws:ecs:us-east-1:123456789012:"
MILLIS = int(NOW.timestamp() * 1000)
LATER = NOW + timedelta(minutes=5)


@pytest.fixture
def user() -> User:
    return a_user()


def describe(user: User, *texts: object) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ask(
        user, "DescribeJobs", now=LATER, jobs=[str(text) for text in texts]
    )["jobs"]
    return found


def ended(attempt: Attempt, **fields: Any) -> Attempt:
    """The attempt, after a minute."""
    values = {
        "started_at": NOW,
        "stopped_at": NOW + timedelta(minutes=1),
        "ended_at": NOW + timedelta(minutes=1),
        "exit_code": 0,
        "status_reason": "Essential container in task exited",
        **fields,
    }
    for name, value in values.items():
        setattr(attempt, name, value)
    attempt.save()
    return attempt


def a_running_group(**fields: Any) -> list[Attempt]:
    """The containers of a job of several, all of which run."""
    attempts = a_group(job=a_job(status=JobStatus.RUNNING, attempts_made=1, **fields))
    Attempt.objects.filter(job=attempts[0].job).update(started_at=NOW)
    return list(Attempt.objects.filter(job=attempts[0].job))


def test_a_submitted_job_is_described(user: User) -> None:
    queue, definition = a_queue(name="high"), a_definition(name="hello", command=["echo"])
    job = a_job(owner=user, queue=queue, definition=definition, name="a", tags={"team": "x"})
    assert describe(user, job.id) == [
        {
            "jobArn": f"{ARN}job/{job.id}",
            "jobId": str(job.id),
            "jobName": "a",
            "jobQueue": f"{ARN}job-queue/high",
            "jobDefinition": f"{ARN}job-definition/hello:1",
            "status": "SUBMITTED",
            "attempts": [],
            "createdAt": MILLIS,
            "startedAt": 0,
            "dependsOn": [],
            "parameters": {},
            "retryStrategy": {"attempts": 1, "evaluateOnExit": []},
            "tags": {"team": "x"},
            "propagateTags": False,
            "platformCapabilities": [],
            "isCancelled": False,
            "isTerminated": False,
            "container": {
                "image": "busybox:1.36",
                "command": ["echo"],
                "environment": [],
                "mountPoints": [],
                "networkInterfaces": [],
                "resourceRequirements": [
                    {"type": "VCPU", "value": "1"},
                    {"type": "MEMORY", "value": "512"},
                ],
                "secrets": [],
                "ulimits": [],
                "volumes": [],
            },
        }
    ]


def test_what_a_job_was_submitted_with_is_told(user: User) -> None:
    a_queue(name="high")
    a_definition(name="hello", extra={"platformCapabilities": ["EC2"]})
    rules = [{"onExitCode": "1", "action": "EXIT"}]
    answer = ask(
        user,
        "SubmitJob",
        jobName="a",
        jobQueue="high",
        jobDefinition="hello",
        containerOverrides={"command": ["ls", "Ref::x"], "environment": [{"name": "A", "value": "b"}]},
        parameters={"x": "/"},
        retryStrategy={"attempts": 2, "evaluateOnExit": rules},
        timeout={"attemptDurationSeconds": 60},
        tags={"team": "x"},
        propagateTags=True,
    )  # fmt: skip
    [job] = describe(user, answer["jobId"])
    assert job["container"]["command"] == ["ls", "/"]
    assert job["container"]["environment"] == [{"name": "A", "value": "b"}]
    assert job["parameters"] == {"x": "/"}
    assert job["retryStrategy"] == {"attempts": 2, "evaluateOnExit": rules}
    assert job["timeout"] == {"attemptDurationSeconds": 60}
    assert (job["tags"], job["propagateTags"]) == ({"team": "x"}, True)
    assert job["platformCapabilities"] == ["EC2"]


def test_further_properties_of_the_container_are_told(user: User) -> None:
    container = {
        "vcpus": 1,
        "memory": 512,
        "user": "nobody",
        "jobRoleArn": "arn:aws:iam::123456789012:role/r",
        "executionRoleArn": "arn:aws:iam::123456789012:role/e",
        "networkConfiguration": {"assignPublicIp": "ENABLED"},
        "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "/g"}},
        "volumes": [{"name": "v", "host": {"sourcePath": "/data"}}],
        "mountPoints": [{"sourceVolume": "v", "containerPath": "/data"}],
    }
    job = a_job(owner=user, container=container)
    [found] = describe(user, job.id)
    assert {name: found["container"][name] for name in container} == container
    assert found["container"]["resourceRequirements"] == []


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"stop_kind": StopKind.CANCEL}, (True, False)),
        ({"stop_kind": StopKind.QUEUE_RULE}, (True, False)),
        ({"stop_kind": StopKind.TERMINATE}, (False, True)),
        ({"stop_kind": StopKind.DEPENDENCY}, (False, False)),
    ],
)
def test_who_ended_a_job_is_told(
    user: User, fields: dict[str, Any], told: tuple[bool, bool]
) -> None:
    job = a_job(owner=user, status=JobStatus.FAILED, status_reason="why", **fields)
    [found] = describe(user, job.id)
    assert (found["isCancelled"], found["isTerminated"]) == told
    assert (found["statusReason"], found["stoppedAt"]) == ("why", MILLIS + 60_000)


def test_tags_that_were_changed_go_before_those_of_the_submission(user: User) -> None:
    job = a_job(owner=user)
    Job.objects.filter(id=job.id).update(tags={"new": "1"})
    job.spec.tags = {"old": "1"}
    job.spec.save()
    assert describe(user, job.id)[0]["tags"] == {"new": "1"}


def test_a_running_job_tells_its_task_machine_and_log(user: User) -> None:
    environment = an_environment(name="here")
    job = a_job(
        owner=user,
        queue=a_queue(environment),
        definition=a_definition(name="hello"),
        status=JobStatus.RUNNING,
        attempts_made=1,
        started_at=NOW,
    )
    attempt = an_attempt(job=job, started_at=NOW, address="172.18.0.2")
    cluster = f"here_Batch_{environment.uuid}"
    task = ecs_arns.task_id(job.id, 1)
    [found] = describe(user, job.id)
    assert found["attempts"] == []
    assert found["startedAt"] == MILLIS
    told = {
        "taskArn": f"{ECS}task/{cluster}/{task}",
        "containerInstanceArn": (
            f"{ECS}container-instance/{cluster}/"
            + ecs_arns.container_instance_id(attempt.node.instance_id)
        ),
        "logStreamName": f"hello/default/{task}",
        "networkInterfaces": [{"privateIpv4Address": "172.18.0.2"}],
    }
    assert {name: found["container"].get(name) for name in told} == told
    assert "exitCode" not in found["container"]


def test_a_starting_job_has_a_task_and_no_log_yet(user: User) -> None:
    job = a_job(owner=user, status=JobStatus.STARTING, attempts_made=1)
    an_attempt(job=job)
    container = describe(user, job.id)[0]["container"]
    assert "taskArn" in container
    assert "logStreamName" not in container


def test_each_try_that_has_ended_is_an_attempt(user: User) -> None:
    job = a_job(owner=user, status=JobStatus.RUNNING, attempts_made=2, attempts_allowed=3)
    first = ended(
        an_attempt(job=job, number=1),
        exit_code=137,
        reason="OutOfMemoryError: Container killed due to memory usage",
        status_reason="Essential container in task exited",
    )
    LogStream.objects.create(attempt=first, owner=user, name="own/default/1")
    an_attempt(job=job, number=2, started_at=LATER)
    [found] = describe(user, job.id)
    [attempt] = found["attempts"]
    assert attempt["startedAt"] == MILLIS
    assert attempt["stoppedAt"] == MILLIS + 60_000
    assert attempt["statusReason"] == "Essential container in task exited"
    assert attempt["container"]["exitCode"] == 137
    assert attempt["container"]["reason"].startswith("OutOfMemoryError")
    assert attempt["container"]["logStreamName"] == "own/default/1"
    assert attempt["container"]["taskArn"] != found["container"]["taskArn"]
    assert found["container"]["logStreamName"].endswith(ecs_arns.task_id(job.id, 2))


def test_a_job_that_waits_again_tells_its_tries_and_no_container_of_them(user: User) -> None:
    job = a_job(owner=user, status=JobStatus.RUNNABLE, attempts_made=1, attempts_allowed=2)
    ended(an_attempt(job=job, number=1), exit_code=1)
    [found] = describe(user, job.id)
    assert len(found["attempts"]) == 1
    assert "taskArn" not in found["container"]


def test_an_attempt_that_never_ran_tells_when_it_ended(user: User) -> None:
    job = a_job(owner=user, status=JobStatus.FAILED, attempts_made=1)
    ended(
        an_attempt(job=job),
        started_at=None,
        stopped_at=None,
        exit_code=None,
        status_reason="CannotPullContainerError: x",
    )
    [attempt] = describe(user, job.id)[0]["attempts"]
    assert attempt["stoppedAt"] == MILLIS + 60_000
    assert attempt.keys() == {"container", "stoppedAt", "statusReason"}
    assert "exitCode" not in attempt["container"]
    assert "logStreamName" not in attempt["container"]


def test_an_array_counts_its_children_and_each_has_its_index(user: User) -> None:
    array = an_array(3, owner=user, children=JobStatus.RUNNABLE)
    child = array.children.get(array_index=2)
    parent, one = describe(user, array.id, text_of(child.id))
    assert parent["status"] == "PENDING"
    assert parent["arrayProperties"] == {
        "size": 3,
        "statusSummary": {
            "SUBMITTED": 0,
            "PENDING": 0,
            "RUNNABLE": 3,
            "STARTING": 0,
            "RUNNING": 0,
            "SUCCEEDED": 0,
            "FAILED": 0,
        },
        "statusSummaryLastUpdatedAt": int(LATER.timestamp() * 1000),
    }
    assert one["jobId"] == f"{array.id}:2"
    assert one["jobArn"] == f"{ARN}job/{array.id}:2"
    assert one["arrayProperties"] == {"index": 2, "statusSummary": {}}


def test_dependencies_are_told_as_given_and_to_children_as_their_own(user: User) -> None:
    other, plain = an_array(3, owner=user), a_job(owner=user)
    array = an_array(3, owner=user, sequential=True)
    JobDependency.objects.create(job=array, on=other, type=DependencyType.N_TO_N)
    JobDependency.objects.create(job=array, on=plain)
    parent, first, last = describe(user, array.id, f"{array.id}:0", f"{array.id}:2")
    assert parent["dependsOn"] == [
        {"jobId": str(other.id), "type": "N_TO_N"},
        {"jobId": str(plain.id)},
        {"type": "SEQUENTIAL"},
    ]
    assert first["dependsOn"] == [{"jobId": f"{other.id}:0"}, {"jobId": str(plain.id)}]
    assert last["dependsOn"] == [
        {"jobId": f"{other.id}:2"},
        {"jobId": str(plain.id)},
        {"jobId": f"{array.id}:1"},
    ]


def test_jobs_come_in_the_order_asked_for_and_each_once(user: User) -> None:
    one, two = a_job(owner=user), a_job(owner=user)
    texts = [two.id, f"{ARN}job/{one.id}", str(two.id), f"{ARN}job/{two.id}"]
    assert [job["jobId"] for job in describe(user, *texts)] == [str(two.id), str(one.id)]


@pytest.mark.parametrize(
    "text",
    [
        str(new_job_id()),
        "made-up",
        "",
        "\0",
        "{id}:0",
        "{id}#0",
        "{id}#",
        "{id}#x",
        "{id}#99999",
        "arn:aws:batch:us-east-1:999999999999:job/{id}",
        "arn:aws:batch:eu-west-1:123456789012:job/{id}",
        f"{ARN}job-queue/{{id}}",
        f"{ARN}job/",
        "{array}:3",
        "{array}:99999",
        "{nodes}#2",
        "{others}",
        "{others}:0",
    ],
)
def test_what_there_is_not_or_is_of_others_is_left_out(user: User, text: str) -> None:
    job, others = a_job(owner=user), an_array(2)
    nodes = a_job(owner=user, node_properties=nodes_of(2), node_count=2)
    array = an_array(3, owner=user)
    asked = text.format(id=job.id, array=array.id, nodes=nodes.id, others=others.id)
    assert describe(user, asked) == []


def test_administrators_see_the_jobs_of_all() -> None:
    job = a_job()
    assert len(describe(a_user(is_staff=True), job.id)) == 1


def test_no_ids_describe_nothing(user: User) -> None:
    assert describe(user) == []


def test_more_than_a_hundred_ids_are_refused(user: User) -> None:
    with pytest.raises(Refused, match="At most 100 at once"):
        describe(user, *[new_job_id() for _ in range(101)])


def test_a_hundred_jobs_cost_as_many_queries_as_one(user: User) -> None:
    queue = a_queue(an_environment(engine=a_node().engine))
    jobs = []
    for _ in range(20):
        job = a_job(owner=user, queue=queue, status=JobStatus.SUCCEEDED, attempts_made=1)
        LogStream.objects.create(
            attempt=ended(an_attempt(job=job)), owner=job.owner, name=str(job.id)
        )
        jobs.append(job.id)
    array = an_array(20, owner=user, queue=queue)
    JobDependency.objects.create(job=array, on_id=jobs[0])
    children = [text_of(child.id) for child in array.children.all()]
    with CaptureQueriesContext(connection) as few:
        describe(user, jobs[0])
    with CaptureQueriesContext(connection) as many:
        assert len(describe(user, *jobs, array.id, *children)) == 41
    assert len(few) == len(many) == 3
