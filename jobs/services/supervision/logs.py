"""The only writer of logs: appends an engine's frames to an attempt's stream.

Fresh lines lie in the database, so that a viewer sees them at once; when enough have gathered they are
sealed in a file (`logfiles`). Lines and the position in the engine's log are written in one
transaction, and only if the stream is still where the writer believes it to be: of two writers one
wins, and no line comes twice.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F
from django.db.models.functions import Greatest

from jobs import changes
from jobs.domain import names
from jobs.engines.base import LogFrame
from jobs.joblogs import chunk
from jobs.joblogs.position import Anchor
from jobs.models import DEFAULT_LOG_GROUP, Attempt, LogChunk, LogGroup, LogStream
from jobs.selectors.plans import log_configuration_of
from jobs.services.writing.rows import insert_new_rows, update_rows

from . import logfiles

# The newest chunk grows up to this size, so that a slow log does not become many rows.
ROW_BYTES = 16 * 1024
NS_PER_MINUTE = 60 * 1_000_000_000
# What a stream is like as long as nothing was written to it.
_UNTOUCHED: Mapping[str, Any] = {
    "line_count": 0,
    "anchor_ns": 0,
    "anchor_frames": 0,
    "truncated_at_bytes": None,
    "completed_at": None,
}
# Whose streams are, and what they are named after.
_OF_A_JOB = ("owner", "definition", "spec", "milli_vcpus", "memory_mib", "gpus")
_OF_A_SPEC = (
    *("image", "command", "environment", "container"),
    *("ecs_properties", "node_properties"),
)


class LogMoved(Exception):
    """The stream is not where its writer believes it to be. Nothing was written; read its cursor anew."""


@dataclass(frozen=True, slots=True)
class LogCursor:
    """Where a stream stands, as its writer knows it. `closed`: it takes no more lines."""

    stream_id: int
    attempt_id: int
    line_count: int
    byte_count: int
    anchor: Anchor
    closed: bool


def cursor_of(stream: LogStream) -> LogCursor:
    """Where the stream stands, as it was read from the database."""
    return LogCursor(
        stream_id=stream.id,
        attempt_id=stream.attempt_id,
        line_count=stream.line_count,
        byte_count=stream.byte_count,
        anchor=Anchor(stream.anchor_ns, stream.anchor_frames),
        closed=stream.completed_at is not None or stream.truncated_at_bytes is not None,
    )


def open_stream(*, attempt: Attempt) -> LogStream:
    """The attempt's stream; made now if there is none yet. Safe to repeat."""
    open_streams(attempts=[attempt])
    return LogStream.objects.get(attempt=attempt)


def open_streams(*, attempts: Iterable[Attempt]) -> None:
    """Makes the streams of attempts that have none yet: one statement, however many they are.

    Each was read with its job, the job's definition and its spec. Safe to repeat.
    """
    # In one order: a worker and the supervisor that make the same ones would else wait for each other.
    streams = [_new_stream(attempt) for attempt in sorted(attempts, key=lambda each: each.id)]
    _make_groups(streams)
    insert_new_rows(streams)


def open_log(*, attempt_id: int) -> LogCursor | None:
    """Where the attempt's log stands, from its beginning on; None if there is no such attempt."""
    found = _attempts([attempt_id])
    if not found:
        return None
    attempt = found[0]
    stream = _stream_of(attempt) or open_stream(attempt=attempt)
    return cursor_of(stream)


def append_frames(
    *, cursor: LogCursor, frames: Sequence[LogFrame], anchor: Anchor, now: datetime
) -> LogCursor:
    """Appends frames and moves the position in the engine's log to `anchor`: both or neither.

    Gives back where the stream is then. Raises LogMoved if it is not at `cursor`, or closed. Lines
    beyond BATCHWEB_LOG_LIMIT_BYTES are left out; the stream is then closed, with the limit noted.
    """
    encoded, truncated = _within_limit(frames, cursor.byte_count)
    after = replace(
        cursor,
        line_count=cursor.line_count + encoded.line_count,
        byte_count=cursor.byte_count + encoded.byte_count,
        anchor=anchor,
        closed=truncated,
    )
    new_row = False
    with transaction.atomic():
        _swap(cursor, after, encoded)
        if encoded.line_count:
            new_row = _store(cursor, encoded)
        if encoded.line_count or truncated:
            changes.publish([changes.log_topic(cursor.attempt_id)])
    if new_row:
        logfiles.seal_full(stream_id=cursor.stream_id)
    return after


