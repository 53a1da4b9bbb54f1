"""Each user's page of his own access, and his password."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from jobs.models import AuditEntry
from tests.builders import an_access_policy
from tests.statements import ARN, deny
from tests.web.conftest import HTML, script_of

pytestmark = pytest.mark.django_db
URL = "/access/policies/"
QUEUE = f"{ARN}job-queue/high"
DENY: dict[str, Any] = {"Sid": "No", **deny("batch:SubmitJob", QUEUE)}


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


def test_each_user_has_a_page_of_his_own_access(
    page: Client, sues_page: Client, bobs_page: Client, bob: User
) -> None:
    bob.groups.add(Group.objects.create(name="students"))
    an_access_policy(DENY, name="rules", users=[bob])
    for client, role in ((page, "superuser"), (sues_page, "administrator"), (bobs_page, "user")):
        text = client.get("/access/own/", headers=HTML).text
        assert f", {role}</dd>" in text
        assert 'href="/access/password/"' in text
        assert 'href="/access/own/"' in client.get("/jobs/", headers=HTML).text
        assert ("Denies to submit and rerun jobs, on job-queue/high." in text) is (role == "user")
    assert "<div>students</div>" in text


def test_a_user_changes_his_password(client: Client, bob: User) -> None:
    bob.set_password("before-1234")
    bob.save()
    other = Client()
    for each in (client, other):
        each.force_login(bob)
    path = "/access/password/"
    new = {"new_password1": "blue-whale-77", "new_password2": "blue-whale-77"}
    refused = client.post(path, {"old_password": "wrong-1234", **new}, headers=HTML)
    assert refused.status_code == 400
    assert "Your old password was entered incorrectly." in refused.text
    assert "blue-whale-77" not in refused.text
    weak = {"old_password": "before-1234", "new_password1": "1", "new_password2": "1"}
    assert "too short" in client.post(path, weak, headers=HTML).text
    done = client.post(path, {"old_password": "before-1234", **new}, headers=HTML)
    assert (done.status_code, done["Location"]) == (302, "/access/own/")
    bob.refresh_from_db()
    assert bob.check_password("blue-whale-77")
    # His other sessions are over, this one is not.
    assert client.get("/access/own/", headers=HTML).status_code == 200
    assert other.get("/access/own/", headers=HTML).status_code == 302
    row = AuditEntry.objects.get()
    assert (row.username, row.action) == ("bob", "access_password")
    assert "whale" not in row.target


def test_a_script_changes_it_only_with_the_old_one_and_gets_no_session(bob: User) -> None:
    bob.set_password("before-1234")
    bob.save()
    new = {"new_password1": "blue-whale-77", "new_password2": "blue-whale-77"}
    script = script_of(bob)

    def change(**fields: Any) -> Any:
        return script.post("/access/password/", {**new, **fields}, content_type="application/json")

    for wrong in ({}, {"old_password": ["before-1234"]}, {"old_password": None, "user": "ada"}):
        refused = change(**wrong)
        assert refused.status_code == 400
        assert "old_password" in refused.json()["errors"]
    done = change(old_password="before-1234")
    assert (done.status_code, dict(done.cookies)) == (200, {})
    bob.refresh_from_db()
    assert bob.check_password("blue-whale-77")
