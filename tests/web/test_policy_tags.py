"""Whoever may not tag does so by no door: not by making something with tags, and not in the administration."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from jobs.models import Job, JobDefinition, JobQueue, SchedulingPolicy
from tests.api.asking import Refused, ask
from tests.builders import (
    a_definition,
    a_policy,
    a_queue,
    a_user,
    an_access_policy,
    an_environment,
)

pytestmark = pytest.mark.django_db
HTML = {"Accept": "text/html"}
JSON = {"Accept": "application/json"}
TAGS = {"tags": {"team": "a"}}


@pytest.fixture
def sue(db: None) -> User:
    return a_user(username="sue", is_staff=True)


@pytest.fixture
def sues_page(sue: User) -> Client:
    client = Client()
    client.force_login(sue)
    return client


def deny(*actions: str, users: list[User]) -> None:
    action = [f"batch:{each}" for each in actions]
    an_access_policy({"Effect": "Deny", "Action": action, "Resource": "*"}, users=users)


def _scheduling_policy(by: User, more: dict[str, Any]) -> None:
    ask(by, "CreateSchedulingPolicy", name="mine", fairsharePolicy={}, **more)


def _queue(by: User, more: dict[str, Any]) -> None:
    order = [{"order": 1, "computeEnvironment": "main"}]
    ask(by, "CreateJobQueue", jobQueueName="new", priority=1, computeEnvironmentOrder=order, **more)


def _definition(by: User, more: dict[str, Any]) -> None:
    needs = [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "64"}]
    properties = {"image": "busybox", "resourceRequirements": needs}
    ask(
        by,
        "RegisterJobDefinition",
        jobDefinitionName="new",
        type="container",
        containerProperties=properties,
        **more,
    )


def _job(by: User, more: dict[str, Any]) -> None:
    ask(by, "SubmitJob", jobName="new", jobQueue="high", jobDefinition="plain", **more)


@pytest.mark.parametrize("make", [_scheduling_policy, _queue, _definition, _job])
def test_who_may_not_tag_makes_nothing_with_tags(
    make: Callable[[User, dict[str, Any]], None], sue: User
) -> None:
    a_queue(an_environment(name="main"), name="high")
    a_definition(name="plain")
    deny("TagResource", users=[sue])
    with pytest.raises(Refused, match="not authorized to perform: batch:TagResource"):
        make(sue, TAGS)
    assert not Job.objects.exists()
    assert JobQueue.objects.count() == JobDefinition.objects.count() == 1
    assert not SchedulingPolicy.objects.exists()
    make(sue, {})


def test_a_page_makes_nothing_with_tags_that_are_denied(sue: User, sues_page: Client) -> None:
    an_environment(name="main")
    deny("TagResource", users=[sue])
    fields = {"name": "new", "priority": "1", "environments": ["main"], "tags": "team=a"}
    answer = sues_page.post("/queues/", fields, headers=JSON)
    assert answer.status_code == 403
    assert "batch:TagResource" in answer.json()["message"]
    assert sues_page.post("/queues/", {**fields, "tags": ""}, headers=HTML).status_code == 302


@pytest.mark.parametrize(
    ("right", "tags"), [("TagResource", "team=a\nkeep=1"), ("UntagResource", "")]
)
def test_the_administration_changes_no_tags_that_are_denied(
    right: str, tags: str, sue: User, sues_page: Client
) -> None:
    row = a_policy(name="fair")
    SchedulingPolicy.objects.update(tags={"keep": "1"})
    permissions = Permission.objects.filter(codename__in=_CODES)
    sue.user_permissions.add(*permissions)
    deny(right, users=[sue])
    path = f"/admin/jobs/schedulingpolicy/{row.pk}/change/"
    fields = {"share_decay_seconds": "60", "compute_reservation": "0", "share_distribution": ""}
    assert sues_page.post(path, {**fields, "tags": tags}, headers=HTML).status_code == 403
    row.refresh_from_db()
    assert row.tags == {"keep": "1"}
    assert sues_page.post(path, {**fields, "tags": "keep=1"}, headers=HTML).status_code == 302


_CODES = ("change_schedulingpolicy", "view_schedulingpolicy")
