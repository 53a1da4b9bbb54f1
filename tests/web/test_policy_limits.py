"""What an Allow of an access policy does not give: what reaches the host, engines, and what is somebody else's."""

from contextlib import suppress
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from jobs.domain.access_words import in_words
from jobs.domain.ids import child_id, text_of
from jobs.models import BulkAction, BulkResult, ComputeEnvironment, Engine, JobDefinition, JobQueue
from jobs.selectors.access.policies import statements_of
from jobs.services.requests.bulk import go_on_with_bulk
from tests.api.asking import Refused, ask
from tests.builders import (
    a_definition,
    a_job,
    a_policy,
    a_queue,
    a_user,
    an_access_policy,
    an_array,
    an_engine,
    an_environment,
)
from tests.statements import ARN, allow, deny
from tests.web.conftest import HTML, script_of

pytestmark = pytest.mark.django_db
HOST = [{"path": "/", "readOnly": False}]
KEPT = "Only administrators change this, since jobs reach the host by it. Leave it as it is."


def post(user: User, path: str, **fields: Any) -> Any:
    return script_of(user).post(path, fields, content_type="application/json")


@pytest.mark.parametrize(
    ("field", "value"), [("allow_privileged", True), ("allowed_host_paths", HOST)]
)
def test_an_allow_does_not_give_what_reaches_the_host(bob: User, field: str, value: object) -> None:
    engine = an_engine(name="e")
    an_environment(name="main", engine=engine)
    an_access_policy(
        allow(["batch:UpdateComputeEnvironment", "batch:CreateComputeEnvironment"]), users=[bob]
    )
    changed = post(bob, "/environments/main/", **{field: value})
    made = post(bob, "/environments/", name="new", engine="e", **{field: value})
    for answer in (changed, made):
        assert (answer.status_code, answer.json()["errors"]) == (400, {field: [KEPT]})
    row = ComputeEnvironment.objects.get()
    assert not row.allow_privileged
    assert row.allowed_host_paths == []


def test_what_reaches_the_host_may_be_posted_as_it_is(bob: User, bobs_page: Client) -> None:
    an_environment(name="main", allow_privileged=True, allowed_host_paths=HOST)
    an_access_policy(allow("batch:UpdateComputeEnvironment"), users=[bob])
    same = {"allow_privileged": True, "allowed_host_paths": HOST}
    assert post(bob, "/environments/main/", max_vcpus=2, **same).status_code == 200
    assert post(bob, "/environments/main/", allowed_host_paths=[]).status_code == 400
    rows = {"host_path": ["", "/"], "host_path_mode": ["", "write"]}
    whole = {"kind": "UNMANAGED", "allow_privileged": ["false", "true"], **rows}
    assert bobs_page.post("/environments/main/", whole, headers=HTML).status_code == 302
    # A form without the tick takes it off.
    form = {"allow_privileged": ""}
    assert bobs_page.post("/environments/main/", form, headers=HTML).status_code == 400
    assert ComputeEnvironment.objects.get().max_milli_vcpus == 2000


def test_a_new_environment_that_is_allowed_lies_on_the_first_engine(bob: User) -> None:
    an_engine(name="a")
    an_engine(name="b")
    an_access_policy(allow("batch:CreateComputeEnvironment"), users=[bob])
    refused = post(bob, "/environments/", name="new", engine="b")
    told = {"engine": ["Only administrators choose another engine than a."]}
    assert (refused.status_code, refused.json()["errors"]) == (400, told)
    assert post(bob, "/environments/", name="new", engine="a").status_code == 201


def test_engines_are_given_to_nobody(bob: User) -> None:
    engine = an_engine(name="e", url="unix:///var/run/docker.sock")
    an_environment(name="main", engine=engine)
    an_access_policy(allow(["batch:*", "batchweb:*"]), users=[bob])
    for fields in ({"url": "tcp://evil:2375"}, {"cpu_overcommit": "2"}):
        assert post(bob, "/environments/main/engine/", **fields).status_code == 403
    boss = a_user(username="boss", is_staff=True)
    moved = post(boss, "/environments/main/engine/", url="tcp://evil:2375")
    assert moved.status_code == 400
    assert Engine.objects.get().url == "unix:///var/run/docker.sock"


def test_an_allow_gives_nobody_else_s_definition(bob: User) -> None:
    boss = a_user(username="boss", is_staff=True)
    a_definition(name="team-a", created_by=boss)
    an_access_policy(allow(["batch:*", "batchweb:*"]), users=[bob])
    work = {"image": "busybox", "vcpus": "1", "memory_mib": "64"}
    for path, fields in (
        ("/definitions/", {"name": "team-a", **work}),
        ("/definitions/team-a/1/deregister/", {}),
    ):
        answer = post(bob, path, **fields)
        assert answer.status_code == 403
        assert "belongs to somebody else" in answer.json()["message"]
    assert [(row.revision, row.status) for row in JobDefinition.objects.all()] == [(1, "ACTIVE")]
    assert post(bob, "/definitions/", name="team-b", **work).status_code == 201
    assert post(bob, "/definitions/team-b/1/deregister/").status_code == 200


