"""The pages of a job in a browser: the grid by keys, use as charts, the timeline live, the command copied."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Page, expect

from jobs import changes
from jobs.domain import ids
from jobs.domain.states import JobStatus
from jobs.models import ArraySummary, Job, UsageSample
from jobs.services.writing.transition import transition
from tests.builders import a_job, an_array, an_attempt

pytestmark = pytest.mark.browser
Visit = Callable[[str], Page]


def test_the_grid_goes_by_keys_and_shows_one_status_alone(visit: Visit) -> None:
    array = an_array(40, children="SUCCEEDED")
    failed = Job.objects.filter(pk__in=[ids.child_id(array.pk, index) for index in (7, 31)])
    failed.update(status="FAILED")
    ArraySummary.objects.filter(job=array).update(succeeded=38, failed=2)
    page = visit(f"/jobs/{array.pk}/?status=FAILED")
    expect(page.locator("path.bw-succeeded")).to_have_class(re.compile("bw-cell-faint"))
    expect(page.locator("path.bw-failed")).not_to_have_class(re.compile("bw-cell-faint"))
    grid = page.get_by_role("slider", name="Children")
    grid.focus()
    for key, told in (
        ("ArrowRight", "Child 0: SUCCEEDED"),
        ("n", "Child 7: FAILED"),
        ("n", "Child 31: FAILED"),
        ("End", "Child 39: SUCCEEDED"),
        ("N", "Child 31: FAILED"),
    ):
        grid.press(key)
        expect(grid).to_have_attribute("aria-valuetext", told)
        expect(page.locator("[data-grid-told]")).to_have_text(told)
    # A renewal leaves the cursor where it is.
    Job.objects.filter(pk=ids.child_id(array.pk, 9)).update(status="FAILED")
    ArraySummary.objects.filter(job=array).update(succeeded=37, failed=3)
    changes.publish([changes.job_topic(array.pk)])
    expect(page.locator("#count-FAILED")).to_contain_text("3")
    expect(page.locator(".bw-cell-cursor")).to_have_count(1)
    grid.press("Enter")
    expect(page).to_have_url(re.compile(f"/jobs/{array.pk}:31/$"))


def test_use_is_a_chart_that_follows_new_samples(visit: Visit) -> None:
    begun = timezone.now() - timedelta(minutes=1)
    job = a_job(status="RUNNING", attempts_made=1, started_at=begun)
    attempt = an_attempt(job=job, started_at=begun)

    def sample(second: int, milli_vcpus: int) -> None:
        at = begun + timedelta(seconds=second)
        UsageSample.objects.create(attempt=attempt, at=at, milli_vcpus=milli_vcpus, memory_mib=100)

    sample(5, 250)
    sample(10, 500)
    page = visit(f"/jobs/{job.pk}/")
    use = page.get_by_role("region", name="Use", exact=True)
    expect(use.locator("canvas")).to_have_count(2)
    expect(use).to_contain_text("0.5 of 1, at most 0.5.")
    page.evaluate("document.querySelector('#usage-title').marked = true")
    sample(15, 750)
    changes.publish([changes.job_topic(job.pk)])
    expect(use).to_contain_text("0.75 of 1, at most 0.75.")
    expect(use.locator("canvas")).to_have_count(2)
    assert page.evaluate("document.querySelector('#usage-title').marked")


def test_the_timeline_follows_and_the_command_is_copied(visit: Visit, user: User) -> None:
    job = a_job(status="RUNNABLE", owner=user, name="solve")
    page = visit(f"/jobs/{job.pk}/timeline/")
    bar = page.locator(f"#bar-{job.pk}")
    expect(bar).to_contain_text("RUNNABLE")
    page.evaluate("window.notReloaded = true")
    transition(job_ids=[job.pk], old=JobStatus.RUNNABLE, new=JobStatus.STARTING, now=timezone.now())
    expect(bar).to_contain_text("STARTING")
    assert page.evaluate("window.notReloaded")
    page.get_by_role("link", name="JSON and AWS CLI").click()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("region", name="The same with the AWS CLI").get_by_role(
        "button", name="Copy", exact=True
    ).click()
    copied = page.evaluate("navigator.clipboard.readText()")
    here = page.evaluate("location.origin")
    command = f"aws batch submit-job \\\n  --endpoint-url {here} \\\n  --job-name solve"
    assert copied.startswith(command)
