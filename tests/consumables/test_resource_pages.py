"""The pages of consumable resources: how much there is, who holds it, changes."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from jobs.domain.states import JobStatus
from jobs.models import ConsumableResource
from jobs.selectors.consumables import holds_of
from tests.builders import a_consumable, a_hold, a_job

pytestmark = pytest.mark.django_db
JSON = {"Accept": "application/json"}


def test_a_resource_is_made_and_its_total_changed_with_plain_forms(
    client: Client, boss: User
) -> None:
    assert client.get("/new/resource/").status_code == 200
    form = {"name": "licences", "type": "REPLENISHABLE", "total_quantity": "5"}
    assert client.post("/resources/", form).headers["Location"] == "/resources/licences/"
    page = client.post(
        "/resources/licences/", {"operation": "ADD", "quantity": "2"}, follow=True
    ).text
    assert "The resource licences is changed." in page
    assert "0 of 7" in page
    refused = client.post("/resources/licences/", {"operation": "REMOVE", "quantity": "9"})
    assert refused.status_code == 400
    assert "There are 7 only" in refused.text
    assert 'value="9"' in refused.text
    assert client.post("/resources/licences/delete/").headers["Location"] == "/resources/"
    assert not ConsumableResource.objects.exists()


def test_tags_are_lines_of_a_form(client: Client, boss: User) -> None:
    client.post("/resources/", {"name": "r", "tags": "team=blue"})
    assert ConsumableResource.objects.get().tags == {"team": "blue"}
    assert "blue" in client.get("/resources/r/").text
    assert client.get("/resources/r/", headers=JSON).json()["tags"] == {"team": "blue"}
    refused = client.post("/resources/", {"name": "s", "tags": "aws:x=1"})
    assert refused.status_code == 400
    assert list(refused.context["errors"]) == ["tags"]


def test_a_refused_form_keeps_what_was_typed(client: Client, boss: User) -> None:
    page = client.post(
        "/resources/", {"name": "a b", "type": "NON_REPLENISHABLE", "total_quantity": "many"}
    )
    assert page.status_code == 400
    assert 'value="many"' in page.text
    assert "<option selected>NON_REPLENISHABLE</option>" in page.text
    assert set(page.context["errors"]) == {"name", "total_quantity"}


def test_other_peoples_holds_are_a_number_only(client: Client, visitor: User) -> None:
    resource = a_consumable(name="licences")
    mine = a_job(
        name="mine", owner=visitor, status=JobStatus.RUNNING, attempts_made=2, attempts_allowed=2
    )
    a_hold(resource=resource, job=mine, quantity=2)
    for quantity in (1, 4):
        hidden = a_job(name="secret-plan", status=JobStatus.RUNNING, attempts_made=1)
        a_hold(resource=resource, job=hidden, quantity=quantity)
    page = client.get("/resources/licences/").text
    assert f'href="/jobs/{mine.pk}/"' in page
    assert "attempt 2" in page
    assert "and 2 others, with 5 together" in page
    assert "secret-plan" not in page
    found = client.get("/resources/licences/", headers=JSON).json()
    assert [(row["job_name"], row["quantity"]) for row in found["holds"]] == [("mine", 2)]
    assert (found["other_holds"], found["other_quantity"]) == (2, 5)
    assert (found["in_use_quantity"], found["available_quantity"]) == (7, 3)


def test_holds_cost_two_queries_however_many_there_are(
    boss: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    resource = a_consumable(total_quantity=100)
    for _ in range(5):
        a_hold(resource=resource)
    with django_assert_num_queries(2):
        holds = holds_of(resource=resource, user=boss, size=3)
        assert all(hold.job.queue.name and hold.job.owner.pk for hold in holds.rows)
    assert (len(holds.rows), holds.others, holds.others_quantity) == (3, 2, 2)


def test_a_resource_that_is_held_is_not_deleted_and_the_page_says_why(
    client: Client, boss: User
) -> None:
    a_hold(resource=a_consumable(name="licences"))
    page = client.post("/resources/licences/delete/")
    assert page.status_code == 409
    assert "Jobs hold 1 of licences." in page.text
    assert client.post("/resources/licences/delete/", headers=JSON).status_code == 409


def test_a_script_makes_and_changes_a_resource(client: Client, boss: User) -> None:
    made = client.post("/resources/", {"name": "r", "total_quantity": 3}, headers=JSON)
    assert (made.status_code, made.headers["Location"]) == (201, "/resources/r/")
    changed = client.post("/resources/r/", {"quantity": 8}, headers=JSON).json()
    assert changed["total_quantity"] == 8
    bad = client.post("/resources/r/", {"operation": "NONE", "quantity": 1}, headers=JSON)
    assert bad.json()["errors"] == {"operation": ["The operation is SET, ADD or REMOVE."]}
    assert client.get("/resources/nothing/", headers=JSON).status_code == 404


def test_only_administrators_change_resources(client: Client, visitor: User) -> None:
    a_consumable(name="r")
    assert client.get("/resources/").status_code == 200
    assert "Change the total" not in client.get("/resources/r/").text
    assert client.get("/new/resource/").status_code == 403
    for path in ("/resources/", "/resources/r/", "/resources/r/delete/"):
        assert client.post(path, {"name": "q", "quantity": "1"}).status_code == 403


def test_the_list_is_searched_and_paged_and_says_what_to_do_when_empty(
    client: Client, boss: User
) -> None:
    assert "Make a resource" in client.get("/resources/").text
    a_consumable(name="credits", type="NON_REPLENISHABLE")
    for number in range(50):
        a_consumable(name=f"resource-{number:02}")
    assert "used up by jobs" in client.get("/resources/").text
    first = client.get("/resources/", headers=JSON).json()
    assert len(first["results"]) == 50
    assert len(client.get(first["next"], headers=JSON).json()["results"]) == 1
    assert "No resource matches" in client.get("/resources/?q=nothing").text
