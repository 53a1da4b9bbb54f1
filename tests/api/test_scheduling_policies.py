"""Scheduling policies through the API."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from jobs.domain import arns as kinds
from jobs.models import JobQueue, QueueStatus, SchedulingPolicy
from jobs.selectors.realm import arns
from tests.api.asking import Refused, ask
from tests.builders import a_policy, a_queue, a_user

pytestmark = pytest.mark.django_db
FAIR = {
    "shareDecaySeconds": 3600,
    "computeReservation": 10,
    "shareDistribution": [
        {"shareIdentifier": "blue*", "weightFactor": 0.5},
        {"shareIdentifier": "red", "weightFactor": 1.0},
    ],
}
QUOTA = {"idleResourceAssignmentStrategy": "FIFO"}


def arn_of(name: str) -> str:
    return arns().of(kinds.SCHEDULING_POLICY, name)


@pytest.fixture
def boss() -> User:
    return a_user(is_staff=True)


def _described(user: User, *names: str) -> list[dict[str, Any]]:
    answer = ask(user, "DescribeSchedulingPolicies", arns=[arn_of(name) for name in names])
    found: list[dict[str, Any]] = answer["schedulingPolicies"]
    return found


def test_a_policy_is_made_described_changed_and_deleted(boss: User) -> None:
    made = ask(
        boss, "CreateSchedulingPolicy", name="fair", fairsharePolicy=FAIR, tags={"team": "blue"}
    )
    assert made == {"name": "fair", "arn": arn_of("fair")}
    whole = {**made, "fairsharePolicy": FAIR, "tags": {"team": "blue"}}
    assert _described(a_user(), "fair") == [whole]
    change = {"shareDecaySeconds": 0, "shareDistribution": []}
    assert ask(boss, "UpdateSchedulingPolicy", arn=made["arn"], fairsharePolicy=change) == {}
    changed = {**FAIR, **change}
    assert _described(boss, "fair") == [{**whole, "fairsharePolicy": changed}]
    assert ask(boss, "DeleteSchedulingPolicy", arn=made["arn"]) == {}
    assert _described(boss, "fair") == []


def test_a_weight_left_out_is_one_and_what_is_not_given_has_its_default(boss: User) -> None:
    shares = [{"shareIdentifier": "a"}]
    ask(boss, "CreateSchedulingPolicy", name="p", fairsharePolicy={"shareDistribution": shares})
    ask(boss, "CreateSchedulingPolicy", name="plain")
    found = [each["fairsharePolicy"] for each in _described(boss, "p", "plain")]
    nothing = {"shareDecaySeconds": 0, "computeReservation": 0, "shareDistribution": []}
    assert found == [
        {**nothing, "shareDistribution": [{"shareIdentifier": "a", "weightFactor": 1.0}]},
        nothing,
    ]


def test_a_policy_of_quota_shares_is_kept_as_it_is(boss: User) -> None:
    ask(boss, "CreateSchedulingPolicy", name="quota", quotaSharePolicy=QUOTA)
    assert _described(boss, "quota") == [
        {"name": "quota", "arn": arn_of("quota"), "quotaSharePolicy": QUOTA, "tags": {}}
    ]
    ask(boss, "UpdateSchedulingPolicy", arn=arn_of("quota"), quotaSharePolicy=QUOTA)
    with pytest.raises(Refused, match="stays one"):
        ask(boss, "UpdateSchedulingPolicy", arn=arn_of("quota"), fairsharePolicy={})
    a_policy(name="fair")
    with pytest.raises(Refused, match="stays one"):
        ask(boss, "UpdateSchedulingPolicy", arn=arn_of("fair"), quotaSharePolicy=QUOTA)


def test_describing_follows_the_order_asked_for_and_leaves_out_what_is_not_there(
    boss: User,
) -> None:
    for name in ("a", "b"):
        a_policy(name=name)
    asked = [
        arn_of("b"),
        arn_of("none"),
        arn_of("a"),
        arn_of("b"),
        arn_of("a").replace("123456789012", "999999999999"),
        "arn:aws:batch",
        "a\0b",
    ]
    found = ask(boss, "DescribeSchedulingPolicies", arns=asked)["schedulingPolicies"]
    assert [each["name"] for each in found] == ["b", "a"]
    assert ask(boss, "DescribeSchedulingPolicies", arns=[]) == {"schedulingPolicies": []}
    with pytest.raises(Refused, match="At most 100"):
        ask(boss, "DescribeSchedulingPolicies", arns=["a"] * 101)


def test_policies_are_listed_page_by_page(boss: User) -> None:
    for name in ("c", "a", "b"):
        a_policy(name=name)
    first = ask(a_user(), "ListSchedulingPolicies", maxResults=2)
    assert [each["arn"] for each in first["schedulingPolicies"]] == [arn_of("a"), arn_of("b")]
    rest = ask(boss, "ListSchedulingPolicies", nextToken=first["nextToken"])
    assert rest == {"schedulingPolicies": [{"arn": arn_of("c")}]}
    for bad in ({"maxResults": 101}, {"maxResults": 0}, {"nextToken": "x"}):
        with pytest.raises(Refused):
            ask(boss, "ListSchedulingPolicies", **bad)


def test_a_policy_that_a_queue_uses_is_not_deleted(boss: User) -> None:
    policy = a_policy()
    queue = a_queue(scheduling_policy=policy)
    with pytest.raises(Refused, match=queue.name) as refused:
        ask(boss, "DeleteSchedulingPolicy", arn=arn_of(policy.name))
    assert refused.value.code == "ClientException"
    queue.status = QueueStatus.DELETED
    queue.save()
    ask(boss, "DeleteSchedulingPolicy", arn=arn_of(policy.name))
    assert JobQueue.with_deleted.get(id=queue.id).scheduling_policy is None


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({}, "name: This is required"),
        ({"name": ""}, "name: Give a name"),
        ({"name": "a b"}, "name: A name starts"),
        ({"name": "n" * 129}, "name: "),
        ({"name": "taken"}, "already"),
        ({"name": "p", "fairsharePolicy": FAIR, "quotaSharePolicy": QUOTA}, "only one of both"),
        (
            {"name": "p", "fairsharePolicy": {"shareDecaySeconds": 604_801}},
            "fairsharePolicy.shareDecaySeconds",
        ),
        ({"name": "p", "fairsharePolicy": {"shareDecaySeconds": -1}}, "shareDecaySeconds"),
        ({"name": "p", "fairsharePolicy": {"computeReservation": 100}}, "computeReservation"),
        (
            {"name": "p", "fairsharePolicy": {"shareDistribution": [{"weightFactor": 1}]}},
            "shareIdentifier: This is required",
        ),
        (
            {
                "name": "p",
                "fairsharePolicy": {
                    "shareDistribution": [{"shareIdentifier": "a*"}, {"shareIdentifier": "ab"}]
                },
            },
            "overlap",
        ),
        (
            {
                "name": "p",
                "fairsharePolicy": {
                    "shareDistribution": [{"shareIdentifier": "a", "weightFactor": 1000}]
                },
            },
            "weight",
        ),
        ({"name": "p", "quotaSharePolicy": {}}, "idleResourceAssignmentStrategy"),
        (
            {"name": "p", "quotaSharePolicy": {"idleResourceAssignmentStrategy": "x"}},
            "none of FIFO",
        ),
        ({"name": "p", "tags": {"aws:x": ""}}, "tags: "),
        ({"name": "p", "fairsharePolicy": {"other": 1}}, "Unknown member"),
    ],
)
def test_a_bad_policy_is_refused_and_none_is_made(params: Any, told: str, boss: User) -> None:
    a_policy(name="taken")
    with pytest.raises(Refused, match=told) as refused:
        ask(boss, "CreateSchedulingPolicy", **params)
    assert (refused.value.code, refused.value.status) == ("ClientException", 400)
    assert SchedulingPolicy.objects.count() == 1


@pytest.mark.parametrize("operation", ["UpdateSchedulingPolicy", "DeleteSchedulingPolicy"])
def test_a_policy_that_is_not_there_is_not_found(operation: str, boss: User) -> None:
    a_policy(name="here")
    for arn in (arn_of("none"), arn_of("here").replace("east", "west"), "", "here\0"):
        with pytest.raises(Refused, match=r"SchedulingPolicy .*not found"):
            ask(boss, operation, arn=arn)


@pytest.mark.parametrize(
    ("operation", "params"),
    [
        ("CreateSchedulingPolicy", {"name": "p"}),
        ("UpdateSchedulingPolicy", {"arn": arn_of("here")}),
        ("DeleteSchedulingPolicy", {"arn": arn_of("here")}),
    ],
)
def test_only_administrators_change_policies(operation: str, params: Any) -> None:
    a_policy(name="here")
    with pytest.raises(Refused) as refused:
        ask(a_user(), operation, **params)
    assert (refused.value.code, refused.value.status) == ("AccessDeniedException", 403)
    assert SchedulingPolicy.objects.count() == 1
