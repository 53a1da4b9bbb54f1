"""A step can be taken back from its toast, and the same form sent twice does what it does once."""

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from jobs.models import (
    Alarm,
    Job,
    JobDependency,
    JobQueue,
    SavedView,
    SentForm,
)
from jobs.services.requests.once import KEPT, forget_sent_forms
from tests.builders import (
    a_definition,
    a_job,
    a_queue,
    an_array,
)

TOKEN = re.compile(r'name="request_token" value="([^"]+)"')
UNDO = re.compile(
    r'<form method="post" action="([^"]+)" class="bw-undo" data-once>(.*?)</form>', re.DOTALL
)
FIELD = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)"')


def undo_on(html: str) -> tuple[str, dict[str, str]]:
    """Where the newest toast's button posts, and what."""
    *_, (url, fields) = UNDO.findall(html)
    return url, {name: unescape(value) for name, value in FIELD.findall(fields)}


def submission(**fields: str) -> dict[str, str]:
    queue, definition = a_queue(), a_definition()
    return {"name": "hello", "queue": queue.name, "definition": str(definition), **fields}


def test_every_form_that_submits_has_a_token_of_its_own(page: Client) -> None:
    failed = a_job(status="FAILED")
    tokens = [
        TOKEN.findall(page.get(url).content.decode())
        for url in ("/submit/", "/submit/", f"/jobs/{failed.pk}/")
    ]
    assert [len(found) for found in tokens] == [1, 1, 1]
    assert len({found[0] for found in tokens}) == 3


def test_the_same_form_sent_twice_submits_one_job_and_says_so(page: Client) -> None:
    fields = submission(request_token="t1")
    first = page.post("/jobs/", fields)
    second = page.post("/jobs/", fields, follow=True)
    job = Job.objects.get()
    assert first["Location"] == f"/jobs/{job.pk}/"
    assert second.redirect_chain == [(f"/jobs/{job.pk}/", 302)]
    assert "this form was sent before" in second.text
    # Of a double click this is the answer that is seen.
    assert undo_on(second.text)[0].startswith(f"/jobs/{job.pk}/")
    Job.objects.update(created_at=timezone.now() - timedelta(hours=1))
    assert not UNDO.search(page.post("/jobs/", fields, follow=True).text)


def test_a_form_that_was_changed_meanwhile_submits_another_job(page: Client) -> None:
    fields = submission(request_token="t1")
    page.post("/jobs/", fields)
    page.post("/jobs/", {**fields, "command": "echo other"})
    assert Job.objects.count() == 2


def test_a_refused_form_can_be_sent_again(page: Client) -> None:
    fields = submission(request_token="t1")
    refused = page.post("/jobs/", {**fields, "vcpus": "many"})
    assert refused.status_code == 400
    assert not SentForm.objects.exists()
    assert page.post("/jobs/", fields).status_code == 302


def test_tokens_of_two_users_have_nothing_to_do_with_each_other(
    page: Client, bobs_page: Client
) -> None:
    fields = submission(request_token="t1")
    page.post("/jobs/", fields)
    bobs_page.post("/jobs/", fields)
    assert Job.objects.count() == 2


def test_without_a_token_each_post_counts(script: Client) -> None:
    fields = submission()
    for _ in range(2):
        assert script.post("/jobs/", fields, content_type="application/json").status_code == 201
    assert Job.objects.count() == 2


def test_a_script_may_send_a_token_of_its_own_to_try_again_safely(script: Client) -> None:
    fields = submission(request_token="mine")
    answers = [script.post("/jobs/", fields, content_type="application/json") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json()["id"] == answers[1].json()["id"]


@pytest.mark.parametrize("token", ["x" * 65, 5, ["x"]])
def test_what_is_no_token_is_refused_by_name(script: Client, token: object) -> None:
    body = {**submission(), "request_token": token}
    answer = script.post("/jobs/", body, content_type="application/json")
    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == ["request_token"]
    assert not Job.objects.exists()


def test_a_double_click_on_rerun_makes_one_job(page: Client) -> None:
    failed = a_job(status="FAILED")
    answers = [page.post(f"/jobs/{failed.pk}/rerun/", {"request_token": "t"}) for _ in range(2)]
    again = Job.objects.get(rerun_of=failed)
    assert [answer["Location"] for answer in answers] == [f"/jobs/{again.pk}/"] * 2
    page.post(f"/jobs/{failed.pk}/rerun/", {"request_token": "u"})
    assert Job.objects.filter(rerun_of=failed).count() == 2


def test_a_rerun_with_a_field_that_there_is_not_is_refused_by_name(script: Client) -> None:
    failed = a_job(status="FAILED")
    body = {"request_token": "t", "reason": "again"}
    answer = script.post(f"/jobs/{failed.pk}/rerun/", body, content_type="application/json")
    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["reason"])
    assert not Job.objects.filter(rerun_of=failed).exists()


