"""Access policies at the API's door: what they deny and give, and what tries to go around them."""

from copy import copy
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from jobs.api.catalogue import services
from jobs.api.door import answer as answered
from jobs.api.door import answer_to
from jobs.api.permissions import RULES
from jobs.domain.access_actions import ACTIONS, READS
from jobs.domain.ids import child_id, text_of
from jobs.models import AuditEntry, ComputeEnvironment, Job, JobDefinition, JobQueue
from jobs.selectors.access_keys import find_credentials
from jobs.selectors.access_policies import note_job
from jobs.services.access.access_keys import create_access_key
from tests.api.asking import Refused, a_caller, ask, call_of, output_of
from tests.api.signing import a_signer
from tests.api.submitting import answer, hello
from tests.builders import (
    a_definition,
    a_job,
    a_queue,
    a_user,
    an_access_policy,
    an_array,
    an_environment,
    containers_of,
    nodes_of,
)

pytestmark = pytest.mark.django_db
ARN = "arn:aws:batch:us-east-1:123456789012:"
SUBMIT = "batch:SubmitJob"


def deny(
    action: str | list[str] = SUBMIT, on: str | list[str] = "*", **more: Any
) -> dict[str, Any]:
    return {"Effect": "Deny", "Action": action, "Resource": on, **more}


