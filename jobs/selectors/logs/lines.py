"""Reads logs: by line, by time, or all of it. Cost grows with what is shown, not with the log."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.core.files.storage import storages
from django.db.models import Subquery

from jobs.joblogs import chunk
from jobs.models import LogChunk, LogStream


class LogUnreadable(Exception):
    """A part of the log cannot be read: its file is missing, damaged or not reachable."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line, or a piece of a very long one (`continued`: the next piece of its source follows).

    `number` counts from 0. `data` is as the container wrote it, without newline; it may not be UTF-8.
    `ns` is nanoseconds since the epoch, by the engine's clock.
    """

    number: int
    ns: int
    source: str
    data: bytes
    continued: bool


def read_lines(*, stream: LogStream, start: int, limit: int) -> list[LogLine]:
    """At most `limit` lines from number `start` on. One query, and only the chunks that hold them.

    Raises LogUnreadable.
    """
    if limit <= 0:
        return []
    start = max(start, 0)
    chunks = stream.chunks.order_by("first_line")
    holds_start = chunks.filter(first_line__lte=start).order_by("-first_line")
    lines: list[LogLine] = []
    for each in chunks.filter(
        first_line__gte=Subquery(holds_start.values("first_line")[:1]),
        first_line__lt=start + limit,
    ):
        skip = max(start - each.first_line, 0)
        lines += lines_of_chunk(each, skip=skip, limit=limit - len(lines))
    return lines


def line_at(*, stream: LogStream, ns: int) -> int:
    """The number of the first line of time `ns` or later; that of the next line to come if none is.

    Raises LogUnreadable.
    """
    found = stream.chunks.filter(last_ns__gte=ns).order_by("first_line").first()
    if found is None:
        return _line_count(stream)
    try:
        return found.first_line + chunk.count_before(records_of(found), ns)
    except chunk.DamagedChunk as error:
        raise LogUnreadable(f"{found}: {error}") from error


def iter_raw(*, stream: LogStream) -> Iterator[bytes]:
    """The whole log, byte for byte as the container wrote it, in portions of one chunk.

    Standard output and standard error come as the engine interleaved them. Raises LogUnreadable.
    """
    position = 0
    while True:
        # By position, not by row: rows may be sealed into one while this goes on.
        holder = stream.chunks.filter(first_line__lte=position).order_by("-first_line").first()
        if holder is None or holder.first_line + holder.line_count <= position:
            return
        records = _read(holder, skip=position - holder.first_line, limit=None)
        yield b"".join(record.raw for record in records)
        position = holder.first_line + holder.line_count


def _line_count(stream: LogStream) -> int:
    # What the caller read of the stream may be older than its newest lines.
    return LogStream.objects.filter(id=stream.id).values_list("line_count", flat=True).first() or 0


def lines_of_chunk(holder: LogChunk, *, skip: int = 0, limit: int | None = None) -> list[LogLine]:
    """At most `limit` lines of a chunk after its first `skip`. No query. Raises LogUnreadable."""
    return [
        LogLine(number, record.ns, record.source, record.data, record.continued)
        for number, record in enumerate(
            _read(holder, skip=skip, limit=limit), start=holder.first_line + skip
        )
    ]


def _read(holder: LogChunk, *, skip: int, limit: int | None) -> list[chunk.Record]:
    try:
        return list(chunk.read(records_of(holder), skip=skip, limit=limit))
    except chunk.DamagedChunk as error:
        raise LogUnreadable(f"{holder}: {error}") from error


def records_of(holder: LogChunk) -> bytes:
    """The chunk's records, from the database or its file. Raises DamagedChunk, LogUnreadable."""
    if not holder.path:
        return chunk.decompress(bytes(holder.data))
    try:
        with storages["joblogs"].open(holder.path) as file:
            return chunk.decompress(file.read())
    except OSError as error:
        raise LogUnreadable(f"{holder}: {error}") from error
