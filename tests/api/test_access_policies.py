"""Access policies at the API's door: what they deny and give, and what tries to go around them."""

from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.utils import timezone

from jobs.api.catalogue import services
from jobs.api.door import answer_to
from jobs.api.permissions import RULES
from jobs.domain.access_actions import ACTIONS, READS
from jobs.models import ComputeEnvironment, JobDefinition, JobQueue
from tests.api.asking import Refused, a_caller, call_of, output_of
from tests.api.denying import SUBMIT, bind, if_, is_denied, submission_is_denied
from tests.api.submitting import answer, hello
from tests.builders import (
    a_definition,
    a_queue,
    a_user,
    an_access_policy,
    containers_of,
    nodes_of,
)
from tests.statements import ARN, deny

pytestmark = pytest.mark.django_db


def test_each_operation_that_changes_something_has_a_rule() -> None:
    changing = {
        (service.name, name)
        for service in services().values()
        for name in service.operations
        if not name.lower().startswith(READS)
    }
    assert changing == set(RULES)
    for rule in RULES.values():
        assert (rule.action in ACTIONS) if rule.find else rule.why


def test_an_operation_without_a_rule_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    rules = {key: rule for key, rule in RULES.items() if key != ("batch", "SubmitJob")}
    monkeypatch.setattr("jobs.api.permissions.RULES", rules)
    with pytest.raises(Refused, match="not among what may be asked for"):
        answer(hello())


def test_a_refusal_has_iams_form() -> None:
    user = hello()
    bind(user, deny(SUBMIT, on=f"{ARN}job-queue/high", Sid="NoHigh"))
    assert submission_is_denied(user) == (
        f"User {user.username} is not authorized to perform: batch:SubmitJob on resource: {ARN}job-queue/high "
        "because policy rules (statement NoHigh) denies it."
    )


DEFINITION = [
    {"jobDefinition": "hello"},
    {"jobDefinition": "hello:1"},
    {"jobDefinition": f"{ARN}job-definition/hello:1"},
    {"jobDefinition": f"{ARN}job-definition/hello"},
    {"jobQueue": f"{ARN}job-queue/high"},
    {"arrayProperties": {"size": 2}},
]


@pytest.mark.parametrize("members", DEFINITION)
@pytest.mark.parametrize(
    "pattern",
    ["job-definition/hello", "job-definition/hello:1", "job-definition/hel*", "job-queue/hig?"],
)
def test_however_it_is_named_the_same_is_denied(members: dict[str, Any], pattern: str) -> None:
    user = hello()
    bind(user, deny(SUBMIT, on=f"{ARN}{pattern}"))
    submission_is_denied(user, **members)


@pytest.mark.parametrize("members", DEFINITION)
def test_what_no_statement_denies_goes_through(members: dict[str, Any]) -> None:
    user = hello()
    bind(user, deny(SUBMIT, on=[f"{ARN}job-queue/HIGH", f"{ARN}job-definition/hello:2"]))
    assert answer(user, **members)["jobId"]


def test_another_revision_is_another_resource() -> None:
    user = hello()
    a_definition(name="hello", revision=2)
    bind(user, deny(SUBMIT, on=f"{ARN}job-definition/hello:2"))
    submission_is_denied(user)
    assert answer(user, jobDefinition="hello:1")["jobId"]


def test_only_these_queues() -> None:
    user = hello()
    a_queue(name="low")
    rest = {"NotResource": [f"{ARN}job-queue/low", f"{ARN}job-definition/*"]}
    bind(user, {"Effect": "Deny", "Action": SUBMIT, **rest})
    submission_is_denied(user)
    assert answer(user, jobQueue="low")["jobId"]


PRIVILEGED: dict[str, dict[str, Any]] = {
    "one container": {"container": {"privileged": True}},
    "several containers": {
        "ecs_properties": containers_of({"name": "a"}, {"name": "b", "privileged": True})
    },
    "several nodes": {"node_properties": nodes_of(2, container={"privileged": True})},
    "several containers of several nodes": {
        "node_properties": nodes_of(
            2, ecsProperties=containers_of({"name": "a"}, {"name": "b", "privileged": True})
        )
    },
}


@pytest.mark.parametrize("shape", PRIVILEGED)
def test_privileged_containers_are_found_wherever_they_are(shape: str) -> None:
    user = hello()
    ComputeEnvironment.objects.update(allow_privileged=True)
    JobDefinition.objects.filter(name="hello").update(**PRIVILEGED[shape])
    bind(user, deny(SUBMIT, **if_("Bool", "batch:Privileged", "true")))
    submission_is_denied(user)
    # The same in other words: nothing that is not known to be without.
    bind_again = if_("StringNotEquals", "batch:Privileged", "false")
    other = a_user()
    an_access_policy(deny(SUBMIT, **bind_again), users=[other])
    submission_is_denied(other)


