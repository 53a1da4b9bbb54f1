"""Frames go into a stream once, in order, whatever happens between any two steps."""

import gzip
from collections.abc import Iterable
from pathlib import Path

import pytest
from django.core.files.storage import storages
from pytest_django import DjangoAssertNumQueries, Settings

from jobs.joblogs.position import Anchor
from jobs.models import Attempt, LogChunk, LogStream
from jobs.selectors.logs.lines import iter_raw
from jobs.services.supervision import logfiles, logs
from tests.builders import NOW, an_attempt
from tests.joblogs.writing import NOW_NS, Writer, frame, numbered

pytestmark = pytest.mark.django_db


def raw(writer: Writer) -> bytes:
    return b"".join(iter_raw(stream=writer.stream))


def file_of(row: LogChunk) -> Path:
    return Path(storages["joblogs"].path(row.path))


def test_a_stream_has_the_name_that_aws_gives_it() -> None:
    attempt = an_attempt()

    stream = logs.open_stream(attempt=attempt)

    assert stream.name.startswith(f"{attempt.job.definition.name}/default/")
    assert logs.open_stream(attempt=attempt) == stream


def test_appended_frames_and_the_position_are_stored_together() -> None:
    writer = Writer()
    frames = numbered(30)

    writer.write(frames, batch=7)

    stream = writer.stream
    assert raw(writer) == b"".join(each.data for each in frames)
    assert (stream.line_count, stream.byte_count) == (30, len(raw(writer)))
    assert (stream.first_ns, stream.last_ns) == (frames[0].at_ns, frames[-1].at_ns)
    assert stream.anchor_frames == 30
    assert logs.cursor_of(stream) == writer.cursor


def test_a_writer_that_was_overtaken_writes_nothing() -> None:
    writer = Writer()
    late = Writer(writer.attempt)
    writer.write(numbered(3))

    with pytest.raises(logs.LogMoved):
        late.write(numbered(3))

    assert raw(writer) == b"line 0\nline 1\nline 2\n"


def test_two_writers_that_differ_only_in_frames_without_bytes_do_not_both_write() -> None:
    writer = Writer()
    late = Writer(writer.attempt)
    writer.write([frame(b"")])

    with pytest.raises(logs.LogMoved):
        late.write([frame(b"")])


def test_slow_lines_share_a_row() -> None:
    writer = Writer()

    writer.write(numbered(200), batch=1)

    assert writer.stream.chunks.count() == 1


def test_a_long_log_is_sealed_in_files() -> None:
    writer = Writer()
    frames = numbered(40_000)

    writer.write(frames)
    writer.finish()

    rows = list(writer.stream.chunks.order_by("first_line"))
    assert all(row.path and not row.data for row in rows)
    assert len(rows) == 5
    assert raw(writer) == b"".join(each.data for each in frames)
    # People can read the files with `zcat`.
    assert gzip.decompress(file_of(rows[0]).read_bytes()).startswith(b"%d o. line 0\n" % NOW_NS)


def test_lines_without_text_are_sealed_too() -> None:
    writer = Writer()

    writer.write([frame(b"\n")] * 12_000)

    assert writer.stream.chunks.exclude(path="").count() == 1


def test_a_short_log_stays_in_the_index() -> None:
    writer = Writer()
    writer.write(numbered(100))

    writer.finish()

    row = writer.stream.chunks.get()
    assert row.path == ""
    assert writer.stream.completed_at == NOW


