"""Charts are drawn, follow what is measured without being made anew, and are read by keys and as tables."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from jobs import changes
from jobs.models import QueueMetric
from tests.builders import a_queue, an_array, an_environment
from tests.web.metric_rows import (
    a_queue_minute,
    an_environment_minute,
    counted_until,
    minutes_before,
)

pytestmark = pytest.mark.browser
Visit = Callable[[str], Page]
CANVAS = "document.querySelector('#chart-depth canvas')"
INK = """() => {
  const canvas = document.querySelector('#chart-depth canvas');
  const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  return data.some((value, at) => at % 4 === 3 && value > 0);
}"""

NO_SIZE_IS_TOLD = """window.ResizeObserver = class {
  observe() {}
  disconnect() {}
};"""
# Charts, or the squares of an array's children.
ALL_ARE_DRAWN = """() => [...document.querySelectorAll('[data-chart-plot], [data-grid] svg')]
  .filter((each) => !each.closest('.bw-chart-empty')).every((each) => each.firstElementChild)"""
WIDTHS = """({
  page: document.documentElement.scrollWidth,
  charts: [...document.querySelectorAll('.uplot')].map((each) => each.offsetWidth),
})"""


@pytest.fixture
def measured(transactional_db: None) -> None:
    """An hour of a queue and an environment."""
    now = timezone.now()
    queue, environment = a_queue(name="fast"), an_environment()
    for minutes in range(2, 60):
        at = minutes_before(now, minutes)
        a_queue_minute(queue, at, waiting_sum=minutes, submitted=2, failed=1)
        an_environment_minute(environment, at, used=1000, total=4000)
    counted_until(now)


@pytest.mark.usefixtures("measured")
def test_a_chart_takes_new_numbers_and_is_not_made_anew(visit: Visit) -> None:
    page = visit("/monitoring/?range=1h")
    legend = page.locator("#chart-depth [data-chart-legend]")
    expect(legend).to_contain_text("2 jobs")
    assert page.evaluate(INK)
    page.evaluate(f"{CANVAS}.marked = true; window.marked = true")
    hidden = page.locator("#chart-throughput").get_by_role("button", name="failed")
    hidden.click()
    page.locator("#chart-depth").get_by_text("Show as a table").click()
    rows = page.locator("#chart-depth tbody tr")
    expect(rows).to_have_count(58)

    newest = QueueMetric.objects.order_by("-start").first()
    assert newest is not None
    a_queue_minute(newest.queue, newest.start + timedelta(minutes=1), waiting_sum=77)
    changes.publish([changes.METRICS])

    expect(legend).to_contain_text("77 jobs")
    expect(rows.first).to_contain_text("77 jobs")
    expect(hidden).to_have_attribute("aria-pressed", "false")
    assert page.evaluate(f"window.marked && {CANVAS}.marked")


@pytest.mark.usefixtures("measured")
def test_arrow_keys_tell_the_values_and_dragging_zooms_in_the_url(visit: Visit) -> None:
    page = visit("/monitoring/?range=1h&queue=fast")
    page.evaluate("window.marked = true")
    chart = page.get_by_role("slider", name="Queue depth")
    chart.press("Home")
    chart.press("ArrowRight")
    expect(chart).to_have_attribute("aria-valuetext", re.compile(r": fast \d+ jobs$"))
    other = page.locator("#chart-throughput [data-chart-legend]")
    expect(other).not_to_contain_text("Newest")
    expect(other).to_contain_text(re.compile(r"failed1 job(?!s)"))
    chart.press("Escape")
    expect(other).to_contain_text("Newest")

    box = page.locator("#chart-depth .u-over").bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.25, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, middle, steps=4)
    page.mouse.up()
    reset = page.get_by_role("link", name="Reset zoom")
    expect(reset).to_be_visible()
    expect(page).to_have_url(re.compile(r"range=1h&queue=fast&from=.*&to="))
    assert page.evaluate("window.marked"), "the page was not loaded again"
    reset.click()
    expect(page).to_have_url(re.compile(r"\?range=1h&queue=fast$"))


@pytest.mark.usefixtures("measured")
def test_curves_change_their_colours_with_the_theme_and_their_width_with_the_window(
    visit: Visit,
) -> None:
    page = visit("/")
    expect(page.locator("#chart-depth canvas")).to_be_visible()
    before = page.evaluate(f"{CANVAS}.toDataURL()")
    page.get_by_role("button", name="Switch between light and dark").click()
    page.wait_for_function(f"before => {CANVAS}.toDataURL() !== before", arg=before)
    page.set_viewport_size({"width": 390, "height": 800})
    page.wait_for_function(f"() => {CANVAS}.clientWidth < 390")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_nothing_is_wider_than_a_window_that_became_narrow_before_charts_are_drawn_again(
    visit: Visit, page: Page, measured: None
) -> None:
    """What scripts draw follows the window some moments later, and no page scrolls sideways until then."""
    page.add_init_script(NO_SIZE_IS_TOLD)
    array = an_array(400)
    for path in ("/", "/monitoring/?range=1h", f"/jobs/{array.pk}/", f"/jobs/{array.pk}/timeline/"):
        page.set_viewport_size({"width": 390, "height": 800})
        visit(path)
        page.wait_for_function(ALL_ARE_DRAWN)
        page.set_viewport_size({"width": 320, "height": 800})
        widths = page.evaluate(WIDTHS)
        assert widths["page"] == 320, path
        assert all(width > 280 for width in widths["charts"]), "they are drawn as wide as before"
