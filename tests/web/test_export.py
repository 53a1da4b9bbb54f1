"""The list as a file: all that match, safe to open, in little memory."""

import csv
import json
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from jobs.models import Job, JobQueue, JobSpec
from jobs.web import export
from tests.builders import NOW, a_job, a_queue, a_user, an_array

pytestmark = pytest.mark.django_db


def text_of(answer: Any) -> str:
    """All of a stream, read step by step here: another thread would not see what a test has not committed."""
    stream = aiter(answer.streaming_content)
    parts: list[bytes] = []
    while True:
        try:
            anext(stream).send(None)
        except StopIteration as step:
            parts.append(step.value)
        except StopAsyncIteration:
            return b"".join(parts).decode()


@pytest.fixture(autouse=True)
def _reads_here(monkeypatch: pytest.MonkeyPatch) -> None:
    async def read(work: Callable[..., object], *args: object) -> object:
        return work(*args)

    monkeypatch.setattr(export, "read_in_thread", read)


def rows_of(client: Client, query: str = "") -> list[dict[str, str]]:
    answer = client.get(f"/jobs/export/?{query}")
    assert answer.status_code == 200
    return list(csv.DictReader(StringIO(text_of(answer))))


@pytest.fixture
def night() -> JobQueue:
    return a_queue(name="night")


def test_all_that_match_are_in_the_file_not_only_a_page(
    page: Client, night: JobQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "PORTION", 2)
    wanted = [a_job(queue=night, status="FAILED") for _ in range(5)]
    a_job(queue=night, status="SUCCEEDED")
    a_job(status="FAILED")
    rows = rows_of(page, "queue=night&status=FAILED&sort=cost&limit=1")
    assert [row["id"] for row in rows] == [str(job.pk) for job in reversed(wanted)]
    as_json = page.get("/jobs/export/?format=json&queue=night&status=FAILED")
    found = json.loads(text_of(as_json))
    assert [row["id"] for row in found] == [row["id"] for row in rows]
    assert found[0]["queue"] == "night"


@pytest.mark.parametrize("query", ["queue=nope", "definition=nope", "queue=nope&sort=cost"])
def test_a_file_of_a_queue_that_there_is_not_has_its_header_alone(
    bobs_page: Client, bob: User, query: str
) -> None:
    a_job(owner=bob)
    answer = bobs_page.get(f"/jobs/export/?{query}")
    assert text_of(answer).splitlines() == [",".join(export.COLUMNS)]
    as_json = bobs_page.get(f"/jobs/export/?format=json&{query}")
    assert json.loads(text_of(as_json)) == []


def test_the_columns_tell_of_each_job_what_the_list_does(page: Client, night: JobQueue) -> None:
    a_job(
        name="train",
        queue=night,
        status="FAILED",
        status_reason="Out of disk",
        exit_code=3,
        started_at=NOW,
        stopped_at=NOW + timedelta(seconds=90.5),
        cost_usd="0.25",
        owner=a_user(username="carol"),
    )
    an_array(3, name="many", queue=night)
    array, job = rows_of(page)
    assert list(job) == list(export.COLUMNS)
    assert (job["name"], job["owner"], job["queue"]) == ("train", "carol", "night")
    assert (job["exit_code"], job["status_reason"]) == ("3", "Out of disk")
    assert (job["run_seconds"], float(job["cost_usd"])) == ("90.500", 0.25)
    assert job["started_at"] == NOW.isoformat()
    assert (array["array_size"], array["exit_code"], array["run_seconds"]) == ("3", "", "")


def test_tags_are_those_a_job_has_now(page: Client, night: JobQueue) -> None:
    changed, as_submitted = a_job(queue=night), a_job(queue=night)
    JobSpec.objects.all().update(tags={"team": "then"})
    Job.objects.filter(pk=changed.pk).update(tags={"team": "now", "a": "ä"})
    assert as_submitted.tags is None
    told = [json.loads(row["tags"]) for row in rows_of(page)]
    assert told == [{"team": "then"}, {"a": "ä", "team": "now"}]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20"])
def test_no_cell_is_a_formula_nor_holds_control_characters(page: Client, start: str) -> None:
    evil = f'{start}cmd|"/c calc"!A1,\x1b[2J\u202e'
    a_job(status="FAILED", status_reason=evil)
    answer = page.get("/jobs/export/")
    text = text_of(answer)
    (row,) = csv.DictReader(StringIO(text))
    assert row["status_reason"].startswith(f"'{start}cmd")
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "attachment; filename=" in answer["Content-Disposition"]


def test_nobody_exports_the_jobs_of_others(bobs_page: Client, bob: User) -> None:
    a_job()
    own = a_job(owner=bob)
    assert [row["id"] for row in rows_of(bobs_page)] == [str(own.pk)]


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_a_list_without_jobs_is_a_file_without_rows(page: Client, kind: str) -> None:
    text = text_of(page.get(f"/jobs/export/?format={kind}&queue=none"))
    assert text == "[]\n" if kind == "json" else text.count("\n") == 1


def test_a_file_ends_at_the_most_jobs_that_one_may_have(
    page: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "MAX_JOBS", 3)
    monkeypatch.setattr(export, "PORTION", 2)
    for _ in range(5):
        a_job()
    assert len(rows_of(page)) == 3


@pytest.mark.parametrize(
    ("query", "field"),
    [("format=xls", "format"), ("colour=red", "query"), ("status=ODD", "status")],
)
def test_a_slip_in_a_filter_is_refused(script: Client, query: str, field: str) -> None:
    answer = script.get(f"/jobs/export/?{query}")
    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == [field]
