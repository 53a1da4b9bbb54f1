"""Finds lines of one log by their text. A search goes in steps of bounded cost, so that a log of any length is
searched through by several requests, none of which takes long.

Text is looked for as it is read: escape sequences of terminals are left out, case does not count. A line that an
engine cut in pieces (16 KiB each) is searched piece by piece.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import Subquery

from jobs.joblogs import chunk
from jobs.joblogs.terminal import without_escapes
from jobs.models import LogChunk, LogStream

from .lines import LogLine, LogUnreadable, records_of

# What one step looks at, of records uncompressed: some tens of milliseconds.
STEP_BYTES = 4 * 1024 * 1024
# No step reads more rows than this: a log that is just being written has many small ones.
STEP_CHUNKS = 64


@dataclass(frozen=True, slots=True)
class FoundLine:
    """A line that matches. `is_piece`: it goes on with the line before it, which an engine cut."""

    line: LogLine
    is_piece: bool


@dataclass(frozen=True, slots=True)
class Found:
    """What matches, in the log's order, among the lines from `first` up to before `end` (both from 0)."""

    lines: list[FoundLine]
    first: int
    end: int


@dataclass(frozen=True, slots=True)
class _Sought:
    """A text in lower case, and whether lines on standard output are passed over."""

    needle: str
    on_stderr: bool

    def fits(self, record: str) -> bool:
        # The time before a line's text is not looked at.
        source, _, text = record.partition(" ")[2].partition(" ")
        return self.needle in text and (not self.on_stderr or source.startswith("e"))


def find_lines(
    *,
    stream: LogStream,
    text: str,
    start: int,
    limit: int,
    backward: bool = False,
    on_stderr: bool = False,
) -> Found:
    """At most `limit` lines with `text`, one step's way from line number `start` on; `backward`: before it.

    `on_stderr`: of these the lines on standard error; with an empty text, of all lines.

    A step ends before the log does where that is long. Who wants more goes on from `end` (backward: from
    `first`) while that still moves. One query. Raises LogUnreadable.
    """
    sought = _Sought(text.lower(), on_stderr)
    found: list[FoundLine] = []
    first = end = start
    size = 0
    for holder in _chunks(stream, start, backward=backward):
        after = holder.first_line + holder.line_count
        first, end = (
            (holder.first_line, end if size else min(start, after))
            if backward
            else (first, max(start, after))
        )
        matches = _matches(holder, sought, start=start, most=limit - len(found), backward=backward)
        found = [*matches, *found] if backward else [*found, *matches]
        if len(found) >= limit:
            # Beyond the last of them nothing was looked at, as far as the reader knows.
            return _up_to_last(found, first, end, backward=backward)
        size += holder.byte_count + holder.line_count * chunk.RECORD_OVERHEAD_BYTES
        if size >= STEP_BYTES:
            break
    return Found(found, first, end)


def _up_to_last(found: list[FoundLine], first: int, end: int, *, backward: bool) -> Found:
    if backward:
        return Found(found, found[0].line.number, end)
    return Found(found, first, found[-1].line.number + 1)


def _chunks(stream: LogStream, start: int, *, backward: bool) -> Iterator[LogChunk]:
    """The chunks on the way, beginning with that which holds the first line to look at."""
    if backward:
        chunks = stream.chunks.filter(first_line__lt=start).order_by("-first_line")
    else:
        holds = stream.chunks.filter(first_line__lte=start).order_by("-first_line")
        chunks = stream.chunks.filter(
            first_line__gte=Subquery(holds.values("first_line")[:1])
        ).order_by("first_line")
    return iter(chunks[:STEP_CHUNKS])


def _matches(
    holder: LogChunk, sought: _Sought, *, start: int, most: int, backward: bool
) -> list[FoundLine]:
    """At most `most` of the chunk's matches from line `start` on (or before it), the nearest to it."""
    try:
        records = records_of(holder)
        # All lines of the chunk at once: line by line would take many times as long.
        text = without_escapes(records.decode("utf-8", "replace")).lower()
        needle = sought.needle
        numbers = [
            number
            for number, line in enumerate(text.split("\n"))
            if needle in line and sought.fits(line)
        ]
        edge = start - holder.first_line
        near = (
            [number for number in numbers if number < edge][-most:]
            if backward
            else [number for number in numbers if number >= edge][:most]
        )
        raw = records.split(b"\n") if near else []
        return [_line(holder, raw, number) for number in near]
    except chunk.DamagedChunk as error:
        raise LogUnreadable(f"{holder}: {error}") from error


def _line(holder: LogChunk, raw: list[bytes], number: int) -> FoundLine:
    record = chunk.parse(raw[number])
    before = chunk.parse(raw[number - 1]) if number else None
    line = LogLine(
        holder.first_line + number, record.ns, record.source, record.data, record.continued
    )
    is_piece = before is not None and before.continued and before.source == record.source
    return FoundLine(line, is_piece)
