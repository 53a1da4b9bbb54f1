"""Log groups: made by anybody, changed by administrators, kept while jobs log to them."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from jobs.models import DEFAULT_LOG_GROUP, LogGroup
from jobs.services.setup import log_groups
from jobs.services.setup.log_groups import RETENTION_DAYS
from tests.builders import NOW, a_user
from tests.joblogs.writing import Writer

from .asking import Refused, ask, ask_all

pytestmark = pytest.mark.django_db
ARN = "arn:aws:logs:us-east-1:123456789012:log-group:"


@pytest.fixture
def boss() -> User:
    return a_user(is_staff=True)


def logs(user: User, operation: str, **params: Any) -> dict[str, Any]:
    return ask(user, operation, service="logs", now=NOW, **params)


def groups(user: User, **params: Any) -> list[str]:
    found = ask_all(user, "DescribeLogGroups", "logGroups", service="logs", now=NOW, **params)
    return [each["logGroupName"] for each in found]


def test_the_group_of_batch_is_always_there() -> None:
    assert logs(a_user(), "DescribeLogGroups")["logGroups"] == [
        {
            "logGroupName": DEFAULT_LOG_GROUP,
            "metricFilterCount": 0,
            "arn": f"{ARN}/aws/batch/job:*",
            "logGroupArn": f"{ARN}/aws/batch/job",
            "logGroupClass": "STANDARD",
        }
    ]


def test_a_group_is_made_and_described() -> None:
    user = a_user()
    assert logs(user, "CreateLogGroup", logGroupName="mine", tags={"a": "b"}) == {}

    (group,) = logs(user, "DescribeLogGroups", logGroupNamePrefix="mine")["logGroups"]
    assert group["creationTime"] == int(NOW.timestamp() * 1000)
    assert logs(user, "ListTagsForResource", resourceArn=f"{ARN}mine")["tags"] == {"a": "b"}
    for name in ("mine", DEFAULT_LOG_GROUP):
        with pytest.raises(Refused) as refused:
            logs(user, "CreateLogGroup", logGroupName=name)
        assert refused.value.code == "ResourceAlreadyExistsException"
    assert LogGroup.objects.count() == 1


@pytest.mark.parametrize("limit", [1, 2, 50])
def test_groups_come_in_the_order_of_ascii_and_are_chosen_by_name(limit: int) -> None:
    user = a_user()
    for name in ("b", "B", "/aws/batch/other", "a_b", "/zz"):
        logs(user, "CreateLogGroup", logGroupName=name)

    def chosen(**params: Any) -> list[str]:
        return groups(user, limit=limit, **params)

    everything = ["/aws/batch/job", "/aws/batch/other", "/zz", "B", "a_b", "b"]
    assert chosen() == everything
    assert chosen(logGroupNamePrefix="/aws/batch/j") == ["/aws/batch/job"]
    assert chosen(logGroupNamePrefix="b") == ["b"]
    assert chosen(logGroupNamePattern="b") == ["/aws/batch/job", "/aws/batch/other", "a_b", "b"]
    assert chosen(logGroupNamePattern="/B") == []
    assert chosen(logGroupIdentifiers=[f"{ARN}B", "/aws/batch/job", "none"]) == [
        "/aws/batch/job",
        "B",
    ]
    assert chosen(logGroupClass="DELIVERY") == []


def test_administrators_change_groups(boss: User) -> None:
    logs(boss, "CreateLogGroup", logGroupName="mine")
    for name in ("mine", DEFAULT_LOG_GROUP):
        logs(boss, "PutRetentionPolicy", logGroupName=name, retentionInDays=7)
        logs(boss, "TagResource", resourceArn=ARN + name, tags={"a": "1", "b": "2"})
        logs(boss, "UntagResource", resourceArn=ARN + name, tagKeys=["a", "none"])

    for group in logs(boss, "DescribeLogGroups")["logGroups"]:
        assert group["retentionInDays"] == 7
        tags = logs(boss, "ListTagsForResource", resourceArn=group["logGroupArn"])["tags"]
        assert tags == {"b": "2"}

    logs(boss, "DeleteRetentionPolicy", logGroupName="mine")
    logs(boss, "DeleteLogGroup", logGroupName="mine")
    assert groups(boss) == [DEFAULT_LOG_GROUP]


def test_a_group_that_jobs_log_to_is_not_deleted(boss: User) -> None:
    stream = Writer().stream
    logs(boss, "CreateLogGroup", logGroupName="mine")
    stream.group = "mine"
    stream.save()

    for name in ("mine", DEFAULT_LOG_GROUP):
        with pytest.raises(Refused, match="holds logs of jobs") as refused:
            logs(boss, "DeleteLogGroup", logGroupName=name)
        assert refused.value.code == "OperationAbortedException"
    assert groups(boss) == [DEFAULT_LOG_GROUP, "mine"]


CHANGES: list[tuple[str, dict[str, Any]]] = [
    ("DeleteLogGroup", {"logGroupName": "mine"}),
    ("PutRetentionPolicy", {"logGroupName": "mine", "retentionInDays": 7}),
    ("DeleteRetentionPolicy", {"logGroupName": "mine"}),
    ("TagResource", {"resourceArn": f"{ARN}mine", "tags": {"a": "b"}}),
    ("UntagResource", {"resourceArn": f"{ARN}mine", "tagKeys": ["a"]}),
]


@pytest.mark.parametrize(("operation", "params"), CHANGES)
def test_nobody_else_changes_them(operation: str, params: dict[str, Any]) -> None:
    LogGroup.objects.create(name="mine", tags={"a": "1"}, created_at=NOW)

    with pytest.raises(Refused) as refused:
        logs(a_user(), operation, **params)

    assert (refused.value.code, refused.value.status) == ("AccessDeniedException", 403)
    assert LogGroup.objects.get().tags == {"a": "1"}


@pytest.mark.parametrize(
    ("operation", "params"), [*CHANGES, ("ListTagsForResource", {"resourceArn": f"{ARN}mine"})]
)
def test_what_is_not_there_is_not_found(boss: User, operation: str, params: dict[str, Any]) -> None:
    with pytest.raises(Refused) as refused:
        logs(boss, operation, **params)

    assert refused.value.code == "ResourceNotFoundException"
    assert refused.value.message == "The specified log group does not exist."


@pytest.mark.parametrize(
    ("operation", "params", "said"),
    [
        ("CreateLogGroup", {"logGroupName": "a b"}, "logGroupName"),
        ("CreateLogGroup", {"logGroupName": "aws/mine"}, "do not begin with aws/"),
        ("CreateLogGroup", {"logGroupName": "x" * 513}, "At most 512"),
        ("CreateLogGroup", {"logGroupName": "x", "kmsKeyId": "k"}, "kmsKeyId"),
        ("CreateLogGroup", {"logGroupName": "x", "logGroupClass": "DELIVERY"}, "STANDARD only"),
        (
            "CreateLogGroup",
            {"logGroupName": "x", "deletionProtectionEnabled": True},
            "deletionProtectionEnabled",
        ),
        (
            "PutRetentionPolicy",
            {"logGroupName": DEFAULT_LOG_GROUP, "retentionInDays": 2},
            "2 is none of 1, 3, 5",
        ),
        *(
            (operation, {**named, "tags": tags}, said)
            for operation, named in (
                ("CreateLogGroup", {"logGroupName": "mine"}),
                ("TagResource", {"resourceArn": ARN + DEFAULT_LOG_GROUP}),
            )
            for tags, said in (
                ({"aws:mine": "v"}, "keys that start with aws: are reserved"),
                ({"AWS:mine": "v"}, "keys that start with aws: are reserved"),
                ({"k": "a\0b"}, "tags"),
                ({f"k{at}": "v" for at in range(51)}, "50"),
            )
        ),
        ("TagResource", {"resourceArn": "x", "tags": {"a": "b"}}, "Give the ARN"),
        (
            "DescribeLogGroups",
            {"logGroupNamePrefix": "a", "logGroupNamePattern": "b"},
            "only",
        ),
        ("DescribeLogGroups", {"nextToken": "x"}, "nextToken is invalid"),
    ],
)
def test_bad_requests_change_nothing(
    boss: User, operation: str, params: dict[str, Any], said: str
) -> None:
    with pytest.raises(Refused) as refused:
        logs(boss, operation, **params)

    assert refused.value.code == "InvalidParameterException"
    assert said in refused.value.message
    assert not LogGroup.objects.exists()


def test_tags_are_counted_with_those_that_are_there(boss: User) -> None:
    logs(boss, "CreateLogGroup", logGroupName="mine", tags={f"k{at}": "v" for at in range(30)})

    tags = {f"l{at}": "v" for at in range(30)}

    with pytest.raises(Refused, match="at most 50"):
        logs(boss, "TagResource", resourceArn=f"{ARN}mine", tags=tags)
    assert len(LogGroup.objects.get().tags) == 30


@pytest.mark.parametrize("days", RETENTION_DAYS)
def test_every_period_of_cloudwatch_is_taken(boss: User, days: int) -> None:
    logs(boss, "PutRetentionPolicy", logGroupName=DEFAULT_LOG_GROUP, retentionInDays=days)

    assert LogGroup.objects.get().retention_days == days


def test_who_is_no_administrator_makes_no_more_groups_than_are_overseen(
    boss: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_groups, "MAX_GROUPS", 2)
    user = a_user()
    for name in ("a", "b"):
        logs(user, "CreateLogGroup", logGroupName=name)
    with pytest.raises(Refused, match="only administrators make more") as refused:
        logs(user, "CreateLogGroup", logGroupName="c")
    assert refused.value.code == "LimitExceededException"
    # Who asks for one that is there is told so: SDKs go on then.
    with pytest.raises(Refused) as refused:
        logs(user, "CreateLogGroup", logGroupName="a")
    assert refused.value.code == "ResourceAlreadyExistsException"
    logs(boss, "CreateLogGroup", logGroupName="c")
    assert LogGroup.objects.count() == 3
