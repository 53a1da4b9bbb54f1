"""The header says in which section a page is."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from jobs.web.sections import SECTIONS
from tests.pages import names_of_urls

CURRENT = re.compile(r'href="(/[^"]*)" data-go="\w" aria-current="page"')


def test_every_url_has_a_section_or_is_known_to_have_none() -> None:
    unknown = {name for name in names_of_urls() if name.partition("_")[0] not in SECTIONS}
    assert not unknown


def test_every_section_is_an_entry_of_the_header(page: Client) -> None:
    html = page.get("/").content.decode()
    entries = set(re.findall(r'href="(/[^"]*)" data-go=', html))
    assert entries >= {reverse(section) for section in SECTIONS.values() if section}


@pytest.mark.parametrize(
    ("path", "entry"),
    [
        ("/", ["/"]),
        ("/jobs/bulk/", ["/jobs/"]),
        ("/submit/", ["/jobs/"]),
        ("/policies/", ["/queues/"]),
        ("/instance-types/", ["/environments/"]),
        ("/right-sizing/", ["/costs/"]),
        ("/alarms/", ["/monitoring/"]),
        ("/secrets/", []),
        ("/nowhere/", []),
    ],
)
def test_the_section_of_a_page_is_marked(page: Client, path: str, entry: list[str]) -> None:
    assert CURRENT.findall(page.get(path).content.decode()) == entry
