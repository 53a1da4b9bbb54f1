"""Actions on many jobs: started from the list, and watched on their page."""

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from jobs import changes
from jobs.models import BulkAction, Job
from jobs.services.requests.bulk import go_on_with_bulk
from jobs.web.access import visible_topics
from tests.builders import a_job, a_queue, an_array
from tests.web.test_undo import undo_on

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


def test_each_user_hears_of_his_own_actions_on_his_list_of_jobs(
    page: Client, bobs_page: Client, bob: User
) -> None:
    def topics_of(client: Client) -> list[str]:
        html = client.get("/jobs/").content.decode()
        heard: str
        (heard,) = re.findall(r'id="bulk-actions"[^>]* data-live="([^"]*)"', html)
        return heard.split()

    bobs = [changes.bulk_of_topic(bob.pk)]
    assert topics_of(bobs_page) == bobs
    assert topics_of(page) != bobs
    assert visible_topics(bob, [*bobs, *topics_of(page), "bulk-of:x"]) == set(bobs)


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


def test_each_job_is_listed_with_what_was_done(page: Client, script: Client) -> None:
    jobs = [a_job(name=f"f{number}", status="FAILED") for number in range(3)]
    fine = a_job(name="fine", status="SUCCEEDED")
    action = carried_out(started(page, action="rerun", job=[str(job.pk) for job in (*jobs, fine)]))
    told = script.get(f"/jobs/bulk/{action.pk}/").json()
    again = {job.rerun_of_id: str(job.pk) for job in Job.objects.exclude(rerun_of=None)}
    assert [(row["job"], row["outcome"], row["rerun"]) for row in told["results"]] == [
        *((str(job.pk), "CHANGED", again[job.pk]) for job in jobs),
        (str(fine.pk), "REFUSED", None),
    ]
    html = page.get(f"/jobs/bulk/{action.pk}/?outcome=REFUSED").content.decode()
    assert f'href="/jobs/{fine.pk}/"' in html
    assert f'href="/jobs/{jobs[0].pk}/"' not in html


def test_the_states_of_its_jobs_are_renewed_after_it_has_ended(page: Client) -> None:
    job = a_job(status="FAILED")
    action = carried_out(started(page, action="rerun", job=[str(job.pk)]))
    html = page.get(f"/jobs/bulk/{action.pk}/").content.decode()
    (heard,) = re.findall(r'id="bulk-results"[^>]* data-live="([^"]*)"', html)
    assert set(heard.split()) == {f"bulk:{action.pk}", changes.JOBS}


@pytest.mark.parametrize("query", ["", "outcome=UNTOUCHED&", "outcome=REST&"])
def test_results_of_many_jobs_come_page_by_page(script: Client, page: Client, query: str) -> None:
    jobs = [a_job(status="SUCCEEDED") for _ in range(120)]
    action = started(page, action="cancel", job=[str(job.pk) for job in jobs])
    if "REST" not in query:
        carried_out(action)
    found, following = [], f"/jobs/bulk/{action.pk}/?{query}"
    sizes = []
    while following:
        told = script.get(following).json()
        found += [row["job"] for row in told["results"]]
        sizes.append(len(told["results"]))
        following = told["next"]
    assert found == [str(job.pk) for job in jobs]
    assert sizes == [50, 50, 20]


@pytest.mark.parametrize("query", ["outcome=ODD", "after=x", "after=-1"])
def test_a_bad_page_of_results_is_refused_by_name(script: Client, page: Client, query: str) -> None:
    action = started(page, action="cancel", job=[str(a_job().pk)])
    answer = script.get(f"/jobs/bulk/{action.pk}/?{query}")
    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == [query.partition("=")[0]]


def test_the_rest_of_an_action_is_left_alone_once_it_is_stopped(page: Client) -> None:
    jobs = [a_job(status="RUNNABLE") for _ in range(2)]
    action = started(page, action="cancel", job=[str(job.pk) for job in jobs])
    for told in ("2 jobs left as they are", "It had finished already"):
        html = page.post(f"/jobs/bulk/{action.pk}/stop/", follow=True).content.decode()
        assert told in html
    assert "Stopped." in html
    assert "Not looked at" in html
    carried_out(action)
    assert {job.status for job in Job.objects.all()} == {"RUNNABLE"}


