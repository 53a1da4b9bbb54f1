"""Pages of access policies: superusers write them, administrators read them, and the check says why."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from jobs.models import AccessPolicy, AuditEntry
from jobs.services.access.policies import MAX_ATTACHED
from tests.builders import a_queue, a_user, an_access_policy
from tests.statements import allow, deny
from tests.web.conftest import script_of

pytestmark = pytest.mark.django_db
URL = "/access/policies/"
HTML = {"Accept": "text/html"}
QUEUE = "arn:aws:batch:us-east-1:123456789012:job-queue/high"
DENY: dict[str, Any] = {
    "Sid": "No",
    "Effect": "Deny",
    "Action": "batch:SubmitJob",
    "Resource": QUEUE,
}
DOCUMENT = {"Version": "2012-10-17", "Statement": [DENY]}


@pytest.fixture
def staff(db: None) -> User:
    return a_user(username="sue", is_staff=True)


@pytest.fixture
def sues_page(staff: User) -> Client:
    client = Client()
    client.force_login(staff)
    return client


def test_a_policy_is_made_changed_attached_and_deleted(page: Client, bob: User) -> None:
    group = Group.objects.create(name="students")
    fields = {"name": "students", "description": "No.", "document": json.dumps(DOCUMENT)}
    made = page.post(URL, fields, headers=HTML)
    policy = AccessPolicy.objects.get()
    assert (made.status_code, made["Location"]) == (302, f"{URL}{policy.pk}/")
    one = f"{URL}{policy.pk}/"
    page.post(f"{one}attach/", {"user": "bob"}, headers=HTML)
    page.post(f"{one}attach/", {"group": "students"}, headers=HTML)
    page.post(f"{one}attach/", {"group": "students"}, headers=HTML)
    assert (list(policy.users.all()), list(policy.groups.all())) == ([bob], [group])
    text = page.get(one, headers=HTML).content.decode()
    assert "Denies to submit and rerun jobs, on job-queue/high." in text
    assert 'aria-label="Detach from bob"' in text
    assert "students" in page.get("/access/", headers=HTML).content.decode()
    page.post(one, {"name": "pupils"}, headers=HTML)
    page.post(f"{one}detach/", {"user": "bob"}, headers=HTML)
    page.post(f"{one}detach/", {"group": "students"}, headers=HTML)
    policy.refresh_from_db()
    assert (policy.name, policy.description) == ("pupils", "No.")
    assert not policy.users.exists()
    assert not policy.groups.exists()
    assert page.get(f"{one}delete/", headers=HTML).status_code == 200
    assert page.post(f"{one}delete/", headers=HTML).status_code == 302
    assert not AccessPolicy.objects.exists()
    actions = AuditEntry.objects.order_by("pk").values_list("action", flat=True)
    assert list(dict.fromkeys(actions)) == [
        "access_policies",
        "access_policy_attach",
        "access_policy",
        "access_policy_detach",
        "access_policy_delete",
    ]


def test_scripts_make_and_read_them(script: Client) -> None:
    fields = {"name": "x", "document": DOCUMENT}
    made = script.post(URL, fields, content_type="application/json")
    assert made.status_code == 201
    found = script.get(made["Location"]).json()
    assert (found["name"], found["document"]) == ("x", DOCUMENT)
    assert (found["users"], found["groups"]) == ([], [])
    assert [each["name"] for each in script.get(URL).json()["results"]] == ["x"]


def test_the_same_form_twice_makes_one(page: Client) -> None:
    fields = {"name": "x", "document": json.dumps(DOCUMENT), "request_token": "t"}
    first, second = (page.post(URL, fields, headers=HTML) for _ in range(2))
    assert first["Location"] == second["Location"]
    assert AccessPolicy.objects.count() == 1


def test_a_refused_form_has_what_was_typed_and_why(page: Client, script: Client) -> None:
    an_access_policy(name="taken")
    wrong = json.dumps(
        {"Version": "2012-10-17", "Statement": [{**DENY, "Action": "batch:SubmitJobs"}]}
    )
    answer = page.post(URL, {"name": "taken", "document": wrong}, headers=HTML)
    text = answer.content.decode()
    assert answer.status_code == 400
    assert "There is a policy taken already. Choose another name." in text
    assert "there is no such action. Did you mean batch:SubmitJob?" in text
    assert "SubmitJobs" in text
    refused = script.post(URL, {"name": "a b", "x": 1}, content_type="application/json")
    assert set(refused.json()["errors"]) == {"name", "document", "x"}
    assert AccessPolicy.objects.count() == 1


def test_superusers_alone_write_and_administrators_read(
    sues_page: Client, bobs_page: Client
) -> None:
    policy = an_access_policy(name="rules")
    one = f"{URL}{policy.pk}/"
    for path in (URL, one, f"{URL}check/"):
        assert sues_page.get(path, headers=HTML).status_code == 200
    assert bobs_page.get(one, headers=HTML).status_code == 403
    for path in (f"{URL}new/", f"{one}edit/", f"{one}delete/"):
        assert sues_page.get(path, headers=HTML).status_code == 403
    posts: list[tuple[str, dict[str, str]]] = [
        (URL, {"name": "x", "document": json.dumps(DOCUMENT)}),
        (one, {"name": "x"}),
        (f"{one}delete/", {}),
        (f"{one}attach/", {"user": "sue"}),
        (f"{one}detach/", {"user": "sue"}),
    ]
    for client in (sues_page, bobs_page):
        for path, fields in posts:
            answer = client.post(path, fields, headers=HTML)
            assert answer.status_code == 403
    assert "Only superusers change access policies" in answer.content.decode()
    assert list(AccessPolicy.objects.values_list("name", flat=True)) == ["rules"]


def test_an_allow_of_everything_makes_no_superuser(staff: User, bob: User) -> None:
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    policy = an_access_policy(everything, users=[staff, bob])
    for user in (staff, bob):
        answer = script_of(user).post(
            f"{URL}{policy.pk}/delete/", {}, content_type="application/json"
        )
        assert answer.status_code == 403


def test_whom_it_cannot_be_attached_to(page: Client, script: Client, bob: User) -> None:
    policy = an_access_policy()
    path = f"{URL}{policy.pk}/attach/"
    answer = page.post(path, {"user": "nobody"}, headers=HTML)
    assert answer.status_code == 400
    assert "There is no user nobody." in answer.content.decode()
    for fields in ({}, {"user": "bob", "group": "x"}):
        refused = script.post(path, fields, content_type="application/json")
        assert refused.json()["message"] == "Give a user or a group, one of them."
    for _ in range(MAX_ATTACHED):
        an_access_policy(users=[bob])
    told = script.post(path, {"user": "bob"}, content_type="application/json").json()["message"]
    assert f"bob has {MAX_ATTACHED} policies." in told


def test_what_is_gone_is_said(page: Client) -> None:
    for path in ("999999/", "999999/edit/", "999999/delete/"):
        assert page.get(f"{URL}{path}", headers=HTML).status_code == 404
    assert page.post(f"{URL}999999/attach/", {"user": "ada"}, headers=HTML).status_code == 404


@pytest.mark.parametrize("also", [(), ("batch:DeleteJobQueue",)])
def test_a_queue_that_he_may_change_but_not_delete_is_not_offered_for_deletion(
    client: Client, also: tuple[str, ...]
) -> None:
    user, queue = a_user(), a_queue()
    an_access_policy(
        {"Effect": "Allow", "Action": ["batch:UpdateJobQueue", *also], "Resource": "*"},
        users=[user],
    )
    client.force_login(user)
    page = client.get(f"/queues/{queue.name}/").text
    assert 'id="head-edit"' in page
    assert ('id="head-delete"' in page) is bool(also)


def test_a_policy_can_start_from_a_queue_that_is_denied(page: Client) -> None:
    text = page.get(f"{URL}new/?example=not-queue", headers=HTML).text
    assert "NotThisQueue" in text


def test_a_name_that_nobody_has_stays_in_its_field(page: Client) -> None:
    one = f"{URL}{an_access_policy(name='rules').pk}/"
    answer = page.post(f"{one}attach/", {"user": "mik"}, headers=HTML)
    assert answer.status_code == 400
    assert 'value="mik"' in answer.text


def test_an_address_of_a_refused_attachment_leads_to_the_policy(page: Client) -> None:
    policy = an_access_policy()
    answer = page.get(f"{URL}{policy.pk}/attach/", headers=HTML)
    assert (answer.status_code, answer["Location"]) == (302, f"{URL}{policy.pk}/")


def test_the_list_says_in_short_what_each_policy_says(page: Client) -> None:
    an_access_policy(DENY, allow("batch:UpdateJobQueue"), deny("batch:CancelJob"), name="rules")
    text = page.get(URL, headers=HTML).text
    assert "Denies to submit and rerun jobs, on job-queue/high." in text
    assert "and 1 statement more" in text
    AccessPolicy.objects.update(document="{}")
    assert "It denies all changes, for it cannot be read any more" in page.get(URL).text