def test_what_is_not_privileged_goes_through() -> None:
    user = hello()
    bind(user, deny(SUBMIT, **if_("Bool", "batch:Privileged", "true")))
    assert answer(user)["jobId"]


CONDITIONS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (if_("StringLike", "batch:Image", "busybox*"), {}),
    (if_("StringNotLike", "batch:Image", "registry.example.com/*"), {}),
    (if_("StringEquals", "aws:RequestTag/Team", "red"), {"tags": {"team": "red"}}),
    (if_("Null", "aws:RequestTag/team", "true"), {"tags": {"other": "red"}}),
    (if_("ForAnyValue:StringEquals", "aws:TagKeys", "x"), {"tags": {"x": ""}}),
    (if_("NumericGreaterThan", "batchweb:ArraySize", "1"), {"arrayProperties": {"size": 2}}),
    (
        if_("NumericGreaterThan", "batchweb:MemoryMib", "1000"),
        {"containerOverrides": {"resourceRequirements": [{"type": "MEMORY", "value": "2048"}]}},
    ),
    (
        if_("NumericGreaterThanEquals", "batchweb:Vcpus", "3"),
        {"containerOverrides": {"resourceRequirements": [{"type": "VCPU", "value": "3"}]}},
    ),
    (if_("DateGreaterThan", "aws:CurrentTime", "2020-01-01T00:00:00Z"), {}),
    (if_("StringLike", "aws:username", "*"), {}),
]


@pytest.mark.parametrize(("condition", "members"), CONDITIONS)
def test_conditions_are_held_against_what_would_run(
    condition: dict[str, Any], members: dict[str, Any]
) -> None:
    user = hello()
    JobDefinition.objects.filter(name="hello").update(image="busybox:latest")
    bind(user, deny(SUBMIT, **condition))
    submission_is_denied(user, **members)


def test_an_image_that_an_override_brings_is_the_one_that_counts() -> None:
    user = hello()
    JobDefinition.objects.filter(name="hello").update(
        node_properties={}, ecs_properties=containers_of({"name": "a", "image": "good"}, {"name": "b", "image": "bad"})
    )  # fmt: skip
    bind(user, deny(SUBMIT, **if_("StringNotEquals", "batch:Image", "good")))
    submission_is_denied(user)


def test_tags_of_the_queue_and_of_the_definition_are_looked_at() -> None:
    user = hello()
    bind(user, deny(SUBMIT, **if_("StringEquals", "aws:ResourceTag/stage", "prod")))
    assert answer(user)["jobId"]
    JobQueue.objects.update(tags={"Stage": "prod"})
    submission_is_denied(user)
    JobQueue.objects.update(tags={})
    JobDefinition.objects.update(tags={"stage": "prod"})
    submission_is_denied(user)


def test_a_share_is_looked_at() -> None:
    a_queue(name="high")
    user = a_user()
    bind(user, deny("batch:SubmitServiceJob", **if_("StringEquals", "batch:ShareIdentifier", "a")))
    is_denied(
        user,
        "SubmitServiceJob",
        jobName="a",
        jobQueue="high",
        serviceJobType="SAGEMAKER_TRAINING",
        serviceRequestPayload="{}",
        shareIdentifier="a",
    )


def test_the_address_is_that_of_the_request() -> None:
    user = hello()
    bind(user, deny(SUBMIT, **if_("NotIpAddress", "aws:SourceIp", "10.0.0.0/8")))
    params = {"jobName": "a", "jobQueue": "high", "jobDefinition": "hello"}
    call = call_of("SubmitJob", params)
    inside, outside = a_caller(user, address="10.1.1.1"), a_caller(user, address="11.1.1.1")
    assert output_of(answer_to(inside, call, timezone.now()), "SubmitJob")["jobId"]
    for caller in (outside, a_caller(user)):
        with pytest.raises(Refused, match="is not authorized"):
            output_of(answer_to(caller, call, timezone.now()), "SubmitJob")


def test_a_group_s_policy_binds_its_members_and_no_one_else() -> None:
    user, group = hello(), Group.objects.create(name="students")
    an_access_policy(deny(SUBMIT), groups=[group])
    assert answer(user)["jobId"]
    user.groups.add(group)
    submission_is_denied(user)
    user.groups.clear()
    assert answer(user)["jobId"]


def test_administrators_are_bound_and_superusers_are_not() -> None:
    hello()
    staff, boss = a_user(is_staff=True), a_user(is_staff=True, is_superuser=True)
    an_access_policy(deny("*"), users=[staff, boss])
    submission_is_denied(staff)
    is_denied(staff, "UpdateJobQueue", jobQueue="high", priority=2)
    assert answer(boss)["jobId"]
