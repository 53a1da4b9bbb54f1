"""What policies deny of many jobs at once is in the audit trail as refused, and a group's deletion frees nobody."""

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks

from jobs.models import AuditEntry, BulkAction, Job
from jobs.services.requests.bulk import go_on_with_bulk, stop_bulk
from tests.api.asking import ask
from tests.builders import a_definition, a_job, a_user, an_access_policy

pytestmark = pytest.mark.django_db
HTML = {"Accept": "text/html"}
DENIED = {"Effect": "Deny", "Action": ["batch:CancelJob", "batch:TerminateJob"], "Resource": "*"}
KEPT = {**DENIED, "Condition": {"StringEquals": {"aws:ResourceTag/keep": "1"}}}


def lines() -> list[tuple[str, str, str, int, str]]:
    rows = AuditEntry.objects.filter(status=403).order_by("id")
    return list(rows.values_list("username", "action", "target", "status", "address"))


def three_jobs(owner: User) -> list[Job]:
    kept = [a_job(status="RUNNABLE", owner=owner, tags={"keep": "1"}) for _ in range(2)]
    return [*kept, a_job(status="RUNNABLE", owner=owner)]


def test_what_is_denied_in_a_bulk_action_is_one_line(
    bobs_page: Client,
    bob: User,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    an_access_policy(KEPT, users=[bob])
    chosen = [str(job.pk) for job in three_jobs(bob)]
    bobs_page.post("/jobs/bulk/", {"action": "cancel", "job": chosen}, headers=HTML)
    bulk = BulkAction.objects.get()
    with django_capture_on_commit_callbacks(execute=True):
        go_on_with_bulk(action_id=bulk.pk, now=timezone.now())
    with django_capture_on_commit_callbacks(execute=True):
        assert not stop_bulk(action_id=bulk.pk, now=timezone.now())
    assert lines() == [("bob", "jobs_bulk", "cancel: 2 of 3 jobs", 403, "127.0.0.1")]


def test_a_bulk_action_of_which_nothing_is_denied_has_no_such_line(
    bobs_page: Client, bob: User, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    gone = a_job(status="RUNNABLE", owner=a_user(username="eve"))
    bobs_page.post("/jobs/bulk/", {"action": "cancel", "job": [str(gone.pk)]}, headers=HTML)
    with django_capture_on_commit_callbacks(execute=True):
        go_on_with_bulk(action_id=BulkAction.objects.get().pk, now=timezone.now())
    assert BulkAction.objects.get().refused == 1
    assert lines() == []


@pytest.mark.parametrize("operation", ["CancelJobs", "TerminateJobs"])
def test_jobs_that_an_operation_on_many_is_denied_are_a_line(operation: str, bob: User) -> None:
    an_access_policy(KEPT, users=[bob])
    jobs = three_jobs(bob)
    ask(bob, operation, jobs=[str(job.pk) for job in jobs], reason="over")
    assert [line[:4] for line in lines()] == [
        ("bob", operation, f"{jobs[0].pk}, {jobs[1].pk}", 403)
    ]


@pytest.mark.parametrize(("is_superuser", "is_left"), [(False, True), (True, False)])
def test_a_group_with_policies_is_deleted_by_superusers_alone(
    is_superuser: bool, is_left: bool
) -> None:
    sue = a_user(username="sue", is_staff=True, is_superuser=is_superuser)
    codes = ("delete_group", "view_group")
    sue.user_permissions.add(*Permission.objects.filter(codename__in=codes))
    group, other = (Group.objects.create(name=name) for name in ("students", "others"))
    an_access_policy(DENIED, name="rules", groups=[group])
    page = Client()
    page.force_login(sue)
    chosen = {"action": "delete_selected", "_selected_action": [group.pk], "post": "yes"}
    page.post("/admin/auth/group/", chosen, headers=HTML)
    answer = page.post(f"/admin/auth/group/{group.pk}/delete/", {"post": "yes"}, headers=HTML)
    assert Group.objects.filter(pk=group.pk).exists() is is_left
    if is_left:
        told = "Superusers alone delete a group that has access policies: rules."
        assert told in answer.content.decode()
    page.post(f"/admin/auth/group/{other.pk}/delete/", {"post": "yes"}, headers=HTML)
    assert not Group.objects.filter(pk=other.pk).exists()


@pytest.mark.parametrize(("address", "status"), [("127.0.0.1", "INACTIVE"), ("::1", "ACTIVE")])
def test_the_administration_deregisters_by_the_address_of_who_does_so(
    address: str, status: str
) -> None:
    sue = a_user(username="sue", is_staff=True)
    codes = ("change_jobdefinition", "view_jobdefinition")
    sue.user_permissions.add(*Permission.objects.filter(codename__in=codes))
    elsewhere = {"NotIpAddress": {"aws:SourceIp": "127.0.0.0/8"}}
    denied = {**DENIED, "Action": "batch:DeregisterJobDefinition", "Condition": elsewhere}
    an_access_policy(denied, users=[sue])
    row = a_definition(name="plain")
    page = Client()
    page.force_login(sue)
    chosen = {"action": "deregister_selected", "_selected_action": [row.pk]}
    page.post("/admin/jobs/jobdefinition/", chosen, headers=HTML, REMOTE_ADDR=address)
    row.refresh_from_db()
    assert row.status == status
