"""Pages travel compressed; streams and live parts do not."""

import gzip

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.builders import a_job, a_queue

pytestmark = pytest.mark.django_db
ASKED = {"Accept-Encoding": "gzip"}


def test_a_page_of_jobs_weighs_a_tenth_on_its_way(client: Client, boss: User) -> None:
    queue = a_queue(name="q")
    for number in range(50):
        a_job(name=f"frame-{number}", queue=queue)
    answer = client.get("/jobs/", headers=ASKED)
    assert answer["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in answer["Vary"]
    page = gzip.decompress(answer.content)
    assert b"frame-49" in page
    assert len(answer.content) < len(page) / 5


def test_who_takes_no_gzip_gets_none(client: Client, boss: User) -> None:
    assert "Content-Encoding" not in client.get("/jobs/")


def test_live_parts_are_sent_as_they_are(client: Client, boss: User) -> None:
    headers = {**ASKED, "HX-Request": "true", "X-Live-Regions": "jobs-table"}
    assert "Content-Encoding" not in client.get("/jobs/", headers=headers)


def test_a_file_of_all_jobs_is_streamed_as_it_is(client: Client, boss: User) -> None:
    answer = client.get("/jobs/export/?format=csv", headers=ASKED)
    assert answer.streaming
    assert "Content-Encoding" not in answer
