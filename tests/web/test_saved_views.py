"""Saved views: kept under a name, shown above the list, deleted, and each of it undone."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from jobs.domain.saved_views import MAX_VIEWS_PER_USER
from jobs.models import SavedView
from tests.builders import NOW
from tests.web.test_undo import UNDO, undo_on


def test_a_view_keeps_the_filters_that_mean_something_and_leads_back_to_them(page: Client) -> None:
    query = "?queue=night&status=FAILED&status=RUNNING&name=&sort=newest&limit=20&before="
    saved = page.post("/jobs/views/", {"name": "  Nightly   trouble ", "query": query})
    kept = "queue=night&status=FAILED&status=RUNNING"
    assert saved["Location"] == f"/jobs/?{kept}"
    view = SavedView.objects.get()
    assert (view.name, view.query) == ("Nightly trouble", kept)
    html = page.get(f"/jobs/?{kept}").content.decode()
    link = f'<a href="/jobs/?{kept.replace("&", "&amp;")}" aria-current="true">'
    assert link in html
    assert "Nightly trouble" in html


def test_views_are_one_s_own(page: Client, bobs_page: Client, bob: User) -> None:
    page.post("/jobs/views/", {"name": "mine", "query": "status=FAILED"})
    view = SavedView.objects.get()
    assert "mine" not in bobs_page.get("/jobs/").content.decode()
    assert bobs_page.post(f"/jobs/views/{view.pk}/delete/").status_code == 404
    bobs_page.post("/jobs/views/", {"name": "mine", "query": ""})
    assert SavedView.objects.count() == 2


def test_a_deleted_view_comes_back_by_its_toast(page: Client) -> None:
    page.post("/jobs/views/", {"name": "mine", "query": "status=FAILED"})
    view = SavedView.objects.get()
    html = page.post(f"/jobs/views/{view.pk}/delete/", follow=True).content.decode()
    assert not SavedView.objects.exists()
    page.post(*undo_on(html))
    assert SavedView.objects.get(name="mine").query == "status=FAILED"
    # A second click on the old page finds nothing to delete, and says so.
    assert page.post(f"/jobs/views/{view.pk}/delete/").status_code == 404


def test_a_view_that_was_replaced_comes_back_by_its_toast(page: Client) -> None:
    page.post("/jobs/views/", {"name": "mine", "query": "status=FAILED"})
    again = {"name": "mine", "query": "status=RUNNING"}
    html = page.post("/jobs/views/", again, follow=True).content.decode()
    assert "The view mine is changed." in html
    assert SavedView.objects.get().query == "status=RUNNING"
    page.post(*undo_on(html))
    assert SavedView.objects.get().query == "status=FAILED"


def test_a_new_view_goes_by_its_toast(page: Client) -> None:
    fields = {"name": "mine", "query": "status=FAILED"}
    page.post(*undo_on(page.post("/jobs/views/", fields, follow=True).content.decode()))
    assert not SavedView.objects.exists()


def test_scripts_keep_list_and_delete_views(script: Client) -> None:
    body = {"name": "mine", "query": "status=FAILED"}
    made = script.post("/jobs/views/", body, content_type="application/json")
    assert made.status_code == 201
    listed = script.get("/jobs/views/").json()["results"]
    assert listed == [made.json()]
    assert listed[0]["url"] == "/jobs/?status=FAILED"
    assert script.post(f"/jobs/views/{listed[0]['id']}/delete/").status_code == 200
    assert script.get("/jobs/views/").json()["results"] == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"query": ""}, "name"),
        ({"name": " ", "query": ""}, "name"),
        ({"name": 5, "query": ""}, "name"),
        ({"name": "x" * 65, "query": ""}, "name"),
        ({"name": "a\u202eb", "query": ""}, "name"),
        ({"name": "a\x1bb", "query": ""}, "name"),
        ({"name": "mine", "query": "color=red"}, "query"),
        ({"name": "mine", "query": "queue=a&queue=b"}, "query"),
        ({"name": "mine", "query": "status=ODD"}, "status"),
        ({"name": "mine", "query": 5}, "query"),
        ({"name": "mine", "query": "status=FAILED&" * 2000}, "query"),
        ({"name": "mine", "query": "", "colour": "red"}, "colour"),
    ],
)
def test_a_bad_view_is_refused_by_name_and_leaves_nothing(
    script: Client, body: dict[str, object], field: str
) -> None:
    answer = script.post("/jobs/views/", body, content_type="application/json")
    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == [field]
    assert not SavedView.objects.exists()


def test_nobody_has_more_views_than_so_many(script: Client, admin: User) -> None:
    SavedView.objects.bulk_create(
        SavedView(owner=admin, name=f"v{number}", created_at=NOW)
        for number in range(MAX_VIEWS_PER_USER)
    )
    refused = script.post("/jobs/views/", {"name": "one more"}, content_type="application/json")
    assert refused.status_code == 400
    replaced = script.post("/jobs/views/", {"name": "v1"}, content_type="application/json")
    assert replaced.status_code == 201


def test_the_list_has_no_undo_of_its_own(page: Client) -> None:
    assert UNDO.search(page.get("/jobs/").content.decode()) is None
