"""What a job's page answers before it is asked: needs beside what is free, run time and cost beside earlier runs, use,
how far an array is; and what it says of a job that is gone."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from jobs.domain import ids
from jobs.domain.queue_rules import MAX_QUEUE_ENVIRONMENTS
from jobs.models import ArraySummary, Job, UsageSample, WaitReason
from jobs.selectors import usage as usage_selectors
from jobs.selectors.jobs import RunSeconds
from jobs.selectors.usage import UsagePoint, thinned, usage_over_time
from jobs.selectors.waiting.groups import kept_groups
from jobs.web.contexts.needs import needs_of
from jobs.web.contexts.runs import verdict
from tests.builders import (
    NOW,
    a_definition,
    a_job,
    a_node,
    a_queue,
    an_array,
    an_attempt,
    an_engine,
    an_environment,
    an_instance,
)
from tests.services.instances_at_hand import a_managed

RUNS = RunSeconds(median=100, p90=150, p95=200)


def a_waiting_job(**fields: object) -> Job:
    """One that waits where two machines are: 4 vCPUs of which 3 are held, and 2 that are free."""
    engine = an_engine()
    busy = a_node(engine=engine, name="busy", milli_vcpus=4000, memory_mib=8192)
    a_node(engine=engine, name="small", milli_vcpus=2000, memory_mib=1024)
    environment = an_environment(engine=engine, name="here", max_milli_vcpus=4000)
    queue = a_queue(environment)
    held = a_job(queue=queue, status="RUNNING", attempts_made=1)
    an_attempt(job=held, node=busy, milli_vcpus=3000, memory_mib=1024, started_at=NOW)
    return a_job(queue=queue, status="RUNNABLE", **fields)


def test_needs_stand_beside_what_is_free_where_there_is_most_room(db: None) -> None:
    job = a_waiting_job(milli_vcpus=3000, memory_mib=512)
    (here,) = needs_of(job, NOW)
    assert (here.environment, here.where) == ("here", "on small, which has the most room of 2")
    assert [(bar.label, bar.words, bar.fits) for bar in here.bars] == [
        ("vCPU", "needs 3; 2 of 2 free", False),
        ("Memory", "needs 512 MiB; 1 GiB of 1 GiB free", True),
        ("Its maximum", "needs 3; 1 of 4 free", False),
    ]
    assert not here.fits


def test_needs_are_read_once_for_all_who_look(
    db: None, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    job = a_waiting_job()
    needs_of(job, NOW)
    with django_assert_num_queries(0):
        needs_of(job, NOW)


def test_no_environment_of_the_queue_is_left_out(db: None) -> None:
    places = [an_environment() for _ in range(MAX_QUEUE_ENVIRONMENTS)]
    job = a_job(queue=a_queue(*places), status="RUNNABLE")
    assert [each.environment for each in needs_of(job, NOW)] == [place.name for place in places]


def test_an_environment_that_takes_no_jobs_says_so(db: None) -> None:
    disabled = an_environment(name="off", state="DISABLED")
    empty = an_environment(name="empty", engine=an_engine())
    job = a_job(queue=a_queue(disabled, empty), status="RUNNABLE")
    assert [(each.environment, each.note) for each in needs_of(job, NOW)] == [
        ("off", "It is disabled or invalid, and takes no jobs."),
        ("empty", "It has no machine that is ready."),
    ]


def test_a_multi_node_job_needs_so_much_for_each_node(db: None) -> None:
    (here,) = needs_of(a_waiting_job(milli_vcpus=1000, node_count=2), NOW)
    assert [(bar.label, bar.fits) for bar in here.bars] == [
        ("vCPU a node", True),
        ("Memory a node", True),
        # Both together.
        ("Its maximum", False),
    ]


def test_an_instance_is_a_place_where_an_environment_has_instances(db: None) -> None:
    environment = a_managed()
    job = a_job(queue=a_queue(environment), status="RUNNABLE")
    (here,) = needs_of(job, NOW)
    none_yet = (
        "It has no instance that takes jobs. Its instances have 0 of at most 16 vCPU together."
    )
    assert (here.note, here.bars) == (none_yet, [])
    kept_groups.forget()
    instance = an_instance(environment=environment)
    (here,) = needs_of(job, NOW)
    assert here.where == f"on {instance.instance_id}"
    assert here.note == "Its instances have 2 of at most 16 vCPU together."
    assert here.fits


def test_the_page_and_its_json_say_what_is_too_little(page: Client) -> None:
    job = a_waiting_job(milli_vcpus=3000)
    html = page.get(f"/jobs/{job.pk}/").text
    assert "needs 3; 2 of 2 free: <b>too little</b>" in html
    told = page.get(f"/jobs/{job.pk}/", {"format": "json"}).json()
    assert told["needs"][0]["dimensions"][0] == {
        "name": "vCPU",
        "says": "needs 3; 2 of 2 free",
        "fits": False,
    }
    assert told["earlier_runs"] is None
    assert told["overrides"] == ["resources"]


@pytest.mark.parametrize(
    ("seconds", "status", "said"),
    [
        (None, "RUNNABLE", "It does not run yet."),
        (None, "FAILED", "It never ran."),
        (50, "RUNNING", "As usual so far."),
        (120, "RUNNING", "Longer than half of them, so far."),
        (160, "RUNNING", "Longer than nine of ten."),
        (201, "RUNNING", "Longer than nineteen of twenty."),
        (95, "SUCCEEDED", "About as long as usual."),
        (50, "SUCCEEDED", "Shorter than half of them."),
        (140, "SUCCEEDED", "Longer than half of them."),
    ],
)
def test_a_run_is_held_against_earlier_ones(seconds: float | None, status: str, said: str) -> None:
    assert verdict(RUNS, seconds, status=status) == said


def test_a_running_job_tells_its_time_and_cost_beside_earlier_runs(page: Client) -> None:
    now, definition, queue = timezone.now(), a_definition(name="render"), a_queue()
    for hours in (1, 2, 3):
        ran = a_job(definition=definition, queue=queue, status="SUCCEEDED", started_at=NOW)
        Job.objects.filter(pk=ran.pk).update(stopped_at=NOW + timedelta(hours=hours))
    begun = now - timedelta(hours=1)
    job = a_job(
        definition=definition, queue=queue, status="RUNNING", attempts_made=1, started_at=begun
    )
    an_attempt(job=job, started_at=begun)
    html = page.get(f"/jobs/{job.pk}/").text
    assert "As usual so far." in html
    for hours in (2, 3):
        assert f"<dd>{hours} h 0 min</dd>" in html
    # 0.0427 an hour: 1 vCPU and half a GiB at the environment's prices.
    assert 'About <b class="bw-num">$0.0854</b> by its end' in html


def test_use_over_time_is_thinned_to_so_many_points() -> None:
    samples = [UsagePoint(at, at, at) for at in range(1000)]
    points = thinned(samples, 240)
    assert len(points) == 200
    assert points[0] == UsagePoint(at=4, milli_vcpus=2, memory_mib=4)
    assert points[-1].memory_mib == 999
    assert thinned(samples[:3], 240) == samples[:3]


def test_of_very_many_samples_some_are_looked_up(
    db: None,
    monkeypatch: pytest.MonkeyPatch,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    monkeypatch.setattr(usage_selectors, "READ_AT_MOST", 50)
    attempt = an_attempt(started_at=NOW)
    UsageSample.objects.bulk_create(
        UsageSample(attempt=attempt, at=NOW + timedelta(seconds=at), milli_vcpus=at, memory_mib=at)
        for at in range(100)
    )
    with django_assert_num_queries(2):
        points = usage_over_time(attempt, now=NOW + timedelta(seconds=100), points=10)
    assert [point.milli_vcpus for point in points] == list(range(0, 100, 10))
    assert points[1].at == pytest.approx(NOW.timestamp() + 10, abs=0.01)


def test_an_array_says_how_fast_it_goes_and_what_all_will_cost(page: Client) -> None:
    array = an_array(10, children="RUNNABLE")
    begun = timezone.now() - timedelta(minutes=10)
    for index in range(5):
        child = Job.objects.get(pk=ids.child_id(array.pk, index))
        child.status, child.started_at, child.stopped_at = "SUCCEEDED", begun, timezone.now()
        child.save()
        an_attempt(job=child, number=1, ended_at=NOW, cost_usd=Decimal(2))
    ArraySummary.objects.filter(job=array).update(runnable=5, succeeded=5)
    html = page.get(f"/jobs/{array.pk}/").text
    assert "50% ended, 0.5 a minute: about 10 min" in html
    assert 'About <b class="bw-num">$20.00</b> for all' in html


def test_an_array_says_why_its_first_child_waits(page: Client) -> None:
    array = an_array(3, children="RUNNABLE")
    first = Job.objects.get(pk=ids.child_id(array.pk, 0))
    WaitReason.objects.create(job=first, code="CAPACITY", reason="Needs a lot.", since=NOW)
    html = page.get(f"/jobs/{array.pk}/").text
    assert "3 children wait for room." in html
    assert "Needs a lot." in html


def test_the_list_s_status_is_that_of_the_grid(page: Client) -> None:
    array = an_array(3, children="SUCCEEDED")
    html = page.get(f"/jobs/{array.pk}/", {"status": "SUCCEEDED"}).text
    assert 'data-grid-status="SUCCEEDED"' in html
    assert 'id="count-SUCCEEDED"' in html
    assert 'aria-current="true"' in html


@pytest.mark.parametrize("path", ["", "timeline/", "api/"])
def test_a_job_that_is_gone_or_another_s_leads_on(
    bobs_page: Client, admin: User, path: str
) -> None:
    for job_id in (a_job(owner=admin).pk, a_job().pk):
        answer = bobs_page.get(f"/jobs/{job_id}/{path}")
        assert answer.status_code == 404
        assert "There is no job of this id that you may see." in answer.text
        assert str(job_id) in answer.text
        assert f'href="/search/?q={job_id}"' in answer.text


def test_a_child_that_there_is_not_leads_to_its_array(page: Client, bobs_page: Client) -> None:
    array = an_array(3)
    html = page.get(f"/jobs/{array.pk}:7/")
    assert html.status_code == 404
    assert "go from 0 to 2" in html.text
    assert f'href="/jobs/{array.pk}/"' in html.text
    # Not even that there is such an array.
    assert "go from 0 to 2" not in bobs_page.get(f"/jobs/{array.pk}:7/").text


def test_what_differs_from_the_definition_is_named(page: Client) -> None:
    job = a_job(attempts_allowed=3, command=["other"])
    assert "<dt>Overrides</dt><dd>command, retries</dd>" in page.get(f"/jobs/{job.pk}/").text


def test_each_reason_of_waiting_tells_how_long_it_held(page: Client) -> None:
    job = a_job(status="STARTING", attempts_made=1)
    for status, at in (("RUNNABLE", 0), ("STARTING", 100)):
        job.transitions.create(to_status=status, at=NOW + timedelta(seconds=at))
    for text, since in (("First.", 10), ("Second.", 30)):
        WaitReason.objects.create(
            job=job, code="C", reason=text, since=NOW + timedelta(seconds=since)
        )
    told = page.get(f"/jobs/{job.pk}/").context["waited"]()
    assert [(each.reason.reason, each.seconds, each.holds) for each in told] == [
        ("Second.", 70, False),
        ("First.", 20, False),
    ]
    Job.objects.filter(pk=job.pk).update(status="RUNNABLE")
    job.transitions.filter(to_status="STARTING").delete()
    told = page.get(f"/jobs/{job.pk}/").context["waited"]()
    assert [each.holds for each in told] == [True, False]
