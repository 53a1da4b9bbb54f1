"""One job: what its page and its JSON say, and the ways to end it."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from jobs.models import ImagePull, Job, JobQueue, Transition, UsageSample, WaitReason
from jobs.services.attempts.job_credentials import fetch_token
from jobs.web.contexts import job as contexts
from jobs.web.contexts.usage import usage_of
from jobs.web.tags import duration
from tests.builders import NOW, a_job, a_registry_login, a_secret, an_attempt

JSON = {"Accept": "application/json"}


def history(job: Job, *statuses: str) -> list[Transition]:
    """SUBMITTED at NOW, then one status every ten seconds."""
    before = "SUBMITTED"
    for seconds, status in enumerate(statuses, 1):
        Transition.objects.create(
            job=job, from_status=before, to_status=status, at=NOW + timedelta(seconds=10 * seconds)
        )
        before = status
    return list(job.transitions.order_by("id"))


@pytest.mark.django_db
def test_the_stepper_tells_when_each_state_began_and_how_long_it_took() -> None:
    job = a_job(status="RUNNING", attempts_made=1)
    lines = history(job, "RUNNABLE", "STARTING", "RUNNING")
    steps = contexts.steps(job, lines, NOW + timedelta(seconds=100))
    assert [(step.status, step.state, step.seconds) for step in steps] == [
        ("SUBMITTED", "done", 10),
        ("RUNNABLE", "done", 10),
        ("STARTING", "done", 10),
        ("RUNNING", "current", 70),
        ("SUCCEEDED", "ahead", None),
    ]
    assert steps[3].since == NOW + timedelta(seconds=30)


@pytest.mark.django_db
def test_the_stepper_begins_anew_with_a_retry_but_adds_the_times_up() -> None:
    job = a_job(status="RUNNABLE", attempts_made=1, attempts_allowed=2)
    lines = history(job, "RUNNABLE", "STARTING", "RUNNING", "RUNNABLE")
    steps = contexts.steps(job, lines, NOW + timedelta(seconds=60))
    assert [(step.status, step.state, step.seconds) for step in steps[1:4]] == [
        ("RUNNABLE", "current", 30),
        ("STARTING", "ahead", None),
        ("RUNNING", "ahead", None),
    ]


@pytest.mark.django_db
def test_the_stepper_of_a_job_cancelled_while_it_waited_shows_that_it_never_ran() -> None:
    job = a_job(status="FAILED")
    steps = contexts.steps(job, history(job, "RUNNABLE", "FAILED"), NOW + timedelta(hours=1))
    assert [step.state for step in steps] == ["done", "done", "ahead", "ahead", "current"]
    assert steps[-1].status == "FAILED"
    assert steps[1].seconds == 10


def test_a_waiting_job_says_why(page: Client, script: Client) -> None:
    job = a_job(status="RUNNABLE")
    WaitReason.objects.create(job=job, code="OLD", reason="too old", since=NOW - timedelta(hours=1))
    assert script.get(f"/jobs/{job.pk}/").json()["wait_reason"] is None
    WaitReason.objects.create(job=job, code="CAPACITY", reason="Needs 4 vCPU.", since=NOW)
    assert b"Needs 4 vCPU." in page.get(f"/jobs/{job.pk}/").content
    assert script.get(f"/jobs/{job.pk}/").json()["wait_reason"]["code"] == "CAPACITY"


def test_the_code_of_a_reason_may_break_at_its_joints(page: Client) -> None:
    job = a_job(status="RUNNABLE")
    reason = "CAPACITY:COMPUTE_ENVIRONMENT_AT_MAX_VCPUS - Needs <b>4 vCPU."
    WaitReason.objects.create(job=job, code="CAPACITY", reason=reason, since=NOW)
    expected = (
        '<span class="bw-code">CAPACITY:<wbr>COMPUTE_<wbr>ENVIRONMENT_<wbr>AT_<wbr>MAX_<wbr>VCPUS</span> '
        "<span>Needs &lt;b&gt;4 vCPU.</span>"
    )
    for url in (f"/jobs/{job.pk}/", f"/queues/{job.queue.name}/"):
        assert expected in page.get(url).content.decode()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.04, "0 s"),
        (0.05, "0.1 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (60, "1 min 0 s"),
    ],
)
def test_no_time_is_written_in_two_ways(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_starting_job_shows_the_pull_of_its_image(page: Client) -> None:
    attempt = an_attempt()
    ImagePull.objects.create(
        engine=attempt.node.engine,
        image=attempt.job.image,
        status="PULLING",
        detail="2 of 3 layers",
        bytes_done=500,
        bytes_total=1000,
        started_at=NOW,
        updated_at=NOW,
    )
    html = page.get(f"/jobs/{attempt.job_id}/").content.decode()
    assert "2 of 3 layers" in html
    assert 'max="1000" value="500"' in html


@pytest.mark.parametrize(
    ("whose", "is_told"),
    [("own", True), ("shared", True), ("own secret", True), ("another's", False), ("gone", False)],
)
def test_a_pull_with_a_login_is_shown_to_jobs_that_may_use_that_alone(
    page: Client, bob: User, whose: str, is_told: bool
) -> None:
    attempt = an_attempt()
    owner = attempt.job.owner
    keys: dict[str, Callable[[], str]] = {
        "own": lambda: f"login:{a_registry_login(owner=owner).pk}",
        "shared": lambda: f"login:{a_registry_login(owner=bob, shared=True).pk}",
        "own secret": lambda: f"secret:{a_secret(owner=owner).pk}",
        "another's": lambda: f"login:{a_registry_login(owner=bob).pk}",
        "gone": lambda: "secret:999999",
    }
    ImagePull.objects.create(
        engine=attempt.node.engine,
        image=attempt.job.image,
        login=keys[whose](),
        status="PULLING",
        detail="2 of 3 layers",
        bytes_total=1000,
        started_at=NOW,
        updated_at=NOW,
    )
    assert ("2 of 3 layers" in page.get(f"/jobs/{attempt.job_id}/").text) == is_told


def failed_job() -> Job:
    job = a_job(
        status="FAILED",
        status_reason="Essential container in task exited",
        attempts_made=1,
        exit_code=3,
        cost_usd=Decimal("0.5"),
    )
    an_attempt(
        job=job,
        started_at=NOW,
        stopped_at=NOW + timedelta(seconds=90),
        ended_at=NOW + timedelta(seconds=91),
        exit_code=3,
        cost_usd=Decimal("0.5"),
        explanation="The command ended with exit code 3.",
    )
    return job


def test_a_failed_job_says_why_in_both_forms(page: Client, script: Client) -> None:
    job = failed_job()
    html = page.get(f"/jobs/{job.pk}/").content.decode()
    assert "Essential container in task exited" in html
    assert "The command ended with exit code 3." in html
    assert "exit 3" in html
    assert "1 min 30 s" in html
    told = script.get(f"/jobs/{job.pk}/").json()
    assert told["status_reason"] == "Essential container in task exited"
    assert told["explanation"] == "The command ended with exit code 3."
    assert told["exit_code"] == 3
    assert Decimal(told["cost_usd"]) == Decimal("0.5")
    assert told["attempts"][0]["exit_code"] == 3
    assert told["attempts"][0]["log_url"] == f"/jobs/{job.pk}/attempts/1/log/"
    assert told["transitions"][0]["to"] == "SUBMITTED"


def test_the_json_is_also_had_by_a_link(page: Client) -> None:
    job = a_job()
    assert page.get(f"/jobs/{job.pk}/?format=json").json()["id"] == str(job.pk)


def test_the_cost_of_a_running_job_grows(page: Client) -> None:
    job = a_job(status="RUNNING", attempts_made=1)
    an_attempt(job=job, started_at=timezone.now() - timedelta(hours=1))
    html = page.get(f"/jobs/{job.pk}/").content.decode()
    assert "$0.0427" in html
    assert "data-usd-per-second" in html


def test_what_an_attempt_used_is_drawn_against_what_it_asked_for(page: Client) -> None:
    job = a_job(status="RUNNING", attempts_made=1)
    attempt = an_attempt(job=job, started_at=NOW)
    for second, milli_vcpus in enumerate((250, 750, 500)):
        UsageSample.objects.create(
            attempt=attempt,
            at=NOW + timedelta(seconds=second),
            milli_vcpus=milli_vcpus,
            memory_mib=0,
        )
    html = page.get(f"/jobs/{job.pk}/").content.decode()
    assert "0.5 of 1, at most 0.75" in html
    assert "under 1 MiB of" in html
    cpu, memory = usage_of(attempt, NOW)
    assert [curve.values for curve in cpu.chart.curves] == [[0.25, 0.75, 0.5], [1.0, 1.0, 1.0]]
    assert [curve.unit for curve in memory.chart.curves] == ["MiB", "MiB"]


@pytest.mark.parametrize("number", ["2", "99", "nonsense", "1e9", "9" * 400, "\0"])
def test_an_attempt_that_there_is_not_shows_the_newest(page: Client, number: str) -> None:
    job = failed_job()
    answer = page.get(f"/jobs/{job.pk}/", {"attempt": number})
    assert answer.status_code == 200
    assert answer.context["shown_attempt"]().number == 1


def test_cancel_ends_a_waiting_job_with_the_reason(script: Client) -> None:
    job = a_job(status="RUNNABLE")
    answer = script.post(f"/jobs/{job.pk}/cancel/", {"reason": "not needed"})
    assert answer.status_code == 200
    told = answer.json()
    assert (told["status"], told["status_reason"], told["changed"]) == (
        "FAILED",
        "not needed",
        True,
    )
    again = script.post(f"/jobs/{job.pk}/cancel/").json()
    assert (again["status_reason"], again["changed"]) == ("not needed", False)


def test_who_ran_a_job_again_is_listed_to_those_alone_who_may_see_the_new_one(
    page: Client, bobs_page: Client, bob: User, admin: User
) -> None:
    job = a_job(owner=bob, status="FAILED")
    own, other = (a_job(rerun_of=job, owner=owner) for owner in (bob, admin))
    for client, shown in ((bobs_page, {own}), (page, {own, other})):
        html = client.get(f"/jobs/{job.pk}/").content.decode()
        assert {each for each in (own, other) if f"/jobs/{each.pk}/" in html} == shown


def test_terminate_asks_a_running_job_to_stop(page: Client, admin: User) -> None:
    job = a_job(status="RUNNING", attempts_made=1)
    an_attempt(job=job, started_at=NOW)
    answer = page.post(f"/jobs/{job.pk}/terminate/", {"reason": "wrong input"}, follow=True)
    html = answer.content.decode()
    assert f"{job.name} is told to stop" in html
    assert "wrong input" in html
    assert "Stopping" in html
    job.refresh_from_db()
    assert job.status == "RUNNING"
    assert job.stop_requested_at is not None


def test_terminate_works_without_scripts(page: Client) -> None:
    job = a_job(status="RUNNING", attempts_made=1)
    assert f"/jobs/{job.pk}/terminate/" in page.get(f"/jobs/{job.pk}/").content.decode()
    form = page.get(f"/jobs/{job.pk}/terminate/").content.decode()
    assert f'<form method="post" action="/jobs/{job.pk}/terminate/">' in form


def test_htmx_is_sent_on_after_a_post(page: Client) -> None:
    job = a_job(status="RUNNABLE")
    answer = page.post(f"/jobs/{job.pk}/cancel/", headers={"HX-Request": "true"})
    assert answer.status_code == 204
    assert answer["HX-Redirect"] == f"/jobs/{job.pk}/"


def test_an_ended_job_has_no_buttons_to_end_it(page: Client) -> None:
    html = page.get(f"/jobs/{failed_job().pk}/").content.decode()
    assert 'data-opens="terminate-dialog' not in html
    assert "/cancel/" not in html


def test_a_part_does_not_read_what_other_parts_show(page: Client) -> None:
    job = failed_job()
    headers = {"HX-Request": "true", "HX-Target": "div#job-cost"}
    html = page.get(f"/jobs/{job.pk}/", headers=headers).content.decode()
    assert html.strip().startswith('<div id="job-cost"')
    assert "Attempts" not in html


def test_a_running_job_says_when_its_time_limit_is_over(page: Client, script: Client) -> None:
    rules = [{"onReason": "<b>*", "action": "EXIT"}]
    job = a_job(status="RUNNING", attempts_made=1, timeout_seconds=90, evaluate_on_exit=rules)
    deadline = timezone.now() + timedelta(seconds=80)
    attempt = an_attempt(job=job, started_at=timezone.now(), deadline_at=deadline)
    html = page.get(f"/jobs/{job.pk}/").content.decode()
    assert "Its time limit of 1 min 30 s is over at" in html
    assert "starts with &quot;&lt;b&gt;&quot;: fail at once." in html
    told = script.get(f"/jobs/{job.pk}/").json()
    assert (told["timeout_seconds"], told["evaluate_on_exit"]) == (90, rules)
    assert told["attempts"][0]["deadline_at"] is not None

    job.status, job.status_reason = "FAILED", "Job attempt duration exceeded timeout"
    job.stop_requested_at = job.stopped_at = attempt.timed_out_at = attempt.ended_at = deadline
    attempt.explanation = "It ran until its time limit was over."
    job.save()
    attempt.save()
    html = page.get(f"/jobs/{job.pk}/").content.decode()
    assert "Job attempt duration exceeded timeout" in html
    assert "It ran until its time limit was over." in html
    assert "is over at" not in html


def test_the_log_box_is_renewed_where_no_container_ran(page: Client) -> None:
    """What is marked as kept is left as it is when its surroundings are renewed."""

    def log_box(job: Job) -> str:
        html = page.get(f"/jobs/{job.pk}/").content.decode()
        return html.partition('class="card bw-log-card"')[2].partition(">")[0]

    waiting = a_job(status="RUNNABLE")
    assert 'id="log-none"' in log_box(waiting)
    assert "data-keep" not in log_box(waiting)
    job = a_job(status="STARTING", attempts_made=1)
    attempt = an_attempt(job=job)
    assert f'id="log-{attempt.pk}"' in log_box(job)
    assert "data-keep" in log_box(job)
    attempt.ended_at = NOW
    attempt.save()
    # Another id, so that it takes the place of the one that is kept.
    assert f'id="log-{attempt.pk}-none"' in log_box(job)


def test_the_page_shows_the_role_and_not_its_token(client: Client, visitor: User) -> None:
    role = "arn:aws:iam::123456789012:role/submitter"
    job = a_job(owner=visitor, status="RUNNING", attempts_made=1, container={"jobRoleArn": role})
    attempt = an_attempt(job=job)
    page = client.get(f"/jobs/{job.id}/").text
    assert role in page
    shown = page + client.get(f"/jobs/{job.id}/", headers=JSON).text
    assert fetch_token(attempt) not in shown


@pytest.mark.parametrize("status", ["DELETING", "DELETED"])
def test_a_failed_job_of_a_deleted_queue_can_only_be_cloned(page: Client, status: str) -> None:
    job = a_job(status="FAILED")
    rerun = f'action="/jobs/{job.pk}/rerun/"'
    html = page.get(f"/jobs/{job.pk}/").content.decode()
    assert rerun in html
    assert 'btn-primary" href="/submit/' not in html
    JobQueue.objects.filter(pk=job.queue_id).update(status=status, state="DISABLED")
    html = page.get(f"/jobs/{job.pk}/").content.decode()
    assert rerun not in html
    assert 'btn-primary" href="/submit/' in html


def test_a_job_that_is_gone_is_named_below_another_path_too(bobs_page: Client) -> None:
    job_id = a_job().pk
    answer = bobs_page.get(f"/jobs/{job_id}/", SCRIPT_NAME="/batch")
    assert answer.status_code == 404
    assert f"?q={job_id}" in answer.content.decode()
