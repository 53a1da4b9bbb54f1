"""The overview: children of an array are told together, and what an hour brought."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from jobs.domain import reasons
from jobs.models import ArraySummary, Job, Transition
from jobs.selectors import overview
from tests.builders import a_job, a_queue, an_array, an_environment

from .metric_rows import a_queue_minute, an_environment_minute, minutes_before

pytestmark = pytest.mark.django_db


def a_change(job: Job, to: str) -> Transition:
    return Transition.objects.create(
        job=job, from_status="RUNNABLE", to_status=to, at=timezone.now()
    )


def children_of(array: Job) -> list[Job]:
    return list(Job.objects.filter(parent=array).order_by("array_index"))


def test_changes_of_an_arrays_children_are_one_line(page: Client, admin: User) -> None:
    array, other = an_array(5, name="wide"), a_job(name="plain")
    for child in children_of(array)[:4]:
        a_change(child, "STARTING")
        a_change(child, "RUNNING")
    a_change(other, "STARTING")
    lines = overview.feed(user=admin)
    told = [(line.name, line.to_status, line.number) for line in lines[:3]]
    assert told == [("plain", "STARTING", 1), ("wide", "RUNNING", 4), ("wide", "STARTING", 4)]
    html = page.get("/").text
    assert "4 children" in html
    assert html.count(f'href="/jobs/{array.pk}/"') >= 2


def test_a_job_that_is_tried_again_stands_where_it_was_last(admin: User) -> None:
    job, other = a_job(name="again"), a_job(name="other")
    for each, to in ((job, "RUNNABLE"), (other, "RUNNABLE"), (job, "RUNNABLE")):
        a_change(each, to)
    lines = [line for line in overview.feed(user=admin) if line.to_status == "RUNNABLE"]
    assert [(line.name, line.number) for line in lines] == [("again", 1), ("other", 1)]


def test_a_user_sees_his_own_changes_also_those_of_long_ago(
    bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, array = a_job(owner=bob, name="mine"), an_array(3, owner=bob, name="wide")
    a_change(mine, "STARTING")
    stranger = a_job()
    for child in children_of(array):
        a_change(child, "STARTING")
    a_change(stranger, "STARTING")
    names = {line.name for line in overview.feed(user=bob)}
    assert names == {"mine", "wide"}
    monkeypatch.setattr(overview, "TRANSITIONS_LOOKED_AT", 1)
    assert "mine" in {line.name for line in overview.feed(user=bob)}


def test_an_array_runs_as_one_line_with_how_many_of_its_children(page: Client, admin: User) -> None:
    array = an_array(8, name="wide")
    Job.objects.filter(pk=array.pk).update(status="PENDING")
    Job.objects.filter(parent=array, array_index__lt=3).update(status="RUNNING")
    ArraySummary.objects.filter(job=array).update(runnable=5, running=2, starting=1)
    plain = a_job(status="RUNNING", name="plain")
    placed = overview.placed_jobs(user=admin)
    assert [(job.pk, number) for job, number in placed] == [(plain.pk, 1), (array.pk, 3)]
    assert "3 of 8 children" in page.get("/").text


def test_failures_of_children_for_the_same_reason_are_one_line(page: Client, admin: User) -> None:
    array = an_array(6, name="wide")
    now = timezone.now()
    for index, child in enumerate(children_of(array)):
        Job.objects.filter(pk=child.pk).update(
            status="FAILED",
            status_reason=reasons.ESSENTIAL_EXITED,
            exit_code=3 if index < 4 else 9,
            stopped_at=now - timedelta(minutes=index),
        )
    Job.objects.filter(pk=array.pk).update(status="FAILED", stopped_at=now)
    a_job(status="FAILED", stopped_at=now - timedelta(hours=2))
    found = overview.failures(user=admin, since=overview.hour_before(now))
    assert (found.count, found.is_more) == (6, False)
    told = [(line.reason, line.number) for line in found.newest]
    assert told == [("Exit code 3", 4), ("Exit code 9", 2)]
    assert "4 children" in page.get("/").text


def test_very_many_failures_are_counted_up_to_a_bound(
    page: Client, admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overview, "COUNTED_UP_TO", 3)
    now = timezone.now()
    for number in range(4):
        a_job(status="FAILED", stopped_at=now)
        found = overview.failures(user=admin, since=overview.hour_before(now))
        assert (found.count, found.is_more) == (min(number + 1, 3), number == 3)
    assert "3+" in page.get("/").text


def test_a_large_array_that_somebody_ended_hides_no_failure_before_it(
    page: Client, admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overview, "COUNTED_UP_TO", 3)
    now = timezone.now()
    broken = [a_job(status="FAILED", stopped_at=now - timedelta(minutes=9)) for _ in range(2)]
    for number in range(5):
        a_job(
            status="FAILED",
            stopped_at=now - timedelta(minutes=number),
            status_reason="Cancelled by user",
            stop_kind="CANCEL",
            stop_reason="Cancelled by user",
        )
    found = overview.failures(user=admin, since=overview.hour_before(now))
    assert (found.count, found.is_more) == (2, False)
    assert (found.on_request, found.is_more_on_request) == (3, True)
    assert {line.job_id for line in found.newest} == {job.pk for job in broken}
    assert "3+" in page.get("/").text


def test_jobs_that_somebody_ended_hide_no_failure(page: Client, admin: User) -> None:
    now = timezone.now()
    a_job(
        name="broken",
        status="FAILED",
        stopped_at=now - timedelta(minutes=9),
        status_reason="boom",
        # It had failed before it came to that.
        stop_kind="TERMINATE",
        stop_reason="too slow",
    )
    for kind in ("CANCEL", "TERMINATE") * overview.FAILURES_SHOWN:
        a_job(
            name="nightly",
            status="FAILED",
            stopped_at=now,
            status_reason="no more",
            stop_kind=kind,
            stop_reason="no more",
        )
    a_job(name="held", status="FAILED", stopped_at=now, stop_kind="QUEUE_RULE")
    found = overview.failures(user=admin, since=overview.hour_before(now))
    assert (found.count, found.on_request) == (2, 2 * overview.FAILURES_SHOWN)
    assert [line.name for line in found.newest] == ["held", "broken"]
    html = page.get("/").text
    assert "and 16 cancelled or terminated" in html
    assert "16</span> more were cancelled or terminated" in html


def test_charts_of_the_last_hours_are_drawn(page: Client) -> None:
    at = minutes_before(timezone.now(), 5)
    a_queue_minute(a_queue(name="fast"), at, waiting_sum=4)
    an_environment_minute(an_environment(), at, used=1000, total=2000)
    html = page.get("/").text
    assert 'id="chart-vcpus" data-chart="area"' in html
    assert 'id="chart-depth" data-chart="stacked"' in html
    assert '"label": "fast"' in html


def test_scripts_get_the_counts_of_each_queue(script: Client) -> None:
    a_job(status="RUNNABLE", queue=a_queue(name="fast"))
    queues = script.get("/").json()["queues"]
    assert [(row["name"], row["jobs"]["RUNNABLE"]) for row in queues] == [("fast", 1)]
