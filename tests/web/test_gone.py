"""What is deleted while somebody looks at it: his page says so, and goes on if it comes back."""

import re
from collections.abc import Callable

import pytest
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from jobs import changes
from jobs.models import ComputeEnvironment, JobQueue
from jobs.services.requests.bulk import start_bulk
from jobs.services.setup.alarms import create_alarm
from tests.builders import (
    a_budget,
    a_consumable,
    a_job,
    a_policy,
    a_queue,
    a_registry_login,
    a_user,
    an_environment,
    an_instance_type,
)

LIVE = re.compile(r'<\w+ id="([\w-]+)"[^>]* data-live="([^"]*)"')


def an_alarm() -> Model:
    fields = {"name": "many", "metric": "FAILED_JOBS", "comparison": "GREATER_THAN"}
    return create_alarm(fields={**fields, "threshold": "5"}, now=timezone.now())


def live_parts(html: str) -> tuple[str, set[str]]:
    """The ids of a page's live parts, as a browser asks for them, and all their topics."""
    found = LIVE.findall(html)
    assert found
    return " ".join(each for each, _ in found), {
        topic for _, topics in found for topic in topics.split()
    }


def renewed(page: Client, url: str, parts: str) -> str:
    answer = page.get(url, headers={"HX-Request": "true", "X-Live-Regions": parts})
    assert answer.status_code == 404
    assert answer["HX-Reswap"] == "none"
    # Who goes back to the address wants a page, whatever is kept of this answer.
    assert answer["Cache-Control"] == "private, no-cache"
    assert {"HX-Request", "X-Live-Regions"} <= set(answer["Vary"].split(", "))
    return answer.text


@pytest.mark.parametrize(
    ("make", "address"),
    [
        (lambda: a_budget(name="b"), "/budgets/b/"),
        (lambda: a_policy(name="p"), "/policies/p/"),
        (lambda: a_consumable(name="r"), "/resources/r/"),
        (lambda: an_instance_type("rack.small"), "/instance-types/rack.small/"),
        (an_alarm, "/alarms/many/"),
        (lambda: a_registry_login(owner=a_user(username="eve")), "/registries/{pk}/"),
    ],
)
def test_a_page_hears_that_its_thing_is_deleted_and_says_so(
    make: Callable[[], Model],
    address: str,
    monkeypatch: pytest.MonkeyPatch,
    client: Client,
    db: None,
) -> None:
    made = make()
    client.force_login(getattr(made, "owner", None) or a_user(is_staff=True))
    url = address.format(pk=made.pk)
    parts, topics = live_parts(client.get(url).text)
    heard: set[str] = set()
    monkeypatch.setattr(changes, "publish", heard.update)
    assert client.post(f"{url}delete/").status_code == 302
    assert topics & heard
    told = renewed(client, url, parts)
    assert '<template hx type="partial" hx-target="#gone"' in told
    assert "This is gone." in told
    # Its other parts stay: nothing else is swapped.
    assert told.count("<template") == 1


@pytest.mark.parametrize("rows", [JobQueue, ComputeEnvironment])
def test_a_page_says_that_its_queue_or_environment_is_deleted(
    page: Client, rows: type[JobQueue] | type[ComputeEnvironment]
) -> None:
    row = a_queue(name="q") if rows is JobQueue else an_environment(name="e")
    url = f"/{'queues' if rows is JobQueue else 'environments'}/{row.name}/"
    parts, _ = live_parts(page.get(url).text)
    rows.objects.filter(pk=row.pk).update(status="DELETED")
    assert "This is gone." in renewed(page, url, parts)


def test_the_page_of_a_bulk_action_or_a_job_that_is_removed_says_so(page: Client) -> None:
    job = a_job(status="RUNNABLE")
    owner = a_user(username="ada2", is_staff=True)
    action = start_bulk(
        owner=owner, kind="CANCEL", job_ids=[str(job.pk)], reason="", now=timezone.now()
    )
    page.force_login(owner)
    for row, url in ((action, reverse("bulk", args=[action.pk])), (job, f"/jobs/{job.pk}/")):
        parts, _ = live_parts(page.get(url).text)
        row.delete()
        assert "This is gone." in renewed(page, url, parts)


def test_what_is_gone_and_hostile_is_told_as_text(page: Client) -> None:
    headers = {"HX-Request": "true", "X-Live-Regions": "budget-state"}
    told = page.get("/budgets/%3Cb%3E%E2%80%AE/", headers=headers).text
    assert "This is gone." in told
    assert "<b>" not in told
    assert "\u202e" not in told


def test_other_errors_of_a_renewal_say_nothing(page: Client) -> None:
    headers = {"HX-Request": "true", "X-Live-Regions": "jobs-table"}
    answer = page.get("/jobs/?before=nonsense", headers=headers)
    assert (answer.status_code, answer.content) == (400, b"")


def test_a_second_click_on_delete_is_told_calmly_that_it_is_done(page: Client) -> None:
    a_budget(name="b")
    assert page.post("/budgets/b/delete/").status_code == 302
    again = page.post("/budgets/b/delete/")
    assert again.status_code == 404
    assert "It is gone already" in again.text
    assert "Nothing was changed" in again.text
