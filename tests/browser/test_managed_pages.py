"""Managed environments in a browser: the form's rows, and instances that come and go on the page."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from playwright.sync_api import Page, expect

from jobs import changes
from jobs.domain.states import JobStatus
from jobs.models import ComputeEnvironment, Instance, SpotPressure
from tests.builders import (
    a_job,
    a_node,
    a_queue,
    an_attempt,
    an_engine,
    an_instance,
    an_instance_type,
)

pytestmark = pytest.mark.browser
Visit = Callable[[str], Page]


def test_a_spot_environment_is_made_in_the_form_and_followed_on_its_page(
    visit: Visit, user: User
) -> None:
    engine = an_engine(name="local")
    a_node(engine=engine)
    for name in ("m5.large", "c5.large"):
        an_instance_type(name)
    page = visit("/new/environment/")
    page.get_by_role("link", name="Spot instances").click()
    page.get_by_label("Name").fill("cheap")
    page.get_by_label("Instance type, family or bundle").fill("m5.large")
    page.get_by_role("button", name="Add a type").click()
    page.get_by_label("Instance type, family or bundle").nth(1).fill("c5")
    page.get_by_label("Maximum vCPUs").fill("8")
    page.get_by_label("Bid, % of On-Demand").fill("60")
    page.get_by_role("button", name="Make the environment").click()
    expect(page.locator("body")).to_contain_text("No instances")
    environment = ComputeEnvironment.objects.get(name="cheap")
    assert environment.compute_resources["instanceTypes"] == ["m5.large", "c5"]
    now = timezone.now()
    SpotPressure.objects.create(engine=engine, pressure=Decimal("0.5"), at=now)
    publish()
    page.get_by_text("Changes", exact=True).click()
    changed = page.locator("details tbody tr")
    expect(changed).to_have_count(1)
    expect(changed).to_be_visible()

    instance = an_instance(environment=environment, launched_at=now, is_spot=True)
    job = a_job(queue=a_queue(environment), status=JobStatus.RUNNING, attempts_made=1, owner=user)
    an_attempt(job=job, environment=environment, instance=instance)
    publish()
    card = page.locator(f"#instance-{instance.pk}")
    expect(card).to_contain_text(job.name)
    expect(card).to_contain_text("1 of 2")
    # What somebody has opened stays open.
    expect(changed).to_be_visible()

    Instance.objects.filter(pk=instance.pk).update(
        state="ENDED", ended_at=now + timedelta(minutes=1), end_cause="IDLE"
    )
    publish()
    expect(page.locator("body")).to_contain_text("No instances")
    page.get_by_role("link", name="rack.large").click()
    expect(page.locator("body")).to_contain_text("Nothing ran on it for a while.")


def publish() -> None:
    with transaction.atomic():
        changes.publish([changes.ENVIRONMENTS])


def test_a_budgets_form_asks_for_what_its_scope_needs(visit: Visit, user: User) -> None:
    a_queue(name="fast")
    page = visit("/new/budget/")
    expect(page.get_by_label("Queue")).to_be_visible()
    expect(page.get_by_label("User", exact=True)).to_be_hidden()
    page.get_by_label("Name").fill("folding")
    page.get_by_label("Queue").select_option("fast")
    page.get_by_label("What it counts").select_option("TAG")
    # What was chosen for another scope is not sent.
    expect(page.get_by_label("Queue")).to_be_hidden()
    page.get_by_label("Tag", exact=True).fill("project")
    page.get_by_label("US dollars a month").fill("250")
    page.get_by_role("button", name="Make the budget").click()
    expect(page.locator("body")).to_contain_text("The budget folding is made.")
