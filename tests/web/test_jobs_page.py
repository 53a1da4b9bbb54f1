"""The list of jobs: filters, pages, bulk actions."""

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from jobs.domain import reasons
from jobs.models import JobSpec, Transition
from tests.builders import a_definition, a_job, a_queue, an_array, an_attempt

JSON = {"Accept": "application/json"}
# Session, user, queues to choose from, saved views, counts, bulk actions, and the jobs: whose queue, which, themselves.
LIST_QUERIES = 9
TABLE_QUERIES = 5
# What lives at a moment is looked up twice: what lives still, and what has ended since.
OVERVIEW_QUERIES = 34


def ids(answer: object) -> list[str]:
    return [row["id"] for row in answer.json()["results"]]  # type: ignore[attr-defined]


def test_jobs_come_newest_first_page_by_page(script: Client, admin: User) -> None:
    queue, definition = a_queue(), a_definition()
    jobs = [a_job(queue=queue, definition=definition, owner=admin) for _ in range(5)]
    url, found = "/jobs/?limit=2", []
    while url:
        answer = script.get(url)
        found += ids(answer)
        url = answer.json()["next"]
    assert found == [str(job.pk) for job in reversed(jobs)]


def test_a_job_that_comes_while_one_pages_neither_repeats_nor_hides_any(script: Client) -> None:
    first, second = a_job(), a_job()
    answer = script.get("/jobs/?limit=1")
    a_job()
    assert ids(answer) == [str(second.pk)]
    assert ids(script.get(answer.json()["next"])) == [str(first.pk)]


def test_jobs_of_a_deleted_queue_are_marked_beside_those_of_a_new_one_of_its_name(
    page: Client,
) -> None:
    a_job(queue=a_queue(name="first", status="DELETED", state="DISABLED"))
    a_job(queue=a_queue(name="first"))
    html = page.get("/jobs/?queue=first").content.decode()
    assert html.count(">DELETED</span>") == 1


def test_the_filters_narrow_the_list_and_stay_in_the_url_of_the_next_page(script: Client) -> None:
    queue, definition = a_queue(name="night"), a_definition(name="train", revision=2)
    wanted = [
        a_job(name="train-a", queue=queue, definition=definition, status="RUNNING"),
        a_job(name="train-b", queue=queue, definition=definition, status="RUNNING"),
    ]
    a_job(name="train-c", queue=queue, definition=definition, status="FAILED")
    a_job(name="other", queue=queue, definition=definition, status="RUNNING")
    a_job(name="train-d", definition=definition, status="RUNNING")
    a_job(name="train-e", queue=queue, status="RUNNING")
    query = "?queue=night&status=running&name=train-&definition=train:2&limit=1"
    answer = script.get("/jobs/" + query)
    rest = script.get(answer.json()["next"])
    assert ids(answer) + ids(rest) == [str(job.pk) for job in reversed(wanted)]
    assert rest.json()["next"] is None


def test_who_looks_for_what_runs_is_led_to_children_which_an_array_stands_for(
    page: Client,
) -> None:
    an_array(2, children="RUNNING", name="many")
    told = page.get("/jobs/?status=RUNNING&name=ma")
    assert "No job fits" in told.text
    url = told.context["each_child_url"]
    assert url == "/jobs/?status=RUNNING&name=ma&children=each"
    children = page.get(url)
    assert children.text.count('class="bw-strong"') == 2
    assert children.context["each_child_url"] is None
    assert page.get("/jobs/?status=FAILED").context["each_child_url"] is None


def test_an_empty_list_says_what_to_do(page: Client) -> None:
    assert b"Submit a job" in page.get("/jobs/").content
    a_job()
    html = page.get("/jobs/?name=none-such").content
    assert b"No job fits these filters" in html
    assert b"Show all jobs" in html


@pytest.mark.parametrize("count", [1, 30])
def test_the_list_takes_as_many_queries_for_many_jobs_as_for_one(
    page: Client, count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(count):
        a_job(status="FAILED", status_reason="x")
    with django_assert_num_queries(LIST_QUERIES):
        page.get("/jobs/")


@pytest.mark.parametrize("count", [2, 8])
def test_the_overview_takes_as_many_queries_for_many_jobs_as_for_few(
    page: Client, count: int, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(count):
        job = a_job(status="RUNNING", attempts_made=1)
        an_attempt(job=job, started_at=job.created_at)
        a_job(status="FAILED")
    with django_assert_max_num_queries(OVERVIEW_QUERIES):
        page.get("/")


def test_the_part_of_the_list_reads_no_choices_for_the_filters(
    page: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    a_job()
    with django_assert_num_queries(TABLE_QUERIES):
        page.get("/jobs/", headers={"HX-Request": "true", "HX-Target": "div#jobs-table"})


def test_hostile_texts_are_shown_and_not_obeyed(page: Client) -> None:
    evil = '<script>alert(1)</script>"><img src=x onerror=alert(2)>\u202egnp.exe\x1b[31m'
    job = a_job(status="FAILED", status_reason=evil, stop_reason=evil)
    JobSpec.objects.filter(pk=job.pk).update(
        command=["sh", "-c", evil],
        environment=[{"name": evil, "value": evil}],
        tags={evil: evil},
        parameters={evil: evil},
    )
    Transition.objects.filter(job=job).update(reason=evil)
    for url in ("/", "/jobs/", f"/jobs/{job.pk}/", f"/jobs/{job.pk}/terminate/"):
        html = page.get(url).content.decode()
        assert "<script>alert" not in html
        assert "<img" not in html.replace('<img src="/static', "")
        assert "\u202e" not in html
        assert "\x1b" not in html


def test_a_failure_is_listed_with_its_exit_code(page: Client) -> None:
    a_job(
        status="FAILED",
        status_reason=reasons.ESSENTIAL_EXITED,
        exit_code=3,
        stopped_at=timezone.now(),
    )
    for url in ("/", "/jobs/"):
        assert "Exit code 3" in page.get(url).content.decode()


def test_a_waiting_job_is_listed_with_its_reason_and_one_that_cannot_start_with_a_badge(
    page: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    never, later = (
        "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT",
        "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY",
    )
    stuck = a_job(status="RUNNABLE", status_reason=f"{never} - No machine <i>is</i> so large.")
    a_job(status="RUNNABLE", status_reason=f"{later} - Needs 1 vCPU; 0 vCPU free on vm.")
    a_job(status="RUNNABLE", status_reason="Host EC2 (instance i-1) terminated.")
    with django_assert_num_queries(LIST_QUERIES):
        html = page.get("/jobs/").content.decode()
    assert html.count("cannot start") == 1
    hint = re.search(r'<a class="badge[^>]*>', html)
    assert hint is not None
    assert f'href="/jobs/{stuck.pk}/"' in hint.group()
    assert "No machine &lt;i&gt;is&lt;/i&gt; so large." in hint.group()
    assert ">Needs 1 vCPU; 0 vCPU free on vm.</div>" in html
    assert "Host EC2" not in html


def test_the_overview_counts_and_prices_for_scripts(script: Client) -> None:
    job = a_job(status="RUNNING", attempts_made=1)
    an_attempt(job=job, started_at=job.created_at)
    numbers = script.get("/").json()
    assert numbers["jobs"]["RUNNING"] == 1
    assert float(numbers["cost_today_usd"]) > 0
    assert numbers["environments"][0]["used_milli_vcpus"] == 1000
