"""A policy that this version cannot read any more: it denies its users all changes, and says so."""

import json

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from jobs.models import AccessPolicy, BulkAction, BulkResult
from jobs.services.requests.bulk import go_on_with_bulk
from tests.api.asking import Refused, ask
from tests.builders import a_job, a_queue, a_user, an_access_policy, an_environment

pytestmark = pytest.mark.django_db
HTML = {"Accept": "text/html"}
LATER = {"Effect": "Allow", "Action": "batch:CreateRocket", "Resource": "*"}
TOLD = "because policy later denies it: its document cannot be read any more"


@pytest.fixture
def sue(db: None) -> User:
    return a_user(username="sue", is_staff=True)


@pytest.fixture
def sues_page(sue: User) -> Client:
    client = Client()
    client.force_login(sue)
    return client


@pytest.fixture
def policy(sue: User) -> AccessPolicy:
    row = an_access_policy({"Effect": "Deny", "Action": "*", "Resource": "*"}, users=[sue])
    row.name = "later"
    row.document = json.dumps({"Version": "2012-10-17", "Statement": [LATER]})
    row.save()
    return row


@pytest.mark.usefixtures("policy")
def test_a_change_is_refused_with_the_policy_and_what_to_do(sue: User, sues_page: Client) -> None:
    a_queue(name="high")
    answer = sues_page.post("/queues/high/disable/", headers={"Accept": "application/json"})
    assert answer.status_code == 403
    told = answer.json()["message"]
    assert TOLD in told
    assert "until a superuser has changed or deleted it (Access, Policies)" in told
    assert "batch:CreateRocket: there is no such action." in told
    with pytest.raises(Refused, match="cannot be read any more"):
        ask(sue, "UpdateJobQueue", jobQueue="high", priority=2)
    assert sues_page.post("/jobs/", {"name": "x"}, headers=HTML).status_code != 500


@pytest.mark.usefixtures("policy")
def test_pages_are_read_as_before_and_forms_refused(sues_page: Client) -> None:
    a_queue(an_environment(name="main"), name="high")
    for path in ("/queues/", "/queues/high/", "/jobs/", "/submit/", "/access/own/"):
        assert sues_page.get(path, headers=HTML).status_code == 200, path
    for path in ("/new/queue/", "/new/definition/"):
        answer = sues_page.get(path, headers=HTML)
        assert (path, answer.status_code, TOLD in answer.text) == (path, 403, True)


def test_its_own_page_says_why_and_a_superuser_mends_it(
    policy: AccessPolicy, sues_page: Client
) -> None:
    root = Client()
    root.force_login(a_user(username="root", is_staff=True, is_superuser=True))
    page = root.get(f"/access/policies/{policy.pk}/", headers=HTML)
    assert page.status_code == 200
    assert "It cannot be read any more" in page.content.decode()
    asked = {"user": "sue", "action": "batch:SubmitJob", "resource": "arn:aws:batch:::x"}
    check = root.get("/access/policies/check/", asked, headers={"Accept": "application/json"})
    assert (check.json()["may"], check.json()["policy"]) == (False, "later")
    statement = {"Effect": "Deny", "Action": "batch:CancelJob", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": statement})
    root.post(f"/access/policies/{policy.pk}/", {"document": document}, headers=HTML)
    a_queue(name="high")
    assert sues_page.post("/queues/high/disable/", headers=HTML).status_code == 302


@pytest.mark.usefixtures("policy")
@pytest.mark.parametrize(("action", "status"), [("cancel", "RUNNABLE"), ("rerun", "FAILED")])
def test_a_bulk_action_says_it_of_each_job_and_ends(
    action: str, status: str, sue: User, sues_page: Client
) -> None:
    jobs = [a_job(status=status, owner=sue) for _ in range(2)]
    chosen = {"action": action, "job": [str(job.pk) for job in jobs]}
    sues_page.post("/jobs/bulk/", chosen, headers=HTML)
    bulk = BulkAction.objects.get()
    go_on_with_bulk(action_id=bulk.pk, now=timezone.now())
    bulk.refresh_from_db()
    assert bulk.finished_at is not None
    results = list(BulkResult.objects.values_list("outcome", "why"))
    assert [outcome for outcome, _ in results] == ["REFUSED", "REFUSED"]
    assert all(TOLD in why for _, why in results)
