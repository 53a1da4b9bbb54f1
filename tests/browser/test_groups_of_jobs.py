"""Arrays, dependencies and containers of a job in a real browser: what moves by itself, what a click does."""

import re
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Page, expect

from jobs.domain import ids, reasons
from jobs.domain.states import JobStatus
from jobs.models import Job, JobDependency
from jobs.services.requests.bulk import go_on_with_bulk
from jobs.services.writing.transition import transition
from tests.builders import a_definition, a_job, a_queue, an_array, an_attempt
from tests.joblogs.writing import Writer, numbered

pytestmark = pytest.mark.browser
Visit = Callable[[str], Page]
GRID = "document.querySelector('[data-grid]').dataset.grid"


def fails(child: Job, exit_code: int) -> None:
    now = timezone.now()
    for old, new in (("RUNNABLE", "STARTING"), ("STARTING", "RUNNING")):
        transition(job_ids=[child.pk], old=JobStatus(old), new=JobStatus(new), now=now)
    transition(
        job_ids=[child.pk],
        old=JobStatus.RUNNING,
        new=JobStatus.FAILED,
        now=now,
        reason=reasons.ESSENTIAL_EXITED,
        exit_code=exit_code,
    )


def test_a_child_that_fails_changes_its_square_and_a_click_opens_it(visit: Visit) -> None:
    array = an_array(30)
    # As of a rerun of some: this one was not to run again.
    Job.objects.get(pk=ids.child_id(array.pk, 0)).delete()
    child = Job.objects.get(pk=ids.child_id(array.pk, 2))
    page = visit(f"/jobs/{array.pk}/")
    expect(page.locator("[data-grid] path.bw-runnable")).to_have_count(1)
    assert page.evaluate(GRID) == "." + "2" * 29
    assert page.locator("[data-grid] path.bw-cell-none").get_attribute("d") == "M0 0h16v16h-16z"
    page.evaluate(
        "window.notReloaded = true; document.querySelector('[data-grid] svg').kept = true"
    )

    fails(child, 3)

    expect(page.locator("#count-FAILED")).to_contain_text("1")
    expect(page.get_by_role("region", name="Why children failed")).to_contain_text("Exit code 3")
    page.wait_for_function(f"() => {GRID}[2] === '6'")
    assert page.evaluate("document.querySelector('[data-grid] .bw-failed').getAttribute('d')")
    assert page.evaluate("window.notReloaded && document.querySelector('[data-grid] svg').kept")

    square = page.evaluate("document.querySelector('[data-grid] .bw-failed').getBBox().x")
    grid = page.locator("[data-grid] svg")
    grid.hover(position={"x": 4, "y": 4})
    expect(page.locator("[data-grid-told]")).to_have_text("Child 0: not run here")
    grid.hover(position={"x": square + 4, "y": 4})
    expect(page.locator("[data-grid-told]")).to_have_text("Child 2: FAILED")
    grid.click(position={"x": square + 4, "y": 4})
    expect(page).to_have_url(re.compile(f"/jobs/{array.pk}:2/$"))
    expect(page.get_by_role("heading", level=1)).to_contain_text(":2")


def test_the_list_of_children_follows_its_filter(visit: Visit) -> None:
    array = an_array(40)
    page = visit(f"/jobs/{array.pk}/")
    fails(Job.objects.get(pk=ids.child_id(array.pk, 33)), 1)
    page.locator("#count-FAILED").click()
    expect(page.locator("#children tbody tr")).to_have_count(1)
    expect(page.locator("#child-33")).to_contain_text("Exit code 1")
    fails(Job.objects.get(pk=ids.child_id(array.pk, 5)), 1)
    expect(page.locator("#child-5")).to_be_visible()


