"""A rule is tried and made, its secret is shown once, and what it sends appears by itself."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Page, expect

from jobs.models import EventDelivery
from jobs.services.sending.following import follow_events
from jobs.services.sending.sending import send_due
from tests.builders import a_job
from tests.sending.conftest import happened
from tests.sending.receiver import Receiver

pytestmark = pytest.mark.browser
Visit = Callable[[str], Page]


def test_a_rule_is_tried_made_tested_and_switched_off(visit: Visit, user: User) -> None:
    user.is_staff = True
    user.save()
    follow_events(now=timezone.now())
    happened(a_job(name="nightly"))
    page = visit("/alarms/")
    page.get_by_role("link", name="Rules", exact=True).click()
    page.get_by_role("link", name="New rule").click()
    page.get_by_label("Name", exact=True).fill("failures")
    expect(page.get_by_label("Of the alarm")).to_be_hidden()
    page.get_by_role("button", name="Try it").click()
    expect(page.get_by_role("status").get_by_text("nightly")).to_be_visible()
    expect(page.get_by_label("Name", exact=True)).to_have_value("failures")
    # What was tried says nothing of a form that changed.
    page.get_by_label("Tell of").select_option("PATTERN")
    expect(page.locator("#tried")).to_have_count(0)
    page.get_by_label("Tell of").select_option("JOBS")
    with Receiver().running() as receiver:
        page.get_by_label("To", exact=True).fill(receiver.url)
        page.get_by_label("To", exact=True).press("Enter")
        secret = page.locator("#secret").text_content() or ""
        assert secret.startswith("whsec_")
        page.get_by_role("link", name="I have copied it").click()
        expect(page.locator("#secret")).to_have_count(0)
        page.get_by_role("button", name="Send a test event").click()
        expect(page.get_by_role("cell", name="A test event")).to_be_visible()
        expect(page.locator("tbody").get_by_text("waiting")).to_be_visible()
        # A worker, which the page hears of.
        send_due()
        expect(page.locator("tbody").get_by_text("sent", exact=True)).to_be_visible()
        assert receiver.came[0].is_signed_with(secret)
    page.get_by_role("button", name="Switch off").click()
    expect(page.get_by_role("button", name="Switch on")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("button", name="Switch off")).to_be_visible()
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("No rules yet")).to_be_visible()
    assert not EventDelivery.objects.exists()
