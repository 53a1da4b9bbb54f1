"""The log viewer: it follows the end, lets go, and keeps its window small on any length."""

import re
from collections.abc import Callable

import pytest
from django.db import transaction
from django.utils import timezone
from playwright.sync_api import Page, expect

from jobs import changes
from jobs.engines.base import LogSource
from jobs.models import Attempt
from tests.builders import a_job, an_attempt
from tests.joblogs.writing import Writer, a_long_log, frame, numbered

pytestmark = pytest.mark.browser
Visit = Callable[[str], Page]
AT_END = """(() => {
    const box = document.querySelector('[data-log-box]');
    return box.scrollHeight - box.scrollTop - box.clientHeight < 3;
})()"""

KEEP_STREAMS = """
    window.streams = [];
    window.EventSource = class extends EventSource {
        constructor(...given) { super(...given); window.streams.push(this); }
    };
"""
# Whether there are streams of an address, and all of them are open (1) or closed (2).
STREAM_IS = """([address, state]) => {
    const found = window.streams.filter((each) => each.url.includes(address));
    return found.length && found.every((each) => each.readyState === state);
}"""


def a_running_attempt() -> Attempt:
    job = a_job(status="RUNNING", attempts_made=1)
    return an_attempt(job=job, started_at=timezone.now())


def test_the_log_follows_its_end_and_lets_go_when_one_scrolls_up(visit: Visit) -> None:
    attempt = a_running_attempt()
    writer = Writer(attempt)
    writer.write(numbered(200))
    page = visit(f"/jobs/{attempt.job_id}/")
    expect(page.locator("#L200")).to_be_visible()
    writer.write(numbered(10, first=200))
    expect(page.locator("#L210")).to_be_visible()
    assert page.evaluate(AT_END)

    page.locator("[data-log-box]").hover()
    page.mouse.wheel(0, -900)
    page.wait_for_function(f"() => !{AT_END}")
    top = page.evaluate("document.querySelector('[data-log-box]').scrollTop")
    writer.write(numbered(7, first=210))
    more = page.locator("[data-log-more]")
    expect(more).to_have_text("7 new lines")
    assert page.evaluate("document.querySelector('[data-log-box]').scrollTop") == top

    more.click()
    expect(page.locator("#L217")).to_be_in_viewport()
    expect(more).to_be_hidden()
    writer.write(numbered(1, first=217))
    expect(page.locator("#L218")).to_be_in_viewport()


def test_an_end_without_a_line_is_seen_live(visit: Visit) -> None:
    attempt = a_running_attempt()
    page = visit(f"/jobs/{attempt.job_id}/")
    expect(page.locator("[data-log-empty]")).to_have_text("No output yet.")
    Writer(attempt).finish("")
    expect(page.locator("[data-log-empty]")).to_have_text("This attempt wrote nothing.")


def test_a_first_line_and_the_end_of_the_log_are_seen_live(visit: Visit) -> None:
    attempt = a_running_attempt()
    page = visit(f"/jobs/{attempt.job_id}/")
    expect(page.locator("[data-log-empty]")).to_be_visible()
    writer = Writer(attempt)
    writer.write([frame(b"\x1b[31mred\x1b[0m <b>bold</b>\n")])
    expect(page.locator("#L1 .bw-lx")).to_have_text("red <b>bold</b>")
    expect(page.locator("#L1 .f-1")).to_have_text("red")
    writer.finish("Lines are missing: the engine restarted.")
    expect(page.locator("[data-log-notice]")).to_contain_text("the engine restarted")


def test_the_stream_of_a_log_is_closed_when_another_attempts_log_takes_its_place(
    visit: Visit, page: Page
) -> None:
    page.add_init_script(KEEP_STREAMS)
    attempt = a_running_attempt()
    visit(f"/jobs/{attempt.job_id}/")
    page.wait_for_function(STREAM_IS, arg=["/attempts/1/log/", 1])
    with transaction.atomic():
        job = attempt.job
        # Its log has not come to its end yet.
        Attempt.objects.filter(pk=attempt.pk).update(ended_at=timezone.now())
        an_attempt(job=job, number=2, started_at=timezone.now())
        job.attempts_made = job.attempts_allowed = 2
        job.save()
        changes.publish([changes.job_topic(job.pk)])
    page.wait_for_function(STREAM_IS, arg=["/attempts/2/log/", 1])
    page.wait_for_function(STREAM_IS, arg=["/attempts/1/log/", 2])


