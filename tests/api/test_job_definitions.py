"""Definitions are registered, named, deregistered and described as AWS Batch does it."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from jobs.models import DefinitionStatus, JobDefinition
from jobs.services.setup.definitions import register_definition
from tests.api.asking import Refused, ask
from tests.api.definition_samples import ECS, MULTINODE, PLAIN
from tests.builders import NOW, a_definition, a_user

pytestmark = pytest.mark.django_db

ARN = "arn:aws:batch:us-east-1:123456789012:job-definition/"
# What an answer has, and a registration has not.
ANSWER_ONLY = {"jobDefinitionArn", "revision", "status", "containerOrchestrationType"}
AMOUNTS = [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "64"}]


@pytest.fixture
def user() -> User:
    return a_user()


def register(user: User, name: str = "hello", **members: Any) -> dict[str, Any]:
    """Registers a plain definition, or one with these members."""
    if not members.keys() & {"ecsProperties", "nodeProperties", "containerProperties"}:
        members["containerProperties"] = {"image": "busybox", "resourceRequirements": AMOUNTS}
    return ask(
        user,
        "RegisterJobDefinition",
        **{"jobDefinitionName": name, "type": "container", **members},
    )


def describe(user: User, **params: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ask(user, "DescribeJobDefinitions", **params)["jobDefinitions"]
    return found


def names(user: User, **params: Any) -> list[str]:
    return [f"{each['jobDefinitionName']}:{each['revision']}" for each in describe(user, **params)]


def test_each_registration_of_a_name_is_its_next_revision(user: User) -> None:
    assert register(user) == {
        "jobDefinitionName": "hello",
        "jobDefinitionArn": f"{ARN}hello:1",
        "revision": 1,
    }
    assert register(user)["jobDefinitionArn"] == f"{ARN}hello:2"


def test_a_plain_definition_is_described_with_the_lists_that_aws_fills_up(user: User) -> None:
    register(user, retryStrategy={"attempts": 2}, tags={"team": "x"})
    [found] = describe(user)
    assert found == {
        "jobDefinitionName": "hello",
        "jobDefinitionArn": f"{ARN}hello:1",
        "revision": 1,
        "status": "ACTIVE",
        "type": "container",
        "containerOrchestrationType": "ECS",
        "parameters": {},
        "tags": {"team": "x"},
        "propagateTags": False,
        "retryStrategy": {"attempts": 2, "evaluateOnExit": []},
        "containerProperties": {
            "image": "busybox",
            "resourceRequirements": AMOUNTS,
            "command": [],
            "environment": [],
            "mountPoints": [],
            "secrets": [],
            "ulimits": [],
            "volumes": [],
        },
    }


@pytest.mark.parametrize("sample", [PLAIN, ECS, MULTINODE], ids=["plain", "ecs", "multinode"])
def test_a_definition_as_described_is_registered_again_as_it_came_back(
    user: User, sample: dict[str, Any]
) -> None:
    ask(user, "RegisterJobDefinition", **sample)
    [first] = describe(user)
    again = {member: value for member, value in first.items() if member not in ANSWER_ONLY}
    assert ask(user, "RegisterJobDefinition", **again)["revision"] == 2
    second = describe(user)[1]
    different = {"jobDefinitionArn", "revision"}
    assert _without(different, second) == _without(different, first)
    old, new = JobDefinition.objects.order_by("revision")
    own = {"_state", "id", "revision", "created_at", "registered_as"}
    assert _without(own, vars(new)) == _without(own, vars(old))


@pytest.mark.parametrize("sample", [PLAIN, ECS, MULTINODE], ids=["plain", "ecs", "multinode"])
def test_what_is_registered_comes_back_as_it_came(user: User, sample: dict[str, Any]) -> None:
    ask(user, "RegisterJobDefinition", **sample)
    [found] = describe(user)
    assert {member: found[member] for member in sample} == sample


@pytest.mark.parametrize("sample", [PLAIN, ECS, MULTINODE], ids=["plain", "ecs", "multinode"])
def test_one_registered_in_our_own_words_can_be_registered_as_described(
    user: User, sample: dict[str, Any]
) -> None:
    ask(user, "RegisterJobDefinition", **sample)
    # What the form or the seed writes has no request to give back.
    JobDefinition.objects.update(registered_as={})
    [first] = describe(user)
    again = {member: value for member, value in first.items() if member not in ANSWER_ONLY}
    ask(user, "RegisterJobDefinition", **again)
    old, new = JobDefinition.objects.order_by("revision")
    own = {"_state", "id", "revision", "created_at", "registered_as"}
    assert _without(own, vars(new)) == _without(own, vars(old))


def test_one_of_our_own_form_is_described_too(user: User) -> None:
    fields = {
        "name": "own",
        "image": "busybox",
        "vcpus": "0.25",
        "memory_mib": 64,
        "command": "a b",
    }
    register_definition(fields=fields, by=None, now=NOW)
    [found] = describe(user)
    assert found["containerProperties"]["command"] == ["a", "b"]
    assert found["containerProperties"]["resourceRequirements"] == [
        {"type": "VCPU", "value": "0.25"},
        {"type": "MEMORY", "value": "64"},
    ]


@pytest.mark.parametrize("action", ["retry", "RETRY", "Exit"])
def test_actions_of_retry_rules_are_taken_in_any_case(user: User, action: str) -> None:
    rules = [{"onExitCode": "1", "action": action}]
    register(user, retryStrategy={"attempts": 2, "evaluateOnExit": rules})
    [found] = describe(user)
    assert found["retryStrategy"]["evaluateOnExit"][0]["action"] == action.upper()


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"eksProperties": {"podProperties": {}}}, "eksProperties is not supported here"),
        (
            {"containerProperties": {"image": "a", "enableExecuteCommand": True}},
            "containerProperties.enableExecuteCommand: Not supported here",
        ),
        (
            {
                "containerProperties": {
                    "image": "a",
                    "resourceRequirements": AMOUNTS,
                    "volumes": [
                        {"name": "v", "efsVolumeConfiguration": {"fileSystemId": "fs-1"}},
                    ],
                }
            },
            "containerProperties.volumes[0].efsVolumeConfiguration: Not supported here",
        ),
        ({"containerProperties": {"image": "a"}}, "containerProperties.resourceRequirements: "),
        ({"containerProperties": {"resourceRequirements": AMOUNTS}}, "containerProperties.image: "),
        ({"retryStrategy": {"attempts": 11}}, "retryStrategy.attempts: "),
        (
            {"retryStrategy": {"evaluateOnExit": [{"onExitCode": "1", "action": "RETRY"}]}},
            "evaluateOnExit needs attempts beside it",
        ),
        ({"timeout": {"attemptDurationSeconds": 59}}, "timeout.attemptDurationSeconds: "),
        ({"schedulingPriority": 10_000}, "schedulingPriority: "),
        ({"jobDefinitionName": "no spaces"}, "jobDefinitionName: "),
        ({"jobDefinitionName": "a:1"}, "jobDefinitionName: "),
        ({"tags": {"aws:a": "b"}}, "tags: "),
        (
            {"containerProperties": {"image": "busybox"}},
            "containerProperties.resourceRequirements: Say how many vCPUs it needs, such as 0.25 "
            '(resourceRequirements: {"type": "VCPU", "value": "0.25"}).',
        ),
        (
            {"type": "multinode"},
            "A definition of type multinode needs nodeProperties.",
        ),
        ({"nonsense": 1}, "nonsense: Unknown member"),
        ({"parameters": {"a": 1}}, "parameters['a']: This is a string"),
        ({"containerProperties": None}, "containerProperties.image: "),
    ],
)
def test_what_cannot_be_is_refused_by_its_path_and_nothing_is_written(
    user: User, members: dict[str, Any], said: str
) -> None:
    with pytest.raises(Refused) as caught:
        register(user, **members)
    assert caught.value.code == "ClientException"
    assert caught.value.status == 400
    assert said in caught.value.message
    assert not JobDefinition.objects.exists()


def test_a_whole_definition_has_a_limit(user: User) -> None:
    with pytest.raises(Refused, match="24 KiB"):
        register(user, parameters={"a": "x" * 25_000})


@pytest.mark.parametrize("text", ["hello:1", f"{ARN}hello:1"])
def test_a_deregistered_revision_is_inactive_and_stays_there(user: User, text: str) -> None:
    register(user)
    register(user)
    for _ in range(2):
        assert ask(user, "DeregisterJobDefinition", jobDefinition=text) == {}
    assert [each["status"] for each in describe(user)] == ["INACTIVE", "ACTIVE"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("hello", "Name the revision"),
        (f"{ARN}hello", "Name the revision"),
        ("hello:2", "JobDefinition hello:2 not found"),
        ("hello:x", "not found"),
        ("other:1", "not found"),
        ("", "Name the revision"),
        ("he\0llo:1", "not found"),
        (f"{ARN}hello:1".replace("123456789012", "999999999999"), "not found"),
        (f"{ARN}hello:1".replace("us-east-1", "eu-west-1"), "not found"),
        ("arn:aws:batch:us-east-1:123456789012:job-queue/hello:1", "not found"),
    ],
)
def test_what_is_no_revision_cannot_be_deregistered(user: User, text: str, said: str) -> None:
    register(user)
    with pytest.raises(Refused, match=said):
        ask(user, "DeregisterJobDefinition", jobDefinition=text)
    assert JobDefinition.objects.get().status == DefinitionStatus.ACTIVE


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({}, ["a:1", "a:2", "b:1"]),
        ({"status": "ACTIVE"}, ["a:2", "b:1"]),
        ({"status": "INACTIVE"}, ["a:1"]),
        ({"status": "NONE"}, []),
        ({"jobDefinitionName": "a"}, ["a:1", "a:2"]),
        ({"jobDefinitionName": "a", "status": "ACTIVE"}, ["a:2"]),
        ({"jobDefinitionName": "A"}, []),
        ({"jobDefinitionName": "\0"}, []),
        ({"jobDefinitions": []}, ["a:1", "a:2", "b:1"]),
        ({"jobDefinitions": ["b:1", "a:1"]}, ["a:1", "b:1"]),
        ({"jobDefinitions": ["a"]}, ["a:1", "a:2"]),
        ({"jobDefinitions": [f"{ARN}a:2", "a:2"]}, ["a:2"]),
        ({"jobDefinitions": ["c:1", "a:9", "a:x", "a:1:1", "\0", "\0:1"]}, []),
        ({"jobDefinitions": [f"{ARN}a:2".replace("us-east-1", "eu-west-1")]}, []),
        ({"jobDefinitions": ["a"], "status": "INACTIVE"}, ["a:1"]),
    ],
)
def test_definitions_are_found_by_what_is_asked_for(
    user: User, params: dict[str, Any], found: list[str]
) -> None:
    a_definition(name="b", revision=1)
    a_definition(name="a", revision=2)
    a_definition(name="a", revision=1, status=DefinitionStatus.INACTIVE)
    assert names(user, **params) == found


def test_pages_follow_each_other_to_the_end(user: User) -> None:
    for revision in range(1, 6):
        a_definition(name="a", revision=revision)
    a_definition(name="b", revision=1)
    found, token = [], None
    while True:
        params: dict[str, Any] = {"nextToken": token} if token else {}
        answer = ask(user, "DescribeJobDefinitions", maxResults=4, **params)
        found += [each["jobDefinitionArn"] for each in answer["jobDefinitions"]]
        token = answer.get("nextToken")
        if token is None:
            break
    assert found == [f"{ARN}a:{revision}" for revision in range(1, 6)] + [f"{ARN}b:1"]


@pytest.mark.parametrize(
    "params",
    [
        {"maxResults": 0},
        {"maxResults": 101},
        {"nextToken": "made up"},
        {"jobDefinitions": ["a:1"] * 101},
    ],
)
def test_what_no_page_can_be_made_of_is_refused(user: User, params: dict[str, Any]) -> None:
    with pytest.raises(Refused) as caught:
        ask(user, "DescribeJobDefinitions", **params)
    assert caught.value.status == 400


def test_a_hundred_definitions_are_one_query(user: User) -> None:
    for revision in range(1, 31):
        a_definition(name="a", revision=revision)
    with CaptureQueriesContext(
        connection,
    ) as few:
        describe(user, jobDefinitions=["a:1"])
    with CaptureQueriesContext(connection) as many:
        describe(user)
    assert len(few) == len(many) == 1


def _without(members: set[str], values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in members}


def test_a_name_is_registered_and_deregistered_by_whose_it_is(user: User) -> None:
    register(user)
    other = a_user()
    text = "The definition hello belongs to somebody else. Register yours under another name."
    acts: tuple[Callable[[], object], ...] = (
        lambda: register(other),
        lambda: ask(other, "DeregisterJobDefinition", jobDefinition="hello:1"),
    )
    for act in acts:
        with pytest.raises(Refused) as refused:
            act()
        assert (refused.value.code, refused.value.status) == ("AccessDeniedException", 403)
        assert refused.value.message == text
    assert names(user, status="ACTIVE") == ["hello:1"]
    # It stays his, ACTIVE or not.
    ask(user, "DeregisterJobDefinition", jobDefinition="hello:1")
    with pytest.raises(Refused, match="somebody else"):
        register(other)
    assert register(a_user(is_staff=True))["revision"] == 2
    assert register(user)["revision"] == 3


def test_a_name_of_nobody_is_the_administrators(user: User) -> None:
    a_definition(name="hello")
    with pytest.raises(Refused, match="somebody else"):
        register(user)
    assert register(a_user(is_staff=True))["revision"] == 2
