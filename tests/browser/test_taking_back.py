"""Taking back in a browser: an action on many jobs, on its own page; a deleted alarm; what others delete."""

import re
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Page, expect

from jobs import changes
from jobs.models import AccessKey, Alarm, Job
from jobs.services.requests.bulk import go_on_with_bulk
from jobs.services.setup.budgets import create_budget, delete_budget
from tests.builders import a_job, a_queue

pytestmark = pytest.mark.browser
Visit = Callable[[str], Page]


def cancel_all_on_the_page(page: Page) -> int:
    """The id of the action that was begun; its page is shown."""
    page.get_by_label("All on this page").check()
    page.get_by_role("button", name="Cancel waiting").click()
    expect(page.locator("#bulk-state")).to_contain_text("Under way")
    return int(page.url.rstrip("/").rsplit("/", 1)[1])


def test_an_action_on_many_jobs_is_stopped_and_another_taken_back(visit: Visit, user: User) -> None:
    queue = a_queue(name="night")
    jobs = [a_job(status="RUNNABLE", owner=user, queue=queue) for _ in range(2)]
    page = visit("/jobs/")
    stopped = cancel_all_on_the_page(page)
    page.get_by_role("button", name="Stop the rest").click()
    expect(page.locator("#bulk-state")).to_contain_text("Stopped. 0 of 2")
    go_on_with_bulk(action_id=stopped, now=timezone.now())
    assert {job.status for job in Job.objects.all()} == {"RUNNABLE"}

    page = visit("/jobs/")
    action = cancel_all_on_the_page(page)
    go_on_with_bulk(action_id=action, now=timezone.now())
    expect(page.locator("#bulk-state")).to_contain_text("Done. 2 of 2")
    page.locator("#bulk-buttons").get_by_role("button", name="Submit again").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Rerun 2 jobs")
    go_on_with_bulk(action_id=int(page.url.rstrip("/").rsplit("/", 1)[1]), now=timezone.now())
    row = page.locator("#result-0")
    expect(row).to_contain_text("the new job")
    again = Job.objects.filter(rerun_of__in=jobs)
    assert again.count() == 2
    # The action has ended; what it submitted goes on.
    again.update(status="STARTING")
    changes.publish([changes.JOBS])
    expect(row).to_contain_text("STARTING")


def test_two_clicks_make_one_access_key_whose_secret_is_shown(visit: Visit) -> None:
    page = visit("/access/keys/")
    page.get_by_label("Name", exact=True).fill("laptop")
    page.get_by_role("button", name="Make an access key").dblclick()
    expect(page.locator("#secret")).to_be_visible()
    assert AccessKey.objects.get().name == "laptop"


def test_an_alarm_is_made_deleted_and_taken_back(visit: Visit) -> None:
    a_queue(name="night")
    page = visit("/new/alarm/?queue=night")
    page.get_by_label("Name", exact=True).fill("too-many")
    page.get_by_label("Threshold").fill("5")
    page.locator("main").get_by_role("button", name=re.compile("alarm")).dblclick()
    expect(page.get_by_role("heading", level=1)).to_contain_text("too-many")
    made = Alarm.objects.get()
    page.get_by_role("button", name="Delete").click()
    expect(page.locator("#toasts")).to_contain_text("deleted")
    assert not Alarm.objects.exists()
    page.get_by_role("button", name="Undo").dblclick()
    expect(page.get_by_role("heading", level=1)).to_contain_text("too-many")
    again = Alarm.objects.get()
    assert (again.name, again.threshold, again.metric) == (made.name, made.threshold, made.metric)


def test_a_page_whose_thing_somebody_deletes_says_so_until_it_is_there_again(visit: Visit) -> None:
    fields = {"name": "team", "scope": "TAG", "tag_key": "team", "usd_per_month": "2"}
    budget = create_budget(fields=fields, now=timezone.now())
    page = visit("/budgets/team/")
    told = page.get_by_role("alert").filter(has_text="This is gone. There is no budget team.")
    expect(page.locator("#budget-state")).to_be_visible()
    delete_budget(budget=budget)
    expect(told).to_be_visible()
    expect(page.locator("#budget-state")).to_be_visible()
    create_budget(fields=fields, now=timezone.now())
    expect(told).to_have_count(0)
