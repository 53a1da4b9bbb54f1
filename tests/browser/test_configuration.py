"""What an administrator sets up once, clicked through in a real browser."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from jobs.models import JobQueue
from tests.builders import an_environment

pytestmark = pytest.mark.browser
Visit = Callable[[str], Page]


def test_a_policy_is_made_and_a_queue_that_uses_it(visit: Visit) -> None:
    an_environment(name="local")
    page = visit("/queues/")
    page.get_by_role("link", name="Scheduling policies").click()
    page.get_by_role("link", name="New policy").click()
    page.get_by_label("Name", exact=True).fill("teams")
    for share, weight in (("blue", "0.5"), ("user*", "2")):
        page.get_by_role("button", name="Add a share").click()
        page.get_by_label("Share identifier").last.fill(share)
        page.get_by_label("Weight factor", exact=True).last.fill(weight)
    page.get_by_role("button", name="Make the policy").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("teams")
    expect(page.get_by_role("row").filter(has_text="blue")).to_contain_text("2 ×")

    page.get_by_role("link", name="Queues", exact=True).click()
    page.get_by_role("link", name="New queue").click()
    page.get_by_label("Name", exact=True).fill("research")
    page.get_by_label("First choice").select_option("local")
    page.get_by_label("Scheduling policy", exact=True).select_option("teams")
    page.get_by_label("Backfill").uncheck()
    page.get_by_role("button", name="Add a rule").click()
    page.get_by_label("Reason").fill("CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY")
    page.get_by_label("Seconds").fill("3600")
    page.get_by_role("button", name="Make the queue").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("research")
    expect(page.get_by_label("Settings")).to_contain_text("After 1 h 0 min at the head")
    queue = JobQueue.objects.select_related("scheduling_policy").get()
    assert queue.scheduling_policy is not None
    assert (queue.scheduling_policy.name, queue.backfill) == ("teams", False)

    page.get_by_role("link", name="Edit").click()
    page.get_by_label("Remove this rule").click()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_label("Settings")).to_contain_text("jobs wait as long as it takes")


def test_a_resource_is_made_and_raised(visit: Visit) -> None:
    page = visit("/queues/")
    page.get_by_role("link", name="Consumable resources").click()
    page.get_by_role("link", name="Make a resource").click()
    page.get_by_label("Name", exact=True).fill("licences")
    page.get_by_label("How much there is").fill("5")
    page.get_by_role("button", name="Make the resource").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("licences")
    page.get_by_label("What to do").select_option("Add")
    page.get_by_label("Quantity").fill("3")
    page.get_by_role("button", name="Change the total").click()
    expect(page.get_by_label("How much there is")).to_contain_text("0 of 8")


def test_a_secret_is_stored_and_deleted(visit: Visit) -> None:
    page = visit("/")
    page.get_by_label("Account of ada").click()
    page.get_by_role("link", name="Secrets").click()
    page.get_by_label("Name", exact=True).fill("db/password")
    page.get_by_label("Value", exact=True).fill("hunter2")
    page.get_by_role("button", name="Store the secret").click()
    row = page.get_by_role("row").filter(has_text="db/password")
    expect(row).to_contain_text("you")
    expect(page.locator("body")).not_to_contain_text("hunter2")
    row.get_by_role("link", name="Change").click()
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_text("No secrets yet")).to_be_visible()


def test_host_paths_are_rows(visit: Visit) -> None:
    an_environment(name="local")
    page = visit("/environments/local/edit/")
    page.get_by_role("button", name="Add a path").click()
    page.get_by_label("Path", exact=True).fill("/scratch/")
    page.get_by_label("What jobs may do there").select_option("read and write")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_label("Capacity")).to_contain_text("/scratch read and write")
