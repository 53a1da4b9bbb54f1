"""SubmitJob: which queue and which definition are meant, and when they take a job."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from jobs.models import (
    DefinitionStatus,
    QueueState,
    QueueStatus,
    QueueType,
)
from tests.api.submitting import ARN, hello, is_refused, submit
from tests.builders import (
    a_definition,
    a_queue,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def user() -> User:
    return hello()


@pytest.mark.parametrize("queue", ["high", f"{ARN}job-queue/high"])
@pytest.mark.parametrize(
    ("definition", "revision"),
    [
        ("hello", 2),
        ("hello:1", 1),
        (f"{ARN}job-definition/hello", 2),
        (f"{ARN}job-definition/hello:1", 1),
    ],
)
def test_queue_and_definition_go_by_name_or_arn(
    user: User, queue: str, definition: str, revision: int
) -> None:
    a_definition(name="hello", revision=2)
    a_definition(name="hello", revision=3, status=DefinitionStatus.INACTIVE)
    job = submit(user, jobQueue=queue, jobDefinition=definition)
    assert (job.queue.name, job.definition.revision) == ("high", revision)


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"jobQueue": "low"}, "JobQueue low not found."),
        ({"jobQueue": ""}, "JobQueue  not found."),
        ({"jobQueue": "hi\0gh"}, "not found."),
        ({"jobQueue": f"{ARN}job-queue/low"}, f"JobQueue {ARN}job-queue/low not found."),
        ({"jobQueue": f"{ARN}job-definition/high"}, "not found."),
        ({"jobQueue": "arn:aws:batch:us-east-1:1:job-queue/high"}, "not found."),
        (
            {"jobDefinition": "other"},
            "JobDefinition name other does not exist or is not in ACTIVE status",
        ),
        ({"jobDefinition": "other:1"}, "JobDefinition other:1 not found."),
        ({"jobDefinition": "hello:x"}, "JobDefinition hello:x not found."),
        ({"jobDefinition": "hello:1:1"}, "JobDefinition hello:1:1 not found."),
        ({"jobDefinition": f"{ARN}job-definition/other"}, "/other not found."),
        ({"jobDefinition": f"{ARN}job-definition/hello:9"}, "/hello:9 not found."),
        ({"jobDefinition": "arn:aws:batch:us-east-1:1:job-definition/hello"}, "not found."),
    ],
)
def test_what_there_is_not_is_told_in_words_of_aws(
    user: User, members: dict[str, Any], said: str
) -> None:
    is_refused(user, members, said)


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({"state": QueueState.DISABLED}, "jobQueue: The job queue other is disabled"),
        ({"state": QueueState.DISABLED, "status": QueueStatus.DELETING}, "jobQueue: "),
        ({"type": QueueType.SAGEMAKER_TRAINING}, "is for service jobs"),
        ({"status": QueueStatus.DELETED}, "JobQueue other not found."),
    ],
)
def test_a_queue_that_takes_no_jobs_says_so(user: User, state: dict[str, Any], said: str) -> None:
    a_queue(name="other", **state)
    is_refused(user, {"jobQueue": "other"}, said)


@pytest.mark.parametrize("status", [QueueStatus.CREATING, QueueStatus.UPDATING])
def test_a_queue_that_is_not_ready_yet_takes_jobs(user: User, status: str) -> None:
    a_queue(name="other", status=status)
    assert submit(user, jobQueue="other").status == "SUBMITTED"


def test_a_deregistered_revision_takes_no_jobs(user: User) -> None:
    a_definition(name="old", status=DefinitionStatus.INACTIVE)
    is_refused(user, {"jobDefinition": "old:1"}, "jobDefinition: The job definition old:1 is dereg")
    is_refused(user, {"jobDefinition": "old"}, "does not exist or is not in ACTIVE status")
