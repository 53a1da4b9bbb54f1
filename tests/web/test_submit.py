"""Submitting: the form, its checks while it is filled in, and posts by scripts."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries

from jobs.models import Job, JobDefinition, JobQueue
from tests.builders import (
    NOW,
    a_definition,
    a_job,
    a_node,
    a_queue,
    an_attempt,
    an_engine,
    an_environment,
)
from tests.remembered import forget_all

CHECK_QUERIES = 22
HTMX = {"HX-Request": "true", "Accept": "text/html"}


@pytest.fixture
def queue(db: None) -> JobQueue:
    return a_queue(name="default")


@pytest.fixture
def hello(db: None) -> JobDefinition:
    return a_definition(
        name="hello",
        command=["echo", "hello world"],
        milli_vcpus=500,
        memory_mib=256,
        environment=[{"name": "MODE", "value": "fast"}],
    )


def filled(**fields: Any) -> dict[str, Any]:
    return {"name": "first", "queue": "default", "definition": "hello", "loaded": "hello", **fields}


@pytest.mark.usefixtures("queue", "hello")
def test_the_form_is_sent_to_its_own_address_where_a_refused_one_stays(page: Client) -> None:
    assert '<form method="post" action="/submit/"' in page.get("/submit/").text
    refused = page.post("/submit/", filled(name="no name", vcpus="2"))
    assert refused.status_code == 400
    assert 'value="no name"' in refused.text
    assert not Job.objects.exists()
    sent = page.post("/submit/", filled())
    assert (sent.status_code, sent["Location"]) == (302, f"/jobs/{Job.objects.get().pk}/")


@pytest.mark.usefixtures("queue", "hello")
@pytest.mark.parametrize("content_type", ["application/json", None])
def test_a_script_submits_with_a_token(script: Client, content_type: str | None) -> None:
    fields = {
        "name": "first",
        "queue": "default",
        "definition": "hello",
        "command": "echo 'a b' c",
        "vcpus": "0.25",
        "memory_mib": "128",
    }
    kind: dict[str, Any] = {"content_type": content_type} if content_type else {}
    answer = script.post("/jobs/", fields, **kind)
    assert answer.status_code == 201
    told = answer.json()
    assert told["status"] == "SUBMITTED"
    assert answer["Location"] == told["url"] == f"/jobs/{told['id']}/"
    job = Job.objects.get(pk=told["id"])
    assert job.command == ["echo", "a b", "c"]
    assert (job.milli_vcpus, job.memory_mib) == (250, 128)
    assert script.get(told["url"]).json()["command"] == ["echo", "a b", "c"]


@pytest.mark.usefixtures("queue", "hello")
def test_a_script_gets_all_errors_at_once_beside_their_fields(script: Client) -> None:
    answer = script.post("/jobs/", {"name": "a b", "queue": "none", "definition": "hello"})
    assert answer.status_code == 400
    assert set(answer.json()["errors"]) == {"name", "queue"}
    assert not Job.objects.exists()


@pytest.mark.usefixtures("queue", "hello")
def test_the_form_submits_and_leads_to_the_job(page: Client) -> None:
    variables = {"environment_name": ["A", "", "B"], "environment_value": ["1", "", "x=y"]}
    answer = page.post("/jobs/", filled(command="", **variables))
    job = Job.objects.get()
    assert answer.status_code == 302
    assert answer["Location"] == f"/jobs/{job.pk}/"
    assert job.command == ["echo", "hello world"]
    assert {row["name"]: row["value"] for row in job.environment} == {
        "MODE": "fast",
        "A": "1",
        "B": "x=y",
    }


@pytest.mark.usefixtures("queue", "hello")
def test_line_ends_that_a_browser_sends_as_cr_lf_are_those_that_were_typed(page: Client) -> None:
    page.post("/jobs/", filled(command="sh -c 'echo one\r\necho two\r\n'"))
    assert Job.objects.get().command == ["sh", "-c", "echo one\necho two\n"]


@pytest.mark.usefixtures("queue", "hello")
def test_retry_rules_and_a_time_limit_are_given_in_the_form(page: Client) -> None:
    rules = '[{"onExitCode": "137", "action": "retry"}]'
    refused = page.post("/jobs/", filled(evaluate_on_exit="[{}]", timeout_seconds="59"))
    assert refused.status_code == 400
    assert set(refused.context["errors"]) == {"evaluate_on_exit", "timeout_seconds"}
    assert 'value="59"' in refused.content.decode()
    page.post("/jobs/", filled(evaluate_on_exit=rules, timeout_seconds="90"))
    job = Job.objects.get()
    assert job.evaluate_on_exit == [{"onExitCode": "137", "action": "RETRY"}]
    assert job.timeout_seconds == 90
    again = page.get("/submit/", {"again": str(job.pk)}).context["values"]
    assert again["evaluate_on_exit"] == '[{"onExitCode": "137", "action": "RETRY"}]'
    assert again["timeout_seconds"] == "90"


def test_a_job_without_the_definition_s_rules_is_submitted_again_without_them(
    page: Client, queue: JobQueue
) -> None:
    a_definition(
        name="ruled", evaluate_on_exit=[{"onReason": "*", "action": "EXIT"}], timeout_seconds=60
    )
    page.post("/jobs/", filled(definition="ruled", evaluate_on_exit="[]"))
    job = Job.objects.get()
    assert (job.evaluate_on_exit, job.timeout_seconds) == ([], 60)
    again = page.get("/submit/", {"again": str(job.pk)}).context["values"]
    assert (again["evaluate_on_exit"], again["timeout_seconds"]) == ("[]", "60")
    chosen = page.get("/submit/", {"definition": "ruled"}).context["values"]
    assert chosen["evaluate_on_exit"] == '[{"onReason": "*", "action": "EXIT"}]'
    assert chosen["timeout_seconds"] == "60"


@pytest.mark.usefixtures("queue", "hello")
def test_a_refused_form_keeps_all_that_was_typed(page: Client) -> None:
    typed = filled(
        name="not a name",
        command="echo 'unclosed",
        vcpus="many",
        environment_name=["A", "B"],
        environment_value=["1", "<2>"],
    )
    answer = page.post("/jobs/", typed)
    html = answer.content.decode()
    assert answer.status_code == 400
    for shown in ('value="not a name"', "echo &#x27;unclosed", 'value="many"', 'value="&lt;2&gt;"'):
        assert shown in html
    assert set(answer.context["errors"]) == {"name", "command", "vcpus"}
    assert "Not valid shell words" in html


@pytest.mark.usefixtures("queue", "hello")
def test_choosing_a_definition_fills_its_values_in(page: Client) -> None:
    answer = page.get(
        "/submit/",
        {"name": "mine", "queue": "default", "definition": "hello", "loaded": "", "vcpus": "9"},
        headers={**HTMX, "HX-Target": "div#submit-region"},
    )
    html = answer.content.decode()
    assert html.strip().startswith('<div id="submit-region"')
    assert "echo &#x27;hello world&#x27;" in html
    assert 'value="0.5"' in html
    assert 'value="256"' in html
    assert 'value="mine"' in html
    assert "MODE=fast" in html


@pytest.mark.usefixtures("queue", "hello")
def test_the_same_definition_again_leaves_what_was_typed(page: Client) -> None:
    answer = page.get("/submit/", {"definition": "hello", "loaded": "hello", "vcpus": "9"})
    assert 'value="9"' in answer.content.decode()


@pytest.mark.usefixtures("queue", "hello")
def test_the_check_complains_beside_the_field_but_not_about_empty_ones(page: Client) -> None:
    answer = page.post("/submit/check/", filled(name="", vcpus="x"), headers=HTMX)
    html = answer.content.decode()
    assert answer.status_code == 200
    assert "vCPUs are a number such as 1 or 0.25." in html
    assert "Give a name." not in html
    assert 'id="error-vcpus"' in html
    assert not Job.objects.exists()


@pytest.mark.usefixtures("queue", "hello")
def test_the_estimate_follows_what_is_asked_for(page: Client) -> None:
    html = page.post("/submit/check/", filled(name=""), headers=HTMX).content.decode()
    assert "$0.0214" in html
    assert "per hour" in html
    twice = filled(vcpus="1", memory_mib="512")
    assert "$0.0427" in page.post("/submit/check/", twice, headers=HTMX).content.decode()


def outlook(page: Client, **fields: Any) -> str:
    forget_all()
    html = page.post("/submit/check/", filled(**fields), headers=HTMX).content.decode()
    found = re.search('<section class="card" id="outlook".*?</section>', html, re.DOTALL)
    return re.sub(r"<wbr>", "", found.group()) if found else ""


@pytest.mark.usefixtures("hello")
def test_the_form_says_beforehand_what_the_scheduler_would_say(page: Client) -> None:
    queue = a_queue(name="default")
    assert "There is room" in outlook(page)
    told = outlook(page, vcpus="64")
    assert "could not start until this is changed" in told
    assert "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE" in told
    assert "It needs 64 vCPU; the most that one machine here can give is 4." in told
    a_job(status="RUNNABLE", queue=queue, milli_vcpus=4000)
    an_attempt(job=a_job(status="STARTING", queue=queue, attempts_made=1))
    assert "QUEUED:BEHIND_EARLIER_JOBS" in outlook(page)
    assert outlook(page, vcpus="x") == ""
    assert not Job.objects.filter(status="SUBMITTED").exists()
    # It is advice: who submits all the same may be about to add the machine.
    assert page.post("/jobs/", filled(vcpus="64")).status_code == 302


@pytest.mark.usefixtures("hello")
def test_the_form_says_beforehand_that_spot_work_would_be_interrupted(page: Client) -> None:
    engine = an_engine()
    node = a_node(engine=engine, milli_vcpus=2000)
    spot = an_environment(
        engine=engine,
        type="MANAGED",
        compute_resources={"type": "FARGATE_SPOT", "maxvCpus": 4},
        interruption_seconds=90,
    )
    job = a_job(status="RUNNING", queue=a_queue(spot), attempts_made=1, milli_vcpus=2000)
    an_attempt(job=job, environment=spot, node=node, milli_vcpus=2000, capacity="FARGATE_SPOT")
    a_queue(an_environment(engine=engine), name="default")
    told = " ".join(outlook(page, vcpus="1").split())
    assert "Spot work would be interrupted for it, with up to 1 min 30 s of notice" in told
    assert "It would wait" not in told


@pytest.mark.usefixtures("hello")
@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"state": "DISABLED"}, "is disabled (there)"),
        ({"status": "INVALID", "status_reason": "The engine is gone."}, "The engine is gone."),
    ],
)
def test_the_form_says_beforehand_when_the_queue_s_environments_take_nothing(
    page: Client, change: dict[str, str], expected: str
) -> None:
    a_queue(an_environment(name="there", **change), name="default")
    for html in (outlook(page), page.get("/submit/?definition=hello").content.decode()):
        assert "could not start until this is changed" in html
        assert expected in html


@pytest.mark.usefixtures("queue", "hello")
def test_the_outlook_takes_as_many_queries_for_a_long_queue(
    page: Client, queue: JobQueue, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(30):
        a_job(status="RUNNABLE", queue=queue)
    with django_assert_max_num_queries(CHECK_QUERIES):
        assert outlook(page)


@pytest.mark.usefixtures("queue", "hello")
def test_what_runs_is_read_once_in_some_seconds_for_all_who_fill_in_the_form(page: Client) -> None:
    told = outlook(page)
    with CaptureQueriesContext(connection) as captured:
        page.post("/submit/check/", filled(), headers=HTMX)
    assert not [each for each in captured.captured_queries if "jobs_node" in each["sql"]]
    a_queue(name="younger")
    html = page.post("/submit/check/", filled(queue="younger"), headers=HTMX).content.decode()
    assert "There is room" in told
    assert "There is room" in html


@pytest.mark.usefixtures("queue", "hello")
def test_without_scripts_a_definition_s_values_come_by_a_post(page: Client) -> None:
    """So that nothing that was typed, and no CSRF token, gets into a URL."""
    form = page.get("/submit/").content.decode()
    assert 'formaction="/submit/fill/"' in form
    assert 'formmethod="get"' not in form
    typed = {"name": "mine", "queue": "default", "definition": "hello", "loaded": ""}
    answer = page.post("/submit/fill/", typed)
    assert answer.status_code == 200
    assert answer.context["values"]["vcpus"] == "0.5"
    assert answer.context["values"]["name"] == "mine"
    assert page.get("/submit/fill/").status_code == 405


@pytest.mark.usefixtures("queue")
def test_the_estimate_of_a_run_is_for_the_median_of_earlier_runs(
    page: Client, hello: JobDefinition
) -> None:
    for minutes in (10, 20, 90):
        stopped = NOW + timedelta(minutes=minutes)
        a_job(definition=hello, status="SUCCEEDED", started_at=NOW, stopped_at=stopped)
    html = page.post("/submit/check/", filled(), headers=HTMX).content.decode()
    assert "per run" in html
    assert "20 min 0 s" in html
    assert "$0.0071" in html


@pytest.mark.usefixtures("queue")
def test_submit_again_fills_the_form_with_the_job(
    page: Client, admin: User, hello: JobDefinition, queue: JobQueue
) -> None:
    job = a_job(
        name="old",
        owner=admin,
        queue=queue,
        definition=hello,
        command=["sh", "-c", "echo $A"],
        milli_vcpus=2000,
        environment=[{"name": "MODE", "value": "fast"}, {"name": "A", "value": "1"}],
    )
    html = page.get(f"/submit/?again={job.pk}").content.decode()
    for shown in ('value="old"', "sh -c &#x27;echo $A&#x27;", 'value="2"', 'value="A"'):
        assert shown in html
    assert 'value="MODE"' not in html
    assert '<option value="hello:1" selected>hello:1</option>' in html


def test_without_queue_or_definition_the_form_says_what_to_make_first(page: Client) -> None:
    html = page.get("/submit/").content.decode()
    assert "Register one" in html
    assert "Make one" in html


@pytest.mark.usefixtures("hello")
def test_the_usual_queue_is_chosen_beforehand(page: Client, admin: User, queue: JobQueue) -> None:
    assert page.get("/submit/").context["values"]["queue"] == "default"
    other = a_queue(name="night")
    a_job(owner=admin, queue=other)
    assert page.get("/submit/").context["values"]["queue"] == "night"
