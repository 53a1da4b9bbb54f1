"""The list of jobs in a browser: filters, a saved view, and a step that is taken back from its toast."""

import re
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from jobs.models import Job, SavedView
from tests.builders import a_definition, a_job, a_queue

pytestmark = pytest.mark.browser

Visit = Callable[[str], Page]


def test_filters_become_a_view_that_is_deleted_and_comes_back(visit: Visit, user: User) -> None:
    queue = a_queue(name="night")
    wanted = a_job(name="train", queue=queue, owner=user, status="FAILED")
    other = a_job(name="other", owner=user)
    page = visit("/jobs/")
    # Choosing in a list is enough; the tabs narrow further.
    page.get_by_label("Queue", exact=True).select_option("night")
    expect(page.locator(f"#job-{other.pk}")).to_have_count(0)
    # What is not set is not in the address.
    expect(page).to_have_url(re.compile(r"/jobs/\?queue=night$"))
    page.get_by_role("link", name=re.compile("^Failed")).click()
    expect(page.locator(f"#job-{wanted.pk}")).to_be_visible()
    page.get_by_text("Save this view").click()
    expect(page.get_by_label("Name of the view")).to_be_focused()
    page.get_by_label("Name of the view").fill("Nightly trouble")
    page.get_by_role("button", name="Save", exact=True).click()
    view = page.get_by_role("link", name="Nightly trouble")
    expect(view).to_have_attribute("aria-current", "true")
    page.get_by_role("button", name="Delete the view Nightly trouble").click()
    expect(view).to_have_count(0)
    page.get_by_role("button", name="Undo").last.click()
    expect(view).to_be_visible()
    assert SavedView.objects.get().query == "queue=night&status=FAILED"


def test_a_double_click_on_cancel_and_on_undo_leaves_one_new_job(visit: Visit, user: User) -> None:
    job = a_job(name="train", queue=a_queue(name="night"), owner=user, status="RUNNABLE")
    page = visit(f"/jobs/{job.pk}/")
    page.get_by_role("button", name="Cancel").dblclick()
    expect(page.get_by_text(re.compile("train (is cancelled|had ended already)"))).to_be_visible()
    # The first click's answer tells of the undo; the second's may have come in between.
    page.goto(page.url)
    job.refresh_from_db()
    assert job.status == "FAILED"
    page.get_by_role("button", name="Rerun").dblclick()
    expect(page.locator("#toasts")).to_contain_text(re.compile("submitted again|sent before"))
    assert Job.objects.filter(rerun_of=job).count() == 1


def test_a_submission_is_taken_back(visit: Visit, user: User) -> None:
    a_queue(name="night")
    a_definition(name="hello")
    page = visit("/submit/?definition=hello&queue=night&name=hello")
    page.get_by_role("button", name="Submit job").last.dblclick()
    expect(page.get_by_role("heading", name="hello")).to_be_visible()
    page.get_by_role("button", name="Undo").last.click()
    expect(page.locator("#toasts")).to_contain_text("told to stop")
    assert Job.objects.get().status_reason == "Taken back right after it was submitted."


def test_on_a_narrow_screen_filters_are_folded_and_jobs_come_first(
    visit: Visit, user: User
) -> None:
    job = a_job(name="train", queue=a_queue(name="night"), owner=user)
    page = visit("/jobs/")
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(page.url + "?queue=night")
    box = page.locator(f"#job-{job.pk}").bounding_box()
    assert box is not None
    assert box["y"] < 600
    expect(page.get_by_label("Queue", exact=True)).to_be_hidden()
    page.get_by_text("Filters", exact=True).click()
    expect(page.get_by_label("Queue", exact=True)).to_be_visible()
    page.get_by_role("link", name="Queue night: leave out this filter").click()
    expect(page).to_have_url(re.compile("/jobs/$"))


def test_the_chosen_tab_is_on_show_until_somebody_scrolls_its_row(visit: Visit) -> None:
    page = visit("/jobs/?status=FAILED")
    tabs = page.locator(".bw-tabs")

    def scrolled(height: int, *, width: int = 320) -> int:
        page.set_viewport_size({"width": width, "height": height})
        # What follows the size is done before the frame after the next.
        page.evaluate(
            "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
        )
        return int(tabs.evaluate("(row) => row.scrollLeft"))

    assert scrolled(800) > 0
    tabs.evaluate("(row) => { row.scrollLeft = 0; }")
    # A phone's bars come and go.
    assert scrolled(700) == 0
    assert scrolled(700, width=330) > 0


def test_shift_marks_all_between_and_the_bar_stays_in_view(visit: Visit, user: User) -> None:
    queue = a_queue()
    for _ in range(30):
        a_job(queue=queue, owner=user, status="RUNNABLE")
    page = visit("/jobs/")
    boxes = page.locator("tbody input[type=checkbox]")
    bar = page.locator("[data-bulk]")
    boxes.nth(2).check()
    boxes.nth(27).click(modifiers=["Shift"])
    expect(bar).to_contain_text("26 selected")
    expect(page.locator("input[name=job]:checked")).to_have_count(26)
    for width in (1360, 390):
        page.set_viewport_size({"width": width, "height": 700})
        boxes.nth(27).scroll_into_view_if_needed()
        page.mouse.wheel(0, 400)
        expect(bar).to_be_in_viewport(ratio=0.95)
        expect(bar.get_by_role("button", name="Cancel waiting")).to_be_in_viewport()
    # The same by keys: from the row that was marked last, here taking marks away.
    page.set_viewport_size({"width": 1360, "height": 800})
    page.get_by_role("row").nth(28).get_by_role("link").first.focus()
    page.keyboard.press("k")
    page.keyboard.press("k")
    page.keyboard.press("Shift+X")
    expect(bar).to_contain_text("23 selected")


def test_a_button_that_can_do_nothing_with_what_is_marked_is_off(visit: Visit, user: User) -> None:
    queue = a_queue()
    ended, failed, running = (
        a_job(queue=queue, owner=user, status=status)
        for status in ("SUCCEEDED", "FAILED", "RUNNING")
    )
    page = visit("/jobs/")
    cancel, rerun, terminate = (
        page.locator("[data-bulk]").get_by_role("button", name=name)
        for name in ("Cancel waiting", "Rerun failed", "Terminate")
    )
    page.locator(f"#select-{ended.pk}").check()
    for button in (cancel, rerun, terminate):
        expect(button).to_be_disabled()
    page.locator(f"#select-{failed.pk}").check()
    expect(rerun).to_be_enabled()
    expect(terminate).to_be_disabled()
    page.locator(f"#select-{running.pk}").check()
    expect(terminate).to_be_enabled()
    expect(cancel).to_be_disabled()