@pytest.fixture
def protected(bob: User) -> None:
    condition = {"StringEquals": {"aws:ResourceTag/protected": "yes"}}
    an_access_policy(
        deny(["batch:TerminateJob", "batch:CancelJob"], Condition=condition), users=[bob]
    )


def status_of(user: User, job: str) -> int:
    with suppress(Refused):
        ask(user, "CancelJob", jobId=job, reason="x")
        return 200
    return 403


def stop(user: User, *jobs: UUID) -> list[int]:
    """By the page, and by the API."""
    found = []
    for job in map(text_of, jobs):
        found.append(post(user, f"/jobs/{job}/terminate/", reason="x").status_code)
        found.append(status_of(user, job))
    return found


def test_the_tags_of_an_array_count_for_its_children(bob: User, protected: None) -> None:
    array = an_array(2, owner=bob, children="RUNNABLE")
    of_submission = an_array(2, owner=bob, children="RUNNABLE", tags={"protected": "yes"})
    ask(bob, "TagResource", resourceArn=f"{ARN}job/{array.pk}", tags={"protected": "yes"})
    children = [child_id(of.pk, 1) for of in (array, of_submission)]
    assert stop(bob, array.pk, *children) == [403] * 6
    for of in (array, of_submission):
        ask(bob, "UntagResource", resourceArn=f"{ARN}job/{of.pk}", tagKeys=["protected"])
    assert stop(bob, *children) == [200] * 4


def test_a_bulk_action_reads_the_tags_of_its_jobs_together(
    bob: User, bobs_page: Client, protected: None
) -> None:
    array = an_array(3, owner=bob, children="RUNNABLE")
    ask(bob, "TagResource", resourceArn=f"{ARN}job/{array.pk}", tags={"protected": "yes"})

    def queries(count: int) -> int:
        jobs = [str(child_id(array.pk, index)) for index in range(count)]
        bobs_page.post("/jobs/bulk/", {"action": "cancel", "job": jobs}, headers=HTML)
        action = BulkAction.objects.latest("pk")
        with CaptureQueriesContext(connection) as captured:
            go_on_with_bulk(action_id=action.pk, now=timezone.now())
        assert set(BulkResult.objects.filter(action=action).values_list("outcome", flat=True)) == {
            "REFUSED"
        }
        return len(captured)

    assert queries(1) == queries(3)


def test_service_environments_are_asked_about_on_the_page_too() -> None:
    staff = a_user(username="sue", is_staff=True)
    for name in ("sm", "other"):
        ask(
            a_user(is_staff=True),
            "CreateServiceEnvironment",
            serviceEnvironmentName=name,
            serviceEnvironmentType="SAGEMAKER_TRAINING",
            capacityLimits=[{"maxCapacity": 5, "capacityUnit": "NUM_INSTANCES"}],
        )
    an_access_policy(deny("batch:*JobQueue", f"{ARN}service-environment/sm"), users=[staff])
    fields: dict[str, Any] = {"priority": 1, "type": "SAGEMAKER_TRAINING"}
    for services in (["sm"], [{"name": "sm", "order": 1}], ["other", "sm"]):
        made = post(staff, "/queues/", name="q", service_environments=services, **fields)
        assert made.status_code == 403
    other = {"service_environments": ["other"], **fields}
    assert post(staff, "/queues/", name="q", **other).status_code == 201
    both = ["other", "sm"]
    assert post(staff, "/queues/q/", service_environments=both).status_code == 403
    assert post(staff, "/queues/q/", **other).status_code == 200


def test_who_may_run_a_queue_saves_its_form_as_it_is(bob: User, bobs_page: Client) -> None:
    own = an_environment(name="own")
    a_queue(own, name="high", scheduling_policy=a_policy(name="fair"))
    for name in ("gold", "silver"):
        an_environment(name=name)
    a_policy(name="unfair")
    an_access_policy(allow("batch:UpdateJobQueue", f"{ARN}job-queue/high"), users=[bob])
    form = {"environments": ["own"], "scheduling_policy": "fair", "priority": "7", "tags": ""}

    def save(**changed: Any) -> int:
        return bobs_page.post("/queues/high/", {**form, **changed}, headers=HTML).status_code

    assert save() == 302
    assert JobQueue.objects.get().priority == 7
    assert save(environments=["own", "gold"]) == 403
    assert save(scheduling_policy="unfair") == 403
    an_access_policy(
        allow("batch:UpdateJobQueue", f"{ARN}compute-environment/gold"), name="more", users=[bob]
    )
    assert save(environments=["gold", "own"]) == 302
    assert save(environments=["gold", "own", "silver"]) == 403


def test_a_queue_that_is_given_is_given_with_its_jobs_ends_and_says_so(bob: User) -> None:
    others = a_job(status="RUNNABLE")
    queue = others.queue
    JobQueue.objects.update(state="DISABLED")
    policy = an_access_policy(allow("batch:DeleteJobQueue"), users=[bob])
    words = [in_words(each) for each in statements_of(policy)]
    assert words == [
        "Allows to delete job queues (which ends everybody's jobs there), on everything."
    ]
    # Not a job that he names.
    assert post(bob, f"/jobs/{others.pk}/terminate/", reason="x").status_code == 404
    assert post(bob, f"/queues/{queue.name}/delete/").status_code == 200
    assert JobQueue.objects.get().status == "DELETING"
