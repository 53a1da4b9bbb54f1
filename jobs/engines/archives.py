"""Reads tar archives of directories that containers wrote (`Engine.read_files`), and trusts nothing in them.

Names may hold any bytes but "/" and NUL; sizes, times and links are the container's own. Nothing is unpacked:
an archive is read once, from front to back, and an archive that is handed on is written anew from what was
understood of it.
"""

import io
import math
import tarfile
import time
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from typing import cast

from .base import EngineUnreachable, NoSuchFile

BLOCK_BYTES = 64 * 1024
_RECORD_BYTES = 512


class FileKind(StrEnum):
    FILE = "file"
    DIRECTORY = "directory"
    LINK = "link"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A file below a directory. `path` is relative to that, "" is the thing itself; its bytes are as they were,
    where they are no UTF-8 as lone surrogates. `target` of a link is a text, and never a way to anything."""

    path: str
    kind: FileKind
    size_bytes: int = 0
    modified_at: float = 0
    target: str = ""


class Incomplete(Exception):
    """The archive broke off: what it was made of changed meanwhile, its engine went away, or time was up."""


def entries(
    blocks: Iterator[bytes], *, until: float = math.inf
) -> Generator[FileEntry, None, None]:
    """What is in the archive, the directory itself first (as ""). Raises Incomplete where it breaks off.

    It breaks off at `until` (of `time.monotonic`), also in the middle of a file: the way to the next leads through
    all bytes of the one before.
    """
    with closing(_Members(blocks, until)) as members:
        for member in members:
            entry = _entry(member)
            if entry is not None:
                yield entry


def content(blocks: Iterator[bytes]) -> tuple[int, Generator[bytes, None, None]]:
    """Of an archive of one file: its size, and its bytes. Raises NoSuchFile if it is none, and Incomplete."""
    members = _Members(blocks)
    first = next(members, None)
    if first is None or not first.isreg():
        members.close()
        raise NoSuchFile("It is not a file")
    return first.size, _bytes_of(members, first)


def rewritten(blocks: Iterator[bytes], *, root: str) -> Generator[bytes, None, None]:
    """The archive anew, all below a directory `root`: files, directories and symbolic links, none of them
    outside or behind a link. Raises Incomplete where it breaks off, so that whoever downloads it is not
    told that this was all."""
    links: set[str] = set()
    with closing(_Members(blocks)) as members:
        for member in members:
            entry = _entry(member)
            if entry is None or entry.kind is FileKind.OTHER or _is_behind(entry.path, links):
                continue
            if member.islnk() and not _is_inside(_below(member.linkname), links):
                continue
            if entry.kind is FileKind.LINK:
                links.add(entry.path)
            yield _header(member, entry, root)
            if entry.kind is FileKind.FILE and member.isreg():
                yield from members.bytes_of(member)
                yield bytes(-member.size % _RECORD_BYTES)
    yield bytes(2 * _RECORD_BYTES)


class _Members:
    """The members of an archive, in one pass; none is remembered."""

    def __init__(self, blocks: Iterator[bytes], until: float = math.inf) -> None:
        self._blocks = blocks
        self._source = _Source(blocks, until)
        self._members = self._read()

    def __iter__(self) -> Iterator[tarfile.TarInfo]:
        return self._members

    def __next__(self) -> tarfile.TarInfo:
        return next(self._members)

    def _read(self) -> Iterator[tarfile.TarInfo]:
        try:
            with tarfile.open(
                fileobj=cast("io.BufferedIOBase", self._source),
                mode="r|",
                encoding="utf-8",
                errors="surrogateescape",
            ) as self._tar:
                for member in self._tar:
                    yield member
                    # tarfile remembers all of them, and there may be millions.
                    self._tar.members = []  # type: ignore[attr-defined]
                # tarfile takes what breaks off between two members for the end; the end is a record of zeros.
                if self._source.received - self._tar.offset < _RECORD_BYTES:
                    raise Incomplete("unexpected end of data")
        except (tarfile.TarError, EngineUnreachable, ValueError) as error:
            raise Incomplete(str(error)) from error

    def bytes_of(self, member: tarfile.TarInfo) -> Iterator[bytes]:
        """The member that the iteration is at. Raises Incomplete."""
        file = self._tar.extractfile(member)
        left = member.size
        while file is not None and left:
            try:
                block = file.read(min(BLOCK_BYTES, left))
            except (tarfile.TarError, EngineUnreachable) as error:
                raise Incomplete(str(error)) from error
            if not block:
                raise Incomplete("unexpected end of data")
            left -= len(block)
            yield block

    def close(self) -> None:
        close = getattr(self._blocks, "close", None)
        if close is not None:
            close()


class _Source:
    """Blocks as a file that can only be read on."""

    def __init__(self, blocks: Iterator[bytes], until: float) -> None:
        self._blocks = blocks
        self._until = until
        self._rest = b""
        # By who reads.
        self.received = 0

    def read(self, size: int) -> bytes:
        pieces, missing = [self._rest], size - len(self._rest)
        while missing > 0:
            if time.monotonic() > self._until:
                raise Incomplete("time is up")
            block = next(self._blocks, None)
            if block is None:
                break
            pieces.append(block)
            missing -= len(block)
        data = b"".join(pieces)
        self._rest = data[size:]
        self.received += min(size, len(data))
        return data[:size]


def _bytes_of(members: _Members, member: tarfile.TarInfo) -> Generator[bytes, None, None]:
    with closing(members):
        yield from members.bytes_of(member)


def _entry(member: tarfile.TarInfo) -> FileEntry | None:
    """None for what has a name that cannot be. The first name is that of the directory itself."""
    below = _below(member.name)
    if below and not _is_name(below):
        return None
    kind = _kind(member)
    return FileEntry(
        path=below,
        kind=kind,
        # A hard link is another name of a file that was told before: its bytes are there once.
        size_bytes=member.size if member.isreg() else 0,
        modified_at=float(member.mtime),
        target=member.linkname if kind is FileKind.LINK else "",
    )


def _below(name: str) -> str:
    """A member's name without that of the directory that was asked for."""
    return name.strip("/").partition("/")[2]


def _is_name(path: str) -> bool:
    return not any(part in {"", ".", ".."} for part in path.split("/"))


def _is_inside(path: str, links: set[str]) -> bool:
    return _is_name(path) and not _is_behind(path, links)


def _kind(member: tarfile.TarInfo) -> FileKind:
    if member.isdir():
        return FileKind.DIRECTORY
    if member.isreg() or member.islnk():
        return FileKind.FILE
    return FileKind.LINK if member.issym() else FileKind.OTHER


def _is_behind(path: str, links: set[str]) -> bool:
    """Whether a link is on the way to it: then who unpacks it would write through the link."""
    parts = path.split("/")
    return any("/".join(parts[:count]) in links for count in range(1, len(parts) + 1))


def _header(member: tarfile.TarInfo, entry: FileEntry, root: str) -> bytes:
    written = tarfile.TarInfo(f"{root}/{entry.path}" if entry.path else root)
    written.mtime = member.mtime
    # Neither its owner nor set-user-id bits are of use to who downloads it.
    written.mode = member.mode & 0o777
    written.type, written.size = member.type, member.size
    written.linkname = member.linkname
    if member.islnk():
        # A hard link to a file of the same archive, which has another root now.
        written.linkname = f"{root}/{_below(member.linkname)}"
        written.size = 0
    elif member.isreg():
        # Old and contiguous files are as any other.
        written.type = tarfile.REGTYPE
    else:
        written.size = 0
    return written.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