def test_a_crash_between_file_and_row_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    writer = Writer()
    frames = numbered(2000)
    writer.write(frames)

    def killed(*args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(logfiles, "_put_in_place", killed)
        with pytest.raises(KeyboardInterrupt):
            writer.finish()
    assert raw(writer) == b"".join(each.data for each in frames)
    logfiles.seal_rest(stream_id=writer.stream.id, byte_count=writer.stream.byte_count)

    row = writer.stream.chunks.get()
    assert raw(writer) == b"".join(each.data for each in frames)
    assert [each.name for each in file_of(row).parent.iterdir()] == [file_of(row).name]


def test_rows_that_grew_while_they_were_sealed_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    writer = Writer()
    writer.write(numbered(300))
    write_file = logfiles._write_file

    def write_and_grow(rows: list[LogChunk]) -> str:
        path = write_file(rows)
        writer.write(numbered(5, first=300))
        return path

    monkeypatch.setattr(logfiles, "_write_file", write_and_grow)
    logfiles.seal_rest(stream_id=writer.stream.id, byte_count=10_000)

    row = writer.stream.chunks.get()
    assert (row.path, row.line_count) == ("", 305)
    folder = Path(storages["joblogs"].path(logfiles._path([row]))).parent
    assert list(folder.iterdir()) == []


def test_a_storage_that_is_full_loses_no_line(monkeypatch: pytest.MonkeyPatch) -> None:
    writer = Writer()
    frames = numbered(20_000)
    storage = storages["joblogs"]

    def full(*args: object) -> str:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(storage, "save", full)
        writer.write(frames[:15_000])
    assert not writer.stream.chunks.exclude(path="").exists()
    writer.write(frames[15_000:])
    writer.finish()

    assert raw(writer) == b"".join(each.data for each in frames)
    assert writer.stream.chunks.exclude(path="").exists()
    assert writer.stream.problem == ""


def test_a_log_is_cut_off_at_its_limit(settings: Settings) -> None:
    settings.BATCHWEB_LOG_LIMIT_BYTES = 25
    writer = Writer()

    writer.write(numbered(2))
    writer.write(numbered(5, first=2))

    stream = writer.stream
    assert raw(writer) == b"line 0\nline 1\nline 2\n"
    assert stream.truncated_at_bytes == 25
    assert writer.cursor.closed
    with pytest.raises(logs.LogMoved):
        writer.write(numbered(1, first=7))


def test_a_log_of_just_the_limit_is_not_cut_off(settings: Settings) -> None:
    settings.BATCHWEB_LOG_LIMIT_BYTES = 21
    writer = Writer()

    writer.write(numbered(3))

    assert writer.stream.truncated_at_bytes is None


def test_a_finished_stream_takes_no_more_and_keeps_its_first_problem() -> None:
    writer = Writer()
    writer.write(numbered(3))
    writer.finish(problem="The engine lost it.")
    writer.finish(problem="Another.")

    with pytest.raises(logs.LogMoved):
        writer.write(numbered(1, first=3))
    assert writer.stream.problem == "The engine lost it."


@pytest.mark.parametrize(("opened", "queries"), [(True, 5), (False, 8)])
def test_a_short_job_writes_its_log_in_few_statements(
    opened: bool, queries: int, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    attempt = an_attempt()
    if opened:
        # As a rule it is, by the worker who started the container.
        logs.open_stream(attempt=attempt)

    # The stream is found, or made, and it and its lines are written (in a savepoint of this test's).
    with django_assert_max_num_queries(queries):
        assert logs.record_whole_log(attempt_id=attempt.id, frames=numbered(3), now=NOW)

    stream = LogStream.objects.get(attempt=attempt)
    assert (stream.line_count, stream.completed_at) == (3, NOW)
    assert b"".join(iter_raw(stream=stream)) == b"line 0\nline 1\nline 2\n"


def test_a_whole_log_is_refused_where_a_part_was_stored() -> None:
    writer = Writer()
    writer.write(numbered(2))

    assert not logs.record_whole_log(attempt_id=writer.attempt.id, frames=numbered(3), now=NOW)
    assert raw(writer) == b"line 0\nline 1\n"


def test_of_two_who_store_a_whole_log_at_once_one_does(monkeypatch: pytest.MonkeyPatch) -> None:
    attempt = an_attempt()
    read = logs._attempts

    def read_and_be_overtaken(ids: Iterable[int], **conditions: bool) -> list[Attempt]:
        found = read(ids, **conditions)
        monkeypatch.setattr(logs, "_attempts", read)
        assert logs.record_whole_log(attempt_id=attempt.id, frames=numbered(1), now=NOW)
        return found

    monkeypatch.setattr(logs, "_attempts", read_and_be_overtaken)

    assert not logs.record_whole_log(attempt_id=attempt.id, frames=numbered(1), now=NOW)
    assert b"".join(iter_raw(stream=LogStream.objects.get(attempt=attempt))) == b"line 0\n"


def test_a_job_that_prints_nothing_has_a_complete_log() -> None:
    attempt = an_attempt()

    assert logs.record_whole_log(attempt_id=attempt.id, frames=[], now=NOW)

    stream = LogStream.objects.get(attempt=attempt)
    assert (stream.line_count, stream.completed_at) == (0, NOW)
    assert list(iter_raw(stream=stream)) == []


def test_an_attempt_that_is_gone_has_no_log() -> None:
    assert logs.open_log(attempt_id=10**9) is None
    assert not logs.record_whole_log(attempt_id=10**9, frames=numbered(1), now=NOW)


def test_a_line_of_ten_megabytes_comes_back_byte_for_byte() -> None:
    whole = bytes(range(256)).replace(b"\n", b"") * 41_000 + b"\n"
    pieces = [whole[at : at + 16384] for at in range(0, len(whole), 16384)]
    writer = Writer()

    writer.write([frame(piece) for piece in pieces], batch=8)
    writer.finish()

    assert len(whole) > 10_000_000
    assert raw(writer) == whole
    assert writer.stream.line_count == len(pieces)


def test_live_pages_hear_of_new_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    topics: list[object] = []
    monkeypatch.setattr("jobs.changes.publish", topics.extend)
    writer = Writer()
    topic = f"log:{writer.attempt.id}"

    writer.write([])
    assert topics == []
    writer.write(numbered(2))
    writer.finish()

    assert topics == [topic, topic]


def test_a_cursor_is_at_the_start_of_a_new_stream() -> None:
    assert Writer().cursor.anchor == Anchor()