def allow(action: str | list[str], on: str | list[str] = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": on, **more}


def if_(operator: str, key: str, value: Any) -> dict[str, Any]:
    return {"Condition": {operator: {key: value}}}


def bind(user: User, *statements: dict[str, Any]) -> None:
    an_access_policy(*statements, name="rules", users=[user])


def is_denied(user: User, operation: str, said: str = "", /, **params: Any) -> str:
    with pytest.raises(Refused) as caught:
        ask(user, operation, **params)
    assert (caught.value.code, caught.value.status) == ("AccessDeniedException", 403)
    assert said in caught.value.message
    return caught.value.message


def submission_is_denied(user: User, **members: Any) -> str:
    before = Job.objects.count()
    given = {"jobName": "a", "jobQueue": "high", "jobDefinition": "hello", **members}
    message = is_denied(user, "SubmitJob", **given)
    assert Job.objects.count() == before
    return message


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
    bind(user, deny(on=f"{ARN}job-queue/high", Sid="NoHigh"))
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
    bind(user, deny(on=f"{ARN}{pattern}"))
    submission_is_denied(user, **members)


@pytest.mark.parametrize("members", DEFINITION)
def test_what_no_statement_denies_goes_through(members: dict[str, Any]) -> None:
    user = hello()
    bind(user, deny(on=[f"{ARN}job-queue/HIGH", f"{ARN}job-definition/hello:2"]))
    assert answer(user, **members)["jobId"]


def test_another_revision_is_another_resource() -> None:
    user = hello()
    a_definition(name="hello", revision=2)
    bind(user, deny(on=f"{ARN}job-definition/hello:2"))
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
    bind(user, deny(**if_("Bool", "batch:Privileged", "true")))
    submission_is_denied(user)
    # The same in other words: nothing that is not known to be without.
    bind_again = if_("StringNotEquals", "batch:Privileged", "false")
    other = a_user()
    an_access_policy(deny(**bind_again), users=[other])
    submission_is_denied(other)


def test_what_is_not_privileged_goes_through() -> None:
    user = hello()
    bind(user, deny(**if_("Bool", "batch:Privileged", "true")))
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
    bind(user, deny(**condition))
    submission_is_denied(user, **members)


def test_an_image_that_an_override_brings_is_the_one_that_counts() -> None:
    user = hello()
    JobDefinition.objects.filter(name="hello").update(
        node_properties={}, ecs_properties=containers_of({"name": "a", "image": "good"}, {"name": "b", "image": "bad"})
    )  # fmt: skip
    bind(user, deny(**if_("StringNotEquals", "batch:Image", "good")))
    submission_is_denied(user)


def test_tags_of_the_queue_and_of_the_definition_are_looked_at() -> None:
    user = hello()
    bind(user, deny(**if_("StringEquals", "aws:ResourceTag/stage", "prod")))
    assert answer(user)["jobId"]
    JobQueue.objects.update(tags={"Stage": "prod"})
    submission_is_denied(user)
    JobQueue.objects.update(tags={})
    JobDefinition.objects.update(tags={"stage": "prod"})
    submission_is_denied(user)


def test_a_share_is_looked_at(user: User) -> None:
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
    bind(user, deny(**if_("NotIpAddress", "aws:SourceIp", "10.0.0.0/8")))
    params = {"jobName": "a", "jobQueue": "high", "jobDefinition": "hello"}
    call = call_of("SubmitJob", params)
    inside, outside = a_caller(user, address="10.1.1.1"), a_caller(user, address="11.1.1.1")
    assert output_of(answer_to(inside, call, timezone.now()), "SubmitJob")["jobId"]
    for caller in (outside, a_caller(user)):
        with pytest.raises(Refused, match="is not authorized"):
            output_of(answer_to(caller, call, timezone.now()), "SubmitJob")


def test_a_group_s_policy_binds_its_members_and_no_one_else() -> None:
    user, group = hello(), Group.objects.create(name="students")
    an_access_policy(deny(), groups=[group])
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


@pytest.fixture
def user() -> User:
    a_queue(name="high")
    return a_user()


def test_an_allow_gives_a_part_of_the_setup_on_what_it_names(user: User) -> None:
    a_queue(name="low")
    bind(user, allow("batch:UpdateJobQueue", f"{ARN}job-queue/high"))
    ask(user, "UpdateJobQueue", jobQueue="high", priority=7)
    ask(user, "UpdateJobQueue", jobQueue=f"{ARN}job-queue/high", priority=8)
    assert JobQueue.objects.get(name="high").priority == 8
    is_denied(user, "UpdateJobQueue", "Only administrators", jobQueue="low", priority=7)
    is_denied(user, "DeleteJobQueue", "Only administrators", jobQueue="high")


def test_an_allow_of_a_queue_is_none_of_the_environments_it_is_given(user: User) -> None:
    own = JobQueue.objects.get(name="high").environments.get().name
    bind(user, allow("batch:UpdateJobQueue", f"{ARN}job-queue/*"))

    def order(*names: str) -> list[dict[str, Any]]:
        return [{"order": at, "computeEnvironment": each} for at, each in enumerate(names)]

    # What is as it was is not asked for, however it is named.
    for name in (own, f"{ARN}compute-environment/{own}"):
        ask(user, "UpdateJobQueue", jobQueue="high", computeEnvironmentOrder=order(name))
    other = an_environment(name="gold").name
    both = order(own, other)
    is_denied(user, "UpdateJobQueue", jobQueue="high", computeEnvironmentOrder=both)


def test_a_deny_wins_over_an_allow(user: User) -> None:
    bind(user, allow("batch:*"), deny("batch:Update*", f"{ARN}job-queue/h*"))
    is_denied(user, "UpdateJobQueue", "denies it", jobQueue="high", priority=7)


def test_a_new_name_is_denied_also_with_spaces_around_it(user: User) -> None:
    staff = a_user(is_staff=True)
    an_access_policy(deny("batch:Create*", f"{ARN}*/prod*"), users=[staff])
    for name in ("prod", " prod ", "prod-2"):
        is_denied(staff, "CreateSchedulingPolicy", "denies it", name=name)


def test_registering_is_denied_by_what_it_would_run_and_no_name_is_given(user: User) -> None:
    a_definition(name="shared", created_by=a_user(is_staff=True))
    container = {
        "image": "busybox",
        "resourceRequirements": [
            {"type": "VCPU", "value": "1"},
            {"type": "MEMORY", "value": "64"},
        ],
    }
    members: dict[str, Any] = {
        "jobDefinitionName": "shared",
        "type": "container",
        "containerProperties": container,
    }
    is_denied(user, "RegisterJobDefinition", "belongs to somebody else", **members)
    bind(
        user,
        allow("batch:*JobDefinition", f"{ARN}job-definition/shared*"),
        deny("batch:RegisterJobDefinition", **if_("Bool", "batch:Privileged", True)),
    )
    is_denied(user, "RegisterJobDefinition", "belongs to somebody else", **members)
    is_denied(user, "DeregisterJobDefinition", "belongs to somebody else", jobDefinition="shared:1")
    members["jobDefinitionName"] = "shared-too"
    assert ask(user, "RegisterJobDefinition", **members)["revision"] == 1
    privileged = {**members, "containerProperties": {**container, "privileged": True}}
    is_denied(user, "RegisterJobDefinition", "denies it", **privileged)
    ask(user, "DeregisterJobDefinition", jobDefinition="shared-too:1")
    found = dict(JobDefinition.objects.values_list("name", "status"))
    assert found == {"shared": "ACTIVE", "shared-too": "INACTIVE"}


def test_deregistering_is_denied_however_it_is_named() -> None:
    user = a_user()
    a_definition(name="own", created_by=user)
    bind(user, deny("batch:DeregisterJobDefinition", f"{ARN}job-definition/own"))
    for text in ("own:1", f"{ARN}job-definition/own:1"):
        is_denied(user, "DeregisterJobDefinition", "denies it", jobDefinition=text)


def test_ending_jobs_is_denied_one_by_one() -> None:
    user = a_user()
    kept, other = (a_job(owner=user, status="RUNNABLE", tags=tags) for tags in ({"keep": "1"}, {}))
    bind(user, deny("batch:TerminateJob", **if_("StringEquals", "aws:ResourceTag/keep", "1")))
    is_denied(user, "TerminateJob", "denies it", jobId=str(kept.pk), reason="x")
    is_denied(user, "TerminateJob", "denies it", jobId=f"{ARN}job/{kept.pk}", reason="x")
    found = ask(user, "TerminateJobs", jobs=[str(kept.pk), str(other.pk)], reason="x")
    assert found["successful"] == [str(other.pk)]
    assert [(each["job"], each["code"]) for each in found["errors"]] == [
        (str(kept.pk), "AccessDeniedException")
    ]
    kept.refresh_from_db()
    other.refresh_from_db()
    assert (kept.status, other.status) == ("RUNNABLE", "FAILED")
    # A cancel is another action.
    assert ask(user, "CancelJob", jobId=str(kept.pk), reason="x") == {}


def test_an_array_s_arn_means_its_children() -> None:
    user = a_user()
    array = an_array(2, owner=user)
    bind(user, deny("batch:CancelJob", f"{ARN}job/{array.pk}"))
    for job_id in (array.pk, child_id(array.pk, 1)):
        is_denied(user, "CancelJob", "denies it", jobId=text_of(job_id), reason="x")


def test_an_allow_shows_and_ends_no_job_of_others() -> None:
    user, other = a_user(), a_job(status="RUNNABLE")
    bind(user, allow("*"))
    assert ask(user, "TerminateJob", jobId=str(other.pk), reason="x") == {}
    other.refresh_from_db()
    assert other.status == "RUNNABLE"
    assert ask(user, "DescribeJobs", jobs=[str(other.pk)]) == {"jobs": []}


def test_tags_are_denied_and_given(user: User) -> None:
    arn = f"{ARN}job-queue/high"
    is_denied(user, "TagResource", "Only administrators", resourceArn=arn, tags={"a": "1"})
    bind(
        user,
        allow(["batch:TagResource", "batch:UntagResource"], arn),
        deny("batch:TagResource", **if_("ForAnyValue:StringLike", "aws:TagKeys", "cost*")),
        deny("batch:UntagResource", **if_("ForAnyValue:StringLike", "aws:TagKeys", "a")),
    )
    ask(user, "TagResource", resourceArn=arn, tags={"a": "1"})
    is_denied(user, "TagResource", "denies it", resourceArn=arn, tags={"a": "1", "cost": "2"})
    is_denied(user, "UntagResource", "denies it", resourceArn=arn, tagKeys=["a"])


def test_log_groups_are_denied(user: User) -> None:
    group = "arn:aws:logs:us-east-1:123456789012:log-group:"
    bind(user, deny("logs:*", f"{group}/prod*:*"))
    with pytest.raises(Refused, match="denies it"):
        ask(user, "CreateLogGroup", service="logs", logGroupName="/prod/x")
    ask(user, "CreateLogGroup", service="logs", logGroupName="/test/x")


def test_a_job_with_a_role_is_denied_what_its_owner_is_and_given_nothing(user: User) -> None:
    boss = a_user(is_staff=True, is_superuser=True)
    for owner in (user, boss):
        an_access_policy(allow("batch:*"), deny("batch:CreateJobQueue"), users=[owner])
        job = copy(owner)
        job.is_staff = job.is_superuser = False
        note_job(job)
        is_denied(job, "UpdateJobQueue", "Only administrators", jobQueue="high", priority=9)
        is_denied(
            job, "CreateJobQueue", "denies it",
            jobQueueName="x", priority=1, computeEnvironmentOrder=[],
        )  # fmt: skip
    ask(user, "UpdateJobQueue", jobQueue="high", priority=9)


def test_a_refused_submission_is_in_the_audit_trail() -> None:
    user = hello()
    bind(user, deny())
    signer = a_signer(user)
    body = b'{"jobName": "a", "jobQueue": "high", "jobDefinition": "hello"}'
    found = answered(signer.in_headers(target="/v1/submitjob", body=body), signer.at)
    assert found.status == 403
    assert found.afterwards is not None
    found.afterwards()
    assert list(AuditEntry.objects.values_list("action", "status")) == [("SubmitJob", 403)]


def test_whether_there_are_policies_is_read_with_the_key() -> None:
    def queries(user: User) -> int:
        key, _ = create_access_key(user=user, name="k", now=timezone.now())
        with CaptureQueriesContext(
            connection,
        ) as captured:
            credentials = find_credentials(key.access_key_id)
            assert credentials is not None
            answer(credentials.user)
        return sum(
            query["sql"].lstrip().startswith("SELECT") for query in captured.captured_queries
        )

    user = hello()
    bound, member = a_user(), a_user()
    group = Group.objects.create(name="g")
    member.groups.add(group)
    nothing = deny("batchweb:DeleteEngine")
    an_access_policy(nothing, users=[bound])
    an_access_policy(nothing, groups=[group])
    # The key with its user, the queue, the definition, and the budgets.
    assert queries(user) == 4
    assert queries(bound) == queries(member) == 5


def test_what_is_detached_or_changed_holds_at_the_next_request() -> None:
    user = hello()
    policy = an_access_policy(deny(), users=[user])
    submission_is_denied(user)
    policy.document = policy.document.replace("Deny", "Allow")
    policy.save()
    assert answer(user)["jobId"]
