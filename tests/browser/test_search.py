"""The header's search box in a real browser: suggestions while one types, chosen by keys."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from jobs.services.search.follow import index_history
from tests.browser.test_accessibility import all_problems, calm
from tests.builders import a_job, a_queue, an_event_rule

pytestmark = pytest.mark.browser
Visit = Callable[[str], Page]


def test_suggestions_are_walked_by_keys_and_enter_goes_there(visit: Visit) -> None:
    job = a_job(name="render-frames", queue=a_queue(name="render-farm"))
    a_job(name="something-else")
    index_history()
    page = visit("/environments/")
    page.keyboard.press("/")
    box = page.get_by_role("combobox", name="Search everywhere")
    expect(box).to_be_focused()
    expect(box).to_have_attribute("aria-expanded", "false")
    page.keyboard.type("rend")
    options = page.get_by_role("option")
    expect(options).to_have_count(2)
    expect(box).to_have_attribute("aria-expanded", "true")
    expect(options.first.locator("mark")).to_have_text("render")

    page.keyboard.press("ArrowDown")
    expect(options.first).to_have_attribute("aria-selected", "true")
    expect(box).to_have_attribute("aria-activedescendant", "suggestion-1")
    calm(page)
    assert all_problems(page) == []
    expect(options.first).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("listbox")).to_be_hidden()
    expect(box).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"/jobs/{job.pk}/$|/queues/render-farm/$"))


def test_enter_alone_leads_to_all_that_was_found_and_an_id_to_its_job(visit: Visit) -> None:
    job = a_job(name="render-frames")
    index_history()
    page = visit("/environments/")
    box = page.get_by_role("combobox", name="Search everywhere")
    box.fill("frames")
    box.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Search")
    expect(page.get_by_role("row").filter(has_text="render-frames")).to_be_visible()
    calm(page)
    assert all_problems(page) == []
    box = page.get_by_role("combobox", name="Search everywhere")
    expect(box).to_have_value("frames")
    box.fill(str(job.pk))
    box.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("render-frames")


def test_pages_and_rules_are_suggested_and_it_says_where_nothing_is_found(visit: Visit) -> None:
    an_event_rule(name="failed-jobs")
    page = visit("/environments/")
    box = page.get_by_role("combobox", name="Search everywhere")
    box.press_sequentially("failed")
    expect(page.get_by_role("option").filter(has_text="Rule")).to_have_text(
        re.compile("failed-jobs")
    )
    box.fill("nosuchthing")
    nothing = page.get_by_role("option", name="Nothing found")
    expect(nothing).to_be_visible()
    expect(page.locator("#search-told")).to_have_text("Nothing found")
    calm(page)
    assert all_problems(page) == []
    box.press("ArrowDown")
    expect(nothing).to_have_attribute("aria-selected", "false")
    box.fill("rules")
    expect(page.get_by_role("option").first).to_contain_text("Page")
    box.press("ArrowDown")
    box.press("Enter")
    expect(page).to_have_url(re.compile("/event-rules/$"))
