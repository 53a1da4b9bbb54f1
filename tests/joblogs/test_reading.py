"""A log is read by line and by time, at a cost that does not grow with the log."""

import pytest
from django.core.files.storage import storages
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase
from pytest_django import DjangoAssertNumQueries

from jobs.engines.base import LogFrame, LogSource
from jobs.joblogs import chunk
from jobs.models import LogChunk
from jobs.selectors.logs import lines as selectors
from jobs.selectors.logs.lines import iter_raw, line_at, read_lines
from tests.joblogs.writing import NOW_NS, Writer, frame, numbered

pytestmark = pytest.mark.django_db


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The chunks that were opened."""
    seen: list[str] = []
    read = selectors.records_of

    def count(holder: LogChunk) -> bytes:
        seen.append(str(holder))
        return read(holder)

    monkeypatch.setattr(selectors, "records_of", count)
    return seen


def test_a_page_in_the_middle_reads_only_what_it_shows(
    opened: list[str], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    writer = Writer()
    writer.write(numbered(100_000))
    stream = writer.stream
    assert stream.chunks.count() > 10

    with django_assert_num_queries(1):
        lines = read_lines(stream=stream, start=50_000, limit=100)

    assert [line.number for line in lines] == list(range(50_000, 50_100))
    assert [line.data for line in lines] == [
        b"line %d" % number for number in range(50_000, 50_100)
    ]
    assert len(opened) <= 2


def test_the_tail_reads_only_the_newest_chunks(
    opened: list[str], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    writer = Writer()
    stream = writer.stream
    writer.write(numbered(30_000))

    with django_assert_num_queries(1):
        lines = read_lines(stream=stream, start=29_990, limit=10)

    assert [line.number for line in lines] == list(range(29_990, 30_000))
    assert len(opened) <= 2


def test_a_time_is_found_by_reading_one_chunk(
    opened: list[str], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    writer = Writer()
    writer.write(numbered(60_000))
    stream = writer.stream

    with django_assert_num_queries(1):
        assert line_at(stream=stream, ns=NOW_NS + 31_234 * 1_000_000) == 31_234
    assert len(opened) == 1
    assert line_at(stream=stream, ns=0) == 0
    assert line_at(stream=stream, ns=NOW_NS * 2) == 60_000


def test_a_download_reads_each_chunk_once(opened: list[str]) -> None:
    writer = Writer()
    frames = numbered(30_000)
    writer.write(frames)

    portions = list(iter_raw(stream=writer.stream))

    assert b"".join(portions) == b"".join(each.data for each in frames)
    assert len(opened) == len(portions) == writer.stream.chunks.count()


def test_a_download_goes_on_while_its_chunks_are_sealed() -> None:
    writer = Writer()
    frames = numbered(10_000)
    writer.write(frames, batch=900)
    portions = iter_raw(stream=writer.stream)

    first = next(portions)
    writer.finish()
    rest = b"".join(portions)

    assert first + rest == b"".join(each.data for each in frames)


def test_a_line_keeps_its_source_its_time_and_its_bytes() -> None:
    writer = Writer()
    writer.write(
        [
            frame(b"\xff\xfe not UTF-8 \x00\r\n", at_ns=NOW_NS + 5, source=LogSource.STDERR),
            frame(b"no end"),
        ]
    )

    first, second = read_lines(stream=writer.stream, start=0, limit=10)

    assert (first.ns, first.source, first.data) == (
        NOW_NS + 5,
        "stderr",
        b"\xff\xfe not UTF-8 \x00\r",
    )
    assert (first.continued, second.continued, second.data) == (False, True, b"no end")


@pytest.mark.parametrize(("start", "limit"), [(0, 0), (0, -1), (5, 10), (10**9, 10)])
def test_there_is_nothing_beyond_the_end(start: int, limit: int) -> None:
    writer = Writer()
    writer.write(numbered(5))

    assert read_lines(stream=writer.stream, start=start, limit=limit) == []


def test_an_empty_log_has_no_lines() -> None:
    stream = Writer().stream

    assert read_lines(stream=stream, start=0, limit=9) == []
    assert line_at(stream=stream, ns=1) == 0


def test_a_start_before_the_first_line_is_the_first_line() -> None:
    writer = Writer()
    writer.write(numbered(5))

    assert [line.number for line in read_lines(stream=writer.stream, start=-3, limit=2)] == [0, 1]


@pytest.mark.parametrize("damage", ["missing", "cut off", "another file"])
def test_a_part_that_cannot_be_read_is_told(damage: str) -> None:
    writer = Writer()
    writer.write(numbered(3000))
    writer.finish()
    path = storages["joblogs"].path(writer.stream.chunks.get().path)
    with open(path, "r+b") as file:  # noqa: PTH123
        content = file.read()
        file.seek(0)
        file.truncate()
        if damage == "cut off":
            file.write(content[:100])
        if damage == "another file":
            file.write(chunk.compress(b"something\n"))
    if damage == "missing":
        storages["joblogs"].delete(writer.stream.chunks.get().path)

    with pytest.raises(selectors.LogUnreadable):
        read_lines(stream=writer.stream, start=0, limit=9)
    with pytest.raises(selectors.LogUnreadable):
        line_at(stream=writer.stream, ns=NOW_NS)
    with pytest.raises(selectors.LogUnreadable):
        list(iter_raw(stream=writer.stream))


class ReadingIsExact(TestCase):
    """However the frames came in batches, any page is the same."""

    @settings(max_examples=40, deadline=None)
    @given(
        sizes=st.lists(st.integers(1, 9000), max_size=12),
        batch=st.integers(1, 6),
        start=st.integers(0, 15),
        limit=st.integers(0, 15),
    )
    def test_any_page(self, sizes: list[int], batch: int, start: int, limit: int) -> None:
        frames = [
            LogFrame(NOW_NS + index, LogSource.STDOUT, b"%d" % index * size + b"\n")
            for index, size in enumerate(sizes)
        ]
        writer = Writer()
        writer.write(frames, batch=batch)
        writer.finish()

        page = read_lines(stream=writer.stream, start=start, limit=limit)

        assert [(line.number, line.data + b"\n") for line in page] == [
            (number, each.data) for number, each in enumerate(frames)
        ][start : start + limit]