def test_a_long_log_is_scrolled_through_without_holding_all_of_it(visit: Visit) -> None:
    attempt = a_running_attempt()
    writer = Writer(attempt)
    writer.write(numbered(8000))
    writer.finish()
    page = visit(f"/jobs/{attempt.job_id}/")
    expect(page.locator("#L8000")).to_be_visible()
    assert page.locator("[data-log-lines] > div").count() == 500
    box = "document.querySelector('[data-log-box]')"
    for first in range(7001, 2500, -500):
        page.evaluate(f"{box}.scrollTop = 0")
        page.wait_for_selector(f"#L{first}", state="attached")
    numbers = page.evaluate(
        "[...document.querySelectorAll('[data-log-lines] > div')].map(r => +r.dataset.n)"
    )
    assert len(numbers) <= 4000
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    page.locator("[data-log-more]").click()
    expect(page.locator("#L8000")).to_be_in_viewport()


def test_a_follower_of_a_fast_log_sees_its_end_and_scrolls_back_through_the_gap(
    visit: Visit,
) -> None:
    attempt = a_running_attempt()
    writer = Writer(attempt)
    writer.write(numbered(100))
    page = visit(f"/jobs/{attempt.job_id}/")
    expect(page.locator("#L100")).to_be_visible()
    # In one transaction, so that the viewer is behind by all of it at once.
    with transaction.atomic():
        writer.write(numbered(6000, first=100), batch=1000)
    expect(page.locator("#L6100")).to_be_visible()
    expect(page.locator("[data-log-count]")).to_have_text("6,100 lines")
    numbers = "[...document.querySelectorAll('[data-log-lines] > div')].map(r => +r.dataset.n)"
    assert page.evaluate(numbers) == list(range(5101, 6101))
    writer.write(numbered(5, first=6100))
    expect(page.locator("#L6105")).to_be_visible()
    assert page.evaluate(AT_END)
    page.evaluate("document.querySelector('[data-log-box]').scrollTop = 0")
    page.wait_for_selector("#L4700", state="attached")
    shown = page.evaluate(numbers)
    assert shown == list(range(shown[0], 6106))


def test_a_permalink_goes_to_its_line(visit: Visit) -> None:
    attempt = a_running_attempt()
    Writer(attempt).write(numbered(3000))
    page = visit(f"/jobs/{attempt.job_id}/#L1234")
    expect(page.locator("#L1234")).to_be_in_viewport()
    expect(page.locator(".bw-ll-here")).to_contain_text("line 1233")


def test_a_button_goes_to_the_next_line_on_stderr(visit: Visit) -> None:
    attempt = a_running_attempt()
    errors = [frame(text, source=LogSource.STDERR) for text in (b"first\n", b"second\n")]
    Writer(attempt).write([errors[0], *numbered(2000), errors[1], *numbered(1000, first=2000)])
    page = visit(f"/jobs/{attempt.job_id}/")
    expect(page.locator("#L3002")).to_be_attached()
    button = page.get_by_role("button", name="Next on stderr")
    for line in (1, 2002, 1):
        button.click()
        expect(page.locator(f"#L{line}")).to_be_in_viewport()


def test_times_and_wrapping_are_switched_and_remembered(visit: Visit) -> None:
    attempt = a_running_attempt()
    Writer(attempt).write([frame(b"x" * 3000 + b"\n")])
    page = visit(f"/jobs/{attempt.job_id}/")
    time = page.locator("#L1 time")
    expect(time).to_be_hidden()
    page.get_by_role("button", name="Times").click()
    expect(time).to_be_visible()
    page.get_by_role("button", name="Wrap").click()
    page.reload()
    expect(page.locator("#L1 time")).to_be_visible()
    expect(page.get_by_role("button", name="Wrap")).to_have_attribute("aria-pressed", "false")


