"""Archives of what containers wrote: what is read from them, and what is handed on."""

import io
import tarfile
import time
from collections.abc import Iterator

import pytest

from jobs.engines.archives import (
    FileEntry,
    FileKind,
    Incomplete,
    content,
    entries,
    rewritten,
)
from jobs.engines.base import EngineUnreachable, NoSuchFile


def member(name: str, data: bytes = b"", **fields: object) -> tuple[tarfile.TarInfo, bytes]:
    found = tarfile.TarInfo(name)
    found.size = len(data)
    for field, value in fields.items():
        setattr(found, field, value)
    return found, data


def folder(name: str) -> tuple[tarfile.TarInfo, bytes]:
    return member(name, type=tarfile.DIRTYPE, mode=0o755)


def a_link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tuple[tarfile.TarInfo, bytes]:
    return member(name, type=kind, linkname=target)


def archive(*members: tuple[tarfile.TarInfo, bytes], block: int = 700) -> Iterator[bytes]:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w", errors="surrogateescape") as tar:
        for found, data in members:
            tar.addfile(found, io.BytesIO(data))
    whole = written.getvalue()
    return (whole[at : at + block] for at in range(0, len(whole), block))


def names(blocks: Iterator[bytes]) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(b"".join(blocks))) as tar:
        return tar.getnames()


def test_what_is_in_an_archive_is_told_with_sizes_and_times() -> None:
    found = list(
        entries(
            archive(
                folder("checkpoint"),
                folder("checkpoint/deep"),
                member("checkpoint/deep/state", b"x" * 3000, mtime=1_700_000_000),
                a_link("checkpoint/away", "/etc/passwd"),
                a_link("checkpoint/twin", "checkpoint/deep/state", tarfile.LNKTYPE),
                member("checkpoint/pipe", type=tarfile.FIFOTYPE),
            )
        )
    )
    assert found == [
        FileEntry("", FileKind.DIRECTORY),
        FileEntry("deep", FileKind.DIRECTORY),
        FileEntry("deep/state", FileKind.FILE, 3000, 1_700_000_000),
        FileEntry("away", FileKind.LINK, target="/etc/passwd"),
        FileEntry("twin", FileKind.FILE),
        FileEntry("pipe", FileKind.OTHER),
    ]


@pytest.mark.parametrize("name", ["c/../../etc/passwd", "c//x", "c/./x", "c/.."])
def test_a_name_that_cannot_be_is_left_out(name: str) -> None:
    assert [each.path for each in entries(archive(folder("c"), member(name)))] == [""]
    assert names(rewritten(archive(folder("c"), member(name)), root="out")) == ["out"]


def test_a_file_is_read_with_its_size() -> None:
    size, blocks = content(archive(member("state", b"x" * 200_000), block=1000))
    assert size == 200_000
    assert b"".join(blocks) == b"x" * 200_000


@pytest.mark.parametrize(
    "first", [folder("c"), a_link("c", "d"), member("c", type=tarfile.CHRTYPE)]
)
def test_what_is_no_file_has_no_content(first: tuple[tarfile.TarInfo, bytes]) -> None:
    with pytest.raises(NoSuchFile):
        content(archive(first))


def test_an_archive_that_breaks_off_is_never_taken_for_the_whole() -> None:
    def cut(bytes_kept: int) -> Iterator[bytes]:
        whole = b"".join(archive(folder("c"), member("c/a", b"1"), member("c/b", b"x" * 5000)))
        yield whole[:bytes_kept]

    for bytes_kept in (100, 1700, 3000):
        with pytest.raises(Incomplete):
            list(entries(cut(bytes_kept)))
        with pytest.raises(Incomplete):
            list(rewritten(cut(bytes_kept), root="out"))


def test_an_engine_that_goes_away_is_an_archive_that_breaks_off() -> None:
    def away() -> Iterator[bytes]:
        yield b"".join(archive(member("c", b"x" * 5000)))[:1024]
        raise EngineUnreachable("gone")

    with pytest.raises(Incomplete, match="gone"):
        list(content(away())[1])


def test_who_stops_reading_closes_the_source() -> None:
    closed = []

    def source() -> Iterator[bytes]:
        try:
            yield from archive(folder("c"), member("c/a", b"1"))
        finally:
            closed.append(True)

    found = entries(source())
    next(found)
    found.close()
    _, blocks = content(source_of_one(closed))
    next(blocks)
    blocks.close()
    assert closed == [True, True]


def test_what_is_read_for_too_long_breaks_off_in_the_middle_of_a_file() -> None:
    """A sparse file costs who wrote it nothing, and who wants to know what comes after it all of its bytes."""
    closed = []

    def endless() -> Iterator[bytes]:
        try:
            yield b"".join(folder_and_huge_file())
            zeros = bytes(1 << 20)
            for _ in range(50_000):
                yield zeros
        finally:
            closed.append(True)

    found: list[tuple[str, int]] = []
    with pytest.raises(Incomplete, match="time is up"):
        found.extend(
            (each.path, each.size_bytes)
            for each in entries(endless(), until=time.monotonic() + 0.1)
        )
    assert found == [("", 0), ("huge", 50 << 30)]
    assert closed == [True]


def folder_and_huge_file() -> Iterator[bytes]:
    huge = tarfile.TarInfo("c/huge")
    huge.size = 50 << 30
    for header in (folder("c")[0], huge):
        yield header.tobuf(tarfile.GNU_FORMAT)


def source_of_one(closed: list[bool]) -> Iterator[bytes]:
    try:
        yield from archive(member("a", b"x" * 200_000))
    finally:
        closed.append(True)


def test_an_archive_is_handed_on_without_what_is_of_no_use_or_dangerous() -> None:
    written = b"".join(
        rewritten(
            archive(
                folder("checkpoint"),
                member("checkpoint/state", b"state", mode=0o6755, uid=7, uname="root", mtime=9),
                a_link("checkpoint/link", "/etc"),
                member("checkpoint/link/passwd", b"through the link"),
                a_link("checkpoint/twin", "checkpoint/state", tarfile.LNKTYPE),
                a_link("checkpoint/out", "checkpoint/../../etc/passwd", tarfile.LNKTYPE),
                a_link("checkpoint/behind", "checkpoint/link/passwd", tarfile.LNKTYPE),
                member("checkpoint/null", type=tarfile.CHRTYPE),
            ),
            root="job-1",
        )
    )
    with tarfile.open(fileobj=io.BytesIO(written)) as tar:
        found = {each.name: each for each in tar}
        assert list(found) == ["job-1", "job-1/state", "job-1/link", "job-1/twin"]
        state = found["job-1/state"]
        assert (state.mode, state.uid, state.uname, state.mtime) == (0o755, 0, "", 9)
        twin = tar.extractfile("job-1/twin")
        assert twin is not None
        assert twin.read() == b"state"


@pytest.mark.parametrize("name", ["\udcff", "é" * 200, "a" * 300, "new\nline"])
def test_names_stay_as_they_were(name: str) -> None:
    written = rewritten(archive(folder("c"), member(f"c/{name}", b"1")), root="out")
    assert [each.path for each in entries(written)] == ["", name]
