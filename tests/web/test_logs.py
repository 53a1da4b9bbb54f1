"""A log by pages, by rows, and whole."""

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from jobs.engines.base import LogSource
from jobs.models import LogChunk
from tests.builders import NOW, a_job, an_attempt
from tests.joblogs.writing import Writer, frame, numbered

from .asgi import open_stream
from .attempt_logs import a_running_attempt, row_numbers, url
from .test_live import cookie_of, run

pytestmark = pytest.mark.usefixtures("log_files")
HTML = {"Accept": "text/html"}


def test_a_script_reads_a_log_page_by_page(script: Client) -> None:
    attempt = a_running_attempt()
    Writer(attempt).write(numbered(1050))
    told = script.get(url(attempt)).json()
    texts = [line["text"] for line in told["lines"]]
    while told["next"]:
        told = script.get(told["next"]).json()
        texts += [line["text"] for line in told["lines"]]
    assert texts == [f"line {number}" for number in range(1050)]
    assert told["line_count"] == 1050
    assert not told["complete"]


def test_lines_are_numbered_from_one_with_their_time_and_source(script: Client) -> None:
    attempt = a_running_attempt()
    Writer(attempt).write(numbered(3))
    line = script.get(url(attempt, "?start=2&limit=1")).json()["lines"]
    assert line == [
        {
            "line": 2,
            "at": "2026-01-05T09:00:00.001Z",
            "stream": "stdout",
            "text": "line 1",
            "continued": False,
        }
    ]


def test_people_see_the_newest_lines_first_and_can_go_back(page: Client) -> None:
    attempt = a_running_attempt()
    Writer(attempt).write(numbered(1200))
    html = page.get(url(attempt), headers=HTML).content.decode()
    assert 'id="L1200"' in html
    assert 'id="L700"' not in html
    assert "?before=701" in html
    earlier = page.get(url(attempt, "?before=701"), headers=HTML).content.decode()
    assert 'id="L201"' in earlier
    assert 'id="L701"' not in earlier
    assert "?start=701" in earlier


@pytest.mark.parametrize(
    "query",
    [
        "start=-1",
        "start=x",
        "limit=1e3",
        "start=%00",
        "before=x",
        "limit=" + "9" * 99,
        "q=" + "x" * 201,
    ],
)
@pytest.mark.parametrize("rest", ["", "rows/", "search/", "live/"])
def test_a_bad_line_number_or_text_is_a_400(page: Client, query: str, rest: str) -> None:
    if rest == "live/" and not query.startswith("q"):
        query = "after=x"
    assert page.get(url(a_running_attempt(), f"{rest}?{query}")).status_code == 400


def test_lines_beyond_the_end_are_none(page: Client) -> None:
    attempt = a_running_attempt()
    Writer(attempt).write(numbered(3))
    told = page.get(url(attempt, "rows/?start=999999999999")).json()
    assert told["html"] == ""
    assert told["line_count"] == 3


def test_an_attempt_without_a_log_has_an_empty_one(page: Client) -> None:
    attempt = a_running_attempt()
    assert page.get(url(attempt, "rows/")).json()["html"] == ""
    assert page.get(url(attempt), headers=HTML).status_code == 200


def test_a_row_that_goes_on_with_a_line_of_the_page_before_is_marked(page: Client) -> None:
    attempt = a_running_attempt()
    Writer(attempt).write([frame(b"x" * 16384), frame(b"y" * 16384), frame(b"end\n")])
    html = page.get(url(attempt, "rows/?start=2&limit=1")).json()["html"]
    assert "bw-ll-piece" in html
    assert "goes on" in html


