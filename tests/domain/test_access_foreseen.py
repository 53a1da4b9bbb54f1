"""What policies will say of a request that is not made yet, and what an action is done to."""

from typing import Any

import pytest

from jobs.domain.access_actions import ACTIONS, KINDS, SUBMIT_JOB, kinds_of
from jobs.domain.access_documents import statements_in
from jobs.domain.access_policies import Context, Policy, Resource, foreseen
from tests.statements import ARN, deny

CREATE = "batch:CreateJobQueue"
TAGGED = {"Null": {"aws:RequestTag/team": "true"}}
KEYS = {"ForAnyValue:StringEquals": {"aws:TagKeys": "team"}}


def is_denied(statement: dict[str, Any], *, is_new: bool = False, name: str = "high") -> bool:
    policy = Policy("p", statements_in({"Version": "2012-10-17", "Statement": [statement]}))
    found = foreseen(
        [policy],
        action=CREATE,
        resources=[Resource(f"{ARN}job-queue/{name}")],
        context=Context(),
        username="bob",
        is_new=is_new,
    )
    return found.is_denied


@pytest.mark.parametrize("condition", [TAGGED, KEYS])
def test_a_deny_that_asks_for_tags_of_the_request_waits_for_it(condition: dict[str, Any]) -> None:
    assert not is_denied(deny(CREATE, Condition=condition))
    assert is_denied(deny(CREATE))


def test_a_deny_of_all_but_some_counts_where_the_name_is_known() -> None:
    statement = {"Effect": "Deny", "Action": CREATE, "NotResource": f"{ARN}job-queue/bob-*"}
    assert is_denied(statement)
    assert not is_denied(statement, name="bob-1")
    assert not is_denied(statement, is_new=True)


def test_an_unreadable_policy_denies_whatever_it_is() -> None:
    found = foreseen(
        [Policy("p", (), "broken")],
        action=CREATE,
        resources=[Resource(f"{ARN}job-queue/a")],
        context=Context(),
        username="bob",
        is_new=True,
    )
    assert found.is_denied


@pytest.mark.parametrize(
    ("action", "kinds"),
    [
        (SUBMIT_JOB, ["job-queue", "job-definition"]),
        ("batch:SubmitServiceJob", ["job-queue"]),
        ("batch:TerminateJob", ["job"]),
        ("batch:DeregisterJobDefinition", ["job-definition"]),
        ("batchweb:DeleteCheckpoint", ["job"]),
        ("batchweb:RevokeAccessKey", ["access-key"]),
        ("batchweb:UpdateEventRule", ["event-rule"]),
        ("batch:TagResource", []),
        ("logs:CreateLogGroup", ["log-group"]),
        ("", []),
    ],
)
def test_kinds_of_an_action(action: str, kinds: list[str]) -> None:
    assert [kind for _, kind in kinds_of(action)] == kinds


def test_all_but_tags_and_quota_shares_have_a_kind() -> None:
    none = {name for name in ACTIONS if not kinds_of(name)}
    assert {name.partition(":")[2].removeprefix("Un") for name in none} <= {
        "TagResource",
        "tagResource",
        "CreateQuotaShare",
        "UpdateQuotaShare",
        "DeleteQuotaShare",
        "PutRetentionPolicy",
        "DeleteRetentionPolicy",
    }
    assert all(kind in KINDS[service] for name in ACTIONS for service, kind in kinds_of(name))