def record_whole_log(*, attempt_id: int, frames: Sequence[LogFrame], now: datetime) -> bool:
    """`record_whole_logs` of one attempt; whether it was stored."""
    return bool(record_whole_logs(logs={attempt_id: frames}, now=now))


def record_whole_logs(*, logs: Mapping[int, Sequence[LogFrame]], now: datetime) -> set[int]:
    """Stores the whole logs of containers that have ended, where none of it was stored before.

    `logs`: the frames of each attempt. In few statements, however many they are: this is the way of each
    short job. Gives back whose were stored: not those of attempts that have lines already (then
    append to them) or are gone.
    """
    try:
        return _record(logs, now)
    except IntegrityError:
        # Somebody deleted an attempt at the same moment; the others go on alone.
        if len(logs) == 1:
            return set()
    alone = (record_whole_logs(logs={id_: frames}, now=now) for id_, frames in logs.items())
    return set().union(*alone)


def _record(logs: Mapping[int, Sequence[LogFrame]], now: datetime) -> set[int]:
    encoded = {id_: _within_limit(frames, 0) for id_, frames in sorted(logs.items())}
    stream_ids = _stream_ids(encoded)
    unopened = _attempts(encoded.keys() - stream_ids.keys())
    with transaction.atomic():
        if unopened:
            # A worker who writes that they run may be making the same ones just now.
            open_streams(attempts=unopened)
            stream_ids |= _stream_ids(attempt.id for attempt in unopened)
        filled = _fill({id_: encoded[id_] for id_ in encoded if id_ in stream_ids}, stream_ids, now)
        LogChunk.objects.bulk_create(
            _new_chunk(stream_ids[id_], 0, encoded[id_][0])
            for id_ in filled
            if encoded[id_][0].line_count
        )
        changes.publish([changes.log_topic(id_) for id_ in filled])
    for id_ in filled:
        logfiles.seal_rest(stream_id=stream_ids[id_], byte_count=encoded[id_][0].byte_count)
    return set(filled)


def _stream_ids(attempt_ids: Iterable[int]) -> dict[int, int]:
    """By attempt."""
    rows = LogStream.objects.filter(attempt_id__in=list(attempt_ids))
    return dict(rows.values_list("attempt_id", "id"))


def _fill(
    encoded: Mapping[int, tuple[chunk.Encoded, bool]], stream_ids: Mapping[int, int], now: datetime
) -> list[int]:
    """Writes what the whole logs come to, by attempt, on streams that are still as they were made; whose were so."""
    values = {
        stream_ids[id_]: {
            "line_count": lines.line_count,
            "byte_count": lines.byte_count,
            "first_ns": lines.first_ns,
            "last_ns": lines.last_ns,
            "last_minute": lines.last_ns // NS_PER_MINUTE,
            "truncated_at_bytes": settings.BATCHWEB_LOG_LIMIT_BYTES if truncated else None,
            "completed_at": now,
        }
        for id_, (lines, truncated) in encoded.items()
    }
    filled = set(update_rows(LogStream, values, only_if=_UNTOUCHED))
    return [id_ for id_ in encoded if stream_ids[id_] in filled]


def finish_stream(*, stream_id: int, now: datetime, problem: str = "") -> None:
    """Closes a stream: no more lines can come. `problem` says why lines are missing, if any are.

    Safe to repeat: what was recorded first stays.
    """
    with transaction.atomic():
        finished = LogStream.objects.filter(id=stream_id, completed_at__isnull=True).update(
            completed_at=now, problem=problem
        )
        if not finished:
            return
        stream = LogStream.objects.only("attempt_id", "byte_count").get(id=stream_id)
        changes.publish([changes.log_topic(stream.attempt_id)])
    logfiles.seal_rest(stream_id=stream_id, byte_count=stream.byte_count)


def _attempts(ids: Iterable[int]) -> list[Attempt]:
    """Those that there are, with their streams, if any, and what these are named after."""
    return list(
        Attempt.objects.select_related("job__definition", "job__spec", "log_stream")
        .only(
            *("number", "node_index", "container_index", "container_name"),
            *("placed_at", "started_at", "log_stream"),
            *(f"job__{name}" for name in _OF_A_JOB),
            *(f"job__spec__{name}" for name in _OF_A_SPEC),
            "job__definition__name",
        )
        .filter(id__in=list(ids))
        .order_by("id")
    )


