"""The pages of queues: counts, the front with its reasons, changes, and what others may not see."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from jobs.domain import ids
from jobs.domain.states import JobStatus
from jobs.models import JobQueue, ServiceEnvironment, WaitReason
from jobs.scheduling.plan import WaitCode
from jobs.selectors.queues import find_queue, front_of_queue, list_queues
from tests.builders import NOW, a_job, a_policy, a_queue, an_array, an_attempt, an_environment

pytestmark = pytest.mark.django_db
JSON = {"Accept": "application/json"}


def test_the_list_counts_unfinished_jobs_by_status(client: Client, visitor: User) -> None:
    queue = a_queue(an_environment(name="here"), name="default", priority=3)
    for status in (JobStatus.RUNNABLE, JobStatus.RUNNABLE, JobStatus.RUNNING, JobStatus.FAILED):
        a_job(queue=queue, status=status)
    a_queue(name="empty")
    found = client.get("/queues/", headers=JSON).json()
    assert [row["name"] for row in found["results"]] == ["default", "empty"]
    first = found["results"][0]
    assert (first["priority"], first["state"], first["environments"]) == (3, "ENABLED", ["here"])
    assert first["jobs"] == {
        "SUBMITTED": 0,
        "PENDING": 0,
        "RUNNABLE": 2,
        "STARTING": 0,
        "RUNNING": 1,
    }
    assert client.get("/queues/").status_code == 200


def test_the_list_is_paged_by_name(client: Client, visitor: User) -> None:
    for number in range(52):
        a_queue(an_environment(name=f"e{number}"), name=f"queue-{number:02}")
    first = client.get("/queues/", headers=JSON).json()
    assert len(first["results"]) == 50
    rest = client.get(first["next"], headers=JSON).json()
    assert ([row["name"] for row in rest["results"]], rest["next"]) == (
        ["queue-50", "queue-51"],
        None,
    )


def test_the_list_costs_as_many_queries_for_many_rows_as_for_one(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    for _ in range(10):
        a_job(status=JobStatus.RUNNING)
    with django_assert_num_queries(3):
        rows = list_queues().rows
    assert [row.live_jobs for row in rows] == [1] * 10


def test_the_front_is_in_order_of_submission_with_the_newest_reason() -> None:
    queue = a_queue()
    jobs = [a_job(queue=queue, status=JobStatus.RUNNABLE) for _ in range(3)]
    a_job(queue=queue, status=JobStatus.RUNNING)
    for text, at in (("Old.", NOW), ("Full.", NOW + timedelta(minutes=1))):
        WaitReason.objects.create(job=jobs[0], code="CAPACITY", reason=text, since=at)
    # From before a retry: it does not say why the job waits now.
    WaitReason.objects.create(
        job=jobs[1], code="CAPACITY", reason="Gone.", since=NOW - timedelta(minutes=1)
    )
    front = front_of_queue(queue=queue, now=NOW)
    assert [(each.position, each.job) for each in front] == list(enumerate(jobs, start=1))
    assert [each.reason for each in front] == ["Full.", "", ""]
    assert [each.since for each in front] == [NOW] * 3
    assert front[0].reason_since == NOW + timedelta(minutes=1)
    assert len(front_of_queue(queue=queue, now=NOW, size=2)) == 2


def test_the_front_of_a_fair_share_queue_is_in_the_order_of_turns() -> None:
    queue = a_queue(scheduling_policy=a_policy())
    shares = ("a", "a", "a", "b")
    jobs = [
        a_job(queue=queue, status=JobStatus.RUNNABLE, share_identifier=share) for share in shares
    ]
    front = front_of_queue(queue=queue, now=NOW)
    assert [each.job for each in front[:2]] == [jobs[0], jobs[3]]


def test_a_child_at_the_front_is_named_with_its_index(client: Client, boss: User) -> None:
    queue = a_queue(name="default", scheduling_policy=a_policy())
    array = an_array(2, queue=queue, name="frames", share_identifier="blue", node_count=3, gpus=1)
    page = client.get("/queues/default/").text
    assert f'href="/jobs/{array.pk}:1/">frames:1</a>' in page
    assert "share blue" in page
    assert "on each of 3 nodes" in page
    front = client.get("/queues/default/", headers=JSON).json()["front"]
    assert [row["id"] for row in front] == [f"{array.pk}:0", f"{array.pk}:1"]


def test_a_likely_start_is_shown_where_time_limits_tell(client: Client, boss: User) -> None:
    environment = an_environment(max_milli_vcpus=1000)
    queue = a_queue(environment, name="default")
    running = a_job(queue=queue, status=JobStatus.RUNNING, attempts_made=1, timeout_seconds=60)
    now = timezone.now()
    an_attempt(
        job=running,
        milli_vcpus=1000,
        placed_at=now,
        started_at=now,
        deadline_at=now + timedelta(seconds=60),
    )
    a_job(queue=queue, status=JobStatus.RUNNABLE)
    (row,) = client.get("/queues/default/", headers=JSON).json()["front"]
    assert row["starts_at"] is not None
    assert ">unknown<" not in client.get("/queues/default/").text


def test_a_job_that_waits_for_a_change_by_somebody_is_said_not_to_start(
    client: Client, boss: User
) -> None:
    queue = a_queue(name="default")
    job = a_job(queue=queue, status=JobStatus.RUNNABLE, milli_vcpus=10**9)
    assert "cannot start" not in client.get("/queues/default/").text
    job.status_reason = f"{WaitCode.JOB_REQUIREMENT} - It needs 64 vCPU."
    job.save()
    assert "cannot start" in client.get("/queues/default/").text


def test_the_tiles_count_every_live_state_also_where_there_is_none(
    client: Client, boss: User
) -> None:
    a_queue(name="default")
    assert "status=PENDING" in client.get("/queues/default/").text
    assert "status=PENDING" in client.get("/").text


def test_a_long_front_costs_as_many_queries_as_a_short_one() -> None:
    costs = []
    for size in (1, 12):
        queue = a_queue()
        for _ in range(size):
            a_job(queue=queue, status=JobStatus.RUNNABLE)
        with CaptureQueriesContext(connection) as queries:
            front = front_of_queue(queue=queue, now=NOW)
            assert all(each.job.owner.pk and each.job.definition.name for each in front)
        costs.append(len(queries))
    # Run times were read for the first, and are remembered.
    assert costs[1] <= costs[0]


def test_other_peoples_jobs_at_the_front_have_no_name(client: Client, visitor: User) -> None:
    queue = a_queue(name="default")
    a_job(queue=queue, status=JobStatus.RUNNABLE, name="secret-plan")
    a_job(queue=queue, status=JobStatus.RUNNABLE, name="mine", owner=visitor)
    page = client.get("/queues/default/").text
    assert "secret-plan" not in page
    assert "mine" in page
    front = client.get("/queues/default/", headers=JSON).json()["front"]
    assert [(row["position"], row["name"]) for row in front] == [(1, None), (2, "mine")]


def test_a_queue_is_made_and_changed_with_plain_forms(client: Client, boss: User) -> None:
    an_environment(name="a")
    an_environment(name="b")
    assert client.get("/new/queue/").status_code == 200
    form = {"name": "q", "priority": "2", "state": "ENABLED", "environments": ["b", "a", ""]}
    assert client.post("/queues/", form).headers["Location"] == "/queues/q/"
    shown = client.get("/queues/q/edit/").context["places"]
    assert [name for _, name in shown] == ["b", "a", ""]
    form = {"priority": "5", "state": "DISABLED", "environments": ["a", "", ""]}
    page = client.post("/queues/q/", form, follow=True)
    assert "The queue q is changed." in page.text
    assert "It takes no new jobs." in page.text
    row = find_queue(name="q")
    assert row is not None
    assert (row.queue.priority, [each.name for each in row.environments]) == (5, ["a"])


def test_an_environment_without_a_queue_leads_to_a_new_one_on_it(
    client: Client, boss: User
) -> None:
    an_environment(name="there")
    url = "/new/queue/?environment=there"
    assert f'href="{url}"' in client.get("/environments/there/").text
    assert "<option selected>there</option>" in client.get(url).text


def test_a_refused_form_keeps_what_was_typed(client: Client, boss: User) -> None:
    a_queue(an_environment(name="a"), name="q")
    page = client.post("/queues/", {"name": "q", "priority": "x", "environments": ["a", "a"]})
    assert page.status_code == 400
    assert "There is a queue named q already." in page.text
    assert "Choose each environment once." in page.text
    assert 'value="x"' in page.text
    page = client.post("/queues/q/", {"priority": "", "environments": ["a"]})
    assert page.status_code == 400
    assert page.context["errors"]["priority"] == [
        "Priority is a whole number such as 1; a higher one goes first."
    ]


def test_a_script_makes_changes_and_deletes_a_queue(client: Client, boss: User) -> None:
    an_environment(name="a")
    fields = {"name": "q", "environments": ["a"]}
    made = client.post("/queues/", fields, headers=JSON)
    assert (made.status_code, made.headers["Location"]) == (201, "/queues/q/")
    changed = client.post(
        "/queues/q/", {"priority": 4}, content_type="application/json", headers=JSON
    )
    assert (changed.status_code, changed.json()["priority"]) == (200, 4)
    refused = client.post("/queues/q/delete/", headers=JSON)
    assert (refused.status_code, refused.json()["message"]) == (
        409,
        "The queue q is enabled. Disable it before you delete it.",
    )
    assert client.post("/queues/q/disable/", headers=JSON).json()["state"] == "DISABLED"
    assert client.post("/queues/q/delete/", headers=JSON).status_code == 200
    assert client.get("/queues/q/", headers=JSON).json()["status"] == "DELETING"
    refused = client.post("/queues/q/enable/", headers=JSON)
    assert (refused.status_code, refused.json()["message"]) == (
        409,
        "The queue q is being deleted.",
    )


def test_a_queue_page_shows_its_status_and_what_that_means(client: Client, boss: User) -> None:
    a_queue(name="q", tags={"team": "blue"})
    page = client.get("/queues/q/").text
    assert ">VALID</span>" in page
    assert "blue" in page
    JobQueue.objects.update(status="INVALID", status_reason="None of them is VALID.")
    assert "None of them is VALID." in client.get("/queues/q/").text
    assert ">INVALID</span>" in client.get("/queues/").text
    JobQueue.objects.update(status="DELETING", state="DISABLED")
    page = client.get("/queues/q/").text
    assert "Being deleted." in page
    assert "/queues/q/edit/" not in page


def test_pages_of_what_waits_in_a_queue_that_is_being_deleted(client: Client, boss: User) -> None:
    queue = a_queue(name="q", status="DELETING", state="DISABLED")
    job = a_job(queue=queue, status=JobStatus.RUNNABLE)
    an_attempt(job=a_job(queue=queue, status=JobStatus.RUNNING, attempts_made=1))
    assert client.get("/queues/q/").status_code == 200
    assert client.get("/").status_code == 200
    page = client.get(f"/jobs/{ids.text_of(job.pk)}/")
    assert page.status_code == 200
    assert 'href="/queues/q/"' in page.text


def test_a_queue_for_service_jobs_is_shown_and_changed_but_takes_no_jobs(
    client: Client, boss: User
) -> None:
    environment = ServiceEnvironment.objects.create(name="train", created_at=NOW)
    queue = a_queue(
        name="q",
        type="SAGEMAKER_TRAINING",
        time_limit_actions=[
            {"reason": "x", "state": "RUNNABLE", "maxTimeSeconds": 600, "action": "TERMINATE"}
        ],
    )
    queue.environment_order.all().delete()
    queue.service_order.create(environment=environment, order=1)
    page = client.get("/queues/q/").text
    assert "a job is terminated" in page
    assert "for service jobs, which do not run here" in page
    assert "/submit/?queue=q" not in page
    assert 'name="environments"' not in client.get("/queues/q/").text
    assert client.post("/queues/q/", {"priority": "3"}).status_code == 302
    found = client.get("/queues/q/", headers=JSON).json()
    assert (found["priority"], found["service_environments"]) == (3, ["train"])
    assert "train" in client.get("/queues/").text
    choices = client.get("/submit/").context["queue_names"]
    assert "q" not in (choices() if callable(choices) else choices)


def test_names_as_a_form_gives_them_leave_the_orders_numbers(client: Client, boss: User) -> None:
    queue = a_queue(an_environment(name="a"), an_environment(name="b"), name="q")
    queue.environment_order.filter(order=2).update(order=9)
    client.post("/queues/q/", {"priority": "3", "environments": ["a", "b", ""]})
    assert list(queue.environment_order.values_list("order", flat=True)) == [1, 9]
    client.post("/queues/q/", {"environments": ["b", "a", ""]})
    assert list(queue.environment_order.values_list("order", flat=True)) == [1, 2]


def test_a_job_of_a_deleted_queue_names_it_without_a_link(client: Client, boss: User) -> None:
    job = a_job(queue=a_queue(name="gone"), status=JobStatus.SUCCEEDED)
    JobQueue.objects.update(status="DELETED", state="DISABLED")
    page = client.get(f"/jobs/{ids.text_of(job.pk)}/").text
    assert 'gone <span class="badge">DELETED</span>' in page
    assert "/queues/gone/" not in page
    other = a_job(queue=a_queue(name="gone"), status=JobStatus.SUCCEEDED)
    listed = client.get("/jobs/?queue=gone", headers=JSON).json()["results"]
    assert {row["id"] for row in listed} == {ids.text_of(job.pk), ids.text_of(other.pk)}
    assert client.get("/queues/", headers=JSON).json()["results"][0]["name"] == "gone"


def test_a_browser_that_may_not_delete_stays_on_the_form_with_the_reason(
    client: Client, boss: User
) -> None:
    a_queue(name="q")
    page = client.post("/queues/q/delete/")
    assert page.status_code == 409
    assert "The queue q is enabled." in page.text


def test_only_an_administrator_changes_anything(client: Client, visitor: User) -> None:
    a_queue(name="q")
    for path in ("/new/queue/", "/queues/q/edit/"):
        assert client.get(path).status_code == 403
    for path in ("", "q/", "q/enable/", "q/disable/", "q/delete/"):
        assert client.post(f"/queues/{path}", {"priority": "9"}).status_code == 403
    page = client.get("/queues/q/").text
    assert "Disable" not in page
    assert JobQueue.objects.get().priority == 1


def test_an_unknown_queue_is_not_found(client: Client, boss: User) -> None:
    assert client.get("/queues/none/").status_code == 404
    assert client.post("/queues/none/enable/").status_code == 404


def test_why_somebody_else_s_job_waits_is_told_by_its_code_alone(
    client: Client, visitor: User
) -> None:
    queue = a_queue(name="default")
    own, other = (
        a_job(queue=queue, owner=visitor, status="RUNNABLE"),
        a_job(queue=queue, status="RUNNABLE"),
    )
    for job, detail in ((own, "mine"), (other, "hush")):
        text = f"QUEUED:BEHIND_EARLIER_JOBS - Waits behind {detail}."
        WaitReason.objects.create(
            job=job, code="QUEUED:BEHIND_EARLIER_JOBS", reason=text, since=NOW
        )
    html = client.get("/queues/default/").content.decode()
    assert "Waits behind mine." in html
    assert "hush" not in html
    assert html.replace("<wbr>", "").count("QUEUED:BEHIND_EARLIER_JOBS") == 2
    front = client.get("/queues/default/", headers=JSON).json()["front"]
    assert [row["reason"] is None for row in front] == [False, True]
    assert [row["reason_code"] for row in front] == ["QUEUED:BEHIND_EARLIER_JOBS"] * 2


def test_it_is_asked_before_a_queue_is_deleted(client: Client, boss: User) -> None:
    queue = a_queue(name="q", state="DISABLED")
    client.force_login(boss)
    assert 'data-opens="delete-dialog"' in client.get("/queues/q/").text
    asked = client.get("/queues/q/delete/").text
    assert "Delete q?" in asked
    assert "Its unfinished jobs are terminated" in asked
    queue.refresh_from_db()
    assert queue.status == "VALID"


def test_the_page_of_a_queue_has_its_arn_and_leads_to_its_charts(
    client: Client, boss: User
) -> None:
    a_queue(name="q")
    client.force_login(boss)
    page = client.get("/queues/q/").text
    assert 'data-copy="arn:aws:batch:us-east-1:123456789012:job-queue/q"' in page
    assert 'href="/monitoring/?queue=q"' in page
