"""The chunk format keeps every byte and reads any part."""

import gzip
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.joblogs import chunk


@dataclass(frozen=True)
class F:
    at_ns: int
    source: str
    data: bytes


line = st.binary(max_size=60).map(lambda data: data.replace(b"\n", b""))
frames_of_lines = st.lists(
    st.builds(
        lambda at_ns, source, data, ends: F(at_ns, source, data + b"\n" if ends else data),
        st.integers(min_value=1, max_value=2**62),
        st.sampled_from([chunk.STDOUT, chunk.STDERR]),
        line,
        st.booleans(),
    ),
    max_size=30,
)
any_frames = st.lists(
    st.builds(
        F,
        st.integers(min_value=1, max_value=2**62),
        st.sampled_from([chunk.STDOUT, chunk.STDERR]),
        st.binary(max_size=60),
    ),
    max_size=30,
)


@given(any_frames)
def test_what_was_written_is_read_byte_for_byte(frames: list[F]) -> None:
    encoded = chunk.encode(frames)
    records = list(chunk.read(chunk.decompress(chunk.compress(encoded.records))))

    written = b"".join(frame.data for frame in frames)
    assert b"".join(record.raw for record in records) == written
    assert (encoded.line_count, encoded.byte_count) == (len(records), len(written))


@given(frames_of_lines)
def test_each_frame_is_one_line_with_its_time_and_source(frames: list[F]) -> None:
    records = list(chunk.read(chunk.encode(frames).records))

    kept = [frame for frame in frames if frame.data]
    assert [(record.ns, record.source, record.raw) for record in records] == [
        (frame.at_ns, frame.source, frame.data) for frame in kept
    ]
    assert [record.continued for record in records] == [
        not frame.data.endswith(b"\n") for frame in kept
    ]


@given(frames_of_lines, st.integers(0, 35), st.integers(0, 35))
def test_any_run_of_lines_can_be_read(frames: list[F], skip: int, limit: int) -> None:
    records = chunk.encode(frames).records

    assert (
        list(chunk.read(records, skip=skip, limit=limit))
        == list(chunk.read(records))[skip : skip + limit]
    )


@given(frames_of_lines, st.integers(min_value=1, max_value=2**62))
def test_a_time_is_found(frames: list[F], ns: int) -> None:
    encoded = chunk.encode(frames)
    times = [record.ns for record in chunk.read(encoded.records)]

    expected = next((index for index, at in enumerate(times) if at >= ns), len(times))
    assert chunk.count_before(encoded.records, ns) == expected
    assert (encoded.first_ns, encoded.last_ns) == (min(times, default=0), max(times, default=0))


def test_a_chunk_is_a_gzip_file_of_plain_text() -> None:
    encoded = chunk.encode([F(12, "stdout", b"hello\n"), F(13, "stderr", b"50 %\r")])

    text = gzip.decompress(chunk.compress(encoded.records))
    assert text == b"12 o. hello\n13 e+ 50 %\r\n"


def test_the_same_lines_give_the_same_bytes() -> None:
    records = chunk.encode([F(12, "stdout", b"hello\n")]).records

    assert chunk.compress(records) == chunk.compress(records)


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: whole[:-9],  # cut off in the check sum
        lambda whole: whole[: len(whole) // 2],
        lambda whole: b"",
        lambda whole: b"\x1f\x8b" + b"x" * 40,
        lambda whole: b"not gzip at all",
    ],
)
def test_a_damaged_file_is_told(damage: object) -> None:
    whole = chunk.compress(chunk.encode([F(12, "stdout", b"hello\n" * 9)]).records)

    with pytest.raises(chunk.DamagedChunk):
        chunk.decompress(damage(whole))  # type: ignore[operator]


@pytest.mark.parametrize("records", [b"12 o. no end", b"x o. hello\n", b"12 q. hello\n", b"12\n"])
def test_damaged_records_are_told(records: bytes) -> None:
    with pytest.raises(chunk.DamagedChunk):
        list(chunk.read(records))
