"""Pages of access policies: superusers write them, administrators read them, and the check says why."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from jobs.models import AccessPolicy, AuditEntry
from jobs.services.access.policies import MAX_ATTACHED
from tests.builders import a_definition, a_queue, a_user, an_access_policy
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
        assert path == URL or bobs_page.get(path, headers=HTML).status_code == 403
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


def ask(client: Client, **fields: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"{URL}check/", fields).json()
    return found


def test_the_check_says_what_decides(script: Client, bob: User, admin: User) -> None:
    sue = a_user(username="sue", is_staff=True)
    allow = {"Effect": "Allow", "Action": "batch:UpdateJobQueue", "Resource": QUEUE}
    privileged = {**DENY, "Sid": "P", "Condition": {"Bool": {"batch:Privileged": "true"}}}
    an_access_policy(privileged, allow, name="rules", users=[bob, sue, admin])
    submit = {"user": "bob", "action": "batch:SubmitJob", "resource": QUEUE}
    assert ask(script, **submit)["may"] is True
    denied = ask(script, **submit, context="batch:Privileged=true")
    assert (denied["may"], denied["policy"], denied["statement"]) == (False, "rules", "P")
    assert denied["says"].startswith("Denies to submit and rerun jobs")
    update = {"user": "bob", "action": "BATCH:updatejobqueue", "resource": QUEUE}
    given = ask(script, **update)
    assert (given["may"], given["why"]) == (True, "The policy rules (statement 2) allows it.")
    other = ask(script, **{**update, "resource": f"{QUEUE}2"})
    assert (other["may"], other["policy"]) == (False, "")
    assert ask(script, **{**update, "user": "sue", "resource": f"{QUEUE}2"})["may"] is True
    boss = ask(script, **{**submit, "user": "ada"}, context="batch:Privileged=true")
    assert (boss["may"], boss["why"]) == (True, "No policy binds a superuser.")
    User.objects.filter(pk=bob.pk).update(is_active=False)
    assert ask(script, **submit)["may"] is False


def test_the_check_looks_at_tags_and_log_groups_as_the_doors_do(script: Client, bob: User) -> None:
    def denies(action: str, resource: str, **more: Any) -> None:
        statement = {"Effect": "Deny", "Action": action, "Resource": resource, **more}
        an_access_policy(statement, users=[bob])

    groups = "arn:aws:logs:us-east-1:123456789012:log-group:"
    keys = {"ForAnyValue:StringEquals": {"aws:TagKeys": "team"}}
    denies("batch:TagResource", "*", Condition=keys)
    stage = {"StringEquals": {"aws:ResourceTag/stage": "prod"}}
    denies("batch:SubmitJob", "*", Condition=stage)
    denies("logs:CreateLogGroup", f"{groups}g:*")
    tagged = a_queue(name="tagged", tags={"Stage": "prod"})

    def may(action: str, resource: str = QUEUE, context: str = "") -> bool:
        asked = {"user": "bob", "action": action, "resource": resource, "context": context}
        return bool(ask(script, **asked)["may"])

    assert not may("batch:TagResource", context="aws:TagKeys=team")
    denied = ask(
        script, user="bob", action="batch:TagResource", resource=QUEUE, context="aws:TagKeys=team"
    )
    assert denied["policy"]
    assert may("batch:SubmitJob")
    assert not may("batch:SubmitJob", context="aws:ResourceTag/stage=prod")
    of_tagged = QUEUE.rpartition("/")[0] + f"/{tagged.name}"
    assert not may("batch:SubmitJob", of_tagged)
    assert may("batch:SubmitJob", of_tagged, "aws:ResourceTag/stage=test")
    for text in (f"{groups}g", f"{groups}g:*"):
        assert not may("logs:CreateLogGroup", text)
    assert may("logs:CreateLogGroup", f"{groups}g2")


def test_the_check_knows_what_no_allow_gives(script: Client, bob: User) -> None:
    a_definition(name="theirs", created_by=a_user(is_staff=True))
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    an_access_policy(everything, users=[bob])
    begin = QUEUE.rpartition("job-queue/")[0]
    for action, resource, why in (
        (
            "batchweb:UpdateEngine",
            "arn:aws:batchweb:us-east-1:123456789012:engine/e",
            "Only administrators",
        ),
        (
            "logs:DeleteLogGroup",
            "arn:aws:logs:us-east-1:123456789012:log-group:g",
            "Only administrators",
        ),
        (
            "batch:RegisterJobDefinition",
            f"{begin}job-definition/theirs",
            "belongs to somebody else",
        ),
        (
            "batch:DeregisterJobDefinition",
            f"{begin}job-definition/theirs:1",
            "belongs to somebody else",
        ),
    ):
        answer = ask(script, user="bob", action=action, resource=resource)
        assert (answer["may"], why in answer["why"]) == (False, True)
    new = ask(
        script,
        user="bob",
        action="batch:RegisterJobDefinition",
        resource=f"{begin}job-definition/new",
    )
    assert new["may"] is True


def test_the_check_says_what_is_wrong_with_the_question(page: Client) -> None:
    fields = {"user": "x", "action": "batch:Submit", "resource": "high", "context": "a=b"}
    answer = page.get(f"{URL}check/", fields, headers=HTML)
    text = answer.content.decode()
    assert answer.status_code == 400
    assert "There is no user x." in text
    assert "This is no action that policies decide." in text
    assert "Give ARNs such as arn:aws:batch" in text
    assert "a=b: write key=value" in text


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


def test_who_is_no_administrator_sees_the_policies_that_bind_him(
    bobs_page: Client, bob: User
) -> None:
    assert "No policy binds you" in bobs_page.get(URL, headers=HTML).text
    an_access_policy(DENY, name="students").users.add(bob)
    an_access_policy(name="of-others")
    page = bobs_page.get(URL, headers=HTML).text
    assert "Denies to submit and rerun jobs, on job-queue/high." in page
    assert "students" in page
    assert "of-others" not in page
    found = bobs_page.get(URL, headers={"Accept": "application/json"}).json()["results"]
    assert [each["name"] for each in found] == ["students"]


def test_the_check_takes_a_queue_and_a_definition_by_name(page: Client, bob: User) -> None:
    a_queue(name="high")
    an_access_policy(DENY, name="students").users.add(bob)
    asked = {"user": "bob", "action": "batch:SubmitJob", "queue": "high", "definition": "sim"}
    text = page.get(f"{URL}check/", asked, headers=HTML).text
    assert "No, bob may not batch:SubmitJob." in text
    assert f"{QUEUE}\narn:aws:batch:us-east-1:123456789012:job-definition/sim<" in text
    assert '<option value="high">' in text
    assert 'id="answer"' in text
    assert '<div class="card-body" role="status">' in text
    assert "check/#answer" in text


def test_a_policy_can_start_from_a_queue_that_is_denied(page: Client) -> None:
    text = page.get(f"{URL}new/?example=not-queue", headers=HTML).text
    assert "NotThisQueue" in text


def test_a_name_that_nobody_has_stays_in_its_field(page: Client) -> None:
    one = f"{URL}{an_access_policy(name='rules').pk}/"
    answer = page.post(f"{one}attach/", {"user": "mik"}, headers=HTML)
    assert answer.status_code == 400
    assert 'value="mik"' in answer.text
