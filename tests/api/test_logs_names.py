"""Names of log groups and streams that nothing can have: with a NUL, which PostgreSQL refuses in a text."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from jobs.models import DEFAULT_LOG_GROUP
from tests.builders import a_job, a_user, an_attempt
from tests.joblogs.writing import Writer, numbered

from .asking import Refused, ask

pytestmark = pytest.mark.django_db
NUL = "a\0b"
GROUP: dict[str, Any] = {"logGroupName": DEFAULT_LOG_GROUP}
TAIL: dict[str, Any] = {"logGroupIdentifiers": [DEFAULT_LOG_GROUP]}


@pytest.fixture
def owner() -> User:
    return a_user(is_staff=True)


@pytest.fixture
def name(owner: User) -> str:
    """The name of a stream with three lines."""
    attempt = an_attempt(job=a_job(owner=owner, status="STARTING", attempts_made=1))
    writer = Writer(attempt)
    writer.write(numbered(3))
    return str(writer.stream.name)


@pytest.mark.parametrize(
    ("operation", "params"),
    [
        ("GetLogEvents", {**GROUP, "logStreamName": NUL}),
        ("GetLogEvents", {"logGroupIdentifier": NUL, "logStreamName": "a"}),
        ("FilterLogEvents", {**GROUP, "logStreamNames": [NUL]}),
        ("FilterLogEvents", {"logGroupName": NUL}),
        ("DescribeLogStreams", {"logGroupName": NUL}),
        ("StartLiveTail", {**TAIL, "logStreamNames": [NUL]}),
        ("StartLiveTail", {"logGroupIdentifiers": [NUL]}),
        ("StartLiveTail", {"logGroupIdentifiers": [f"arn:aws:logs:a:1:log-group:{NUL}"]}),
        ("DescribeLogGroups", {"logGroupNamePrefix": NUL}),
        ("DescribeLogGroups", {"logGroupIdentifiers": [NUL]}),
        ("CreateLogGroup", {"logGroupName": NUL}),
        ("CreateLogGroup", {"logGroupName": "a", "tags": {"a": NUL}}),
        ("CreateLogGroup", {"logGroupName": "a", "tags": {NUL: "a"}}),
        ("DeleteLogGroup", {"logGroupName": NUL}),
        ("PutRetentionPolicy", {"logGroupName": NUL, "retentionInDays": 1}),
        ("ListTagsForResource", {"resourceArn": f"arn:aws:logs:a:1:log-group:{NUL}"}),
        ("TagResource", {"resourceArn": f"arn:aws:logs:a:1:log-group:{NUL}", "tags": {}}),
        ("GetLogEvents", {**GROUP, "logStreamName": "a", "nextToken": NUL}),
    ],
)
def test_what_is_named_with_a_nul_is_not_there(
    owner: User, operation: str, params: dict[str, Any]
) -> None:
    with pytest.raises(Refused) as refused:
        ask(owner, operation, service="logs", **params)

    assert refused.value.status == 400
    assert refused.value.code in ("ResourceNotFoundException", "InvalidParameterException")


@pytest.mark.parametrize(
    ("operation", "params", "answered"),
    [
        ("FilterLogEvents", {"logStreamNamePrefix": NUL}, "events"),
        ("FilterLogEvents", {"logStreamNames": [NUL, "a"]}, "events"),
        ("FilterLogEvents", {"filterPattern": f'"{NUL}"'}, "events"),
        ("DescribeLogStreams", {"logStreamNamePrefix": NUL}, "logStreams"),
    ],
)
@pytest.mark.usefixtures("name")
def test_nothing_is_found_by_a_name_with_a_nul(
    owner: User, operation: str, params: dict[str, Any], answered: str
) -> None:
    assert ask(owner, operation, service="logs", **GROUP, **params)[answered] == []


def test_other_names_beside_one_with_a_nul_are_found(owner: User, name: str) -> None:
    found = ask(owner, "FilterLogEvents", service="logs", **GROUP, logStreamNames=[NUL, name])

    assert len(found["events"]) == 3
