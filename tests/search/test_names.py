"""What has a name is found beside jobs, pages too; nobody finds what he may not see."""

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import resolve, reverse
from django.utils import timezone

from jobs.services.setup.alarms import create_alarm
from jobs.web.contexts import search_names
from tests.builders import (
    a_budget,
    a_consumable,
    a_definition,
    a_policy,
    a_queue,
    a_user,
    an_access_policy,
    an_environment,
    an_event_rule,
)

pytestmark = pytest.mark.django_db
SUGGESTIONS = {"HX-Request": "true", "HX-Target": "ul#search-suggestions"}
JSON = {"Accept": "application/json"}


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def boss() -> User:
    return a_user(username="grace", is_staff=True, is_superuser=True)


@pytest.fixture
def ann() -> User:
    return a_user(username="ann")


def some_of_all(owner: User) -> dict[str, str]:
    """One of each kind with "solar" in its name; the address of each by its kind."""
    fields = {"metric": "FAILED_JOBS", "comparison": "GREATER_THAN", "threshold": "5"}
    create_alarm(fields={**fields, "name": "solar-alarm"}, now=timezone.now())
    an_event_rule(name="solar-rule", owner=owner)
    a_budget(name="solar-budget", scope="OWNER", queue=None, owner=owner)
    a_definition(name="solar-definition")
    a_queue(an_environment(name="solar-environment"), name="solar-queue")
    a_policy(name="solar-policy")
    a_consumable(name="solar-resource")
    rights = an_access_policy(name="solar-rights")
    return {
        "definitions": reverse("definition", args=["solar-definition"]),
        "queues": reverse("queue", args=["solar-queue"]),
        "environments": reverse("environment", args=["solar-environment"]),
        "event_rules": reverse("event_rule", args=["solar-rule"]),
        "alarms": reverse("alarm", args=["solar-alarm"]),
        "budgets": reverse("budget", args=["solar-budget"]),
        "access_policies": reverse("access_policy", args=[rights.pk]),
        "policies": reverse("policy", args=["solar-policy"]),
        "consumables": reverse("consumable", args=["solar-resource"]),
    }


def asked(user: User, text: str, headers: dict[str, str] | None = None) -> str:
    response = client_of(user).get(reverse("search"), {"q": text}, headers=headers or {})
    assert response.status_code == 200
    return response.text


def test_all_that_has_such_a_name_is_suggested_and_stands_on_the_page_behind_enter(
    boss: User,
) -> None:
    urls = some_of_all(boss)
    box, page = asked(boss, "solar", SUGGESTIONS), asked(boss, "solar").partition("<main")[2]
    for url in urls.values():
        assert f'data-href="{url}"' in box
        assert f'<a href="{url}">' in page
    told = client_of(boss).get(reverse("search"), {"q": "solar"}, headers=JSON).json()
    assert {kind: len(told[kind]) for kind in urls} == dict.fromkeys(urls, 1)
    assert told["pages"] == []


def test_nobody_finds_the_name_of_what_he_may_not_see(boss: User, ann: User) -> None:
    some_of_all(boss)
    box, page = asked(ann, "solar", SUGGESTIONS), asked(ann, "solar")
    for hidden in ("solar-rule", "solar-budget", "solar-rights"):
        name = hidden.removeprefix("solar-")
        assert f"<mark>solar</mark>-{name}" not in box
        assert hidden not in page
    for shown in ("alarm", "definition", "queue", "environment", "policy", "resource"):
        assert f"<mark>solar</mark>-{shown}" in box
        assert f"solar-{shown}" in page


def test_who_is_no_administrator_finds_his_own_and_what_binds_him(boss: User, ann: User) -> None:
    an_event_rule(name="solar-mine", owner=ann)
    a_budget(name="solar-hers", scope="OWNER", queue=None, owner=ann)
    an_access_policy(name="solar-binds", users=[ann])
    an_access_policy(name="solar-others", users=[boss])
    box = asked(ann, "solar", SUGGESTIONS)
    for url in (
        reverse("event_rule", args=["solar-mine"]),
        reverse("budget", args=["solar-hers"]),
        # He has one page of all that bind him.
        reverse("access_policies"),
    ):
        assert f'data-href="{url}"' in box
    assert "others" not in box


@pytest.mark.parametrize(
    ("typed", "view"),
    [
        ("Rules", "event_rules"),
        ("cost", "costs"),
        ("compute env", "environments"),
        ("webhook", "event_rules"),
        ("audit", "audit"),
    ],
)
def test_a_page_is_found_by_its_name_and_first(boss: User, typed: str, view: str) -> None:
    a_queue(name="audit-rules-costs-webhooks")
    box = asked(boss, typed, SUGGESTIONS)
    assert box.count("data-href") >= 1
    assert box.partition('data-href="')[2].partition('"')[0] == reverse(view)
    assert f'<a href="{reverse(view)}">' in asked(boss, typed).partition("<main")[2]


def test_pages_of_administrators_are_not_told_to_others(ann: User) -> None:
    assert reverse("audit") not in asked(ann, "audit", SUGGESTIONS)
    assert "Nothing found" in asked(ann, "audit", SUGGESTIONS)


@pytest.mark.parametrize("is_staff", [True, False])
def test_each_page_that_can_be_found_is_there_for_who_finds_it(is_staff: bool) -> None:
    client = client_of(a_user(is_staff=is_staff))
    for page in search_names._PAGES:
        found = [
            each.url
            for group in search_names.find(
                user=a_user(is_staff=is_staff), text=page.title, limit=20
            )
            for each in group.found
            if each.name == page.title
        ]
        assert bool(found) is (is_staff or not page.of_staff)
        for url in found:
            assert resolve(url).view_name == page.view
            assert client.get(url).status_code == 200


def test_the_box_says_that_nothing_was_found(boss: User) -> None:
    box = asked(boss, "nosuchthing", SUGGESTIONS)
    assert 'role="option"' in box
    assert 'aria-disabled="true"' in box
    assert "data-href" not in box
    assert "Nothing found" in box
    page = asked(boss, "nosuchthing")
    assert "Nothing found: no job has these words" in page
    a_queue(name="nosuchthing")
    assert "Nothing found" not in asked(boss, "nosuchthing")


def test_a_hostile_name_is_shown_harmlessly(boss: User) -> None:
    an_access_policy(name="evil\u202e<b>x")
    for headers in ({}, SUGGESTIONS):
        shown = asked(boss, "evil", headers).partition('id="search-results"')[
            2 if not headers else 0
        ]
        assert "\u202e" not in shown
        assert "<b>" not in shown


@pytest.mark.parametrize("headers", [{}, SUGGESTIONS, JSON])
def test_names_take_as_many_queries_for_many_as_for_one(
    headers: dict[str, str],
    boss: User,
) -> None:
    client = client_of(boss)
    some_of_all(boss)
    counted = []
    for number in range(2):
        for each in range(number * 12):
            an_event_rule(name=f"solar-{each}", owner=boss)
            a_budget(name=f"solar-{each}", scope="OWNER", queue=None, owner=boss)
            an_access_policy(name=f"solar-{each}")
            a_queue(name=f"solar-{each}")
        with CaptureQueriesContext(connection) as queries:
            client.get(reverse("search"), {"q": "solar"}, headers=headers)
        counted.append(len(queries))
    assert counted[0] == counted[1]
