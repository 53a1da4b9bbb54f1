"""The head of a page: it is live, it ends with what deletes the thing, and offers nothing of what is closed."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from jobs.models import ComputeEnvironment, JobQueue
from jobs.services.setup.alarms import create_alarm
from tests.builders import (
    a_budget,
    a_consumable,
    a_job,
    a_policy,
    a_queue,
    a_registry_login,
    an_access_policy,
    an_environment,
    an_event_rule,
    an_instance_type,
)


def an_alarm(name: str = "many") -> Model:
    fields = {"name": name, "metric": "FAILED_JOBS", "comparison": "GREATER_THAN"}
    return create_alarm(fields={**fields, "threshold": "5"}, now=timezone.now())


def renewed(page: Client, url: str, part: str) -> str:
    return page.get(url, headers={"HX-Request": "true", "X-Live-Regions": part}).text


@pytest.mark.parametrize(
    ("make", "url", "part", "change", "before", "after"),
    [
        (
            lambda: a_queue(name="q"),
            "/queues/q/",
            "queue-buttons",
            "/queues/q/disable/",
            ("Submit a job here", "Disable"),
            ("Enable",),
        ),
        (
            lambda: an_environment(name="e"),
            "/environments/e/",
            "environment-buttons",
            "/environments/e/disable/",
            ("Disable",),
            ("Enable",),
        ),
        (
            an_alarm,
            "/alarms/many/",
            "alarm-buttons",
            "/alarms/many/",
            ("Switch off",),
            ("Switch on",),
        ),
        (
            lambda: an_event_rule(name="r"),
            "/event-rules/r/",
            "rule-buttons",
            "/event-rules/r/",
            ("Send a test event", "Switch off"),
            ("Switch on",),
        ),
    ],
)
def test_what_somebody_else_switches_off_has_other_buttons_in_the_open_page(
    make: Callable[[], Model],
    url: str,
    part: str,
    change: str,
    before: tuple[str, ...],
    after: tuple[str, ...],
    page: Client,
    sues_page: Client,
) -> None:
    make()
    assert f'<div id="{part}"' in page.get(url).text
    shown = renewed(page, url, part)
    assert all(words in shown for words in before)
    assert not any(words in shown for words in after)
    assert sues_page.post(change, {"is_enabled": "false"}).status_code == 302
    shown = renewed(page, url, part)
    assert not any(words in shown for words in before)
    assert all(words in shown for words in after)


@pytest.mark.parametrize("kind", ["queue", "environment"])
def test_what_is_being_deleted_offers_nothing_that_could_be_done_with_it(
    kind: str, page: Client
) -> None:
    row = a_queue(name="x") if kind == "queue" else an_environment(name="x")
    type(row).objects.update(state="DISABLED", status="DELETING")
    shown = renewed(page, f"/{kind}s/x/", f"{kind}-buttons")
    assert "Charts" in shown
    for words in ("Submit a job here", "Enable", "Disable", "Edit", "Delete"):
        assert words not in shown


THINGS: list[tuple[Callable[[User], Any], str, str]] = [
    (lambda _: a_queue(name="x", state="DISABLED"), "/queues/x/", "edit/"),
    (lambda _: an_environment(name="x", state="DISABLED"), "/environments/x/", "edit/"),
    (lambda _: a_policy(name="x"), "/policies/x/", "edit/"),
    (
        lambda _: an_instance_type("rack.small", is_custom=True),
        "/instance-types/rack.small/",
        "edit/",
    ),
    (lambda _: a_consumable(name="x"), "/resources/x/", ""),
    (lambda _: a_budget(name="x"), "/budgets/x/", "edit/"),
    (lambda _: an_alarm("x"), "/alarms/x/", "edit/"),
    (lambda boss: an_event_rule(name="x", owner=boss), "/event-rules/x/", "edit/"),
    (lambda _: an_access_policy(name="x"), "/access/policies/{pk}/", "edit/"),
    (lambda boss: a_registry_login(owner=boss), "/registries/{pk}/", ""),
]


@pytest.mark.parametrize(("make", "address", "form"), THINGS)
def test_delete_is_the_last_button_of_a_page_s_head_and_stands_nowhere_else(
    make: Callable[[User], Any], address: str, form: str, page: Client, admin: User
) -> None:
    url = address.format(pk=make(admin).pk)
    html = page.get(url).text
    head = html.partition('<div class="bw-actions">')[2].partition("<section")[0]
    before, _, button = head.partition('id="head-delete"')
    assert f'"{url}delete/"' in button
    assert 'class="btn' not in button.partition("Delete")[2].partition("<h2")[0]
    assert "btn-outline-danger" not in before.rpartition("<")[0]
    assert html.count('id="head-delete"') == 1
    if form:
        assert "/delete/" not in page.get(url + form).text


@pytest.mark.parametrize("kind", ["queue", "environment"])
def test_one_that_is_enabled_is_told_to_be_disabled_before_it_is_deleted(
    kind: str, page: Client
) -> None:
    if kind == "queue":
        a_queue(name="x")
    else:
        an_environment(name="x")
    url = f"/{kind}s/x/"
    assert "data-opens" not in re.findall(r'<a [^>]*id="head-delete"[^>]*>', page.get(url).text)[0]
    asked = page.get(f"{url}delete/").text
    assert f"Only a disabled {kind}" in asked
    assert f'action="{url}disable/"' in asked
    assert f'action="{url}delete/"' not in asked
    refused = page.post(f"{url}delete/")
    assert refused.status_code == 409
    assert "is enabled. Disable it before you delete it." in refused.text
    assert page.post(f"{url}disable/").status_code == 302
    assert f'action="{url}delete/"' in page.get(f"{url}delete/").text
    assert 'data-opens="delete-dialog"' in page.get(url).text


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"state": "DISABLED"}, "The job queue q is disabled and takes no jobs."),
        ({"state": "DISABLED", "status": "DELETING"}, "The job queue q is being deleted."),
        ({"state": "DISABLED", "status": "DELETED"}, "There is no job queue named q."),
    ],
)
def test_a_queue_that_is_closed_cannot_be_chosen_by_a_link_or_an_earlier_job(
    fields: dict[str, str], told: str, page: Client, admin: User
) -> None:
    job = a_job(queue=a_queue(name="q"), owner=admin)
    a_queue(name="other")
    for query in ("queue=q", f"again={job.pk}"):
        assert "selected>q</option>" in page.get(f"{reverse('submit')}?{query}").text
    JobQueue.objects.filter(name="q").update(**fields)
    for query in ("queue=q", f"again={job.pk}"):
        html = page.get(f"{reverse('submit')}?{query}").text
        assert ">q</option>" not in html
        # Another one is not chosen in its place.
        assert '<option value="">Choose one</option>' in html
        assert told in html
    assert JobQueue.objects.filter(name="other").exists()


def test_a_refused_deletion_stays_on_the_thing_s_page_and_says_why(page: Client) -> None:
    a_queue(name="q", scheduling_policy=a_policy(name="fair"))
    refused = page.post("/policies/fair/delete/")
    assert refused.status_code == 409
    assert '<h1 class="page-title">fair</h1>' in refused.text
    assert 'role="alert"' in refused.text
    assert ComputeEnvironment.objects.exists()
