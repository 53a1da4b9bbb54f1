"""Everything by keyboard: lists, pages, dialogs; and what the keys leave alone."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Page, expect

from jobs.domain.states import JobStatus
from jobs.models import Job
from jobs.services.writing.transition import transition
from tests.builders import a_job, a_queue, an_attempt

pytestmark = pytest.mark.browser
Visit = Callable[[str], Page]

FOCUSED_ROW = "document.activeElement.closest('tr')?.id"
# Notes what changes, but for the clocks that the page itself moves on.
WATCH = """() => {
    window.changed = [];
    new MutationObserver((all) => all.forEach(({ target }) => {
        const element = target.nodeType === 1 ? target : target.parentElement;
        if (element.closest('time, [data-since]')) return;
        window.changed.push(element.closest('[data-live]')?.id ?? element.outerHTML.slice(0, 200));
    })).observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true });
}"""


def test_a_list_is_walked_through_marked_and_opened(visit: Visit, user: User) -> None:
    queue = a_queue()
    older, newer = (a_job(name=name, queue=queue, owner=user) for name in ("older", "newer"))
    page = visit("/jobs/")
    page.keyboard.press("j")
    assert page.evaluate(FOCUSED_ROW) == f"job-{newer.pk}"
    page.keyboard.press("x")
    expect(page.locator(f"#select-{newer.pk}")).to_be_checked()
    page.keyboard.press("j")
    page.keyboard.press("j")
    assert page.evaluate(FOCUSED_ROW) == f"job-{older.pk}"
    page.keyboard.press("k")
    page.keyboard.press("x")
    expect(page.locator(f"#select-{newer.pk}")).not_to_be_checked()
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("older")


def test_pages_are_a_key_away_and_fields_take_keys_for_themselves(visit: Visit) -> None:
    page = visit("/jobs/")
    page.keyboard.press("g")
    page.keyboard.press("q")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Queues")
    page.keyboard.press("f")
    expect(page.locator("main [data-search]")).to_be_focused()
    page.keyboard.type("gj/?")
    expect(page.locator("main [data-search]")).to_have_value("gj/?")
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    expect(page.locator("header [data-search]")).to_be_focused()


def test_keys_of_one_letter_can_be_switched_off(visit: Visit) -> None:
    page = visit("/queues/")
    page.keyboard.press("?")
    page.get_by_label("Keys of one letter are on").uncheck()
    page.reload()
    page.keyboard.press("?")
    page.keyboard.press("g")
    page.keyboard.press("j")
    expect(page.get_by_role("dialog", name="Keys")).to_be_hidden()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Queues")
    page.get_by_label("Account of ada").press("Enter")
    page.get_by_role("button", name="Shortcuts").press("Enter")
    page.get_by_label("Keys of one letter are on").check()
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    page.keyboard.press("j")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Jobs")


def test_a_job_is_terminated_without_a_mouse(visit: Visit, user: User) -> None:
    job = a_job(status=JobStatus.RUNNING, attempts_made=1, owner=user)
    an_attempt(job=job, started_at=timezone.now())
    page = visit(f"/jobs/{job.pk}/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    terminate = page.locator("main").get_by_role("link", name="Terminate")
    for _ in range(40):
        page.keyboard.press("Tab")
        if terminate.evaluate("(each) => each === document.activeElement"):
            break
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(terminate).to_be_focused()
    page.keyboard.press("Enter")
    dialog.get_by_label("Reason").press("Enter")
    expect(page.locator("[data-toast]")).to_be_visible()
    assert Job.objects.get(pk=job.pk).stop_requested_at is not None


def test_a_change_swaps_only_the_parts_that_show_it_and_moves_nothing(
    visit: Visit, user: User
) -> None:
    queue = a_queue()
    jobs = [a_job(status="RUNNABLE", queue=queue, owner=user) for _ in range(40)]
    page = visit("/jobs/")
    page.locator(f"#job-{jobs[5].pk} a").first.focus()
    page.evaluate("window.scrollTo(0, 400)")
    page.evaluate(WATCH)
    transition(
        job_ids=[jobs[5].pk], old=JobStatus.RUNNABLE, new=JobStatus.STARTING, now=timezone.now()
    )
    expect(page.locator(f"#job-{jobs[5].pk}")).to_contain_text("STARTING")
    live = set(
        page.evaluate("[...document.querySelectorAll('[data-live]')].map((each) => each.id)")
    )
    assert set(page.evaluate("window.changed")) <= live
    assert page.evaluate(FOCUSED_ROW) == f"job-{jobs[5].pk}"
    assert page.evaluate("window.scrollY") == 400
