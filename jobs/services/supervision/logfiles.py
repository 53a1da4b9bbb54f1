"""Seals log chunks: merges fresh rows to one compressed file, which never changes again.

First the file is written, then one transaction puts one row for it in the place of the fresh ones. If
the process dies in between, the rows are still there and the file is written once more. What a file
holds follows from its name, so two who seal the same rows write the same file.
"""

import logging
import os
from collections.abc import Sequence

from django.core.files.base import ContentFile
from django.core.files.storage import Storage, storages
from django.db import transaction

from jobs.joblogs import chunk
from jobs.models import LogChunk

logger = logging.getLogger("batchweb.logs")

# Sealed chunks have about this size uncompressed: it is what is read to show any one of their lines.
SEAL_BYTES = 256 * 1024
# A log's end of no more than this stays in the database: see docs/decisions/0002.
INLINE_BYTES = 4 * 1024
# Streams per folder of the storage.
SHARD = 1000


def seal_full(*, stream_id: int) -> None:
    """Seals the stream's oldest rows if they make up a whole chunk. A failure is logged and no more:
    the lines stay where they are, and the next row that comes tries again."""
    _seal(stream_id, at_least=SEAL_BYTES)


def seal_rest(*, stream_id: int, byte_count: int) -> None:
    """Seals all rows of a finished stream, unless they are small. A failure is logged and no more.

    `byte_count`: the size of the whole log; a small one is not even looked at.
    """
    if byte_count > INLINE_BYTES:
        _seal(stream_id, at_least=INLINE_BYTES + 1)


def _seal(stream_id: int, *, at_least: int) -> None:
    rows = _rows_to_seal(stream_id)
    if sum(size_of(row) for row in rows) < at_least:
        return
    try:
        path = _write_file(rows)
    # A storage may fail in its own ways (a remote one with errors of its client library).
    except Exception:
        logger.exception("log stream %s: not sealed, its lines stay in the database", stream_id)
        return
    _put_in_place(rows, path)


def _rows_to_seal(stream_id: int) -> list[LogChunk]:
    """The oldest rows, until they make up a chunk."""
    rows: list[LogChunk] = []
    size = 0
    # In portions: rows pile up while the storage takes no files.
    fresh = LogChunk.objects.filter(stream_id=stream_id, path="").order_by("first_line")
    for row in fresh.iterator(chunk_size=32):
        rows.append(row)
        size += size_of(row)
        if size >= SEAL_BYTES:
            break
    return rows


def size_of(row: LogChunk) -> int:
    """Bytes of the row's records: very short lines weigh, too, so a chunk's lines are bounded."""
    return row.byte_count + row.line_count * chunk.RECORD_OVERHEAD_BYTES


def _write_file(rows: Sequence[LogChunk]) -> str:
    """Writes the rows' lines to a file, over what a crash may have left there; gives its path."""
    content = chunk.compress(b"".join(chunk.decompress(bytes(row.data)) for row in rows))
    storage = storages["joblogs"]
    path = _path(rows)
    if storage.exists(path):
        storage.delete(path)
    path = storage.save(path, ContentFile(content))
    _flush_to_disk(storage, path)
    return path


def _path(rows: Sequence[LogChunk]) -> str:
    stream_id, first_line = rows[0].stream_id, rows[0].first_line
    lines = sum(row.line_count for row in rows)
    return f"{stream_id // SHARD:04d}/{stream_id}/{first_line:010d}-{lines}.log.gz"


def _flush_to_disk(storage: Storage, path: str) -> None:
    """The rows are about to be deleted: on a local disk, make sure that the file outlives a power cut."""
    try:
        local = storage.path(path)
    except NotImplementedError:
        return
    handle = os.open(local, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _put_in_place(rows: Sequence[LogChunk], path: str) -> None:
    with transaction.atomic():
        sealed = LogChunk.objects.select_for_update().filter(
            id__in=[row.id for row in rows], path=""
        )
        # Rows grow while they are the newest: then what was written to the file is not all.
        if [(row.id, row.line_count) for row in sealed.order_by("first_line")] == [
            (row.id, row.line_count) for row in rows
        ]:
            sealed.delete()
            LogChunk.objects.create(
                stream_id=rows[0].stream_id,
                first_line=rows[0].first_line,
                line_count=sum(row.line_count for row in rows),
                byte_count=sum(row.byte_count for row in rows),
                first_ns=min(row.first_ns for row in rows),
                last_ns=max(row.last_ns for row in rows),
                path=path,
            )
            return
    if not LogChunk.objects.filter(stream_id=rows[0].stream_id, path=path).exists():
        storages["joblogs"].delete(path)
