"""A policy is started from an example, attached to a user, and asked about."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from jobs.models import AccessPolicy
from tests.builders import a_user

pytestmark = pytest.mark.browser
Visit = Callable[[str], Page]


def test_a_policy_is_made_attached_checked_and_deleted(visit: Visit) -> None:
    a_user(username="bob")
    page = visit("/access/policies/")
    page.get_by_role("link", name="New policy").first.click()
    page.get_by_role("link", name="No privileged containers").click()
    expect(page.get_by_label("Document")).to_have_value(re.compile("NoPrivilegedContainers"))
    page.get_by_label("Name").fill("students")
    page.get_by_role("button", name="Make the policy").click()
    expect(page.get_by_text("Nobody: it binds nobody.")).to_be_visible()
    expect(page.get_by_text("if batch:Privileged is true.")).to_be_visible()
    check = page.get_by_role("region", name="Check")
    check.get_by_label("User").fill("bob")
    check.get_by_label("Action").fill("batch:SubmitJob")
    check.get_by_label("On", exact=True).fill("job-queue/default")
    check.get_by_label("and on").fill("job-definition/hello")
    check.get_by_role("button", name="Check").click()
    # Who asked by keyboard, or hears the page, is at the answer.
    expect(page.locator("#answer")).to_be_focused()
    expect(page.get_by_text("Yes, bob may batch:SubmitJob, by this policy alone.")).to_be_visible()
    attach = page.get_by_role("region", name="Attach", exact=True)
    attach.get_by_label("User").fill("bobby")
    attach.get_by_role("button", name="Attach to the user").click()
    expect(attach.get_by_label("User")).to_have_value("bobby")
    page.goto(page.url)
    expect(page.get_by_text("Nobody: it binds nobody.")).to_be_visible()
    attach.get_by_label("User").fill("bob")
    attach.get_by_role("button", name="Attach to the user").click()
    expect(page.get_by_role("button", name="Detach from bob")).to_be_visible()
    page = visit(
        "/access/policies/check/?user=bob&action=batch:SubmitJob&queue=default&definition=hello"
    )
    expect(page.get_by_text("Yes, bob may batch:SubmitJob.")).to_be_visible()
    page.get_by_label("What conditions may ask").fill("batch:Privileged=true")
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_text("No, bob may not batch:SubmitJob.")).to_be_visible()
    expect(page.get_by_text("statement NoPrivilegedContainers")).to_be_visible()
    page = visit(f"/access/policies/{AccessPolicy.objects.get().pk}/")
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("No policies yet")).to_be_visible()
