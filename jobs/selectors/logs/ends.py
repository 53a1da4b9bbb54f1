"""How logs end: the last lines that a job printed before it failed say most often why."""

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import F, OuterRef, QuerySet, Subquery

from jobs.joblogs import chunk
from jobs.joblogs.terminal import without_escapes
from jobs.models import Attempt, Job, JobStatus, LogChunk, LogStream
from jobs.selectors.job_details import decider_of, main_node_of

from .lines import LogLine, lines_of_chunk

logger = logging.getLogger("batchweb.logs")

LINES_AT_MOST = 5
# Of each line: together 2 KB of most languages' texts.
LINE_LENGTH = 400
# Among so many of the newest lines those on standard error are looked for, in the two newest chunks at most.
LINES_LOOKED_AT = 200


@dataclass(frozen=True, slots=True)
class EndLine:
    """A line near a log's end: its number, from 1, and so much of its text as is told.

    The text has no escape sequences; of what a progress bar drew over and over, it has what stayed.
    """

    number: int
    source: str
    text: str

    @property
    def is_stderr(self) -> bool:
        return self.source == chunk.STDERR


def log_ends(attempt_ids: Collection[int]) -> dict[int, list[EndLine]]:
    """The last lines of these attempts' logs, on standard error alone where some are. At most two queries.

    A log that is gone, empty or cannot be read is left out.
    """
    newest = _newest_chunks(attempt_ids)
    rows = LogChunk.objects.in_bulk([pk for pair in newest.values() for pk in pair])
    ends = {
        attempt_id: _end([rows[pk] for pk in pair if pk in rows])
        for attempt_id, pair in newest.items()
    }
    return {attempt_id: lines for attempt_id, lines in ends.items() if lines}


def log_ends_of(jobs: Iterable[Job]) -> dict[UUID, list[EndLine]]:
    """The same for those of the jobs, read with their specs, that failed: of the attempt that decided.

    At most three queries; none where no try failed.
    """
    deciders = _deciders([job for job in jobs if job.status == JobStatus.FAILED])
    ends = log_ends(deciders)
    return {deciders[attempt_id]: lines for attempt_id, lines in ends.items()}


def _deciders(jobs: Sequence[Job]) -> Mapping[int, UUID]:
    """The attempts that tell how these jobs ended, each with its job."""
    tried = {job.pk: job for job in jobs if job.attempts_made}
    if not tried:
        return {}
    rows = Attempt.objects.filter(job__in=list(tried), number=F("job__attempts_made"))
    # A job of a thousand nodes has as many rows.
    rows = rows.filter(node_index__in={main_node_of(job) for job in tried.values()})
    found: dict[UUID, list[Attempt]] = {}
    needed = ("job", "number", "node_index", "essential", "ended_at", "exit_code")
    for row in rows.only(*needed).order_by("job_id", "node_index", "container_index"):
        found.setdefault(row.job_id, []).append(row)
    return {
        decider_of(attempts, node_index=main_node_of(tried[job_id])).pk: job_id
        for job_id, attempts in found.items()
    }


def _newest_chunks(attempt_ids: Collection[int]) -> dict[int, list[int]]:
    """By attempt, the newest two chunks of its log, the newest first."""
    if not attempt_ids:
        return {}
    streams = LogStream.objects.filter(attempt__in=list(attempt_ids), line_count__gt=0)
    rows = streams.annotate(newest=_chunk_of(0), before=_chunk_of(1)).order_by()
    return {
        attempt_id: [pk for pk in pair if pk is not None]
        for attempt_id, *pair in rows.values_list("attempt_id", "newest", "before")
    }


def _chunk_of(place: int) -> Subquery:
    chunks: QuerySet[LogChunk] = LogChunk.objects.filter(stream=OuterRef("pk"))
    return Subquery(chunks.order_by("-first_line").values("pk")[place : place + 1])


def _end(chunks: Sequence[LogChunk]) -> list[EndLine]:
    """What is told of a log, of its newest chunks, the newest first."""
    lines: list[LogLine] = []
    for each in chunks:
        left = LINES_LOOKED_AT - len(lines)
        try:
            lines = lines_of_chunk(each, skip=max(each.line_count - left, 0), limit=left) + lines
        # Each storage fails in its own ways, and a log only adds to what is known of a job.
        except Exception as error:
            logger.warning("the end of log stream %s is not told: %s", each.stream_id, error)
        if not lines or len(lines) >= LINES_LOOKED_AT:
            break
    told = [EndLine(line.number + 1, line.source, _text(line)) for line in lines]
    told = [line for line in told if line.text]
    return ([line for line in told if line.is_stderr] or told)[-LINES_AT_MOST:]


def _text(line: LogLine) -> str:
    text = without_escapes(line.data.decode("utf-8", "replace")).rstrip().rpartition("\r")[2]
    return text if len(text) <= LINE_LENGTH else f"{text[:LINE_LENGTH]}…"
