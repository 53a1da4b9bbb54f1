"""Actions on many jobs: started from the list, and watched on their page."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from jobs.models import BulkAction, Job
from jobs.services.requests.bulk import go_on_with_bulk
from jobs.web.access import visible_topics
from tests.builders import a_job, a_queue, an_array

# Session, user, the action, its results, their jobs, and how many there are of each kind.
PAGE_QUERIES = 6


def started(client: Client, **fields: object) -> BulkAction:
    """The action that a browser's form starts; it leads to the action's page."""
    answer = client.post("/jobs/bulk/", fields)
    action = BulkAction.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, f"/jobs/bulk/{action.pk}/")
    return action


def carried_out(action: BulkAction) -> BulkAction:
    go_on_with_bulk(action_id=action.pk, now=timezone.now())
    action.refresh_from_db()
    assert action.finished_at is not None
    return action


def test_cancel_ends_what_waits_and_says_why_the_rest_went_on(page: Client) -> None:
    waiting, running = (
        a_job(status="RUNNABLE"),
        a_job(name="busy", status="RUNNING", attempts_made=1),
    )
    ended = a_job(name="over", status="SUCCEEDED")
    chosen = [str(job.pk) for job in (waiting, running, ended)]
    action = started(page, action="cancel", job=chosen, reason="night")
    before = page.get(f"/jobs/bulk/{action.pk}/").content.decode()
    assert "Under way" in before
    assert 'max="3" value="0"' in before
    carried_out(action)
    html = page.get(f"/jobs/bulk/{action.pk}/").content.decode()
    assert "Done." in html
    assert "It had started already. Terminate it instead." in html
    assert "It had ended already." in html
    waiting.refresh_from_db()
    running.refresh_from_db()
    assert (waiting.status, waiting.status_reason) == ("FAILED", "night")
    assert running.stop_requested_at is None


def test_a_rerun_says_which_jobs_could_not_be_run_again(page: Client) -> None:
    failed, fine = a_job(status="FAILED"), a_job(name="fine", status="SUCCEEDED")
    action = carried_out(started(page, action="rerun", job=[str(failed.pk), str(fine.pk)]))
    assert (action.changed, action.refused) == (1, 1)
    assert Job.objects.get(rerun_of=failed).status == "SUBMITTED"
    html = page.get(f"/jobs/bulk/{action.pk}/").content.decode()
    assert "there is nothing to run again" in html
    assert f'href="/jobs/{fine.pk}/"' in html


def test_all_that_match_are_counted_and_asked_about_first(page: Client) -> None:
    queue = a_queue(name="night")
    wanted = [a_job(queue=queue, status="RUNNABLE") for _ in range(3)]
    a_job(queue=queue, status="SUCCEEDED")
    a_job(status="RUNNABLE")
    fields = {"action": "cancel", "all": "true", "query": "queue=night"}
    asked = page.post("/jobs/bulk/", fields)
    html = asked.content.decode()
    assert asked.status_code == 200
    assert "Cancel 3 jobs?" in html
    assert "night" in html
    assert not BulkAction.objects.exists()
    action = started(page, **fields, confirmed="true")
    assert set(action.job_ids) == {str(job.pk) for job in wanted}


def test_a_script_starts_an_action_and_watches_it(script: Client) -> None:
    array = an_array(3)
    body = {"action": "terminate", "all": True, "query": "", "reason": "night"}
    answer = script.post("/jobs/bulk/", body, content_type="application/json")
    assert answer.status_code == 202
    told = answer.json()
    assert (told["total"], told["done"], told["finished_at"]) == (1, 0, None)
    carried_out(BulkAction.objects.get())
    told = script.get(told["url"]).json()
    assert (told["done"], told["changed"], told["problems"]) == (1, 1, [])
    array.refresh_from_db()
    assert array.stop_reason == "night"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"action": "cancel"}, "job"),
        ({"action": "cancel", "job": []}, "job"),
        ({"action": "cancel", "job": "x"}, "job"),
        ({"action": "cancel", "job": ["x"]}, "job"),
        ({"action": "explode", "job": ["x"]}, "action"),
        ({"job": ["x"]}, "action"),
        ({"action": "cancel", "all": "maybe"}, "all"),
        ({"action": "cancel", "all": True, "query": "status=odd"}, "status"),
        ({"action": "cancel", "all": True, "query": "name=none"}, "query"),
        ({"action": "cancel", "job": ["x"], "reason": 5}, "reason"),
        ({"action": "cancel", "all": True, "query": "jobQueue=x"}, "query"),
        ({"action": "cancel", "all": True, "query": "/jobs/?queue=x"}, "query"),
        ({"action": "cancel", "all": True, "query": "queue=x&queue=y"}, "query"),
        ({"action": "cancel", "all": True, "queue": "x"}, "queue"),
    ],
)
def test_a_bad_request_names_the_field_and_leaves_nothing(
    script: Client, body: dict[str, object], field: str
) -> None:
    answer = script.post("/jobs/bulk/", body, content_type="application/json")
    assert answer.status_code == 400
    assert set(answer.json()["errors"]) == {field}
    assert not BulkAction.objects.exists()


@pytest.mark.parametrize("query", ["?queue=nosuch", "jobQueue=nosuch", "queue=nosuch&x"])
def test_an_action_on_all_that_match_never_falls_back_to_all_jobs(
    script: Client, page: Client, query: str
) -> None:
    job = a_job(status="RUNNABLE")
    body = {"action": "terminate", "all": True, "query": query}
    answer = script.post("/jobs/bulk/", body, content_type="application/json")
    assert answer.status_code == 400
    asked = page.post("/jobs/bulk/", {**body, "all": "true"})
    if query.startswith("?"):
        assert "Terminate 0 jobs?" in asked.content.decode()
    else:
        assert asked.status_code == 400
        assert "There is no filter" in asked.content.decode()
    assert not BulkAction.objects.exists()
    job.refresh_from_db()
    assert job.stop_requested_at is None


def test_the_question_mark_of_an_address_is_left_out(script: Client) -> None:
    job, _ = a_job(queue=a_queue(name="night"), status="RUNNABLE"), a_job(status="RUNNABLE")
    body = {"action": "terminate", "all": True, "query": "?queue=night&limit=50"}
    answer = script.post("/jobs/bulk/", body, content_type="application/json")
    assert answer.status_code == 202
    assert BulkAction.objects.get().job_ids == [str(job.pk)]


def test_only_its_owner_watches_an_action_and_it_touches_his_jobs_only(
    page: Client, bobs_page: Client, bob: User
) -> None:
    others = a_job(status="RUNNABLE")
    action = started(bobs_page, action="cancel", job=[str(others.pk)])
    carried_out(action)
    assert Job.objects.get(pk=others.pk).status == "RUNNABLE"
    assert action.refused == 1
    topic = f"bulk:{action.pk}"
    assert visible_topics(bob, [topic, "bulk:x", "bulk:999999"]) == {topic}
    BulkAction.objects.update(owner=others.owner)
    assert bobs_page.get(f"/jobs/bulk/{action.pk}/").status_code == 404
    assert visible_topics(bob, [topic]) == set()
    assert page.get(f"/jobs/bulk/{action.pk}/").status_code == 200


@pytest.mark.parametrize("kind", ["cancel", "terminate", "rerun"])
def test_the_page_of_an_action_tells_nothing_of_the_jobs_of_others(
    bobs_page: Client, bob: User, kind: str
) -> None:
    own = a_job(name="own", owner=bob, status="SUCCEEDED")
    foreign = a_job(name="hush", status="SUCCEEDED")
    action = carried_out(started(bobs_page, action=kind, job=[str(own.pk), str(foreign.pk)]))
    html = bobs_page.get(f"/jobs/bulk/{action.pk}/").content.decode()
    assert str(own.pk) in html
    assert f"There is no job {foreign.pk}." in html
    assert "hush" not in html


def test_an_action_keeps_the_first_jobs_that_nothing_was_done_to_as_it_found_them(
    page: Client,
) -> None:
    jobs = [a_job(name="over", status="SUCCEEDED") for _ in range(22)]
    action = carried_out(started(page, action="cancel", job=[str(job.pk) for job in jobs]))
    assert len(action.untouched) == 20
    assert action.untouched[0] == {
        "job": str(jobs[0].pk),
        "name": "over",
        "status": "SUCCEEDED",
        "why": "It had ended already.",
    }
    assert (
        page.get(f"/jobs/bulk/{action.pk}/").content.decode().count("It had ended already.") == 22
    )


@pytest.mark.parametrize("count", [2, 40])
def test_the_page_takes_as_many_queries_for_many_jobs_as_for_few(
    page: Client, count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    jobs = [a_job(status="SUCCEEDED") for _ in range(count)]
    action = carried_out(started(page, action="cancel", job=[str(job.pk) for job in jobs]))
    with django_assert_num_queries(PAGE_QUERIES):
        page.get(f"/jobs/bulk/{action.pk}/")
