"""The search page: what it shows of what was found, whom it leads where, and what it suggests while one types."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from jobs.models import ArraySummary, Job, JobStatus, Transition
from tests.builders import (
    NOW,
    a_definition,
    a_job,
    a_queue,
    a_user,
    an_array,
    an_attempt,
    an_environment,
)
from tests.joblogs.writing import Writer, frame

pytestmark = pytest.mark.django_db

Index = Callable[[], None]
SUGGESTIONS = {"HX-Request": "true", "HX-Target": "ul#search-suggestions"}


@pytest.fixture
def staff() -> User:
    return a_user(username="grace", is_staff=True)


@pytest.fixture
def page(staff: User) -> Client:
    client = Client()
    client.force_login(staff)
    return client


def text_of(client: Client, query: str, headers: dict[str, str] | None = None) -> str:
    response = client.get(reverse("search"), {"q": query}, headers=headers or {})
    assert response.status_code == 200
    return response.content.decode()


def test_words_that_were_sought_are_marked_and_it_says_why_a_job_was_found(
    page: Client, index: Index
) -> None:
    job = a_job(
        name="render-frame",
        tags={"team": "moon"},
        status=JobStatus.FAILED,
        attempts_made=1,
        status_reason="Essential container in task exited",
    )
    an_attempt(job=job, ended_at=NOW, exit_code=3, explanation="The disk was full.")
    index()
    html = text_of(page, "rend moon disk")
    assert "<mark>render</mark>-frame" in html
    assert '<span class="bw-why-kind">Tag</span> team=<mark>moon</mark>' in html
    assert "The <mark>disk</mark> was full" in html
    assert "exit code 3" in html


def test_a_failed_job_is_found_by_the_last_lines_of_its_log(page: Client, index: Index) -> None:
    array = an_array(2, name="sweep", children=JobStatus.FAILED)
    Job.objects.filter(parent=array).update(attempts_made=1)
    child = Job.objects.get(parent=array, array_index=1)
    Transition.objects.create(job=child, to_status=JobStatus.FAILED, at=NOW)
    failed = a_job(name="train", status=JobStatus.FAILED, attempts_made=1)
    succeeded = a_job(name="well", status=JobStatus.SUCCEEDED, attempts_made=1)
    for job in (failed, child, succeeded):
        attempt = an_attempt(job=job, ended_at=NOW, exit_code=4 if job.status == "FAILED" else 0)
        Writer(attempt).write([frame(b"ValueError: shard 7 is <b>corrupt\x1b[0m\n")])
    index()
    html = text_of(page, "corrupt")
    line = "ValueError: shard 7 is &lt;b&gt;<mark>corrupt</mark>"
    assert html.count(f'<span class="bw-why-kind">Last lines</span> {line}') == 2
    assert "train" in html
    assert f'Its child <a href="/jobs/{array.pk}:1/">1</a>' in html
    assert ">well<" not in html


def test_other_things_with_such_a_name_are_listed_beside_the_jobs(page: Client) -> None:
    a_definition(name="train-small")
    a_definition(name="train-small", revision=2)
    a_definition(name="train-old", status="INACTIVE")
    environment = an_environment(name="train-machines")
    a_queue(environment, name="night-train")
    html = text_of(page, "train")
    assert html.count(reverse("definition", args=["train-small"])) == 1
    assert reverse("queue", args=["night-train"]) in html
    assert reverse("environment", args=["train-machines"]) in html
    assert "train-old" not in html


def test_a_whole_id_leads_to_its_job(page: Client, index: Index) -> None:
    job, array = a_job(name="one"), an_array(2, name="many")
    index()
    child = f"{array.pk}:1"
    for typed, job_id in (
        (str(job.pk), str(job.pk)),
        (f'"{job.pk}",', str(job.pk)),
        (f" {child} ", child),
        (f"arn:aws:batch:us-east-1:123456789012:job/{child}", child),
    ):
        response = page.get(reverse("search"), {"q": typed})
        assert response.status_code == 302
        assert response["Location"] == f"/jobs/{job_id}/"


def test_anothers_id_leads_nowhere(index: Index) -> None:
    stranger = Client()
    stranger.force_login(a_user())
    job = a_job(name="secret-name")
    index()
    assert "secret-name" not in text_of(stranger, str(job.pk))
    assert "secret-name" not in text_of(stranger, "secret")
    assert "secret-name" not in text_of(stranger, "secret", SUGGESTIONS)


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("", "What are you looking for?"),
        ("?!", "There is no word in this"),
        ("nothing", "Nothing found: no job has these words"),
        ("\0<script>", "No job has these words"),
        ("x" * 5000, "Nothing found: no job has these words"),
    ],
)
def test_what_finds_nothing_is_told_what_to_do(page: Client, query: str, told: str) -> None:
    html = text_of(page, query)
    assert told in html
    assert "<script>" not in html.partition("<main")[2].partition("</main>")[0]


def test_hostile_text_is_shown_harmlessly(page: Client, index: Index) -> None:
    nasty = "evil\u202egnp <img src=x onerror=alert(1)> \x1b[2J\x00end"
    a_job(
        name="bad",
        status=JobStatus.FAILED,
        status_reason=nasty.replace("\0", ""),
        tags={"k": "evil\u202e"},
    )
    index()
    for headers in ({}, SUGGESTIONS):
        html = text_of(page, "evil", headers)
        assert "bad" in html
        for raw in ("<img src=x", "\u202e", "\x1b"):
            assert raw not in html


def test_suggestions_are_options_that_lead_somewhere(page: Client, index: Index) -> None:
    job = a_job(name="render-42")
    a_queue(name="render-farm")
    index()
    html = text_of(page, "rend", SUGGESTIONS)
    assert "<main" not in html
    assert html.count('role="option"') == 2
    assert f'data-href="{reverse("job", args=[job.pk])}"' in html
    assert f'data-href="{reverse("queue", args=["render-farm"])}"' in html


def test_suggested_jobs_of_one_name_are_told_apart(page: Client, index: Index) -> None:
    jobs = [a_job(name="render-42"), a_job(name="render-42")]
    index()
    html = text_of(page, "rend", SUGGESTIONS)
    for job in jobs:
        assert html.count(f"{str(job.pk)[-12:]} · <time") == 1


def test_an_array_is_found_once_however_many_children_failed(page: Client, index: Index) -> None:
    early, array = a_job(name="sweep-early"), an_array(130, name="sweep", children=JobStatus.FAILED)
    array.children.update(status_reason="Disk full")
    ArraySummary.objects.filter(job=array).update(failed=130)
    Transition.objects.bulk_create(
        Transition(job=child, to_status=JobStatus.FAILED, at=NOW) for child in array.children.all()
    )
    index()
    html = text_of(page, "sweep", SUGGESTIONS)
    assert html.count('role="option"') == 2
    assert "Array of 130" in html
    json = {"Accept": "application/json"}
    told = page.get(reverse("search"), {"q": "sweep"}, headers=json).json()
    assert [job["id"] for job in told["jobs"]] == [str(array.pk), str(early.pk)]
    assert [job["matching_child"] for job in told["jobs"]] == [None, None]
    assert told["next"] is None
    told = page.get(reverse("search"), {"q": "disk"}, headers=json).json()
    assert [job["matching_child"] for job in told["jobs"]] == [f"{array.pk}:129"]
    html = text_of(page, "disk")
    assert f'Its child <a href="/jobs/{array.pk}:129/">129</a>' in html
    assert "130 that failed" in html
    assert "<mark>Disk</mark> full" in html


def test_pages_go_on_behind_the_last_job(page: Client, index: Index) -> None:
    queue, definition, owner = a_queue(), a_definition(), a_user()
    for number in range(30):
        a_job(name=f"sim-{number}", queue=queue, definition=definition, owner=owner)
    index()
    first = page.get(reverse("search"), {"q": "sim"}, headers={"Accept": "application/json"}).json()
    assert [job["name"] for job in first["jobs"]] == [f"sim-{n}" for n in range(29, 4, -1)]
    rest = page.get(first["next"], headers={"Accept": "application/json"}).json()
    assert [job["name"] for job in rest["jobs"]] == [f"sim-{n}" for n in range(4, -1, -1)]
    assert rest["next"] is None
    assert first["looked_back_to"] is None


def test_a_wrong_page_key_names_the_parameter(page: Client) -> None:
    response = page.get(
        reverse("search"), {"q": "a", "before": "x"}, headers={"Accept": "application/json"}
    )
    assert response.status_code == 400
    assert "before" in response.json()["errors"]


def test_the_header_of_every_page_has_the_box(page: Client) -> None:
    html = page.get(reverse("queues")).content.decode()
    header = html.partition("<header")[2].partition("</header>")[0]
    assert 'role="combobox"' in header
    assert f'action="{reverse("search")}"' in header


@pytest.mark.parametrize("headers", [{}, SUGGESTIONS])
def test_queries_are_constant(
    page: Client,
    index: Index,
    headers: dict[str, str],
    django_assert_max_num_queries: Callable[..., object],
) -> None:
    queue, owner = a_queue(), a_user()
    for number in range(30):
        job = a_job(
            name=f"sim-{number}",
            queue=queue,
            owner=owner,
            status=JobStatus.FAILED,
            status_reason=f"Broken {number}",
            attempts_made=1,
        )
        attempt = an_attempt(job=job, ended_at=NOW, exit_code=number)
        Writer(attempt).write([frame(b"corrupt\n")])
    index()
    page.get(reverse("search"), {"q": "exit sim corrupt"}, headers=headers)
    with django_assert_max_num_queries(26):  # type: ignore[attr-defined]
        page.get(reverse("search"), {"q": "exit sim corrupt"}, headers=headers)


def test_too_many_parameters_are_refused_on_a_page(page: Client) -> None:
    response = page.get(reverse("search") + "?" + "&".join(f"a{n}=1" for n in range(2000)))
    assert response.status_code == 400
    assert "cannot be understood" in response.content.decode()


def test_what_was_sought_stands_in_the_box(page: Client) -> None:
    html = text_of(page, '"><b>frame')
    header = html.partition("<header")[2].partition("</header>")[0]
    assert 'value="&quot;&gt;&lt;b&gt;frame"' in header


def test_of_no_history_nothing_is_left_to_be_read(page: Client) -> None:
    assert "can be searched so far" not in text_of(page, "anything")
    Transition.objects.create(job=a_job(), from_status="", to_status="SUBMITTED", at=NOW)
    assert "0 % of the history can be searched so far" in text_of(page, "anything")
