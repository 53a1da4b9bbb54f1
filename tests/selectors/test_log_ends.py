"""The end of a failed job's log: which lines are told, of which attempt, and at which cost."""

from pathlib import Path

import pytest
from pytest_django import DjangoAssertNumQueries, Settings

from jobs.engines.base import LogFrame, LogSource
from jobs.models import Attempt, Job, LogChunk
from jobs.selectors.logs import ends as selectors
from jobs.services.supervision import logs
from tests.builders import NOW, a_job, an_attempt
from tests.joblogs.writing import Writer, a_long_log, frame, numbered

pytestmark = pytest.mark.django_db


def err(data: bytes) -> LogFrame:
    return frame(data, source=LogSource.STDERR)


def a_log(*frames: LogFrame) -> Attempt:
    writer = Writer()
    writer.write(frames)
    return writer.attempt


def end_of(attempt: Attempt) -> list[tuple[int, str]]:
    lines = selectors.log_ends([attempt.pk]).get(attempt.pk, [])
    return [(line.number, line.text) for line in lines]


def a_failed_job(**more: object) -> Job:
    return a_job(status="FAILED", attempts_made=1, **more)


def test_the_last_lines_are_told_with_their_numbers() -> None:
    attempt = a_log(*numbered(30))
    assert end_of(attempt) == [(n + 1, f"line {n}") for n in range(25, 30)]


def test_lines_on_stderr_near_the_end_are_told_alone() -> None:
    attempt = a_log(err(b"ValueError: shard 7\n"), *numbered(40))
    assert end_of(attempt) == [(1, "ValueError: shard 7")]
    far = a_log(err(b"a warning\n"), *numbered(selectors.LINES_LOOKED_AT))
    assert end_of(far)[-1] == (selectors.LINES_LOOKED_AT + 1, "line 199")


@pytest.mark.parametrize(
    ("written", "text"),
    [
        (b"\x1b[31mred\x1b[0m\r\n", "red"),
        (b"10 %\r50 %\r100 %\n", "100 %"),
        (b"caf\xe9\n", "caf\ufffd"),
        (b"x" * 5000 + b"\n", "x" * selectors.LINE_LENGTH + "…"),
        (b"no newline", "no newline"),
    ],
)
def test_a_line_is_told_as_it_is_read(written: bytes, text: str) -> None:
    assert end_of(a_log(frame(written))) == [(1, text)]


def test_empty_lines_tell_nothing() -> None:
    attempt = a_log(frame(b"why\n"), *[frame(b" \x1b[0m\n")] * 9)
    assert end_of(attempt) == [(1, "why")]
    assert end_of(a_log(frame(b"\n"))) == []
    assert end_of(an_attempt()) == []


def test_the_end_goes_over_into_the_chunk_before() -> None:
    attempt = a_long_log(11, rows_of=5)
    assert end_of(attempt) == [(n + 1, f"line {n}") for n in range(6, 11)]


def test_a_log_that_is_gone_or_damaged_is_no_error(settings: Settings, tmp_path: Path) -> None:
    own = {**settings.STORAGES["joblogs"], "OPTIONS": {"location": tmp_path}}
    settings.STORAGES = {**settings.STORAGES, "joblogs": own}
    damaged, gone, whole = (a_log(*numbered(3)) for _ in range(3))
    LogChunk.objects.filter(stream__attempt=damaged).update(data=b"no gzip")
    LogChunk.objects.filter(stream__attempt=gone).update(path="is/not/there")
    assert set(selectors.log_ends([each.pk for each in (damaged, gone, whole)])) == {whole.pk}


def test_of_a_damaged_end_nothing_before_is_told_as_the_end() -> None:
    attempt = a_long_log(11, rows_of=5)
    newest = LogChunk.objects.filter(stream__attempt=attempt).order_by("-first_line")[0]
    LogChunk.objects.filter(pk=newest.pk).update(data=b"no gzip")
    assert end_of(attempt) == []


def test_of_failed_jobs_the_attempt_that_decided_is_read(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    retried = a_job(status="FAILED", attempts_made=2, attempts_allowed=2)
    group, succeeded = a_failed_job(), a_job(status="SUCCEEDED", attempts_made=1)
    rows = {
        "first try": an_attempt(job=retried, number=1, ended_at=NOW, exit_code=1),
        "second try": an_attempt(job=retried, number=2, ended_at=NOW, exit_code=1),
        "side car": an_attempt(job=group, ended_at=NOW, exit_code=0, essential=False),
        "main": an_attempt(
            job=group, container_index=1, container_name="main", ended_at=NOW, exit_code=3
        ),
        "well": an_attempt(job=succeeded, ended_at=NOW, exit_code=0),
    }
    for text, attempt in rows.items():
        logs.record_whole_log(attempt_id=attempt.pk, frames=[frame(text.encode())], now=NOW)
    jobs = list(Job.objects.select_related("spec"))
    with django_assert_num_queries(3):
        ends = selectors.log_ends_of(jobs)
    assert {job_id: [line.text for line in lines] for job_id, lines in ends.items()} == {
        retried.pk: ["second try"],
        group.pk: ["main"],
    }
    with django_assert_num_queries(0):
        assert selectors.log_ends_of([succeeded]) == {}
