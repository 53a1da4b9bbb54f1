"""What access policies give at the API's door, to jobs with a role, too, and from when on."""

from copy import copy
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from jobs.api.door import answer as answered
from jobs.domain.ids import child_id, text_of
from jobs.models import AuditEntry, JobDefinition, JobQueue
from jobs.selectors.access.keys import find_credentials
from jobs.selectors.access.policies import note_job
from jobs.services.access.access_keys import create_access_key
from tests.api.asking import Refused, ask
from tests.api.denying import SUBMIT, bind, if_, is_denied, submission_is_denied
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
)
from tests.statements import ARN, allow, deny

pytestmark = pytest.mark.django_db


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


def test_an_allow_gives_no_tags_of_somebody_else_s_definition(user: User) -> None:
    of_others = a_definition(name="theirs", created_by=a_user(), tags={"a": "1"})
    own = a_definition(name="own", created_by=user, tags={"a": "1"})
    nobodys = a_definition(name="seeded")
    bind(user, allow(["batch:TagResource", "batch:UntagResource"]))
    for definition in (of_others, nobodys):
        arn = f"{ARN}job-definition/{definition}"
        told = "belongs to somebody else"
        is_denied(user, "TagResource", told, resourceArn=arn, tags={"b": "2"})
        is_denied(user, "UntagResource", told, resourceArn=arn, tagKeys=["a"])
    arn = f"{ARN}job-definition/{own}"
    ask(user, "TagResource", resourceArn=arn, tags={"b": "2"})
    ask(user, "UntagResource", resourceArn=arn, tagKeys=["a"])
    found = {row.name: row.tags for row in JobDefinition.objects.all()}
    assert found == {"theirs": {"a": "1"}, "own": {"b": "2"}, "seeded": {}}


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
    bind(user, deny(SUBMIT))
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
    policy = an_access_policy(deny(SUBMIT), users=[user])
    submission_is_denied(user)
    policy.document = policy.document.replace("Deny", "Allow")
    policy.save()
    assert answer(user)["jobId"]
