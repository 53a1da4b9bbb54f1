"""No page breaks a rule of axe (WCAG 2.2 A and AA, best practices), in any theme or width, nor scrolls sideways."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Page, ViewportSize

from jobs.engines.fake.world import forget_world
from tests import pages
from tests.world import World, build_world

pytestmark = pytest.mark.browser
Visit = Callable[[str], Page]

AXE = (Path(__file__).parents[1] / "vendor" / "axe.min.js").read_text()
WIDE: ViewportSize = {"width": 1360, "height": 900}
NARROW: ViewportSize = {"width": 390, "height": 844}
# WCAG 1.4.10: nothing needs scrolling sideways at this width, but for what has a part of its own that scrolls.
NARROWEST: ViewportSize = {"width": 320, "height": 640}
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# What a theme or a width can break; the rest is the same whatever it looks like.
LOOKS = ["color-contrast", "link-in-text-block", "target-size", "scrollable-region-focusable"]
# WCAG 2.5.8 leaves out what is as high as the line of text that it stands in: the numbers of a log's lines.
IN_LINES = "[data-log-box] a"
RUN = """async ([where, runOnly, inLines]) => {
    const found = await axe.run(where, { runOnly, resultTypes: ["violations"], iframes: false });
    const isInLine = (node) => document.querySelector(node.target[0])?.matches(inLines);
    return found.violations.flatMap((rule) => rule.nodes
        .filter((node) => rule.id !== "target-size" || !isInLine(node))
        .map((node) => `${rule.id}: ${node.target.join(" ")}: ${
            (node.any[0] ?? node.all[0] ?? node.none[0])?.message}`));
}"""
OPEN_ALL = "document.querySelectorAll('main details').forEach((each) => { each.open = true; })"
DIALOGS = "[...document.querySelectorAll('main dialog[id]:not([open])')].map((each) => each.id)"


@pytest.fixture
def world(user: User) -> Iterator[World]:
    built = build_world(user)
    yield built
    forget_world(built.environment.engine.url.removeprefix("fake://"))


def problems_of(page: Page, where: str = "html", rules: list[str] | None = None) -> list[str]:
    only = {"type": "rule", "values": rules} if rules else {"type": "tag", "values": TAGS}
    found: list[str] = page.evaluate(RUN, [where, only, IN_LINES])
    return found


def all_problems(page: Page) -> list[str]:
    """What axe finds on the page as it is, narrow and dark, and in its dialogs."""
    page.evaluate(AXE)
    page.evaluate(OPEN_ALL)
    found = [*problems_of(page), *(f"in dialog {each}" for each in _in_dialogs(page))]
    page.set_viewport_size(NARROW)
    page.evaluate("document.documentElement.dataset.bsTheme = 'dark'")
    found += [f"narrow and dark: {each}" for each in problems_of(page, rules=LOOKS)]
    page.set_viewport_size(NARROWEST)
    if (width := page.evaluate("document.documentElement.scrollWidth")) > NARROWEST["width"]:
        found.append(f"it takes {width} of {NARROWEST['width']} pixels")
    page.set_viewport_size(WIDE)
    return found


def _in_dialogs(page: Page) -> Iterator[str]:
    # Dialogs of rows are alike.
    for dialog in list(page.evaluate(DIALOGS))[:3]:
        page.evaluate("(id) => document.getElementById(id).showModal()", dialog)
        for problem in problems_of(page, f"#{dialog}"):
            yield f"{dialog}: {problem}"
        page.evaluate("(id) => document.getElementById(id).close()", dialog)


def calm(page: Page) -> None:
    """No movement, so that colours are those that stay."""
    page.emulate_media(reduced_motion="reduce", color_scheme="light")
    page.set_viewport_size(WIDE)


def drawn_here(page: Page, path: str, user: User) -> None:
    """Lets the page be drawn by this process: it alone knows the files of the fake engine, and errors log nothing."""
    client = Client()
    client.force_login(user)
    html = client.get(path, headers={"Accept": "text/html"}).content.decode()
    page.route(
        lambda url: url.endswith(path),
        lambda route: route.fulfill(body=html, content_type="text/html; charset=utf-8"),
    )


def test_no_page_breaks_a_rule_of_accessibility(visit: Visit, page: Page, world: World) -> None:
    calm(page)
    checkpoint = reverse("job_checkpoint", args=[world.failed.pk])
    gone = reverse("queue", args=["no-such-queue"])
    for path in (checkpoint, gone):
        drawn_here(page, path, world.user)
    problems: dict[str, Any] = {}
    for path in [*pages.addresses(world), gone]:
        visit(path)
        if found := all_problems(page):
            problems[path] = found
    assert problems == {}


def test_the_menu_the_keys_and_the_login_break_no_rule(visit: Visit, page: Page) -> None:
    calm(page)
    visit("/docs/events/")
    page.evaluate(AXE)
    page.get_by_label("Account of ada").click()
    found = problems_of(page, ".bw-menu")
    page.get_by_role("button", name="Shortcuts").click()
    found += problems_of(page, "#keys-dialog")
    page.context.clear_cookies()
    visit(reverse("login"))
    found += all_problems(page)
    assert found == []