def test_one_token_serves_several_buttons(page: Client) -> None:
    first, second = a_job(status="FAILED"), a_job(status="FAILED")
    for job in (first, second):
        page.post(f"/jobs/{job.pk}/rerun/", {"request_token": "t"})
    assert Job.objects.filter(rerun_of__in=[first, second]).count() == 2


def test_what_was_sent_is_forgotten_after_some_days(page: Client, admin: User) -> None:
    page.post("/jobs/", submission(request_token="t1"))
    assert forget_sent_forms(now=timezone.now()) == 0
    assert forget_sent_forms(now=timezone.now() + KEPT * 2) == 1
    assert Job.objects.exists()


def test_a_cancel_is_undone_by_submitting_the_job_again_once(page: Client) -> None:
    job = a_job(status="RUNNABLE")
    url, fields = undo_on(page.post(f"/jobs/{job.pk}/cancel/", follow=True).content.decode())
    assert url == f"/jobs/{job.pk}/rerun/"
    for _ in range(2):
        page.post(url, fields)
    assert Job.objects.get(rerun_of=job).status == "SUBMITTED"


def test_what_an_administrator_cancelled_is_its_owners_again(page: Client, bob: User) -> None:
    job = a_job(status="RUNNABLE", owner=bob)
    url, fields = undo_on(page.post(f"/jobs/{job.pk}/cancel/", follow=True).content.decode())
    assert page.post(url, fields).status_code == 302
    assert Job.objects.get(rerun_of=job).owner == bob


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_cancel_tells_what_fails_with_it_and_is_not_submitted_again(
    page: Client, script: Client, number: int
) -> None:
    first, second = a_job(name="load", status="RUNNABLE"), a_job(status="RUNNABLE")
    for on in (first, second):
        # What has ended, and who waits no more, does not fail with it.
        JobDependency.objects.create(job=a_job(status="FAILED"), on=on)
        JobDependency.objects.create(job=a_job(status="PENDING"), on=on, met=True)
        for _ in range(number):
            JobDependency.objects.create(job=a_job(status="PENDING"), on=on)
    html = page.post(f"/jobs/{first.pk}/cancel/", follow=True).content.decode()
    assert "Submit again</button>" in html
    told = ["load is cancelled.<", "1 job that waits for it fails with it", "2 jobs that wait for"]
    assert [text in html for text in told] == [number == at for at in range(3)]
    assert script.post(f"/jobs/{second.pk}/cancel/").json()["fail_with_it"] == number


def test_a_cancel_that_changed_nothing_has_nothing_to_undo(page: Client) -> None:
    job = a_job(status="SUCCEEDED")
    html = page.post(f"/jobs/{job.pk}/cancel/", follow=True).content.decode()
    assert UNDO.search(html) is None
    assert "had ended already" in html


@pytest.mark.parametrize("children", ["RUNNABLE", "RUNNING"])
def test_the_cancel_of_an_array_offers_no_undo_that_could_not_work_before_its_end(
    page: Client, children: str
) -> None:
    array = an_array(2, children=children)
    html = page.post(f"/jobs/{array.pk}/cancel/", follow=True).content.decode()
    assert UNDO.search(html) is None
    assert page.post(f"/jobs/{array.pk}/rerun/").status_code == 409


def test_a_submission_is_taken_back_from_its_toast(page: Client) -> None:
    html = page.post("/jobs/", submission(), follow=True).content.decode()
    url, fields = undo_on(html)
    page.post(url, fields)
    job = Job.objects.get()
    assert (job.status, job.stop_kind) == ("FAILED", "TERMINATE")
    assert job.status_reason == "Taken back right after it was submitted."


