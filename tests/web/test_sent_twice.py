"""What is made by a form is made once, however often and from however old a page it is sent."""

import re
from typing import Any

import pytest
from django.db.models import Manager
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from jobs.models import (
    Alarm,
    Budget,
    ComputeEnvironment,
    ConsumableResource,
    InstanceType,
    JobDefinition,
    JobQueue,
    RegistryLogin,
    SchedulingPolicy,
    Secret,
    SentForm,
)
from tests.builders import a_node, a_user, an_engine, an_environment

TOKEN = re.compile(r'name="request_token" value="([^"]+)"')
ALARM = {"metric": "FAILED_JOBS", "comparison": "GREATER_THAN", "threshold": "5"}


def what_a_definition_runs() -> dict[str, str]:
    return {"name": "made", "image": "busybox", "command": "true", "vcpus": "1", "memory_mib": "64"}


@pytest.mark.parametrize(
    ("kind", "fields", "rows"),
    [
        ("alarm", {**ALARM, "name": "made"}, Alarm.objects),
        (
            "budget",
            {"name": "made", "scope": "TAG", "tag_key": "team", "usd_per_month": "2"},
            Budget.objects,
        ),
        ("policy", {"name": "made", "share_decay_seconds": "3600"}, SchedulingPolicy.objects),
        ("consumable", {"name": "made", "total_quantity": "7"}, ConsumableResource.objects),
        (
            "instance_type",
            {"name": "made.small", "vcpus": "1", "memory_mib": "512", "usd_per_hour": "0.02"},
            InstanceType.objects,
        ),
        ("environment", {"name": "made", "engine": "docker"}, ComputeEnvironment.objects),
        ("queue", {"name": "made", "priority": "1", "environments": "rack"}, JobQueue.objects),
        ("definition", what_a_definition_runs(), JobDefinition.objects),
    ],
)
def test_a_form_that_is_sent_twice_leads_to_what_it_made_and_makes_it_once(
    page: Client, kind: str, fields: dict[str, str], rows: Manager[Any]
) -> None:
    an_environment(name="rack", engine=a_node(engine=an_engine(name="docker")).engine)
    form = page.get(reverse(f"{kind}_new")).text
    url = reverse("policies" if kind == "policy" else f"{kind}s")
    sent = {**fields, "request_token": TOKEN.findall(form)[0]}
    before = rows.count()
    first = page.post(url, sent)
    again = page.post(url, sent, follow=True)
    assert first.status_code == 302
    assert again.redirect_chain == [(first["Location"], 302)]
    assert "Done already" in again.text
    assert rows.count() == before + 1
    # Another form of the same name is another request.
    other = page.post(url, {**sent, "request_token": "another"})
    assert other.status_code == (302 if rows.model is JobDefinition else 400)


@pytest.mark.parametrize(
    ("url", "fields", "rows"),
    [
        ("/secrets/", {"name": "made", "value": "guess me"}, Secret.objects),
        (
            "/registries/",
            {"prefix": "localhost:5000", "username": "ada", "password": "guess me"},
            RegistryLogin.objects,
        ),
    ],
)
def test_what_is_secret_is_stored_once_and_a_changed_value_is_another_form(
    page: Client, url: str, fields: dict[str, str], rows: Manager[Any]
) -> None:
    (token,) = TOKEN.findall(page.get(url).text)
    sent = {**fields, "request_token": token}
    first = page.post(url, sent)
    again = page.post(url, sent, follow=True)
    assert again.redirect_chain == [(first["Location"], 302)]
    assert "Done already" in again.text
    assert rows.count() == 1
    for name in ("value", "password"):
        if name in sent:
            assert page.post(url, {**sent, name: "another"}).status_code == 400


def test_who_reads_the_table_of_sent_forms_cannot_try_out_what_they_held(
    page: Client, settings: Settings
) -> None:
    sent = {"name": "made", "value": "guess me", "request_token": "known"}
    page.post("/secrets/", sent)
    told = SentForm.objects.get().digest
    Secret.objects.all().delete()
    settings.SECRET_KEY = "another" * 8
    page.force_login(a_user(is_staff=True))
    page.post("/secrets/", sent)
    assert SentForm.objects.exclude(digest=told).count() == 1


def test_what_a_form_made_and_somebody_deleted_is_not_made_again_by_a_stale_page(
    page: Client,
) -> None:
    fields = {"name": "b", "scope": "TAG", "tag_key": "team", "usd_per_month": "2"}
    fields["request_token"] = "t"
    page.post("/budgets/", fields)
    page.post("/budgets/b/delete/")
    again = page.post("/budgets/", fields)
    assert again.status_code == 404
    assert "was deleted since" in again.text
    assert not Budget.objects.exists()


def test_a_double_click_adds_to_a_resource_once(page: Client) -> None:
    page.post("/resources/", {"name": "r", "total_quantity": "7"})
    token = TOKEN.findall(page.get("/resources/r/").text)[0]
    fields = {"operation": "ADD", "quantity": "5", "request_token": token}
    page.post("/resources/r/", fields)
    again = page.post("/resources/r/", fields, follow=True)
    assert "counts once" in again.text
    assert ConsumableResource.objects.get().total_quantity == 12
