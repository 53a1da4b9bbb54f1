"""Docker's log stream: frames of an eight byte header, a time, a space, and up to 16 KiB of output."""

import struct
from collections.abc import Iterable, Iterator

from ..base import EngineError, LogFrame, LogSource
from .times import NS_PER_SECOND, parse_time

# Stream type, three zero bytes, payload length (big endian).
_HEADER = struct.Struct(">BxxxL")
_SOURCES = {1: LogSource.STDOUT, 2: LogSource.STDERR}
# Docker reports its own trouble with a log as a frame of this type, without a time.
_SYSTEM_ERROR = 3
# Longer lines come in pieces of exactly this size, and a last one that is smaller.
_PIECE_BYTES = 16 * 1024
# "2026-11-21T22:07:42.994574375Z ": whole seconds, the fraction, and where they end.
_SECONDS, _FRACTION, _STAMP = slice(0, 19), slice(20, 29), 31


def split_frames(blocks: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """The type and the payload of each frame. Holds no more than a block and a frame."""
    rest = b""
    for block in blocks:
        buffer = rest + block if rest else block
        at, size = 0, len(buffer)
        while at + 8 <= size:
            kind, length = _HEADER.unpack_from(buffer, at)
            end = at + 8 + length
            if end > size:
                break
            yield kind, buffer[at + 8 : end]
            at = end
        rest = buffer[at:]


def read_frames(blocks: Iterable[bytes]) -> Iterator[LogFrame]:
    """The log frames in `blocks`; raises EngineError if Docker could not read its own log.

    The log driver "local" leaves out the newline after a line of several pieces; it is put back. (One
    thing it leaves unknown: whether an output that *ends* in such a line had a newline there. The
    driver "json-file" tells, but loses every byte that is not UTF-8.)
    """
    in_pieces: set[LogSource] = set()
    for frame in _read_as_sent(blocks):
        if frame.data.endswith(b"\n"):
            in_pieces.discard(frame.source)
        elif len(frame.data) == _PIECE_BYTES:
            in_pieces.add(frame.source)
        elif frame.source in in_pieces:
            in_pieces.discard(frame.source)
            yield LogFrame(frame.at_ns, frame.source, frame.data + b"\n")
            continue
        yield frame


def _read_as_sent(blocks: Iterable[bytes]) -> Iterator[LogFrame]:
    seconds, seconds_ns = b"", 0
    for kind, payload in split_frames(blocks):
        if kind == _SYSTEM_ERROR:
            raise EngineError(payload.decode(errors="replace").strip())
        if payload[29:_STAMP] != b"Z ":
            stamp, _, data = payload.partition(b" ")
            yield LogFrame(parse_time(stamp.decode()), _SOURCES[kind], data)
            continue
        # Lines come many to a second, so the whole seconds are parsed once for all of them.
        if payload[_SECONDS] != seconds:
            seconds = payload[_SECONDS]
            seconds_ns = parse_time(f"{seconds.decode()}Z") // NS_PER_SECOND * NS_PER_SECOND
        at_ns = seconds_ns + int(payload[_FRACTION])
        yield LogFrame(at_ns, _SOURCES[kind], payload[_STAMP:])