@pytest.mark.parametrize("kind", ["queue", "environment"])
def test_disabling_is_undone_and_that_can_be_undone_as_well(page: Client, kind: str) -> None:
    queue = a_queue()
    environment = queue.environments.get()
    row = queue if kind == "queue" else environment
    path = f"/{kind}s/{row.name}"
    url, fields = undo_on(page.post(f"{path}/disable/", follow=True).content.decode())
    assert url == f"{path}/enable/"
    html = page.post(url, fields, follow=True).content.decode()
    row.refresh_from_db()
    assert row.state == "ENABLED"
    assert undo_on(html)[0] == f"{path}/disable/"


def what_there_is() -> dict[str, list[object]]:
    """What the steps below change, without what is new of everything that is made again."""
    return {
        "alarms": [(each.name, each.is_enabled) for each in Alarm.objects.order_by("name")],
        "views": [(each.name, each.query) for each in SavedView.objects.order_by("name")],
        "queues": [each.state for each in JobQueue.objects.order_by("name")],
    }


ALARM = {"name": "gone", "metric": "FAILED_JOBS", "comparison": "GREATER_THAN", "threshold": "5"}
VIEW = {"name": "mine", "query": "status=FAILED"}


@pytest.mark.parametrize(
    ("before", "step"),
    [
        (("/alarms/", {**ALARM, "is_enabled": "false"}), ("/alarms/gone/delete/", {})),
        (("/jobs/views/", VIEW), ("/jobs/views/", {**VIEW, "query": "status=RUNNING"})),
        (("/jobs/views/", VIEW), ("/jobs/views/{view}/delete/", {})),
        (None, ("/jobs/views/", VIEW)),
        (None, ("/queues/night/disable/", {})),
    ],
)
def test_the_button_of_each_toast_takes_the_step_back_and_a_second_click_does_nothing(
    page: Client, before: tuple[str, dict[str, str]] | None, step: tuple[str, dict[str, str]]
) -> None:
    a_queue(name="night")
    if before is not None:
        page.post(*before)
    then = what_there_is()
    url, fields = step
    if "{view}" in url:
        url = url.format(view=SavedView.objects.get().pk)
    back, posted = undo_on(page.post(url, fields, follow=True).content.decode())
    assert what_there_is() != then
    assert page.post(back, posted).status_code == 302
    assert what_there_is() == then
    page.post(back, posted)
    assert what_there_is() == then


def test_what_was_disabled_before_has_nothing_to_undo(page: Client) -> None:
    queue = a_queue(state="DISABLED")
    html = page.post(f"/queues/{queue.name}/disable/", follow=True).content.decode()
    assert UNDO.search(html) is None


@pytest.mark.parametrize(
    ("url", "made", "changed"),
    [
        (
            "/budgets/",
            {"name": "b", "scope": "TAG", "tag_key": "team", "usd_per_month": "2.50"},
            {"month", "spent_as_of", "created_at"},
        ),
        (
            "/policies/",
            {
                "name": "p",
                "share_decay_seconds": "3600",
                "share_distribution": '[{"shareIdentifier": "a*", "weightFactor": 0.5}]',
                "tags": "team=blue\nkind=x",
            },
            {"created_at"},
        ),
        (
            "/resources/",
            {"name": "r", "total_quantity": "7", "tags": "team=blue"},
            {"created_at"},
        ),
        (
            "/instance-types/",
            {"name": "rack.small", "vcpus": "0.5", "memory_mib": "512", "usd_per_hour": "0.02"},
            {"created_at", "updated_at"},
        ),
    ],
)
def test_what_was_deleted_and_can_be_made_again_is_made_again_by_undo(
    page: Client, url: str, made: dict[str, str], changed: set[str]
) -> None:
    at = f"{url}{made['name']}/"

    def told() -> dict[str, Any]:
        answer = page.get(at, headers={"Accept": "application/json"})
        return {name: value for name, value in answer.json().items() if name not in changed}

    page.post(url, made)
    before = told()
    gone = page.post(f"{at}delete/", follow=True)
    assert page.get(at).status_code == 404
    back, fields = undo_on(gone.text)
    assert page.post(back, fields).status_code == 302
    assert told() == before
    # A second click leads to what the first one made.
    again = page.post(back, fields, follow=True)
    assert again.redirect_chain == [(at, 302)]
    assert "Done already" in again.text
