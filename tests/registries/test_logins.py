"""Logins of registries: who may store, see, change and use which, and that no password is ever seen."""

import sys
from secrets import token_hex
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.core.signals import got_request_exception
from django.http import HttpRequest
from django.test import Client
from django.urls import reverse
from django.views.debug import ExceptionReporter
from pytest_django import Settings

from jobs.domain.errors import InvalidInput, NotFound
from jobs.domain.registries import Credentials
from jobs.models import AuditEntry, RegistryLogin
from jobs.services.access.ciphers import Unreadable
from jobs.services.access.registry_logins import (
    check_login,
    create_login,
    credentials_of,
    delete_login,
    update_login,
)
from tests.builders import NOW, a_registry_login, a_user

pytestmark = pytest.mark.django_db
JSON = {"Accept": "application/json"}
PASSWORD = "hunter2 kept to the tittle "
FORM = {"prefix": "registry.example.com/team", "username": "robot", "password": PASSWORD}


def stored(owner: User | None = None, **fields: object) -> RegistryLogin:
    return create_login(owner=owner or a_user(is_staff=True), fields={**FORM, **fields}, now=NOW)


def test_a_password_is_stored_encrypted_and_comes_back_to_the_letter(settings: Settings) -> None:
    login = stored()
    assert b"hunter2" not in bytes(RegistryLogin.objects.get().encrypted)
    assert credentials_of(login) == Credentials("robot", PASSWORD)
    old, settings.SECRET_KEY = settings.SECRET_KEY, "another" * 10
    with pytest.raises(Unreadable):
        credentials_of(login)
    settings.SECRET_KEY_FALLBACKS = [old]
    assert credentials_of(login) == Credentials("robot", PASSWORD)


@pytest.mark.parametrize(
    ("fields", "field", "text"),
    [
        ({"prefix": "team"}, "prefix", "Give the registry's host"),
        ({"prefix": "LOCALHOST:5000/"}, "prefix", "There is a login of these jobs"),
        ({"username": ""}, "username", "Give the user name"),
        ({"password": ""}, "password", "Give the password or token."),
        ({"shared": "perhaps"}, "shared", "true or false"),
        ({"colour": "red"}, "colour", "There is no"),
    ],
)
def test_a_refusal_names_the_field_and_never_the_password(
    fields: dict[str, Any], field: str, text: str
) -> None:
    owner = a_user()
    a_registry_login(owner=owner, prefix="localhost:5000")
    with pytest.raises(InvalidInput) as caught:
        stored(owner, **fields)
    assert list(caught.value.errors) == [field]
    assert text in caught.value.errors[field][0]
    assert "hunter2" not in str(caught.value)
    assert RegistryLogin.objects.count() == 1


def test_each_user_has_a_login_for_a_registry_and_everybody_one() -> None:
    boss, ada = a_user(is_staff=True), a_user()
    for owner, shared in ((boss, True), (boss, False), (ada, False)):
        stored(owner, shared=shared)
    for owner, shared in ((boss, True), (ada, False)):
        with pytest.raises(InvalidInput, match="already"):
            stored(owner, shared=shared)
    mine = RegistryLogin.objects.get(owner=boss, shared=False)
    with pytest.raises(InvalidInput, match="everybody’s jobs"):
        update_login(login=mine, by=boss, fields={"shared": True}, now=NOW)


def test_a_change_leaves_what_it_does_not_name_and_forgets_what_a_check_found() -> None:
    login = stored(shared=True)
    RegistryLogin.objects.update(checked_at=NOW, accepted=True, answer="Fine.", check_asked_at=NOW)
    changed = update_login(login=login, by=login.owner, fields={"username": "x"}, now=NOW)
    assert (changed.checked_at, changed.accepted, changed.answer) == (None, None, "")
    assert changed.check_asked_at is None
    assert changed.shared
    assert credentials_of(changed) == Credentials("x", PASSWORD)
    changed = update_login(login=login, by=login.owner, fields={"password": "new"}, now=NOW)
    assert credentials_of(changed) == Credentials("x", "new")
    with pytest.raises(InvalidInput, match="keeps what it is for"):
        update_login(login=login, by=login.owner, fields={"prefix": "localhost"}, now=NOW)
    delete_login(login=login)
    delete_login(login=login)
    with pytest.raises(NotFound, match="was deleted"):
        update_login(login=login, by=login.owner, fields={"password": "new"}, now=NOW)


