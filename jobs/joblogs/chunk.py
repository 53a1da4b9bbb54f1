"""The format of a log chunk: records of plain text, compressed with gzip.

One record is one log frame of the engine, and one line on the page:

    1767225600123456789 o. hello
    |                   ||
    |                   |+-- "." the line ends here; "+" it goes on in the next record of its source
    |                   +--- "o" standard output, "e" standard error
    +----------------------- nanoseconds since the epoch, by the engine's clock

After the second space come the raw bytes as the container wrote them, without the newline that ended
them. They may be of any encoding and hold any byte but a newline, so the next newline always ends the
record. `zcat` shows a chunk; `zcat chunk | cut -d" " -f3-` shows what the container wrote.
"""

import gzip
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

# What a record takes besides its bytes: nanoseconds, flags, two spaces and a newline.
RECORD_OVERHEAD_BYTES = 24
COMPRESSION_LEVEL = 6

STDOUT = "stdout"
STDERR = "stderr"
_LETTERS = {STDOUT: b"o", STDERR: b"e"}
_SOURCES = {ord("o"): STDOUT, ord("e"): STDERR}
_ENDS = ord(".")


class DamagedChunk(Exception):
    """A stored chunk cannot be read: cut off, or not of this format."""


class Frame(Protocol):
    """A log frame as an engine gives it: `data` ends with a newline unless its line goes on."""

    @property
    def at_ns(self) -> int: ...

    @property
    def source(self) -> str: ...

    @property
    def data(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Record:
    """One stored line. `data` is without its newline; `continued`: it had none, the line goes on."""

    ns: int
    source: str
    data: bytes
    continued: bool

    @property
    def raw(self) -> bytes:
        """The bytes exactly as the container wrote them."""
        return self.data if self.continued else self.data + b"\n"


@dataclass(frozen=True, slots=True)
class Encoded:
    """Records ready to be stored. `byte_count` is of the lines themselves; times are 0 if none."""

    records: bytes
    line_count: int
    byte_count: int
    first_ns: int
    last_ns: int


def encode(frames: Iterable[Frame]) -> Encoded:
    """Frames as records. `first_ns` and `last_ns` are the least and the greatest time.

    An engine's frame is one line or a part of one; should one hold several lines, each is a record.
    """
    parts: list[bytes] = []
    line_count = byte_count = first_ns = last_ns = 0
    for frame in frames:
        if not frame.data:
            continue
        head = b"%d %s" % (frame.at_ns, _LETTERS[frame.source])
        first_ns = min(first_ns or frame.at_ns, frame.at_ns)
        last_ns = max(last_ns, frame.at_ns)
        byte_count += len(frame.data)
        *whole, rest = frame.data.split(b"\n")
        line_count += len(whole)
        parts.extend(b"%s. %s\n" % (head, line) for line in whole)
        if rest:
            line_count += 1
            parts.append(b"%s+ %s\n" % (head, rest))
    return Encoded(b"".join(parts), line_count, byte_count, first_ns, last_ns)


def compress(records: bytes) -> bytes:
    """Records as a gzip file. The same records always give the same bytes."""
    return gzip.compress(records, COMPRESSION_LEVEL, mtime=0)


def decompress(chunk: bytes) -> bytes:
    """The records of a gzip file. Raises DamagedChunk."""
    if not chunk:
        raise DamagedChunk("an empty file")
    try:
        return gzip.decompress(chunk)
    except (EOFError, OSError, zlib.error) as error:
        raise DamagedChunk(f"not a whole gzip file: {error}") from error


def read(records: bytes, *, skip: int = 0, limit: int | None = None) -> Iterator[Record]:
    """At most `limit` records after the first `skip`. Raises DamagedChunk."""
    position = 0
    for _ in range(skip):
        position = records.find(b"\n", position) + 1
        if position == 0:
            return
    produced = 0
    while position < len(records) and (limit is None or produced < limit):
        end = records.find(b"\n", position)
        if end < 0:
            raise DamagedChunk("the last record is cut off")
        yield parse(records[position:end])
        produced += 1
        position = end + 1


def count_before(records: bytes, ns: int) -> int:
    """How many records come before the first one of time `ns` or later; all if there is none."""
    before = 0
    for record in read(records):
        if record.ns >= ns:
            break
        before += 1
    return before


def parse(line: bytes) -> Record:
    """A record from its line, without the newline. Raises DamagedChunk."""
    ns, _, rest = line.partition(b" ")
    # `rest` starts with source, end flag and a space.
    if not ns.isdigit() or len(rest) < 3 or rest[0] not in _SOURCES:
        raise DamagedChunk(f"not a record: {line[:40]!r}")
    return Record(int(ns), _SOURCES[rest[0]], rest[3:], rest[1] != _ENDS)
