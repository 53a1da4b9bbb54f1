"""Frames as an engine gives them, and a writer that stores them as the supervisor does."""

from collections.abc import Sequence

from jobs.engines.base import LogFrame, LogSource
from jobs.joblogs import chunk
from jobs.joblogs.position import Position
from jobs.models import Attempt, LogChunk, LogStream
from jobs.services.supervision import logs
from tests.builders import NOW, an_attempt

NOW_NS = int(NOW.timestamp()) * 1_000_000_000


def frame(data: bytes, *, at_ns: int = NOW_NS, source: LogSource = LogSource.STDOUT) -> LogFrame:
    return LogFrame(at_ns=at_ns, source=source, data=data)


def numbered(count: int, *, first: int = 0) -> list[LogFrame]:
    """Lines that say their own number, a millisecond apart."""
    return [
        frame(b"line %d\n" % number, at_ns=NOW_NS + number * 1_000_000)
        for number in range(first, first + count)
    ]


class Writer:
    """Writes frames to the log of an attempt, from where the log stands."""

    def __init__(self, attempt: Attempt | None = None) -> None:
        self.attempt = attempt or an_attempt()
        cursor = logs.open_log(attempt_id=self.attempt.id)
        assert cursor is not None
        self.cursor = cursor
        self._position = Position(cursor.anchor)

    def write(self, frames: Sequence[LogFrame], *, batch: int = 1000) -> None:
        for first in range(0, len(frames), batch):
            new = [each for each in frames[first : first + batch] if self._position.is_new(each)]
            self.cursor = logs.append_frames(
                cursor=self.cursor, frames=new, anchor=self._position.anchor, now=NOW
            )

    def finish(self, problem: str = "") -> None:
        logs.finish_stream(stream_id=self.cursor.stream_id, now=NOW, problem=problem)

    @property
    def stream(self) -> LogStream:
        return LogStream.objects.get(id=self.cursor.stream_id)


def a_long_log(
    count: int, *, line: bytes = b"line %d", rows_of: int = 5000, attempt: Attempt | None = None
) -> Attempt:
    """An attempt that has ended and whose log has `count` lines from 0 on, stored as sealed ones are.

    Through the writer, a million lines would take minutes.
    """
    writer = Writer(attempt)
    stream = writer.stream
    chunks = []
    for first in range(0, count, rows_of):
        lines = [line % number for number in range(first, min(first + rows_of, count))]
        at_ns = NOW_NS + first * 1_000_000
        chunks.append(
            LogChunk(
                stream=stream,
                first_line=first,
                line_count=len(lines),
                byte_count=sum(map(len, lines)) + len(lines),
                first_ns=at_ns,
                last_ns=at_ns,
                data=chunk.compress(b"".join(b"%d o. %s\n" % (at_ns, each) for each in lines)),
            )
        )
    LogChunk.objects.bulk_create(chunks, batch_size=50)
    stream.line_count, stream.completed_at = count, NOW
    stream.save(update_fields=["line_count", "completed_at"])
    return writer.attempt
