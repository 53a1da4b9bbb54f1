"""The page of users: who may do what, and when he was seen."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from jobs.domain import rights
from jobs.selectors.access import people
from jobs.services.access.tokens import create_token, revoke_token
from tests.builders import NOW, a_job, a_queue, a_user, an_array

URL = "/access/"
HTML = {"Accept": "text/html"}


def told(script: Client, name: str) -> dict[str, object]:
    rows = {row["username"]: row for row in script.get(URL).json()["results"]}
    found: dict[str, object] = rows[name]
    return found


def test_a_user_is_listed_with_what_he_has(script: Client, bob: User) -> None:
    queue = a_queue()
    a_job(owner=bob, queue=queue)
    an_array(3, owner=bob, queue=queue)
    create_token(user=bob, name="one", now=NOW)
    revoked, _ = create_token(user=bob, name="two", now=NOW)
    revoke_token(user=bob, token_id=revoked.pk, now=NOW)
    bob.groups.add(Group.objects.create(name="readers"))
    row = told(script, "bob")
    assert (row["jobs"], row["access_tokens"], row["access_keys"]) == (2, 1, 0)
    assert (row["groups"], row["role"]) == (["readers"], "User")
    assert row["last_seen_at"] is None


def test_he_was_last_seen_by_his_newest_use_of_anything(script: Client, bob: User) -> None:
    token, _ = create_token(user=bob, name="one", now=NOW)
    token.last_used_at = NOW
    token.save()
    assert told(script, "bob")["last_seen_at"] == "2026-01-05T09:00:00Z"
    bob.last_login = NOW + timedelta(days=1)
    bob.save()
    assert told(script, "bob")["last_seen_at"] == "2026-01-06T09:00:00Z"


def test_jobs_beyond_some_are_not_counted(
    page: Client, script: Client, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(people, "JOBS_COUNTED", 2)
    queue = a_queue()
    for _ in range(4):
        a_job(owner=bob, queue=queue)
    assert told(script, "bob")["jobs"] is None
    assert ">2+</a>" in page.get(URL, headers=HTML).content.decode()


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({}, "User"),
        ({"is_staff": True}, "Administrator"),
        ({"is_superuser": True}, "User"),
        ({"is_staff": True, "is_superuser": True}, "Superuser"),
        ({"is_staff": True, "is_active": False}, "Switched off"),
    ],
)
def test_each_user_has_the_role_that_his_marks_give_him(
    fields: dict[str, bool], name: str, script: Client
) -> None:
    a_user(username="carol", **fields)
    assert told(script, "carol")["role"] == name


def test_the_page_says_who_may_do_what(page: Client) -> None:
    html = page.get(URL, headers=HTML).content.decode()
    for role in rights.ROLES:
        assert role.may in html
        assert role.may_not in html


def test_users_are_found_by_name_and_paged_with_as_many_queries(
    script: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    User.objects.bulk_create(User(username=f"user-{number:03}") for number in range(70))
    first = script.get(f"{URL}?q=user-").json()
    with django_assert_num_queries(4):
        second = script.get(first["next"]).json()
    names = [row["username"] for row in first["results"] + second["results"]]
    assert names == [f"user-{number:03}" for number in range(70)]
    assert second["next"] is None


def test_a_search_that_finds_nobody_says_so(page: Client) -> None:
    assert b"No user matches" in page.get(f"{URL}?q=nobody", headers=HTML).content