def test_a_dependency_s_end_is_seen_on_the_page_of_who_waits(visit: Visit) -> None:
    job, on = a_job(status="PENDING"), a_job(name="load", status="RUNNING", attempts_made=1)
    JobDependency.objects.create(job=job, on=on)
    page = visit(f"/jobs/{job.pk}/")
    box = page.locator(f"#box-{on.pk}")
    expect(box).to_contain_text("RUNNING")
    expect(page.locator("#why-pending")).to_contain_text("load")
    page.evaluate("window.notReloaded = true")
    JobDependency.objects.update(met=True)
    transition(job_ids=[on.pk], old=JobStatus.RUNNING, new=JobStatus.SUCCEEDED, now=timezone.now())
    expect(box).to_contain_text("SUCCEEDED")
    expect(page.locator("#why-pending")).to_have_count(0)
    assert page.evaluate("window.notReloaded")
    box.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("load")


def test_a_tab_switches_to_another_container_s_log(visit: Visit) -> None:
    job = a_job(status="RUNNING", attempts_made=1)
    web, side = (
        an_attempt(
            job=job,
            container_index=index,
            container_name=name,
            essential=index == 0,
            started_at=timezone.now(),
        )
        for index, name in enumerate(("web", "metrics"))
    )
    Writer(web).write(numbered(3))
    writer = Writer(side)
    writer.write(numbered(7))
    page = visit(f"/jobs/{job.pk}/")
    expect(page.locator("#L3")).to_be_visible()
    expect(page.locator("#L4")).to_have_count(0)
    page.get_by_role("link", name="metrics").first.click()
    expect(page.locator("#L7")).to_be_visible()
    expect(page.get_by_role("heading", name="Log · metrics")).to_be_visible()
    writer.write(numbered(1, first=7))
    expect(page.locator("#L8")).to_be_visible()


def test_a_bulk_cancel_is_watched_to_its_end(visit: Visit, user: User) -> None:
    jobs = [a_job(status="RUNNABLE", owner=user) for _ in range(2)]
    a_job(status="RUNNING", name="busy", attempts_made=1)
    page = visit("/jobs/")
    cancel = page.get_by_role("button", name="Cancel waiting")
    expect(cancel).to_be_disabled()
    page.get_by_label("All on this page").check()
    cancel.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Cancel 3 jobs")
    expect(page.locator("#bulk-state")).to_contain_text("0 of 3")
    page.evaluate("window.notReloaded = true")
    action_id = int(page.url.rstrip("/").rsplit("/", 1)[1])
    go_on_with_bulk(action_id=action_id, now=timezone.now())
    expect(page.locator("#bulk-state")).to_contain_text("Done. 3 of 3")
    expect(page.get_by_role("row", name=re.compile("busy"))).to_contain_text("Nothing to do")
    assert page.evaluate("window.notReloaded")
    assert {job.status for job in Job.objects.filter(pk__in=[job.pk for job in jobs])} == {"FAILED"}


def test_an_array_that_waits_is_put_together_in_the_form(visit: Visit, user: User) -> None:
    a_queue(name="default")
    a_definition(name="render", command=["render", "Ref::scene"])
    before = a_job(name="prepare", owner=user, status="RUNNING", attempts_made=1)
    page = visit("/submit/")
    page.get_by_label("Definition").select_option("render")
    page.get_by_label("scene").fill("forest")
    page.get_by_text("Array and dependencies").click()
    page.get_by_label("Array size").fill("5")
    page.get_by_role("button", name="Add a job to wait for").click()
    page.get_by_label("Job to wait for").fill("nonsense")
    # Half a word is no error yet; sent, it is.
    page.get_by_role("button", name="Submit job").click()
    expect(page.locator("#error-depends_on")).to_contain_text("is no job's id")
    page.get_by_label("Job to wait for").fill(str(before.pk))
    expect(page.locator("#error-depends_on")).to_be_empty()
    page.get_by_role("button", name="Submit job").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("array of 5")
    expect(page.locator("#dependencies")).to_contain_text("prepare")
    expect(page.get_by_text("render forest")).to_be_visible()