def test_a_million_lines_are_walked_through_and_searched_with_a_bounded_page(visit: Visit) -> None:
    attempt = a_long_log(1_000_000)
    page = visit(f"/jobs/{attempt.job_id}/")
    expect(page.locator("#L1000000")).to_be_visible()
    page.get_by_label("Line", exact=True).fill("500000")
    page.keyboard.press("Enter")
    expect(page.locator("#L500000")).to_be_in_viewport()
    box = page.locator("[data-log-box]")
    box.press("Home")
    expect(page.locator("#L1")).to_be_in_viewport()
    # In the whole log, from what is in view on, and round from the end to its beginning.
    box.press("/")
    page.keyboard.type("77777")
    found = page.locator("[data-log-found]")
    expect(found).to_have_text("19 lines")
    for line in (77778, 177778, 277778):
        page.keyboard.press("Enter")
        expect(page.locator(f"#L{line}")).to_be_in_viewport()
    expect(found).to_have_text("3 of 19 lines")
    page.keyboard.press("Shift+Enter")
    expect(page.locator("#L177778")).to_be_in_viewport()
    page.keyboard.press("Escape")
    box.press("End")
    expect(page.locator("#L1000000")).to_be_in_viewport()
    assert page.locator("[data-log-lines] > div").count() <= 4000
    assert page.evaluate("CSS.highlights.has('bw-log-find')") is False


def test_a_filter_applies_to_new_lines_and_lets_go_where_one_looks(visit: Visit) -> None:
    attempt = a_running_attempt()
    writer = Writer(attempt)
    writer.write(numbered(3000))
    page = visit(f"/jobs/{attempt.job_id}/")
    expect(page.locator("#L3000")).to_be_visible()
    page.get_by_label("Find in the log").fill("line 29")
    page.get_by_label("Only lines that match").check()
    shown = "[...document.querySelectorAll('[data-log-lines] > div')].map(r => +r.dataset.n)"
    expect(page.locator("#L2999")).to_have_count(1)
    expect(page.locator("#L30")).to_have_count(1)
    assert page.evaluate(shown) == [30, *range(291, 301), *range(2901, 3001)]
    expect(page.locator("[data-log-found]")).to_have_text("111 lines")
    writer.write([frame(b"other\n"), frame(b"a LINE 29 again\n"), frame(b"other\n")])
    expect(page.locator("#L3002")).to_be_visible()
    page.wait_for_function(f"() => {AT_END}")
    expect(page.locator("[data-log-found]")).to_have_text("112 lines")
    assert page.locator("#L3001").count() == 0
    page.locator("#L295 .bw-ln").click()
    page.get_by_label("Only lines that match").uncheck()
    expect(page.locator("#L294")).to_be_in_viewport()
    expect(page.locator(".bw-ll-here .bw-lx")).to_have_text("line 294")


def test_lines_have_links_that_name_the_attempt(visit: Visit) -> None:
    attempt = a_running_attempt()
    Writer(attempt).write(numbered(2000))
    page = visit(f"/jobs/{attempt.job_id}/#L1200-L1204")
    expect(page.locator("#L1202")).to_be_in_viewport()
    expect(page.locator(".bw-ll-here")).to_have_count(5)
    page.locator("#L1199 .bw-ln").click()
    expect(page.locator(".bw-ll-here")).to_have_count(1)
    page.locator("#L1201 .bw-ln").click(modifiers=["Shift"])
    expect(page.locator(".bw-ll-here")).to_have_count(3)
    assert page.url.endswith(f"/jobs/{attempt.job_id}/?attempt=1#L1199-L1201")
    page.evaluate("location.hash = '#L5000'")
    expect(page.locator("#toasts")).to_contain_text("There is no line 5,000")
    expect(page.locator("#L2000")).to_be_in_viewport()


def test_the_logs_own_page_has_the_same_viewer(visit: Visit) -> None:
    attempt = a_running_attempt()
    writer = Writer(attempt)
    writer.write(numbered(900))
    page = visit(f"/jobs/{attempt.job_id}/attempts/1/log/")
    expect(page.locator("#L900")).to_be_in_viewport()
    writer.write(numbered(2, first=900))
    expect(page.locator("#L902")).to_be_in_viewport()
    page.get_by_label("Find in the log").fill("line 90")
    expect(page.locator("[data-log-found]")).to_have_text("3 lines")
    expect(page).to_have_url(re.compile(r"\?q=line\+90$"))
    page.reload()
    expect(page.locator("[data-log-lines] > div")).to_have_count(3)
