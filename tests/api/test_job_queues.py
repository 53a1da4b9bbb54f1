"""Job queues over the API: AWS's rules, defaults and words."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from jobs.models import JobQueue
from jobs.services.passes.statuses import advance_statuses
from tests.api.asking import Refused, ask, ask_all
from tests.api.job_queues import (
    ARN,
    ENVIRONMENT,
    POLICY,
    RULE,
    SERVICE,
    described,
    make,
    order,
    services,
    surroundings,
    update,
)
from tests.builders import NOW, a_job, a_queue, a_user
from tests.services.stepping import a_lease

pytestmark = pytest.mark.django_db


@pytest.fixture
def boss() -> User:
    return a_user(is_staff=True)


@pytest.fixture(autouse=True)
def _surroundings() -> None:
    surroundings()


def test_a_queue_is_described_as_it_was_given(boss: User) -> None:
    given = [
        {"order": 7, "computeEnvironment": f"{ENVIRONMENT}b"},
        {"order": 100, "computeEnvironment": "a"},
    ]
    made = make(
        boss,
        computeEnvironmentOrder=given,
        priority=5,
        state="ENABLED",
        tags={"team": "x"},
        schedulingPolicyArn=f"{POLICY}fair",
        jobStateTimeLimitActions=[RULE],
    )
    assert made == {"jobQueueName": "new", "jobQueueArn": f"{ARN}new"}
    assert described(boss) == {
        **made,
        "state": "ENABLED",
        "schedulingPolicyArn": f"{POLICY}fair",
        "status": "CREATING",
        "priority": 5,
        "computeEnvironmentOrder": [
            {"order": 7, "computeEnvironment": f"{ENVIRONMENT}b"},
            {"order": 100, "computeEnvironment": f"{ENVIRONMENT}a"},
        ],
        "serviceEnvironmentOrder": [],
        "jobQueueType": "ECS",
        "tags": {"team": "x"},
        "jobStateTimeLimitActions": [RULE],
    }


def test_its_status_moves_as_in_aws(boss: User) -> None:
    lease = a_lease()
    make(boss, "a")
    advance_statuses(lease=lease, now=NOW)
    found = described(boss)
    assert (found["status"], found["statusReason"]) == ("VALID", "JobQueue Healthy")
    update(boss, state="DISABLED")
    assert described(boss)["status"] == "UPDATING"
    advance_statuses(lease=lease, now=NOW)
    ask(boss, "DeleteJobQueue", jobQueue="new")
    assert described(boss)["status"] == "DELETING"
    advance_statuses(lease=lease, now=NOW)
    assert ask(boss, "DescribeJobQueues") == {"jobQueues": []}
    make(boss, "b")


def test_a_valid_queue_of_before_is_healthy(boss: User) -> None:
    a_queue(name="new")
    assert described(boss)["statusReason"] == "JobQueue Healthy"


@pytest.mark.parametrize(
    ("environments", "type_"),
    [
        (["a", "spot"], "ECS"),
        (["fargate", "cheap"], "ECS_FARGATE"),
        # An environment on its way may be named, so that scripts need not wait.
        (["coming"], "ECS"),
    ],
)
@pytest.mark.parametrize("is_asked", [False, True])
def test_the_type_is_that_of_its_environments(
    environments: list[str], type_: str, is_asked: bool, boss: User
) -> None:
    make(boss, *environments, **({"jobQueueType": type_} if is_asked else {}))
    assert described(boss)["jobQueueType"] == type_


def test_a_queue_for_service_jobs_has_service_environments(boss: User) -> None:
    rule = {**RULE, "action": "TERMINATE"}
    make(
        boss,
        serviceEnvironmentOrder=services(f"{SERVICE}t", "s"),
        computeEnvironmentOrder=[],
        jobQueueType="SAGEMAKER_TRAINING",
        schedulingPolicyArn=f"{POLICY}quotas",
        jobStateTimeLimitActions=[rule],
    )
    found = described(boss)
    assert found["computeEnvironmentOrder"] == []
    assert found["serviceEnvironmentOrder"] == services(f"{SERVICE}t", f"{SERVICE}s")
    assert (found["jobQueueType"], found["jobStateTimeLimitActions"]) == (
        "SAGEMAKER_TRAINING",
        [rule],
    )
    update(boss, serviceEnvironmentOrder=services("s"), priority=2)
    assert described(boss)["serviceEnvironmentOrder"] == services(f"{SERVICE}s")
    with pytest.raises(Refused, match="compute environments or service environments, not both"):
        update(boss, computeEnvironmentOrder=order("a"))
    advance_statuses(lease=a_lease(), now=NOW)
    assert described(boss)["status"] == "VALID"


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({}, "computeEnvironmentOrder: Choose at least one environment."),
        ({"computeEnvironmentOrder": []}, "computeEnvironmentOrder: Choose at least one"),
        ({"computeEnvironmentOrder": order("a", "b", "c", "d")}, "A queue has at most 3"),
        ({"computeEnvironmentOrder": order("a", "a")}, "Choose each environment once."),
        (
            {"computeEnvironmentOrder": order("a", f"{ENVIRONMENT}a")},
            "Choose each environment once",
        ),
        (
            {"computeEnvironmentOrder": [*order("a"), *order("b")]},
            "Each environment has an order of its own.",
        ),
        (
            {"computeEnvironmentOrder": [{"order": -1, "computeEnvironment": "a"}]},
            "An order is a whole number from 0",
        ),
        ({"computeEnvironmentOrder": order("z")}, "There is no environment named z."),
        (
            {"computeEnvironmentOrder": order(ENVIRONMENT.replace("east", "west") + "a")},
            "There is no environment named arn:aws:batch:us-west-1",
        ),
        ({"computeEnvironmentOrder": order(f"{SERVICE}s")}, "There is no environment named arn:"),
        ({"computeEnvironmentOrder": order("a\0")}, "A text cannot hold NUL"),
        ({"computeEnvironmentOrder": order("a", "fargate")}, "they cannot be mixed"),
        (
            {"computeEnvironmentOrder": order("bad")},
            "The environment bad is INVALID (Connection refused). Wait until it is VALID",
        ),
        ({"computeEnvironmentOrder": order("going")}, "The environment going is DELETING."),
        (
            {"computeEnvironmentOrder": order("a"), "serviceEnvironmentOrder": services("s")},
            "compute environments or service environments, not both",
        ),
        ({"serviceEnvironmentOrder": services("z")}, "There is no service environment named z."),
        (
            {"computeEnvironmentOrder": order("a"), "jobQueueType": "SAGEMAKER_TRAINING"},
            "jobQueueType: With these environments the type is ECS, not SAGEMAKER_TRAINING.",
        ),
        (
            {"computeEnvironmentOrder": order("a"), "jobQueueType": "ECS_FARGATE"},
            "jobQueueType: With these environments the type is ECS, not ECS_FARGATE.",
        ),
        (
            {"computeEnvironmentOrder": order("a"), "jobQueueType": "EKS"},
            "jobQueueType: There is no Kubernetes here",
        ),
        (
            {"computeEnvironmentOrder": order("a"), "jobQueueType": "ECS_MANAGED_INSTANCES"},
            "jobQueueType: There are no ECS Managed Instances here",
        ),
    ],
)
def test_environments_that_aws_refuses_are_refused(
    params: dict[str, Any], said: str, boss: User
) -> None:
    with pytest.raises(Refused) as refused:
        make(boss, **params)
    assert (refused.value.code, refused.value.status) == ("ClientException", 400)
    assert said in refused.value.message
    assert not JobQueue.objects.exists()


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"jobQueueName": "a b"}, "jobQueueName: A name starts with a letter"),
        ({"jobQueueName": "taken"}, "jobQueueName: There is a queue named taken already."),
        ({"priority": -1}, "priority: Priority is between 0 and"),
        ({"priority": None}, "priority: This is required."),
        ({"priority": "1"}, "priority: This is an integer."),
        ({"state": "ON"}, "state: 'ON' is none of ENABLED, DISABLED."),
        ({"schedulingPolicyArn": f"{POLICY}none"}, "schedulingPolicyArn: There is no scheduling"),
        ({"schedulingPolicyArn": f"{ARN}fair"}, "schedulingPolicyArn: There is no scheduling"),
        ({"schedulingPolicyArn": f"{POLICY}quotas"}, "A quota share policy is for queues of serv"),
        ({"tags": {"a" * 129: "b"}}, "tags"),
        ({"tags": {str(number): "" for number in range(51)}}, "tags: At most 50"),
        ({"jobStateTimeLimitActions": [{**RULE, "maxTimeSeconds": 599}]}, "600 to 86400"),
        ({"jobStateTimeLimitActions": [{**RULE, "action": "TERMINATE"}]}, "This is CANCEL"),
        ({"jobStateTimeLimitActions": [RULE, RULE]}, "jobStateTimeLimitActions: Two rules"),
        ({"jobStateTimeLimitActions": [{"reason": "x"}]}, "This is required."),
    ],
)
def test_other_members_that_aws_refuses_are_refused(
    params: dict[str, Any], said: str, boss: User
) -> None:
    a_queue(name="taken")
    with pytest.raises(Refused) as refused:
        make(boss, "a", **params)
    assert said in refused.value.message
    assert JobQueue.objects.count() == 1


def test_it_is_deleted_only_when_disabled(boss: User) -> None:
    queue = a_queue(name="here")
    job = a_job(queue=queue, status="RUNNABLE")
    with pytest.raises(Refused, match="Disable it before you delete it") as refused:
        ask(boss, "DeleteJobQueue", jobQueue="here")
    assert (refused.value.code, refused.value.status) == ("ClientException", 400)
    update(boss, "here", state="DISABLED")
    assert ask(boss, "DeleteJobQueue", jobQueue="here") == {}
    assert ask(boss, "DeleteJobQueue", jobQueue="here") == {}
    with pytest.raises(Refused, match="is being deleted"):
        update(boss, "here", state="ENABLED")
    lease = a_lease()
    advance_statuses(lease=lease, now=NOW)
    job.refresh_from_db()
    assert (job.status, job.status_reason) == ("FAILED", "The job queue of this job was deleted.")
    advance_statuses(lease=lease, now=NOW)
    assert ask(boss, "DescribeJobQueues", jobQueues=["here"]) == {"jobQueues": []}


@pytest.mark.parametrize("name", ["here", f"{ARN}here"])
def test_it_is_known_by_its_name_and_by_its_arn(name: str, boss: User) -> None:
    a_queue(name="here")
    assert described(boss, name)["jobQueueName"] == "here"
    update(boss, name, state="DISABLED")
    ask(boss, "DeleteJobQueue", jobQueue=name)
    assert described(boss, name)["status"] == "DELETING"


@pytest.mark.parametrize(
    "name",
    [
        "there",
        f"{ARN}there",
        ARN.replace("123456789012", "210987654321") + "here",
        ARN.replace("us-east-1", "eu-west-1") + "here",
        f"{ENVIRONMENT}here",
        "arn:nonsense",
        "",
        "a\0",
    ],
)
def test_what_there_is_not_is_left_out_or_not_found(name: str, boss: User) -> None:
    a_queue(name="here")
    assert ask(boss, "DescribeJobQueues", jobQueues=[name, "here", name])["jobQueues"] == [
        described(boss, "here")
    ]
    with pytest.raises(Refused, match="not found"):
        update(boss, name, state="DISABLED")
    assert ask(boss, "DeleteJobQueue", jobQueue=name) == {}


def test_all_are_listed_by_name_in_pages(boss: User) -> None:
    for name in "cabed":
        a_queue(name=name)
    rows = ask_all(boss, "DescribeJobQueues", "jobQueues", maxResults=2)
    assert [row["jobQueueName"] for row in rows] == list("abcde")


def test_a_token_of_another_list_is_refused(boss: User) -> None:
    found = ask(boss, "DescribeComputeEnvironments", maxResults=1)
    with pytest.raises(Refused, match="nextToken: This is no token that DescribeJobQueues gave"):
        ask(boss, "DescribeJobQueues", nextToken=found["nextToken"])


def test_only_administrators_change_queues_and_all_may_look() -> None:
    user = a_user()
    a_queue(name="new")
    changes: list[Callable[[], dict[str, Any]]] = [
        lambda: make(user, "a"),
        lambda: update(user, state="DISABLED"),
        lambda: ask(user, "DeleteJobQueue", jobQueue="new"),
    ]
    for change in changes:
        with pytest.raises(Refused) as refused:
            change()
        assert (refused.value.code, refused.value.status) == ("AccessDeniedException", 403)
    assert described(user)["state"] == "ENABLED"
