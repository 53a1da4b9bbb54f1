"""Each URL has an entry in `tests.pages`, and each page there answers."""

from collections import defaultdict

from django.contrib.auth.models import User
from django.test import Client
from django.urls import resolve

from jobs.domain.ids import new_job_id
from jobs.engines.fake.world import forget_world
from tests import pages, screenshots
from tests.world import build_world


def test_each_url_is_known_to_be_a_page_or_none() -> None:
    assert set(pages.names_of_urls()) == set(pages.PAGES) | pages.NOT_PAGES


def test_each_page_answers(page: Client, admin: User) -> None:
    world = build_world(admin)
    html = {"Accept": "text/html"}
    statuses = {path: page.get(path, headers=html).status_code for path in pages.addresses(world)}
    forget_world(world.environment.engine.url.removeprefix("fake://"))
    assert {path: status for path, status in statuses.items() if status != 200} == {}


def test_each_page_has_a_picture() -> None:
    # Whatever a page is about, its path has the same form.
    shown = defaultdict(lambda: "1", instance="i-1")
    for name in ("running", "failed", "waiting", "huge", "tiles", "shards", "film", "pair", "kept"):
        shown[name] = str(new_job_id())
    paths = screenshots.pages(shown).values()
    assert {resolve(path.partition("?")[0]).url_name for path in paths} == {"login", *pages.PAGES}