def test_a_page_far_into_a_long_log_takes_few_queries(
    page: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    attempt = a_running_attempt()
    Writer(attempt).write(numbered(5000), batch=500)
    with django_assert_max_num_queries(6):
        page.get(url(attempt, "rows/?start=4000&limit=100"))


def test_only_lines_that_match_are_shown_with_their_own_numbers(page: Client) -> None:
    attempt = a_running_attempt()
    Writer(attempt).write(numbered(1200), batch=100)
    newest = page.get(url(attempt, "rows/?q=LINE 11&limit=50")).json()
    assert row_numbers(newest["html"]) == list(range(1151, 1201))
    assert (newest["first"], newest["last"], newest["line_count"]) == (1151, 1200, 1200)
    before = page.get(url(attempt, "rows/?q=line 11&limit=80&before=1151")).json()
    assert row_numbers(before["html"]) == [12, *range(111, 121), *range(1101, 1151)]
    after = page.get(url(attempt, "rows/?q=line 11&limit=3&start=13")).json()
    assert row_numbers(after["html"]) == [111, 112, 113]
    assert (after["first"], after["last"]) == (13, 113)


def test_the_numbers_of_lines_that_match_are_told_step_by_step(page: Client) -> None:
    attempt = a_running_attempt()
    Writer(attempt).write(numbered(1200), batch=100)
    told = page.get(url(attempt, "search/?q=line 99&limit=4")).json()
    assert told["lines"] == [100, 991, 992, 993]
    assert (told["first"], told["last"]) == (1, 993)
    back = page.get(url(attempt, "search/?q=line 99&limit=1&before=991")).json()
    assert (back["lines"], back["first"]) == ([100], 100)


@pytest.mark.parametrize(
    ("query", "numbers", "following"),
    [
        ("before=5", [1, 2, 3, 4], "?start=5&limit=500"),
        ("before=9&limit=2", [7, 8], "?start=9&limit=2"),
        ("start=3&before=5", [3, 4], "?start=5&limit=500"),
        ("before=1", [], "?start=1&limit=500"),
        ("before=20&q=line 1", [2, *range(11, 20)], "?start=20&limit=500&q=line+1"),
        ("before=20&q=line 1&limit=2", [18, 19], "?start=20&limit=2&q=line+1"),
        ("start=12&before=15&q=line 1", [12, 13, 14], "?start=15&limit=500&q=line+1"),
    ],
)
def test_lines_for_scripts_end_before_the_line_that_is_named(
    script: Client, query: str, numbers: list[int], following: str
) -> None:
    attempt = a_running_attempt()
    Writer(attempt).write(numbered(200))
    told = script.get(url(attempt, f"?{query}")).json()
    assert [line["line"] for line in told["lines"]] == numbers
    assert told["next"] == url(attempt, following)
    if "q=" not in query:
        assert row_numbers(script.get(url(attempt, f"rows/?{query}")).json()["html"]) == numbers


def test_a_search_says_what_it_needs(page: Client) -> None:
    answer = page.get(url(a_running_attempt(), "search/?q=%20"))
    assert answer.status_code == 400
    assert "Say what to look for." in answer.content.decode()


def test_lines_on_stderr_are_sought_without_a_text(page: Client) -> None:
    attempt = a_running_attempt()
    error = frame(b"line 9 failed\n", source=LogSource.STDERR)
    Writer(attempt).write([*numbered(9), error, *numbered(9, first=9)])
    told = page.get(url(attempt, "search/?source=stderr&start=3")).json()
    assert (told["lines"], told["last"]) == ([10], 19)
    assert page.get(url(attempt, "search/?source=stderr&start=11")).json()["lines"] == []


def test_a_search_of_a_log_without_lines_finds_none(page: Client) -> None:
    assert page.get(url(a_running_attempt(), "search/?q=a")).json()["lines"] == []


def test_without_scripts_a_form_shows_the_lines_that_match(page: Client) -> None:
    attempt = a_running_attempt()
    Writer(attempt).write([*numbered(600), frame(b"<script>x</script>\n")])
    html = page.get(url(attempt, "?q=<script>"), headers=HTML).content.decode()
    assert row_numbers(html) == [601]
    assert 'value="&lt;script&gt;"' in html
    assert "<script>x" not in html
    many = page.get(url(attempt, "?q=line&limit=500"), headers=HTML).content.decode()
    assert "?before=101&amp;q=line" in many


def test_a_script_reads_the_lines_that_match_page_by_page(script: Client) -> None:
    attempt = a_running_attempt()
    Writer(attempt).write(numbered(400))
    told = script.get(url(attempt, "?q=line 3&limit=40")).json()
    texts = [line["text"] for line in told["lines"]]
    while told["next"]:
        told = script.get(told["next"]).json()
        texts += [line["text"] for line in told["lines"]]
    assert texts == ["line 3", *(f"line {n}" for n in (*range(30, 40), *range(300, 400)))]


def test_a_page_of_matches_takes_few_queries(
    page: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    attempt = a_running_attempt()
    Writer(attempt).write(numbered(5000), batch=500)
    with django_assert_max_num_queries(6):
        page.get(url(attempt, "rows/?q=7"))


def test_the_logs_of_other_attempts_and_containers_are_one_click_away(page: Client) -> None:
    job = a_job(status="RUNNING", attempts_made=2, attempts_allowed=3)
    first = an_attempt(job=job, number=1, started_at=NOW, ended_at=NOW, exit_code=1)
    an_attempt(job=job, number=2, started_at=NOW)
    html = page.get(url(first), headers=HTML).content.decode()
    assert f'href="/jobs/{job.pk}/attempts/2/log/"' in html
    on_job = page.get(f"/jobs/{job.pk}/", headers=HTML).content.decode()
    assert 'href="?attempt=1" id="tab-try-1"' in on_job
    assert f'data-log-here="/jobs/{job.pk}/?attempt=2"' in on_job


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("parts", [[], [b"caf\xe9 \x1b[31mred\n", b"<b>\x00\n"]])
def test_the_download_is_byte_for_byte_what_was_written(parts: list[bytes]) -> None:
    attempt = a_running_attempt()
    cookie = cookie_of(attempt.job.owner)
    Writer(attempt).write([frame(part) for part in parts])

    async def test() -> None:
        async with open_stream(url(attempt, "download/"), cookie=cookie) as stream:
            assert await stream.body() == b"".join(parts)
            assert stream.headers["content-disposition"].startswith("attachment; filename=")
            assert stream.headers["x-content-type-options"] == "nosniff"
            assert stream.headers["content-type"].startswith("text/plain")

    run(test)


def test_a_log_that_was_cut_off_says_so(page: Client, settings: Settings) -> None:
    settings.BATCHWEB_LOG_LIMIT_BYTES = 1024
    attempt = a_running_attempt()
    Writer(attempt).write(numbered(1000))
    assert "Cut off at the limit of 1.0\xa0KB" in page.get(url(attempt, "rows/")).json()["notice"]


def test_a_part_that_cannot_be_read_is_a_readable_error(page: Client) -> None:
    attempt = a_running_attempt()
    Writer(attempt).write(numbered(3))
    LogChunk.objects.update(data=b"damaged")
    answer = page.get(url(attempt, "rows/"), headers={"Accept": "application/json"})
    assert answer.status_code == 503
    assert answer.json()["message"]