def test_only_administrators_share() -> None:
    ada, boss = a_user(), a_user(is_staff=True)
    with pytest.raises(PermissionDenied, match="Only administrators"):
        stored(ada, shared=True)
    login = stored(ada)
    with pytest.raises(PermissionDenied):
        update_login(login=login, by=ada, fields={"shared": True}, now=NOW)
    assert update_login(login=login, by=boss, fields={"shared": True}, now=NOW).shared
    assert not update_login(login=login, by=ada, fields={"shared": False}, now=NOW).shared


def test_nothing_secret_is_in_what_a_check_gives_back_when_it_is_printed() -> None:
    assert "hunter2" not in repr(check_login(owner=a_user(), fields=FORM))


def test_a_login_is_stored_renewed_and_deleted_with_plain_forms(
    client: Client, visitor: User
) -> None:
    page = client.post("/registries/", FORM, follow=True).text
    assert "The login for registry.example.com/team is stored." in page
    login = RegistryLogin.objects.get()
    path = f"/registries/{login.pk}/"
    pages = [page, client.get("/registries/").text, client.get(path).text]
    told = client.post(path, {"username": "robot", "password": "hunter3"}, follow=True).text
    assert "The login for registry.example.com/team is renewed" in told
    login.refresh_from_db()
    assert credentials_of(login) == Credentials("robot", "hunter3")
    told = client.post(path, {"username": "other", "password": ""}, follow=True).text
    assert "has the user name other, and its password as before" in told
    pages += [told, client.get(f"{path}delete/").text]
    assert "Delete the login for registry.example.com/team?" in pages[-1]
    assert client.post(f"{path}delete/").headers["Location"] == "/registries/"
    assert not RegistryLogin.objects.exists()
    assert not any("hunter" in each for each in pages)
    lines = AuditEntry.objects.order_by("id").values_list("action", "target")
    assert list(lines) == [
        ("registries", "registry.example.com/team"),
        ("registry", str(login.pk)),
        ("registry", str(login.pk)),
        ("registry_delete", str(login.pk)),
    ]


def test_a_refused_form_keeps_what_was_typed_but_the_password(
    client: Client, visitor: User
) -> None:
    page = client.post("/registries/", {**FORM, "prefix": "registry.example.com/Team"})
    assert page.status_code == 400
    assert "small letters" in page.text
    assert 'value="registry.example.com/Team"' in page.text
    assert 'value="robot"' in page.text
    assert "hunter2" not in page.text
    login = a_registry_login(owner=visitor)
    page = client.post(f"/registries/{login.pk}/", {"username": "a:b", "password": PASSWORD})
    assert page.status_code == 400
    assert "none of them a colon" in page.text
    assert 'value="a:b"' in page.text
    assert "hunter2" not in page.text


def test_others_see_what_a_shared_login_is_for_and_change_none(
    client: Client, visitor: User
) -> None:
    shared = a_registry_login(prefix="shared.example.com", username="robot-7", shared=True)
    hidden = a_registry_login(prefix="hidden.example.com")
    page = client.get("/registries/").text
    assert "shared.example.com" in page
    assert "robot-7" not in page
    assert "hidden.example.com" not in page
    [row] = client.get("/registries/", headers=JSON).json()["results"]
    assert (row["prefix"], "username" in row, "check" in row) == (shared.prefix, False, False)
    for login in (shared, hidden):
        for path in ("", "check/", "delete/"):
            assert client.post(f"/registries/{login.pk}/{path}").status_code == 404
        assert client.get(f"/registries/{login.pk}/").status_code == 404
    assert RegistryLogin.objects.count() == 2
    assert client.post("/registries/", {**FORM, "shared": "true"}).status_code == 403


def test_an_administrator_shares_and_changes_everybody_s(client: Client, boss: User) -> None:
    client.post("/registries/", {**FORM, "shared": "true"})
    theirs = a_registry_login(owner=a_user())
    assert RegistryLogin.objects.get(owner=boss).shared
    page = client.get("/registries/").text
    assert theirs.prefix in page
    assert 'href="/access/audit/"' in page
    told = client.post(f"/registries/{theirs.pk}/", {"shared": "true"}, follow=True).text
    assert "everybody’s jobs are pulled" in told
    told = client.post(f"/registries/{theirs.pk}/", {"shared": "false"}, follow=True).text
    assert f"Only the jobs of {theirs.owner.username} may use" in told


