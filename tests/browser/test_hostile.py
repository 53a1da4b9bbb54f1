"""Texts of strangers in a real browser: nothing of them runs, and nothing of them moves what is beside them."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

import tests.world
from tests import hostile
from tests.world import build_world

pytestmark = pytest.mark.browser


def test_nothing_that_was_written_runs(
    visit: Callable[[str], Page], page: Page, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tests.world, "LOG", hostile.LOG)
    page.add_init_script("window.evil = () => { window.wasEvil = true; }")
    world = build_world(user)
    hostile.poison(hostile.LONG)
    for path in (f"/jobs/{world.failed.pk}/?attempt=2", f"/jobs/{world.array.pk}/", "/jobs/", "/"):
        visit(path)
        expect(page.locator("h1")).to_be_visible()
        assert page.evaluate("window.wasEvil") is None, path
        # Nothing makes the page wider than the window.
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
    visit(f"/jobs/{world.failed.pk}/attempts/2/log/")
    lines = page.locator("[data-log-lines] > div")
    expect(lines).to_have_count(len(hostile.LOG))
    page.get_by_label("Find in the log").fill("<script>evil")
    expect(page.locator("[data-log-found]")).to_have_text("1 line")
    heights = "[...document.querySelectorAll('[data-log-lines] > div')].map(r => r.scrollHeight)"
    assert max(page.evaluate(heights)) < 2000
    assert page.evaluate("window.wasEvil") is None
