"""UpdateJobQueue: what is changed, what stays, and what is refused."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from tests.api.asking import Refused
from tests.api.job_queues import (
    ARN,
    ENVIRONMENT,
    POLICY,
    RULE,
    described,
    make,
    order,
    services,
    surroundings,
    update,
)
from tests.builders import a_queue, a_user, an_environment

pytestmark = pytest.mark.django_db


@pytest.fixture
def boss() -> User:
    return a_user(is_staff=True)


@pytest.fixture(autouse=True)
def _surroundings() -> None:
    surroundings()


def test_an_update_changes_what_is_given_and_leaves_the_rest(boss: User) -> None:
    make(boss, "a", "b", tags={"x": "y"}, jobStateTimeLimitActions=[RULE])
    before = described(boss)
    assert update(boss, priority=9) == {"jobQueueName": "new", "jobQueueArn": f"{ARN}new"}
    assert described(boss) == {**before, "priority": 9}
    update(boss, computeEnvironmentOrder=[{"order": 3, "computeEnvironment": "b"}])
    found = described(boss)["computeEnvironmentOrder"]
    assert found == [{"order": 3, "computeEnvironment": f"{ENVIRONMENT}b"}]
    update(boss, jobStateTimeLimitActions=[], computeEnvironmentOrder=order("b"))
    found = described(boss)
    assert (found["jobStateTimeLimitActions"], found["tags"]) == ([], {"x": "y"})
    assert found["computeEnvironmentOrder"][0]["order"] == 1
    update(boss, computeEnvironmentOrder=order("fargate"))
    assert described(boss)["jobQueueType"] == "ECS_FARGATE"


def test_a_queue_keeps_an_environment_that_became_invalid(boss: User) -> None:
    queue = a_queue(an_environment(name="lost", status="INVALID"), name="new")
    update(boss, computeEnvironmentOrder=order("lost", "a"))
    assert queue.environment_order.count() == 2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"computeEnvironmentOrder": []}, "Choose at least one environment."),
        ({"computeEnvironmentOrder": order("a", "fargate")}, "they cannot be mixed"),
        ({"computeEnvironmentOrder": order("bad")}, "The environment bad is INVALID"),
        ({"serviceEnvironmentOrder": services("s")}, "not both"),
        ({"schedulingPolicyArn": f"{POLICY}fair"}, "stays first in, first out"),
        ({"priority": -1}, "priority: Priority is between"),
        ({"jobQueueName": "other"}, "jobQueueName: Unknown member."),
    ],
)
def test_an_update_that_aws_refuses_changes_nothing(
    change: dict[str, Any], said: str, boss: User
) -> None:
    make(boss, "a")
    before = described(boss)
    with pytest.raises(Refused) as refused:
        update(boss, state="DISABLED", **change)
    assert said in refused.value.message
    assert described(boss) == before


def test_a_fair_share_policy_is_replaced_and_never_removed(boss: User) -> None:
    make(boss, "a", schedulingPolicyArn=f"{POLICY}fair")
    update(boss, schedulingPolicyArn=f"{POLICY}fairer")
    assert described(boss)["schedulingPolicyArn"] == f"{POLICY}fairer"
    with pytest.raises(
        Refused, match="schedulingPolicyArn: A queue with a scheduling policy keeps"
    ):
        update(boss, schedulingPolicyArn="")
    with pytest.raises(Refused, match="A quota share policy is for queues of service jobs"):
        update(boss, schedulingPolicyArn=f"{POLICY}quotas")
    make(
        boss,
        jobQueueName="train",
        serviceEnvironmentOrder=services("s"),
        schedulingPolicyArn=f"{POLICY}quotas",
    )
    with pytest.raises(Refused, match="keeps that kind"):
        update(boss, "train", schedulingPolicyArn=f"{POLICY}fair")
