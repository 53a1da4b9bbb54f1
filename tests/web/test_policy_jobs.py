"""Access policies and jobs on pages: submissions, reruns, ends, and bulk actions with what takes them back."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from jobs.models import (
    AuditEntry,
    BulkAction,
    BulkResult,
    ComputeEnvironment,
    Job,
    JobSpec,
)
from jobs.services.requests.bulk import go_on_with_bulk
from tests.builders import (
    a_definition,
    a_job,
    a_queue,
    an_access_policy,
    an_array,
)
from tests.statements import ARN, deny
from tests.web.conftest import HTML, script_of

pytestmark = pytest.mark.django_db


def submission(client: Client, **fields: Any) -> Any:
    given = {"name": "a", "queue": "high", "definition": "hello", **fields}
    return client.post("/submit/", given, headers=HTML)


def test_a_refused_submission_has_its_form_again(bobs_page: Client, bob: User) -> None:
    a_queue(name="high")
    a_definition(name="hello")
    an_access_policy(deny("batch:SubmitJob", f"{ARN}job-queue/high"), name="rules", users=[bob])
    for definition in ("hello", "hello:1", " hello:1 "):
        answer = submission(bobs_page, definition=definition, name="typed-by-bob")
        assert answer.status_code == 403
        text = answer.content.decode()
        assert "because policy rules (statement 1) denies it." in text
        assert "typed-by-bob" in text
    answer = script_of(bob).post("/jobs/", {"name": "a", "queue": "high", "definition": "hello"})
    assert answer.status_code == 403
    assert "denies it" in answer.json()["message"]
    assert not Job.objects.exists()
    assert set(AuditEntry.objects.values_list("action", "status")) == {
        ("submit", 403),
        ("jobs", 403),
    }


def test_a_rerun_is_a_submission_and_who_asks_is_asked_about(
    sues_page: Client, staff: User, bob: User
) -> None:
    failed = a_job(status="FAILED", owner=bob)
    array = an_array(2, owner=bob, children="FAILED")
    policy = an_access_policy(deny("batch:SubmitJob"), name="rules", users=[bob])
    for of in (failed, array):
        path = f"/jobs/{of.pk}/rerun/"
        assert sues_page.post(path, {"for_owner": "true"}, headers=HTML).status_code == 302
    policy.users.set([staff])
    for of in (failed, array):
        for fields in ({}, {"for_owner": "true"}):
            answer = sues_page.post(f"/jobs/{of.pk}/rerun/", fields, headers=HTML)
            assert answer.status_code == 403


def test_a_job_is_ended_by_whom_no_policy_denies_it(bobs_page: Client, bob: User) -> None:
    array = an_array(2, owner=bob)
    job = a_job(status="RUNNABLE", owner=bob, tags={"keep": "yes"})
    an_access_policy(
        deny("batch:CancelJob", f"{ARN}job/{array.pk}"),
        deny("batch:TerminateJob", Condition={"StringLike": {"aws:ResourceTag/keep": "*"}}),
        users=[bob],
    )
    for path in (f"{array.pk}/cancel/", f"{array.pk}:1/cancel/", f"{job.pk}/terminate/"):
        assert bobs_page.post(f"/jobs/{path}", headers=HTML).status_code == 403
    assert bobs_page.post(f"/jobs/{array.pk}/terminate/", headers=HTML).status_code == 302
    assert bobs_page.post(f"/jobs/{job.pk}/cancel/", headers=HTML).status_code == 302


@pytest.mark.parametrize(
    ("action", "right"), [("cancel", "CancelJob"), ("terminate", "TerminateJob")]
)
def test_of_a_bulk_action_each_job_is_asked_for(
    action: str, right: str, bobs_page: Client, bob: User
) -> None:
    kept = a_job(status="RUNNABLE", owner=bob, tags={"keep": "1"})
    other = a_job(status="RUNNABLE", owner=bob)
    condition = {"StringEquals": {"aws:ResourceTag/keep": "1"}}
    an_access_policy(deny(f"batch:{right}", Condition=condition), name="rules", users=[bob])
    chosen = [str(kept.pk), str(other.pk)]
    bobs_page.post("/jobs/bulk/", {"action": action, "job": chosen}, headers=HTML)
    bulk = BulkAction.objects.get()
    assert bulk.address == "127.0.0.1"
    go_on_with_bulk(action_id=bulk.pk, now=timezone.now())
    assert dict(BulkResult.objects.values_list("job", "outcome")) == {
        kept.pk: "REFUSED",
        other.pk: "CHANGED",
    }
    html = bobs_page.get(f"/jobs/bulk/{bulk.pk}/", headers=HTML).content.decode()
    assert "because policy rules (statement 1) denies it." in html


def test_a_bulk_rerun_is_denied_by_what_each_job_runs(bobs_page: Client, bob: User) -> None:
    jobs = [a_job(status="FAILED", owner=bob) for _ in range(2)]
    first = jobs[0].queue.name
    an_access_policy(deny("batch:SubmitJob", f"{ARN}job-queue/{first}"), users=[bob])
    chosen = [str(job.pk) for job in jobs]
    bobs_page.post("/jobs/bulk/", {"action": "rerun", "job": chosen}, headers=HTML)
    go_on_with_bulk(action_id=BulkAction.objects.get().pk, now=timezone.now())
    outcomes = dict(BulkResult.objects.values_list("job", "outcome"))
    assert outcomes == {jobs[0].pk: "REFUSED", jobs[1].pk: "CHANGED"}


def test_an_address_holds_for_what_workers_do_later(bobs_page: Client, bob: User) -> None:
    job = a_job(status="RUNNABLE", owner=bob)
    here = {"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}
    an_access_policy(deny("batch:CancelJob", Condition=here), users=[bob])
    bobs_page.post("/jobs/bulk/", {"action": "cancel", "job": [str(job.pk)]}, headers=HTML)
    go_on_with_bulk(action_id=BulkAction.objects.get().pk, now=timezone.now())
    assert BulkResult.objects.get().outcome == "REFUSED"


@pytest.mark.parametrize(
    ("action", "status", "right"),
    [("cancel", "RUNNABLE", "SubmitJob"), ("rerun", "FAILED", "TerminateJob")],
)
def test_who_takes_a_bulk_action_back_is_asked_and_not_whose_it_was(
    action: str,
    status: str,
    right: str,
    sues_page: Client,
    staff: User,
    bobs_page: Client,
    bob: User,
) -> None:
    job = a_job(status=status, owner=bob)
    bobs_page.post("/jobs/bulk/", {"action": action, "job": [str(job.pk)]}, headers=HTML)
    first = BulkAction.objects.get()
    go_on_with_bulk(action_id=first.pk, now=timezone.now())
    policy = an_access_policy(deny(f"batch:{right}"), users=[staff])
    sues_page.post(f"/jobs/bulk/{first.pk}/undo/", headers=HTML)
    undo = BulkAction.objects.exclude(pk=first.pk).get()
    assert (undo.owner, undo.asked_by) == (bob, staff)
    go_on_with_bulk(action_id=undo.pk, now=timezone.now())
    result = BulkResult.objects.get(action=undo)
    assert result.outcome == "REFUSED"
    assert f"User sue is not authorized to perform: batch:{right}" in result.why
    # Nobody is kept from it by who was refused.
    policy.users.set([bob])
    sues_page.post(f"/jobs/bulk/{first.pk}/undo/", headers=HTML)
    again = BulkAction.objects.get(undoes=first)
    assert again != undo
    go_on_with_bulk(action_id=again.pk, now=timezone.now())
    assert BulkResult.objects.get(action=again).outcome == "CHANGED"


def test_what_is_taken_back_is_asked_by_the_address_of_who_does_so(
    bobs_page: Client, bob: User
) -> None:
    job = a_job(status="RUNNABLE", owner=bob)
    elsewhere = {"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}}
    an_access_policy(deny("batch:SubmitJob", Condition=elsewhere), users=[bob])
    chosen = {"action": "cancel", "job": [str(job.pk)]}
    bobs_page.post("/jobs/bulk/", chosen, headers=HTML, REMOTE_ADDR="10.1.1.1")
    first = BulkAction.objects.get()
    go_on_with_bulk(action_id=first.pk, now=timezone.now())
    for address, outcome in (("8.8.8.8", "REFUSED"), ("10.1.1.1", "CHANGED")):
        path = f"/jobs/bulk/{first.pk}/undo/"
        bobs_page.post(path, headers=HTML, REMOTE_ADDR=address)
        undo = BulkAction.objects.get(undoes=first)
        assert undo.address == address
        go_on_with_bulk(action_id=undo.pk, now=timezone.now())
        assert BulkResult.objects.get(action=undo).outcome == outcome


def test_a_rerun_is_denied_by_what_it_would_run(bobs_page: Client, bob: User) -> None:
    privileged = {"Bool": {"batch:Privileged": "true"}}
    an_access_policy(deny("batch:SubmitJob", Condition=privileged), users=[bob])
    for properties, status in (({"privileged": True}, 403), ({}, 302)):
        job = a_job(status="FAILED", owner=bob)
        ComputeEnvironment.objects.update(allow_privileged=True)
        JobSpec.objects.filter(pk=job.spec_id).update(container=properties)
        assert bobs_page.post(f"/jobs/{job.pk}/rerun/", headers=HTML).status_code == status
