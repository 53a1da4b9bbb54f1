"""Access policies in the administration: forms, deletes and actions ask them, and superusers are not bound."""

import inspect

import pytest
from django.contrib.admin import site
from django.contrib.auth.models import Permission, User
from django.db.models import Model
from django.test import Client
from django.utils import timezone

from jobs.admin.base import BatchAdmin, ServiceAdmin
from jobs.admin.permissions import RIGHTS, right_of
from jobs.domain.access_actions import ACTIONS
from jobs.models import (
    AccessToken,
    AuditEntry,
    Job,
    JobDefinition,
    JobQueue,
    SchedulingPolicy,
)
from jobs.services.access.tokens import create_token
from tests.builders import (
    a_definition,
    a_job,
    a_policy,
    a_queue,
    a_user,
    an_access_policy,
)

from .rows import url

pytestmark = pytest.mark.django_db
ARN = "arn:aws:batch:us-east-1:123456789012:"


def deny(action: str, on: str = "*") -> dict[str, str]:
    return {"Effect": "Deny", "Action": action, "Resource": on}


@pytest.fixture
def staff() -> User:
    """An administrator with every permission, who is no superuser."""
    user = a_user(username="sue", is_staff=True)
    user.user_permissions.set(Permission.objects.all())
    return user


@pytest.fixture
def sue(staff: User) -> Client:
    client = Client()
    client.force_login(staff)
    return client


def test_each_model_that_is_changed_there_has_rights() -> None:
    changed = {model for model, admin in site._registry.items() if isinstance(admin, ServiceAdmin)}
    assert changed <= set(RIGHTS)
    for model in changed - {JobDefinition}:
        for verb in ("Create", "Update", "Delete"):
            # A machine is found, and never made or deleted by hand.
            assert right_of(model, verb) in ACTIONS or RIGHTS[model].noun == "Machine"


def test_a_form_that_is_denied_changes_nothing(sue: Client, staff: User) -> None:
    row = a_policy(name="fair")
    an_access_policy(
        deny("batch:UpdateSchedulingPolicy", f"{ARN}scheduling-policy/fair"),
        deny("batch:CreateSchedulingPolicy", f"{ARN}scheduling-policy/new"),
        deny("batch:DeleteSchedulingPolicy"),
        name="rules",
        users=[staff],
    )
    page = url(SchedulingPolicy, "change", row.pk)
    assert sue.get(page).status_code == 200
    answer = sue.post(page, {"share_decay_seconds": "900", "compute_reservation": "0"})
    assert answer.status_code == 403
    text = answer.content.decode()
    assert "User sue is not authorized to perform: batch:UpdateSchedulingPolicy" in text
    assert "because policy rules (statement 1) denies it." in text
    assert sue.post(url(SchedulingPolicy, "add"), {"name": " new "}).status_code == 403
    assert sue.post(url(SchedulingPolicy, "delete", row.pk), {"post": "yes"}).status_code == 403
    assert list(SchedulingPolicy.objects.values_list("name", "share_decay_seconds")) == [
        ("fair", row.share_decay_seconds)
    ]
    assert set(AuditEntry.objects.values_list("username", "door", "status")) == {
        ("sue", "ADMIN", 403)
    }


def test_what_a_form_chooses_is_asked_for_too(sue: Client, staff: User) -> None:
    queue = a_queue(name="high")
    environment = queue.environments.get()
    pattern = f"{ARN}compute-environment/{environment.name}"
    an_access_policy(deny("batch:UpdateJobQueue", pattern), users=[staff])
    data = {"priority": "5", "state": "ENABLED", "environment_1": environment.name}
    assert sue.post(url(JobQueue, "change", queue.pk), data).status_code == 403


def test_of_an_action_each_row_is_asked_for(sue: Client, staff: User) -> None:
    high, low = a_queue(name="high"), a_queue(name="low")
    an_access_policy(deny("batch:UpdateJobQueue", f"{ARN}job-queue/high"), users=[staff])
    text = act(sue, JobQueue, "disable_selected", high, low)
    assert "is not authorized to perform: batch:UpdateJobQueue" in text
    assert "Disabled: 1." in text
    assert dict(JobQueue.objects.values_list("name", "state")) == {
        "high": "ENABLED",
        "low": "DISABLED",
    }


def test_jobs_definitions_and_tokens_are_asked_for(sue: Client, staff: User) -> None:
    an_access_policy(
        deny("batch:TerminateJob"),
        deny("batch:DeregisterJobDefinition"),
        deny(
            "batchweb:RevokeAccessToken", "arn:aws:batchweb:us-east-1:123456789012:access-token/bob"
        ),
        users=[staff],
    )
    job, definition = a_job(status="RUNNABLE"), a_definition()
    token, _ = create_token(user=a_user(username="bob"), name="t", now=timezone.now())
    for model, action, row in (
        (Job, "terminate_selected", job),
        (JobDefinition, "deregister_selected", definition),
        (AccessToken, "revoke_selected", token),
    ):
        assert "denies it." in act(sue, model, action, row)
    job.refresh_from_db()
    definition.refresh_from_db()
    token.refresh_from_db()
    assert (job.status, definition.status, token.revoked_at) == ("RUNNABLE", "ACTIVE", None)


def test_registering_there_is_denied_by_what_it_would_run(sue: Client, staff: User) -> None:
    condition = {"StringLike": {"batch:Image": "busy*"}}
    statement = {**deny("batch:RegisterJobDefinition"), "Condition": condition}
    an_access_policy(statement, users=[staff])
    data = {"name": "x", "image": "busybox", "vcpus": "1", "memory_mib": "64", "attempts": "1"}
    assert sue.post(url(JobDefinition, "add"), data).status_code == 403
    assert sue.post(url(JobDefinition, "add"), {**data, "image": "other"}).status_code == 302


def test_a_superuser_is_not_bound(client: Client, boss: User) -> None:
    queue = a_queue(name="high")
    an_access_policy(deny("*"), users=[boss])
    assert "Disabled: 1." in act(client, JobQueue, "disable_selected", queue)


def test_every_action_there_names_its_right() -> None:
    """`apply` has no default for it: an action that forgets it does not even start."""
    parameter = inspect.signature(BatchAdmin.apply).parameters["right"]
    assert parameter.default is inspect.Parameter.empty


def act(client: Client, model: type[Model], action: str, *rows: Model) -> str:
    data = {"action": action, "_selected_action": [row.pk for row in rows]}
    return client.post(url(model, "changelist"), data, follow=True).text
