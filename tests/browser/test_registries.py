"""A registry's login is stored, tried and deleted; what came of the trial appears by itself."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from jobs.engines.fake.world import forget_world, world
from jobs.models import RegistryLogin
from jobs.services.access.registry_checks import check_login
from tests.builders import an_engine

pytestmark = pytest.mark.browser
Visit = Callable[[str], Page]


def test_a_login_is_stored_tried_and_deleted(visit: Visit, user: User) -> None:
    engine = an_engine()
    name = engine.url.removeprefix("fake://")
    world(name).accounts["localhost:5000"] = {"robot": "right"}
    page = visit("/registries/")
    page.get_by_label("Registry", exact=True).fill("localhost:5000/team")
    page.get_by_label("User name").fill("robot")
    page.get_by_label("Password or token").fill("right")
    page.get_by_role("button", name="Store the login").click()
    expect(page.get_by_text("Not tried as it is now.")).to_be_visible()
    page.get_by_label("User name").fill("half typed")
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_text("Being tried on the engines")).to_be_visible()
    page.get_by_label("User name").fill("half typed")
    # A worker, which the page hears of.
    check_login(login_id=RegistryLogin.objects.get().pk)
    expect(page.get_by_text("The registry accepts it.")).to_be_visible()
    expect(page.get_by_label("User name")).to_have_value("half typed")
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_text("No logins yet")).to_be_visible()
    forget_world(name)
