"""Service environments, quota shares and service jobs: kept, described, and never run."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from jobs.domain import arns as kinds
from jobs.models import (
    Job,
    JobQueue,
    JobQueueServiceEnvironment,
    QueueStatus,
    QueueType,
    QuotaShare,
    ServiceEnvironment,
)
from jobs.selectors.realm import arns
from tests.api.asking import Refused, ask
from tests.builders import NOW, a_policy, a_queue, a_user

pytestmark = pytest.mark.django_db
LIMITS = [{"maxCapacity": 5, "capacityUnit": "NUM_INSTANCES"}]
ENVIRONMENT: dict[str, Any] = {
    "serviceEnvironmentName": "sm",
    "serviceEnvironmentType": "SAGEMAKER_TRAINING",
    "capacityLimits": LIMITS,
}
SHARE: dict[str, Any] = {
    "quotaShareName": "half",
    "jobQueue": "training",
    "capacityLimits": [{"maxCapacity": 5, "capacityUnit": "ml.m5.large"}],
    "resourceSharingConfiguration": {"strategy": "RESERVE"},
    "preemptionConfiguration": {"inSharePreemption": "DISABLED"},
}
SUBMISSION: dict[str, Any] = {
    "jobName": "train",
    "jobQueue": "training",
    "serviceJobType": "SAGEMAKER_TRAINING",
    "serviceRequestPayload": '{"TrainingJobName": "t"}',
}


@pytest.fixture
def boss() -> User:
    return a_user(is_staff=True)


def an_environment(**fields: Any) -> ServiceEnvironment:
    values = {"name": "sm", "capacity_limits": LIMITS, "created_at": NOW}
    return ServiceEnvironment.objects.create(**{**values, **fields})


@pytest.fixture
def training() -> JobQueue:
    """A queue for service jobs with a policy for quota shares."""
    policy = a_policy(quota_share_policy={"idleResourceAssignmentStrategy": "FIFO"})
    kind = QueueType.SAGEMAKER_TRAINING
    queue = JobQueue.objects.create(
        name="training", type=kind, scheduling_policy=policy, created_at=NOW
    )
    JobQueueServiceEnvironment.objects.create(queue=queue, environment=an_environment(), order=1)
    return queue


def environment_arn(name: str = "sm") -> str:
    return arns().of(kinds.SERVICE_ENVIRONMENT, name)


def test_a_service_environment_is_made_changed_and_deleted(boss: User) -> None:
    made = ask(boss, "CreateServiceEnvironment", tags={"a": "b"}, **ENVIRONMENT)
    named = {"serviceEnvironmentName": "sm", "serviceEnvironmentArn": environment_arn()}
    assert made == named
    whole = {**ENVIRONMENT, **named, "state": "ENABLED", "status": "VALID", "tags": {"a": "b"}}
    for texts in (["sm"], [environment_arn(), "sm", "none", "a\0"], [], None):
        asked: dict[str, Any] = {} if texts is None else {"serviceEnvironments": texts}
        found = ask(a_user(), "DescribeServiceEnvironments", **asked)
        assert found == {"serviceEnvironments": [whole]}
    limits = [{"maxCapacity": 9, "capacityUnit": "ml.m5.large"}]
    for change in ({"state": "DISABLED"}, {"capacityLimits": limits}):
        answer = ask(boss, "UpdateServiceEnvironment", serviceEnvironment="sm", **change)
        assert answer == named
    (found,) = ask(boss, "DescribeServiceEnvironments")["serviceEnvironments"]
    assert found == {**whole, "state": "DISABLED", "capacityLimits": limits}
    assert ask(boss, "DeleteServiceEnvironment", serviceEnvironment=environment_arn()) == {}
    assert ask(boss, "DescribeServiceEnvironments") == {"serviceEnvironments": []}


def test_service_environments_are_described_page_by_page(boss: User) -> None:
    for name in ("b", "a", "c"):
        an_environment(name=name)
    first = ask(boss, "DescribeServiceEnvironments", maxResults=2)
    rest = ask(boss, "DescribeServiceEnvironments", nextToken=first["nextToken"])
    found = first["serviceEnvironments"] + rest["serviceEnvironments"]
    assert [each["serviceEnvironmentName"] for each in found] == ["a", "b", "c"]
    for bad in ({"maxResults": 101}, {"nextToken": "x"}, {"serviceEnvironments": ["x"] * 101}):
        with pytest.raises(Refused):
            ask(boss, "DescribeServiceEnvironments", **bad)


def test_an_enabled_service_environment_and_one_of_a_queue_are_not_deleted(
    boss: User, training: JobQueue
) -> None:
    with pytest.raises(Refused, match="DISABLED first"):
        ask(boss, "DeleteServiceEnvironment", serviceEnvironment="sm")
    ask(boss, "UpdateServiceEnvironment", serviceEnvironment="sm", state="DISABLED")
    with pytest.raises(Refused, match="found existing JobQueue relationship"):
        ask(boss, "DeleteServiceEnvironment", serviceEnvironment="sm")
    JobQueue.objects.filter(pk=training.pk).update(status=QueueStatus.DELETED)
    ask(boss, "DeleteServiceEnvironment", serviceEnvironment="sm")
    assert not ServiceEnvironment.objects.exists()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"serviceEnvironmentName": "taken"}, "serviceEnvironmentName: .*already"),
        ({"serviceEnvironmentName": "a b"}, "serviceEnvironmentName: "),
        ({"serviceEnvironmentType": "EC2"}, "serviceEnvironmentType: "),
        ({"capacityLimits": []}, "capacityLimits: Give at least one"),
        ({"capacityLimits": [{"maxCapacity": 1}]}, "capacityUnit: This is required"),
        ({"capacityLimits": [{"maxCapacity": -1, "capacityUnit": "ml.m5.large"}]}, "maxCapacity"),
        ({"capacityLimits": [{"maxCapacity": 1, "capacityUnit": "vcpus"}]}, "A unit is"),
        ({"capacityLimits": LIMITS * 2}, "capacityLimits: Two"),
        ({"state": "ON"}, "state"),
        ({"tags": {"aws:a": ""}}, "tags: "),
    ],
)
def test_a_bad_service_environment_is_refused(change: Any, told: str, boss: User) -> None:
    an_environment(name="taken")
    with pytest.raises(Refused, match=told) as refused:
        ask(boss, "CreateServiceEnvironment", **{**ENVIRONMENT, **change})
    assert refused.value.code == "ClientException"
    assert ServiceEnvironment.objects.count() == 1


@pytest.mark.parametrize("operation", ["UpdateServiceEnvironment", "DeleteServiceEnvironment"])
def test_a_service_environment_that_is_not_there_is_not_found(operation: str, boss: User) -> None:
    for text in ("none", environment_arn("none"), environment_arn().replace("east", "west")):
        with pytest.raises(Refused, match=r"ServiceEnvironment .* not found"):
            ask(boss, operation, serviceEnvironment=text)


def test_a_bad_change_of_a_service_environment_changes_nothing(boss: User) -> None:
    row = an_environment()
    bad = [{"maxCapacity": 1, "capacityUnit": "?"}]
    with pytest.raises(Refused, match="capacityLimits"):
        ask(
            boss,
            "UpdateServiceEnvironment",
            serviceEnvironment="sm",
            state="DISABLED",
            capacityLimits=bad,
        )
    row.refresh_from_db()
    assert (row.state, row.capacity_limits) == ("ENABLED", LIMITS)


def test_a_quota_share_is_made_changed_and_deleted(boss: User, training: JobQueue) -> None:
    made = ask(boss, "CreateQuotaShare", tags={"a": "b"}, **SHARE)
    arn = arns().quota_share("training", "half")
    assert made == {"quotaShareName": "half", "quotaShareArn": arn}
    settings = {name: SHARE[name] for name in SHARE if name != "jobQueue"}
    whole = {
        **settings,
        "quotaShareArn": arn,
        "jobQueueArn": arns().of(kinds.JOB_QUEUE, "training"),
        "state": "ENABLED",
        "status": "VALID",
    }
    user = a_user()
    assert ask(user, "DescribeQuotaShare", quotaShareArn=arn) == {**whole, "tags": {"a": "b"}}
    assert ask(user, "ListQuotaShares", jobQueue="training") == {"quotaShares": [whole]}
    borrows = {"strategy": "LEND_AND_BORROW"}
    assert ask(
        boss, "UpdateQuotaShare", quotaShareArn=arn, resourceSharingConfiguration=borrows
    ) == {"quotaShareName": "half", "quotaShareArn": arn}
    found = ask(user, "DescribeQuotaShare", quotaShareArn=arn)["resourceSharingConfiguration"]
    assert found == {**borrows, "borrowLimit": -1}
    with pytest.raises(Refused, match="DISABLED first"):
        ask(boss, "DeleteQuotaShare", quotaShareArn=arn)
    ask(boss, "UpdateQuotaShare", quotaShareArn=arn, state="DISABLED")
    assert ask(boss, "DeleteQuotaShare", quotaShareArn=arn) == {}
    with pytest.raises(Refused, match=r"QuotaShare .* not found"):
        ask(boss, "DescribeQuotaShare", quotaShareArn=arn)


def test_quota_shares_are_listed_page_by_page(boss: User, training: JobQueue) -> None:
    for name in ("b", "a", "c"):
        ask(boss, "CreateQuotaShare", **{**SHARE, "quotaShareName": name})
    first = ask(boss, "ListQuotaShares", jobQueue="training", maxResults=2)
    rest = ask(boss, "ListQuotaShares", jobQueue="training", nextToken=first["nextToken"])
    found = first["quotaShares"] + rest["quotaShares"]
    assert [each["quotaShareName"] for each in found] == ["a", "b", "c"]
    for bad in ({"jobQueue": "none"}, {"jobQueue": "training", "maxResults": 0}):
        with pytest.raises(Refused):
            ask(boss, "ListQuotaShares", **bad)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"quotaShareName": "taken"}, "quotaShareName: .*already"),
        ({"quotaShareName": ""}, "quotaShareName: "),
        ({"jobQueue": "none"}, "JobQueue none not found"),
        ({"jobQueue": "plain"}, "jobQueue: .*no quota share scheduling policy"),
        ({"jobQueue": "fair"}, "jobQueue: .*no quota share scheduling policy"),
        ({"capacityLimits": []}, "capacityLimits: "),
        ({"resourceSharingConfiguration": {"strategy": "KEEP"}}, "none of RESERVE"),
        (
            {"resourceSharingConfiguration": {"strategy": "LEND", "borrowLimit": 5}},
            "resourceSharingConfiguration: borrowLimit",
        ),
        (
            {"resourceSharingConfiguration": {"strategy": "LEND_AND_BORROW", "borrowLimit": -2}},
            "resourceSharingConfiguration: borrowLimit",
        ),
        ({"preemptionConfiguration": {}}, "inSharePreemption: This is required"),
        ({"state": "ON"}, "state"),
        ({"tags": {"k": "v" * 300}}, "tags"),
    ],
)
def test_a_bad_quota_share_is_refused(
    change: Any, told: str, boss: User, training: JobQueue
) -> None:
    a_queue(name="plain")
    a_queue(name="fair", scheduling_policy=a_policy())
    QuotaShare.objects.create(name="taken", queue=training, created_at=NOW)
    with pytest.raises(Refused, match=told) as refused:
        ask(boss, "CreateQuotaShare", **{**SHARE, **change})
    assert refused.value.code == "ClientException"
    assert QuotaShare.objects.count() == 1


def test_a_queue_that_is_not_valid_takes_no_quota_share(boss: User, training: JobQueue) -> None:
    JobQueue.objects.filter(pk=training.pk).update(status=QueueStatus.CREATING)
    with pytest.raises(Refused, match="Wait until it is VALID"):
        ask(boss, "CreateQuotaShare", **SHARE)


@pytest.mark.parametrize(
    ("operation", "params"),
    [
        ("CreateServiceEnvironment", ENVIRONMENT),
        ("UpdateServiceEnvironment", {"serviceEnvironment": "sm"}),
        ("DeleteServiceEnvironment", {"serviceEnvironment": "sm"}),
        ("CreateQuotaShare", SHARE),
        ("UpdateQuotaShare", {"quotaShareArn": "arn"}),
        ("DeleteQuotaShare", {"quotaShareArn": "arn"}),
    ],
)
def test_only_administrators_change_what_is_set_up(operation: str, params: Any) -> None:
    with pytest.raises(Refused) as refused:
        ask(a_user(), operation, **params)
    assert (refused.value.code, refused.value.status) == ("AccessDeniedException", 403)


@pytest.mark.parametrize("operation", ["DescribeQuotaShare", "UpdateQuotaShare"])
@pytest.mark.parametrize("arn", ["half", "", "arn:aws:batch:us-east-1:123456789012:job-queue/q"])
def test_what_is_no_quota_share_is_not_found(operation: str, arn: str, boss: User) -> None:
    with pytest.raises(Refused, match=r"QuotaShare .*not found"):
        ask(boss, operation, quotaShareArn=arn)


def test_a_service_job_is_checked_and_then_refused(training: JobQueue) -> None:
    retry = {"attempts": 2}
    with pytest.raises(Refused, match="nothing was submitted") as refused:
        ask(a_user(), "SubmitServiceJob", retryStrategy=retry, schedulingPriority=1, **SUBMISSION)
    assert (refused.value.code, refused.value.status) == ("ClientException", 400)
    assert not Job.objects.exists()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"jobName": "a b"}, "jobName: "),
        ({"jobQueue": "none"}, "JobQueue none not found"),
        ({"jobQueue": "plain"}, "jobQueue: The queue plain is of type ECS"),
        ({"serviceJobType": "EC2"}, "serviceJobType"),
        ({"serviceRequestPayload": "{"}, "serviceRequestPayload: Not valid JSON"),
        ({"serviceRequestPayload": "[]"}, "serviceRequestPayload: .*a JSON object"),
        ({"serviceRequestPayload": ""}, "serviceRequestPayload: "),
        ({"serviceRequestPayload": "x" * 100_001}, "serviceRequestPayload: "),
        ({"schedulingPriority": 10_000}, "schedulingPriority: "),
        ({"retryStrategy": {"attempts": 11}}, "retryStrategy.attempts: "),
        ({"retryStrategy": {}}, "attempts: This is required"),
        ({"shareIdentifier": "a b"}, "shareIdentifier: "),
        ({"tags": {"aws:k": ""}}, "tags: "),
    ],
)
def test_what_is_wrong_with_a_service_job_is_told_first(
    change: Any, told: str, training: JobQueue
) -> None:
    a_queue(name="plain")
    with pytest.raises(Refused, match=told) as refused:
        ask(a_user(), "SubmitServiceJob", **{**SUBMISSION, **change})
    assert "nothing was submitted" not in refused.value.message


def test_there_are_no_service_jobs(training: JobQueue) -> None:
    user = a_user()
    assert ask(user, "ListServiceJobs", jobQueue="training") == {"jobSummaryList": []}
    named = [{"name": "QUOTA_SHARE_NAME", "values": ["half"]}]
    assert ask(user, "ListServiceJobs", jobQueue="training", filters=named) == {
        "jobSummaryList": []
    }
    assert ask(user, "TerminateServiceJob", jobId="x", reason="y") == {}
    assert ask(user, "TerminateServiceJobs", jobs=["x", "y", "x"], reason="z") == {
        "successful": ["x", "y"],
        "errors": [],
    }
    asked: dict[str, dict[str, Any]] = {
        "DescribeServiceJob": {},
        "UpdateServiceJob": {"schedulingPriority": 1},
    }
    for operation, more in asked.items():
        with pytest.raises(Refused, match="There is no service job x"):
            ask(user, operation, jobId="x", **more)


@pytest.mark.parametrize(
    ("operation", "params"),
    [
        ("ListServiceJobs", {}),
        ("ListServiceJobs", {"jobQueue": "none"}),
        ("ListServiceJobs", {"jobQueue": "training", "maxResults": 101}),
        ("ListServiceJobs", {"jobQueue": "training", "nextToken": "x"}),
        ("ListServiceJobs", {"jobQueue": "training", "filters": [{"name": "X", "values": ["a"]}]}),
        (
            "ListServiceJobs",
            {
                "jobQueue": "training",
                "filters": [{"name": "AFTER_CREATED_AT", "values": ["a"]}],
            },
        ),
        ("TerminateServiceJob", {"jobId": "x", "reason": "r" * 1025}),
        ("TerminateServiceJobs", {"jobs": [], "reason": "r"}),
        ("TerminateServiceJobs", {"jobs": ["x"] * 51, "reason": "r"}),
        ("UpdateServiceJob", {"jobId": "x", "schedulingPriority": 10_000}),
    ],
)
def test_bad_requests_about_service_jobs_are_refused(
    operation: str, params: Any, training: JobQueue
) -> None:
    with pytest.raises(Refused) as refused:
        ask(a_user(), operation, **params)
    assert refused.value.code == "ClientException"
