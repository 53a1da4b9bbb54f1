"""Runs of a log's lines as rows of the viewer: all of them, or those alone that hold a text."""

from dataclasses import dataclass, replace

from django.http import HttpRequest

from jobs.domain import numbers
from jobs.domain.errors import InvalidInput
from jobs.models import LogStream
from jobs.selectors.logs import lines as selectors
from jobs.selectors.logs.search import Found, find_lines

from .logtext import render_found, render_lines

PAGE_LINES = 500
MAX_LINES = 2_000
MAX_LINE_NUMBER = 10**12
# A longer text is nobody's search.
MAX_TEXT = 200


@dataclass(frozen=True, slots=True)
class Span:
    """Rows, and the numbers (from 1) of the first and the last line that they were made from.

    No line was looked at where `last` is before `first`.
    """

    html: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a request asks of a log: at most `limit` lines with `text` (empty: all lines).

    They begin at line `start` (from 1), or end before line `before`. `on_stderr`: lines on standard error alone.
    """

    start: int | None
    before: int | None
    limit: int
    text: str
    on_stderr: bool = False


def wanted(request: HttpRequest) -> Wanted:
    """`start`, `before`, `limit` and `q` of a URL. Raises InvalidInput, naming the one that is wrong."""
    return Wanted(
        start=number(request, "start", least=1),
        before=number(request, "before", least=1),
        limit=number(request, "limit", least=1, most=MAX_LINES) or PAGE_LINES,
        text=text_of(request),
    )


def from_first(asked: Wanted) -> Wanted:
    """The same for scripts: from the first line on, where a page shows the newest."""
    return asked if asked.start or asked.before else replace(asked, start=1)


def text_of(request: HttpRequest) -> str:
    """The text to look for, `q`; empty for all lines. Raises InvalidInput."""
    text = request.GET.get("q", "")
    if len(text) > MAX_TEXT:
        raise InvalidInput({"q": [f"At most {MAX_TEXT} characters."]})
    return text if text.strip() else ""


def number(
    request: HttpRequest, name: str, *, least: int, most: int = MAX_LINE_NUMBER
) -> int | None:
    """A number of a URL, moved into its bounds; None if it is left out. Raises InvalidInput."""
    found = numbers.whole(name, request.GET.get(name, ""))
    return None if found is None else min(max(found, least), most)


def span(stream: LogStream | None, asked: Wanted) -> Span:
    """The rows that are asked for; without `start` and `before` the newest. Raises LogUnreadable."""
    if stream is None:
        return Span("", asked.start or 1, (asked.start or 1) - 1)
    if asked.text:
        return matching(stream, asked)
    return every(stream, *bounds(asked, line_count=stream.line_count))


def bounds(asked: Wanted, *, line_count: int) -> tuple[int, int]:
    """The first line's number and how many lines: of `start`, or those that end before `before`, or the newest."""
    start = asked.start
    if start is None:
        start = max(1, (asked.before or line_count + 1) - asked.limit)
    limit = asked.limit if asked.before is None else min(asked.limit, asked.before - start)
    return start, max(0, limit)


def found(stream: LogStream, asked: Wanted) -> Found:
    """Lines with the text, one step's way: what was looked at may be less than all that there is.

    From `start` on, or back from `before` or, with neither, from the newest; none from `before` on.
    """
    backward = asked.start is None
    start = (asked.before or stream.line_count + 1) if asked.start is None else asked.start
    way = find_lines(
        stream=stream,
        text=asked.text,
        start=start - 1,
        limit=asked.limit,
        backward=backward,
        on_stderr=asked.on_stderr,
    )
    if asked.start is None or asked.before is None or way.end < asked.before:
        return way
    lines = [each for each in way.lines if each.line.number + 1 < asked.before]
    return Found(lines, way.first, max(way.first, asked.before - 1))


def every(stream: LogStream, start: int, limit: int) -> Span:
    """`limit` lines from number `start` (from 1) on."""
    # One line more, at the front, tells whether the first goes on with a line begun before.
    before = 1 if start > 1 else 0
    lines = selectors.read_lines(stream=stream, start=start - 1 - before, limit=limit + before)
    within = bool(before and lines and lines[0].continued)
    shown = lines[before:]
    last = shown[-1].number + 1 if shown else start - 1
    return Span(render_lines(shown, within_line=within), start, last)


def matching(stream: LogStream, asked: Wanted) -> Span:
    """Rows of the lines that `found` gives."""
    lines = found(stream, asked)
    return Span(render_found(lines.lines), lines.first + 1, lines.end)
