"""GetJobQueueSnapshot: the front of a queue, and what its jobs use."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User

from jobs.domain import arns as kinds
from jobs.models import JobStatus
from jobs.selectors.realm import arns
from tests.api.asking import Refused, ask
from tests.builders import (
    NOW,
    a_job,
    a_node,
    a_policy,
    a_queue,
    a_user,
    an_attempt,
    an_environment,
)

pytestmark = pytest.mark.django_db
AT = int(NOW.timestamp() * 1000)


@pytest.fixture
def user() -> User:
    return a_user()


def test_the_front_is_in_the_order_of_turns_and_others_jobs_have_no_arn(user: User) -> None:
    queue = a_queue()
    mine = a_job(queue=queue, status=JobStatus.RUNNABLE, owner=user)
    a_job(queue=queue, status=JobStatus.RUNNABLE, status_changed_at=NOW + timedelta(seconds=1))
    a_job(queue=queue, status=JobStatus.PENDING, owner=user)
    answer = ask(user, "GetJobQueueSnapshot", jobQueue=queue.name, now=NOW)
    assert answer == {
        "frontOfQueue": {
            "jobs": [
                {"jobArn": arns().of(kinds.JOB, mine.id), "earliestTimeAtPosition": AT},
                {"earliestTimeAtPosition": AT + 1000},
            ],
            "lastUpdatedAt": AT,
        },
        "queueUtilization": {
            "totalCapacityUsage": [{"capacityUnit": "VCPU", "quantity": 0}],
            "lastUpdatedAt": AT,
        },
    }
    boss = a_user(is_staff=True)
    seen = ask(boss, "GetJobQueueSnapshot", jobQueue=arns().of(kinds.JOB_QUEUE, queue.name))
    assert all("jobArn" in each for each in seen["frontOfQueue"]["jobs"])


def test_a_hundred_jobs_are_told_of_at_most(user: User) -> None:
    queue = a_queue()
    for _ in range(101):
        a_job(queue=queue, status=JobStatus.RUNNABLE, owner=user)
    answer = ask(user, "GetJobQueueSnapshot", jobQueue=queue.name)
    assert len(answer["frontOfQueue"]["jobs"]) == 100


def test_what_is_placed_is_summed_up_by_share(user: User) -> None:
    environment = an_environment(engine=a_node(milli_vcpus=64000).engine)
    queue = a_queue(environment, scheduling_policy=a_policy())
    for share, milli_vcpus, ended in (
        ("red", 500, False),
        ("blue", 2000, False),
        ("red", 1000, False),
        ("green", 4000, True),
    ):
        job = a_job(
            queue=queue,
            status=JobStatus.RUNNING,
            share_identifier=share,
            milli_vcpus=milli_vcpus,
            attempts_made=1,
        )
        end = {"ended_at": NOW, "stopped_at": NOW} if ended else {}
        an_attempt(job=job, **end)
    a_job(queue=queue, status=JobStatus.RUNNABLE, share_identifier="waits")
    found = ask(user, "GetJobQueueSnapshot", jobQueue=queue.name)["queueUtilization"]
    assert found["totalCapacityUsage"] == [{"capacityUnit": "VCPU", "quantity": 3.5}]
    assert found["fairshareUtilization"] == {
        "activeShareCount": 2,
        "topCapacityUtilization": [
            {
                "shareIdentifier": share,
                "capacityUsage": [{"capacityUnit": "VCPU", "quantity": quantity}],
            }
            for share, quantity in (("blue", 2.0), ("red", 1.5))
        ],
    }


def test_a_queue_of_quota_shares_says_so(user: User) -> None:
    policy = a_policy(quota_share_policy={"idleResourceAssignmentStrategy": "FIFO"})
    queue = a_queue(scheduling_policy=policy)
    answer = ask(user, "GetJobQueueSnapshot", jobQueue=queue.name, now=NOW)
    assert answer["frontOfQuotaShares"] == {"quotaShares": {}, "lastUpdatedAt": AT}
    assert answer["queueUtilization"]["quotaShareUtilization"] == {"topCapacityUtilization": []}


@pytest.mark.parametrize("queue", ["none", "", "arn:aws:batch:us-east-1:1:job-queue/q", "a\0"])
def test_a_queue_that_is_not_there_is_refused(queue: str, user: User) -> None:
    with pytest.raises(Refused, match="not found"):
        ask(user, "GetJobQueueSnapshot", jobQueue=queue)