def test_scripts_have_answers_of_their_own(client: Client, visitor: User) -> None:
    answer = client.post("/registries/", FORM, content_type="application/json", headers=JSON)
    assert answer.status_code == 201
    made = answer.json()
    assert answer.headers["Location"] == made["url"]
    assert "password" not in made
    assert made["check"] == {
        "asked_at": None,
        "checked_at": None,
        "accepted": None,
        "answer": "",
    }
    bad = client.post("/registries/", {}, content_type="application/json", headers=JSON)
    assert bad.status_code == 400
    assert set(bad.json()["errors"]) == {"prefix", "username", "password"}
    assert client.get("/registries/", headers=JSON).json() == {"results": [made], "next": None}
    renewed = client.post(
        made["url"], {"password": "new"}, content_type="application/json", headers=JSON
    )
    assert renewed.json()["updated_at"] > made["updated_at"]
    assert client.post(f"{made['url']}delete/", headers=JSON).json() == {}


def test_a_long_list_is_paged_and_searched(client: Client, visitor: User) -> None:
    for number in range(60):
        a_registry_login(owner=visitor, prefix=f"registry.example.com/team-{number:02}")
    a_registry_login(prefix="registry.example.com/team-05", shared=True)
    first = client.get("/registries/", headers=JSON).json()
    second = client.get(first["next"], headers=JSON).json()
    found = [row["prefix"].rpartition("-")[2] for row in [*first["results"], *second["results"]]]
    assert found == sorted([*(f"{number:02}" for number in range(60)), "05"])
    assert second["next"] is None
    [one] = client.get("/registries/?q=team-17", headers=JSON).json()["results"]
    assert one["prefix"] == "registry.example.com/team-17"
    assert "No login matches" in client.get("/registries/?q=nothing").text
    for odd in ("x", "x y", "x 1٣", "x " + "9" * 40):
        assert client.get("/registries/", {"after": odd}).status_code == 200


def test_the_administration_writes_by_the_same_rules(client: Client, boss: User) -> None:
    add = reverse("admin:jobs_registrylogin_add")
    page = client.post(add, {**FORM, "prefix": "team"}).text
    assert "Give the registry&#x27;s host" in page
    assert "hunter2" not in page
    client.post(add, {**FORM, "shared": "on"})
    login = RegistryLogin.objects.get()
    assert (login.owner, login.shared) == (boss, True)
    assert credentials_of(login) == Credentials("robot", PASSWORD)
    assert "There is a login of everybody’s jobs" in client.post(add, {**FORM, "shared": "on"}).text
    change = reverse("admin:jobs_registrylogin_change", args=[login.pk])
    client.post(change, {"prefix": "localhost", "username": "other", "password": ""})
    login.refresh_from_db()
    assert (login.prefix, login.shared) == (FORM["prefix"], False)
    assert credentials_of(login) == Credentials("other", PASSWORD)
    client.post(reverse("admin:jobs_registrylogin_delete", args=[login.pk]), {"post": "yes"})
    assert not RegistryLogin.objects.exists()


@pytest.mark.parametrize(
    "path",
    ["/registries/", "/secrets/", "/admin/jobs/registrylogin/add/", "/admin/jobs/secret/add/"],
)
def test_a_report_of_an_error_while_it_is_stored_holds_nothing_secret(
    admin_client: Client, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reports: list[str] = []

    def report(request: HttpRequest, **_: object) -> None:
        reports.append(ExceptionReporter(request, *sys.exc_info()).get_traceback_html())

    def breaks(*_: object, **__: object) -> bytes:
        raise RuntimeError("no cipher")

    for module in ("registry_logins", "secrets"):
        monkeypatch.setattr(f"jobs.services.access.{module}.encrypt", breaks)
    admin_client.raise_request_exception = False
    # The report has lines of this file, too.
    password = token_hex()
    fields = {"prefix": "localhost:5000", "username": "ada", "password": password}
    values = {"name": "s", "value": password} if "secret" in path else fields
    got_request_exception.connect(report)
    try:
        assert admin_client.post(path, values).status_code == 500
    finally:
        got_request_exception.disconnect(report)
    assert "no cipher" in reports[0]
    assert password not in reports[0]
