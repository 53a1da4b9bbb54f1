"""A log as it grows."""

import asyncio
import json
from collections.abc import Callable

import pytest
from django.db import connection

from jobs.models import Attempt
from jobs.web import logs
from tests.builders import NOW, a_user
from tests.joblogs.writing import Writer, numbered

from .asgi import open_stream
from .attempt_logs import a_running_attempt, row_numbers, url
from .test_live import cookie_of, run

pytestmark = pytest.mark.usefixtures("log_files")


@pytest.mark.django_db(transaction=True)
def test_new_lines_come_live_until_the_log_is_complete() -> None:
    attempt = a_running_attempt(a_user(username="owner"))
    cookie = cookie_of(attempt.job.owner)
    writer = Writer(attempt)
    writer.write(numbered(2))

    async def test() -> None:
        async with open_stream(url(attempt, "live/"), cookie=cookie) as stream:
            first = json.loads(await stream.event("lines"))
            assert (first["last"], first["html"].count("bw-lx")) == (2, 2)
            await _in_thread(lambda: writer.write(numbered(3, first=2)))
            second = json.loads(await stream.event("lines"))
            assert second["last"] == 5
            assert "line 1<" not in second["html"]
            assert "line 4<" in second["html"]
            await _in_thread(writer.finish)
            end = json.loads(await stream.event("end"))
            assert end["complete"]
            assert end["line_count"] == 5
            await stream.body()
            assert stream.ended.is_set()

    run(test)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("query", "headers"),
    [("", {"last-event-id": "700"}), ("?after=700", {}), ("?after=700", {"last-event-id": "x"})],
)
def test_a_viewer_that_reconnects_goes_on_after_the_last_line_it_has(
    query: str, headers: dict[str, str]
) -> None:
    attempt = a_running_attempt()
    cookie = cookie_of(attempt.job.owner)
    writer = Writer(attempt)
    writer.write(numbered(1500))
    writer.finish()

    async def test() -> None:
        path = url(attempt, f"live/{query}")
        async with open_stream(path, cookie=cookie, headers=headers) as stream:
            text = (await stream.body()).decode()
            numbers = [int(part.split('\\"')[0]) for part in text.split('id=\\"L')[1:]]
            assert numbers == list(range(701, 1501))
            assert "id: 1500" in text

    run(test)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("query", "expected"),
    [("?skip=1", [(2501, 3500)]), ("?skip=1&after=1500", [(1501, 3500)]), ("?after=2600", None)],
)
def test_a_follower_who_is_far_behind_is_taken_to_the_newest_lines(
    query: str, expected: list[tuple[int, int]] | None
) -> None:
    attempt = a_running_attempt()
    cookie = cookie_of(attempt.job.owner)
    writer = Writer(attempt)
    writer.write(numbered(3500), batch=500)
    writer.finish()

    async def test() -> None:
        async with open_stream(url(attempt, f"live/{query}"), cookie=cookie) as stream:
            text = (await stream.body()).decode()
        batches = [
            json.loads(line.removeprefix("data: "))
            for line in text.splitlines()
            if line.startswith("data: ") and '"html": ""' not in line
        ]
        spans = [(batch["first"], batch["last"]) for batch in batches]
        assert spans == (expected or [(2601, 3100), (3101, 3500)])
        for batch in batches:
            assert batch["html"].count("bw-lx") == batch["last"] - batch["first"] + 1
        assert "id: 3500" in text

    run(test)


@pytest.mark.django_db(transaction=True)
def test_the_live_log_of_an_attempt_that_never_had_one_ends_with_it() -> None:
    attempt = a_running_attempt()
    cookie = cookie_of(attempt.job.owner)
    Attempt.objects.filter(pk=attempt.pk).update(ended_at=NOW)

    async def test() -> None:
        async with open_stream(url(attempt, "live/"), cookie=cookie) as stream:
            assert json.loads(await stream.event("end"))["line_count"] == 0

    run(test)


@pytest.mark.django_db(transaction=True)
def test_nobody_follows_the_log_of_anothers_job() -> None:
    attempt, stranger = a_running_attempt(), a_user()
    cookie = cookie_of(stranger)

    async def test() -> None:
        async with open_stream(url(attempt, "live/"), cookie=cookie) as stream:
            assert stream.status == 404
            await stream.body()

    run(test)


@pytest.mark.django_db(transaction=True)
def test_who_follows_the_lines_that_match_gets_all_of_them_and_no_other() -> None:
    attempt = a_running_attempt()
    cookie = cookie_of(attempt.job.owner)
    writer = Writer(attempt)
    writer.write(numbered(3500), batch=500)

    async def test() -> None:
        path = url(attempt, "live/?skip=1&q=line%2034")
        async with open_stream(path, cookie=cookie) as stream:
            first = json.loads(await stream.event("lines"))
            assert row_numbers(first["html"]) == [35, *range(341, 351), *range(3401, 3501)]
            assert (first["first"], first["last"]) == (1, 3500)
            await _in_thread(lambda: writer.write(numbered(2, first=3500)))
            none = json.loads(await stream.event("lines"))
            # The state is as of before they were read: it may not know of them yet.
            assert (none["html"], none["last"]) == ("", 3502)
            await _in_thread(writer.finish)
            await stream.event("end")
            await stream.body()

    run(test)


@pytest.mark.django_db(transaction=True)
def test_who_follows_lines_that_match_and_is_very_far_behind_is_taken_to_the_newest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(logs, "FAR_BEHIND_WITH_TEXT", 3000)
    monkeypatch.setattr(logs, "NEWEST_LINES", 20)
    attempt = a_running_attempt()
    cookie = cookie_of(attempt.job.owner)
    writer = Writer(attempt)
    writer.write(numbered(3500), batch=500)
    writer.finish()

    async def first_of(query: str) -> dict[str, object]:
        async with open_stream(url(attempt, f"live/?{query}"), cookie=cookie) as stream:
            found: dict[str, object] = json.loads(await stream.event("lines"))
            await stream.body()
        return found

    async def test() -> None:
        newest = await first_of("skip=1&q=line%2034")
        assert row_numbers(str(newest["html"])) == [*range(3481, 3501)]
        assert (newest["first"], newest["last"]) == (3481, 3500)
        # Nearer by, and for whom every line counts, none is left out.
        for query in ("skip=1&after=600&q=line%2034", "q=line%2034"):
            assert row_numbers(str((await first_of(query))["html"]))[-100:] == [*range(3401, 3501)]

    run(test)


async def _in_thread(work: Callable[[], None]) -> None:
    """The database may not be used on the event loop's thread; the thread's connection is closed."""

    def in_thread() -> None:
        try:
            work()
        finally:
            connection.close()

    await asyncio.to_thread(in_thread)