def _stream_of(attempt: Attempt) -> LogStream | None:
    """As it was read with the attempt, if there was one."""
    return getattr(attempt, "log_stream", None)


def _new_stream(attempt: Attempt) -> LogStream:
    group, name = names.log_stream(
        attempt.job.definition.name,
        attempt.job_id,
        attempt.number,
        container=attempt.container_name,
        node_index=attempt.node_index,
        log_configuration=log_configuration_of(attempt),
    )
    created_at = attempt.started_at or attempt.placed_at
    return LogStream(
        attempt=attempt,
        owner_id=attempt.job.owner_id,
        group=group,
        name=name,
        created_at=created_at,
    )


def _make_groups(streams: Iterable[LogStream]) -> None:
    """Groups that jobs log to are there from then on, whether or not somebody made them."""
    made = {
        each.group: each.created_at
        for each in streams
        if each.group != DEFAULT_LOG_GROUP and each.created_at
    }
    if made:
        LogGroup.objects.bulk_create(
            (LogGroup(name=name, created_at=made[name]) for name in sorted(made)),
            ignore_conflicts=True,
        )


def _within_limit(frames: Sequence[LogFrame], byte_count: int) -> tuple[chunk.Encoded, bool]:
    """What of the frames may still be stored, and whether that was not all."""
    room = settings.BATCHWEB_LOG_LIMIT_BYTES - byte_count
    fitting = 0
    for frame in frames:
        room -= len(frame.data)
        if room < 0:
            break
        fitting += 1
    return chunk.encode(frames[:fitting]), fitting < len(frames)


def _swap(before: LogCursor, after: LogCursor, encoded: chunk.Encoded) -> None:
    """Moves the stream's row, and so holds its lock until the transaction ends. Raises LogMoved."""
    first_ns = {"first_ns": encoded.first_ns} if before.line_count == 0 else {}
    limit = {"truncated_at_bytes": settings.BATCHWEB_LOG_LIMIT_BYTES} if after.closed else {}
    moved = LogStream.objects.filter(
        id=before.stream_id,
        line_count=before.line_count,
        anchor_ns=before.anchor.ns,
        anchor_frames=before.anchor.frames,
        completed_at__isnull=True,
        truncated_at_bytes__isnull=True,
    ).update(
        line_count=after.line_count,
        byte_count=after.byte_count,
        anchor_ns=after.anchor.ns,
        anchor_frames=after.anchor.frames,
        last_ns=Greatest(F("last_ns"), encoded.last_ns),
        last_minute=Greatest(F("last_minute"), encoded.last_ns // NS_PER_MINUTE),
        **first_ns,
        **limit,
    )
    if not moved:
        raise LogMoved(f"log stream {before.stream_id} is not at line {before.line_count}")


def _store(cursor: LogCursor, encoded: chunk.Encoded) -> bool:
    """Puts the lines behind those of the newest row, or in a new row; whether it is a new one."""
    newest = (
        LogChunk.objects.select_for_update()
        .filter(stream_id=cursor.stream_id)
        .order_by("-first_line")
        .first()
    )
    if newest is None or newest.path or logfiles.size_of(newest) >= ROW_BYTES:
        _new_chunk(cursor.stream_id, cursor.line_count, encoded).save(force_insert=True)
        return True
    records = chunk.decompress(bytes(newest.data)) + encoded.records
    newest.data = chunk.compress(records)
    newest.line_count += encoded.line_count
    newest.byte_count += encoded.byte_count
    newest.first_ns = min(newest.first_ns, encoded.first_ns)
    newest.last_ns = max(newest.last_ns, encoded.last_ns)
    newest.save(update_fields=["data", "line_count", "byte_count", "first_ns", "last_ns"])
    return False


def _new_chunk(stream_id: int, first_line: int, encoded: chunk.Encoded) -> LogChunk:
    return LogChunk(
        stream_id=stream_id,
        first_line=first_line,
        line_count=encoded.line_count,
        byte_count=encoded.byte_count,
        first_ns=encoded.first_ns,
        last_ns=encoded.last_ns,
        data=chunk.compress(encoded.records),
    )
