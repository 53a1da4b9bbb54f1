"""A log is searched in steps: what a step finds, what it has looked at, and where to go on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.engines.base import LogSource
from jobs.joblogs.terminal import without_escapes
from jobs.models import LogChunk
from jobs.selectors.logs import search as log_search
from jobs.selectors.logs.lines import LogUnreadable
from jobs.selectors.logs.search import Found, find_lines
from tests.joblogs.writing import NOW_NS, Writer, a_long_log, frame, numbered

pytestmark = pytest.mark.django_db


def numbers(found: Found) -> list[int]:
    return [each.line.number for each in found.lines]


def a_log(*texts: bytes) -> Writer:
    writer = Writer()
    writer.write([frame(text) for text in texts])
    return writer


@pytest.mark.parametrize(
    ("written", "text"),
    [
        (b"Error: no space left\n", "error: NO"),
        ("größe Ärger\n".encode(), "GRÖSSE"[:3]),
        (b"\x1b[31mer\x1b[1mror\x1b[0m\n", "error"),
        (b"\x1b]0;title\x07error\n", "error"),
        (b"caf\xe9 error\n", "error"),
        ("错误\n".encode(), "误"),
        (b"a.*b\n", "a.*b"),
        (b"two  spaces\n", "two  spaces"),
    ],
)
def test_a_line_is_found_by_what_is_read_of_it(written: bytes, text: str) -> None:
    writer = a_log(b"other\n", written, b"more\n")
    assert numbers(find_lines(stream=writer.stream, text=text, start=0, limit=10)) == [1]


@pytest.mark.parametrize("text", ["176", "o.", "31m", "title", "anything", "xb"])
def test_times_sources_and_escape_sequences_are_not_looked_at(text: str) -> None:
    writer = a_log(b"\x1b]0;title\x07\x1b[31mred\x1b[0m\n", b"a\n", b"b")
    assert numbers(find_lines(stream=writer.stream, text=text, start=0, limit=10)) == []


@pytest.mark.parametrize(("text", "found"), [("", [1, 3]), ("two", [3]), ("e", [1]), ("line", [])])
def test_lines_on_stderr_are_found_by_themselves(text: str, found: list[int]) -> None:
    writer = Writer()
    for number, data in enumerate((b"one e. two\n", b"one\n", b"line\n", b"two\n", b"two\n")):
        source = LogSource.STDERR if number in {1, 3} else LogSource.STDOUT
        writer.write([frame(data, source=source, at_ns=NOW_NS + number)])
    way = find_lines(stream=writer.stream, text=text, start=0, limit=10, on_stderr=True)
    assert numbers(way) == found


def test_the_nearest_come_first_and_the_rest_after_them() -> None:
    writer = Writer()
    writer.write(numbered(300), batch=30)
    stream = writer.stream
    forward = find_lines(stream=stream, text="line 1", start=15, limit=5)
    assert numbers(forward) == [15, 16, 17, 18, 19]
    assert (forward.first, forward.end) == (15, 20)
    rest = find_lines(stream=stream, text="line 1", start=forward.end, limit=200)
    assert numbers(rest) == list(range(100, 200))
    assert (rest.first, rest.end) == (20, 300)


def test_backward_the_newest_come_first() -> None:
    writer = Writer()
    writer.write(numbered(300), batch=30)
    stream = writer.stream
    newest = find_lines(stream=stream, text="line 1", start=300, limit=5, backward=True)
    assert numbers(newest) == [195, 196, 197, 198, 199]
    assert (newest.first, newest.end) == (195, 300)
    rest = find_lines(stream=stream, text="line 1", start=101, limit=50, backward=True)
    assert numbers(rest) == [1, *range(10, 20), 100]
    assert (rest.first, rest.end) == (0, 101)


@pytest.mark.parametrize(
    ("start", "backward", "expected"),
    [(0, True, (0, 0)), (9, False, (9, 9)), (99, True, (0, 3)), (3, False, (3, 3))],
)
def test_beyond_the_ends_there_is_nothing(
    start: int, backward: bool, expected: tuple[int, int]
) -> None:
    stream = a_log(b"a\n", b"b\n", b"c\n").stream
    found = find_lines(stream=stream, text="zz", start=start, limit=9, backward=backward)
    assert (found.lines, (found.first, found.end)) == ([], expected)


def test_a_log_without_lines_has_none_that_match() -> None:
    found = find_lines(stream=Writer().stream, text="a", start=0, limit=9)
    assert (found.lines, found.first, found.end) == ([], 0, 0)


def test_a_step_is_bounded_and_says_how_far_it_came(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_search, "STEP_BYTES", 2000)
    stream = a_long_log(1000, rows_of=100).log_stream
    forward = find_lines(stream=stream, text="line 999", start=0, limit=9)
    assert (forward.lines, forward.first, forward.end) == ([], 0, 100)
    backward = find_lines(stream=stream, text="line 0", start=1000, limit=9, backward=True)
    assert (backward.lines, backward.first, backward.end) == ([], 900, 1000)
    steps, end = 0, 0
    while end < 1000:
        forward = find_lines(stream=stream, text="line 999", start=end, limit=9)
        steps, end = steps + 1, forward.end
    assert (steps, numbers(forward)) == (10, [999])


def test_the_pieces_of_a_long_line_are_told() -> None:
    writer = a_log(b"x" * 16384, b"x end\n", b"x\n")
    found = find_lines(stream=writer.stream, text="x", start=0, limit=9)
    assert [each.is_piece for each in found.lines] == [False, True, False]


def test_a_part_that_cannot_be_read_is_told() -> None:
    writer = a_log(b"a\n")
    LogChunk.objects.update(data=b"damaged")
    with pytest.raises(LogUnreadable):
        find_lines(stream=writer.stream, text="a", start=0, limit=9)


@given(st.text(max_size=80))
def test_no_escape_sequence_reaches_beyond_its_line(text: str) -> None:
    lines = text.split("\n")
    assert without_escapes(text).split("\n") == [without_escapes(line) for line in lines]
