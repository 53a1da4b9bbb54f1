"""A failed job's page tells what the job printed last, and where in its log."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from jobs.engines.base import LogSource
from jobs.models import Attempt, LogChunk
from tests import hostile
from tests.builders import NOW, a_job, an_array, an_attempt
from tests.joblogs.writing import Writer, frame, numbered

JSON = {"Accept": "application/json"}


def a_failed_attempt(*, status: str = "FAILED", tries: int = 1) -> Attempt:
    job = a_job(status=status, attempts_made=tries, attempts_allowed=3)
    rows = [
        an_attempt(job=job, number=n + 1, started_at=NOW, ended_at=NOW, exit_code=4)
        for n in range(tries)
    ]
    return rows[-1]


def box_of(page: Client, attempt: Attempt, query: str = "") -> str:
    """The part of the box that says why the job failed which is about its log."""
    html = page.get(f"/jobs/{attempt.job_id}/{query}").content.decode()
    return html.partition('id="why-log"')[2].partition("</ul>")[0]


def test_the_last_lines_on_stderr_stand_in_the_box_that_says_why(page: Client) -> None:
    attempt = a_failed_attempt()
    error = frame(b"\x1b[31mValueError: <b>shard 7</b>\x1b[0m\n", source=LogSource.STDERR)
    Writer(attempt).write([*numbered(40), error, *numbered(2, first=40)])
    box = box_of(page, attempt)
    assert "standard error" in box
    assert "<code>ValueError: &lt;b&gt;shard 7&lt;/b&gt;</code>" in box
    assert 'href="#L41"' in box
    assert "line 41" not in box


def test_without_any_on_stderr_the_last_lines_of_all_are_told(page: Client) -> None:
    attempt = a_failed_attempt()
    Writer(attempt).write(numbered(40))
    box = box_of(page, attempt)
    assert "standard output" in box
    assert [f"<code>line {n}</code>" in box for n in (34, 35, 39)] == [False, True, True]


def test_lines_of_an_attempt_whose_log_is_not_shown_lead_to_its_log(page: Client) -> None:
    attempt = a_failed_attempt(tries=2)
    Writer(attempt).write(numbered(3))
    assert 'href="#L3"' in box_of(page, attempt)
    assert 'href="?attempt=2#L3"' in box_of(page, attempt, "?attempt=1")


@pytest.mark.parametrize("status", ["RUNNING", "SUCCEEDED"])
def test_only_a_failed_job_has_them(page: Client, status: str) -> None:
    attempt = a_failed_attempt(status=status)
    Writer(attempt).write(numbered(3))
    assert not box_of(page, attempt)
    assert page.get(f"/jobs/{attempt.job_id}/", headers=JSON).json()["log_end"] == []


def test_a_page_is_drawn_without_what_cannot_be_read(page: Client) -> None:
    attempt = a_failed_attempt()
    assert not box_of(page, attempt)
    Writer(attempt).write(numbered(3))
    LogChunk.objects.update(data=b"no gzip")
    assert not box_of(page, attempt)
    array = an_array(1, children="FAILED")
    assert page.get(f"/jobs/{array.pk}/").status_code == 200


def test_what_stands_there_is_text(page: Client) -> None:
    attempt = a_failed_attempt()
    Writer(attempt).write([frame(line) for line in hostile.LOG])
    assert box_of(page, attempt)
    assert hostile.told(page.get(f"/jobs/{attempt.job_id}/").content.decode()) == []


def test_a_long_log_takes_no_more_queries_than_a_short_one(page: Client) -> None:
    def queries_with(lines: int) -> int:
        attempt = a_failed_attempt()
        Writer(attempt).write(numbered(lines), batch=200)
        page.get(f"/jobs/{attempt.job_id}/")
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert box_of(page, attempt)
        return len(queries)

    assert queries_with(1) == queries_with(5000)


def test_scripts_get_the_lines_too(script: Client) -> None:
    attempt = a_failed_attempt()
    Writer(attempt).write(numbered(1))
    told = script.get(f"/jobs/{attempt.job_id}/").json()["log_end"]
    assert told == [{"line": 1, "stream": "stdout", "text": "line 0"}]