def test_a_cancel_is_taken_back_once_from_its_toast_or_its_page(page: Client) -> None:
    jobs = [a_job(status="RUNNABLE"), a_job(status="RUNNING", attempts_made=1)]
    html = page.post(
        "/jobs/bulk/", {"action": "cancel", "job": [str(job.pk) for job in jobs]}, follow=True
    ).content.decode()
    assert "Submit again</button>" in html
    action = carried_out(BulkAction.objects.get())
    assert page.get(f"/jobs/bulk/{action.pk}/").text.count("Submit again</button>") == 1
    url, fields = undo_on(html)
    assert url == f"/jobs/bulk/{action.pk}/undo/"
    places = {page.post(url, fields)["Location"] for _ in range(2)}
    undo = BulkAction.objects.get(undoes=action)
    assert places == {f"/jobs/bulk/{undo.pk}/"}
    assert (undo.kind, undo.job_ids) == ("RERUN", [str(jobs[0].pk)])
    carried_out(undo)
    assert Job.objects.get(rerun_of=jobs[0]).status == "SUBMITTED"
    html = page.get(f"/jobs/bulk/{action.pk}/").content.decode()
    assert "Taken back by" in html
    assert "Takes back" in page.get(f"/jobs/bulk/{undo.pk}/").content.decode()


def test_what_an_administrator_takes_back_stays_its_owners(
    page: Client, bobs_page: Client, bob: User
) -> None:
    job = a_job(owner=bob, status="RUNNABLE")
    action = carried_out(started(bobs_page, action="cancel", job=[str(job.pk)]))
    told = page.post(f"/jobs/bulk/{action.pk}/undo/", follow=True).content.decode()
    assert "Rerun 1 job: begun." in told
    undo = carried_out(BulkAction.objects.get(undoes=action))
    assert Job.objects.get(rerun_of=job).owner == undo.owner == bob
    assert f"/jobs/bulk/{undo.pk}/" in bobs_page.get(f"/jobs/bulk/{action.pk}/").content.decode()
    for client in (page, bobs_page):
        assert client.get(f"/jobs/bulk/{undo.pk}/").status_code == 200


def test_a_rerun_is_taken_back_by_ending_what_it_submitted(page: Client) -> None:
    failed = a_job(status="FAILED")
    action = carried_out(started(page, action="rerun", job=[str(failed.pk)]))
    page.post(f"/jobs/bulk/{action.pk}/undo/")
    carried_out(BulkAction.objects.get(undoes=action))
    again = Job.objects.get(rerun_of=failed)
    assert (again.status, again.status_reason) == ("FAILED", "The rerun was taken back.")


def test_what_has_not_begun_is_taken_back_by_stopping_it(page: Client) -> None:
    job = a_job(status="RUNNABLE")
    action = started(page, action="cancel", job=[str(job.pk)])
    html = page.post(f"/jobs/bulk/{action.pk}/undo/", follow=True).content.decode()
    assert "Nothing was done yet" in html
    carried_out(action)
    job.refresh_from_db()
    assert job.status == "RUNNABLE"
    assert BulkAction.objects.count() == 1


def test_a_terminate_cannot_be_taken_back(page: Client, script: Client) -> None:
    action = carried_out(started(page, action="terminate", job=[str(a_job().pk)]))
    assert "bulk_undo" not in page.get(f"/jobs/bulk/{action.pk}/").content.decode()
    answer = script.post(f"/jobs/bulk/{action.pk}/undo/")
    assert answer.status_code == 409
    assert "Rerun it" in answer.json()["message"]


@pytest.mark.parametrize("what", ["stop", "undo"])
def test_nobody_stops_or_takes_back_the_action_of_another(
    page: Client, bobs_page: Client, what: str
) -> None:
    action = started(page, action="cancel", job=[str(a_job().pk)])
    assert bobs_page.post(f"/jobs/bulk/{action.pk}/{what}/").status_code == 404
    action.refresh_from_db()
    assert action.finished_at is None


def test_a_double_click_starts_one_action(page: Client) -> None:
    fields = {"action": "cancel", "job": str(a_job().pk), "request_token": "t"}
    places = {page.post("/jobs/bulk/", fields)["Location"] for _ in range(2)}
    assert places == {f"/jobs/bulk/{BulkAction.objects.get().pk}/"}


def test_actions_are_listed_newest_first_and_the_newest_below_the_jobs(
    page: Client, bobs_page: Client, script: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.selectors.bulk.ACTIONS_ON_A_PAGE", 2)
    assert "No bulk actions yet" in page.get("/jobs/bulk/").content.decode()
    chosen = str(a_job().pk)
    for client in (page, page, page, bobs_page):
        client.post("/jobs/bulk/", {"action": "cancel", "job": chosen})
    actions = list(BulkAction.objects.order_by("-pk"))
    assert actions[0].owner.username == "bob"

    def listed(client: Client, url: str) -> list[int]:
        html = client.get(url).content.decode()
        return [int(found) for found in re.findall(r'id="bulk-(\d+)"', html)]

    assert listed(bobs_page, "/jobs/bulk/") == [actions[0].pk]
    assert listed(page, "/jobs/") == [action.pk for action in actions[1:]]
    assert listed(page, "/jobs/bulk/")[:2] == [actions[0].pk, actions[1].pk]
    first = script.get("/jobs/bulk/").json()
    second = script.get(first["next"]).json()
    both = [row["id"] for row in first["results"] + second["results"]]
    assert both == [action.pk for action in actions]
    assert second["next"] is None
