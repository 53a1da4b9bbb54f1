"""Counting what happened: each line of the history once, in the queue of its job, at the time that it tells of.

What a portion of lines comes to is written in the transaction that moves the mark over them, so whatever dies, and
however many do it at once, none is lost and none is counted twice. Lines are read only up to where no
line can appear any more (`selectors.events.history.settled_ids`).
"""

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.db import transaction
from django.db.models import Min

from jobs.domain import histograms
from jobs.domain.failures import End, kind_of
from jobs.domain.metric_ranges import floor_to
from jobs.domain.states import TERMINAL, JobStatus
from jobs.models import Attempt, FollowMark, MetricSpan, QueueMetric, Transition
from jobs.models.metric import METRICS_MARK
from jobs.selectors.events.history import Settled, settled_ids

from .rows import add_rows, locked_mark

# So many lines are counted in a transaction.
PORTION = 2000
# A history of up to so many lines is counted from its beginning; of a longer one only what is to come.
COUNTED_FROM_THE_BEGINNING = 100_000
# Whoever writes takes milliseconds: after that, what he was writing can be read.
PAUSE_SECONDS = 0.1
LOOKS = 3
# A line is written some time after the moment that it tells of.
WRITTEN_WITHIN = timedelta(seconds=10)


class _Line(NamedTuple):
    """A line of the history, and what is known of its job; the names are those of the query below."""

    id: int
    job_id: UUID
    attempt_number: int
    from_status: str
    to_status: str
    reason: str
    at: datetime
    queue_id: int
    array_size: int | None
    array_index: int | None
    started_at: datetime | None
    exit_code: int | None
    stop_kind: str
    stop_reason: str

    @property
    def is_of_array(self) -> bool:
        return self.array_size is not None and self.array_index is None


_OF_LINE = _Line._fields[:7]
_OF_JOB = _Line._fields[7:]
_Tries = Mapping[tuple[UUID, int], list[Attempt]]


@dataclass(frozen=True, slots=True)
class _Beside:
    """What is known besides the lines: when jobs became RUNNABLE, with the line that tells it; their tries."""

    runnable: Mapping[UUID, Sequence[tuple[int, datetime]]]
    tries: _Tries


def settled() -> Settled:
    """Up to which line the history can be read; waits a moment for who is just writing."""
    for _ in range(LOOKS - 1):
        found = settled_ids()
        if found.ids.transitions >= found.newest.transitions:
            return found
        time.sleep(PAUSE_SECONDS)
    return settled_ids()


def begin(found: Settled) -> bool:
    """Makes the mark from which counting goes on, if there is none; False while it cannot be said where that is."""
    if FollowMark.objects.filter(name=METRICS_MARK).exists():
        return True
    last, newest = found.ids.transitions, found.newest.transitions
    if newest and not last:
        return False
    oldest = Transition.objects.aggregate(oldest=Min("id"))["oldest"] or 0
    start = 0 if newest - oldest < COUNTED_FROM_THE_BEGINNING else last
    FollowMark.objects.get_or_create(name=METRICS_MARK, defaults={"transition_id": start})
    return True


def count_portion(*, last: int) -> bool:
    """Counts the next lines up to `last`; whether there are more.

    All reading is done before the transaction, which would hold up others. If somebody else has counted these
    lines meanwhile, nothing changes. A few queries, however many lines.
    """
    after = FollowMark.objects.values_list("transition_id", flat=True).get(name=METRICS_MARK)
    if after >= last:
        return False
    lines = _lines(after, last)
    found = _tally(lines, _beside(lines))
    is_full = len(lines) == PORTION
    with transaction.atomic():
        mark = locked_mark()
        if mark.transition_id != after:
            return True
        add_rows(QueueMetric, found)
        mark.transition_id = lines[-1].id if is_full else last
        mark.save(update_fields=["transition_id"])
    return is_full


def note_whole(*, now: datetime) -> datetime | None:
    """Notes up to which whole minute all that happened is counted, once nothing is left that can be read.

    That moment, if it is another one than before.
    """
    with transaction.atomic():
        mark = locked_mark()
        unread = Transition.objects.filter(id__gt=mark.transition_id).order_by("id")
        first = unread.values_list("at", flat=True).first()
        until = floor_to(min(now, first or now) - WRITTEN_WITHIN, MetricSpan.MINUTE)
        if mark.until is not None and until <= mark.until:
            return None
        mark.until = until
        mark.save(update_fields=["until"])
    return until


def _lines(after: int, last: int) -> list[_Line]:
    rows = Transition.objects.filter(id__gt=after, id__lte=last).order_by("id")
    columns = (*_OF_LINE, *(f"job__{name}" for name in _OF_JOB))
    return [_Line(*row) for row in rows.values_list(*columns)[:PORTION]]


def _beside(lines: Sequence[_Line]) -> _Beside:
    """Two queries at most."""
    runnable: dict[UUID, list[tuple[int, datetime]]] = defaultdict(list)
    if starting := {line.job_id for line in lines if line.to_status == JobStatus.RUNNING}:
        rows = Transition.objects.filter(job__in=starting, to_status=JobStatus.RUNNABLE)
        for job_id, id_, at in rows.order_by("id").values_list("job_id", "id", "at"):
            runnable[job_id].append((id_, at))
    tries: dict[tuple[UUID, int], list[Attempt]] = defaultdict(list)
    failed = [line for line in lines if line.to_status == JobStatus.FAILED]
    if tried := {line.job_id for line in failed if line.attempt_number}:
        attempts = Attempt.objects.filter(job__in=tried).only(
            *("job_id", "number", "status_reason", "exit_code"),
            *("oom_killed", "timed_out_at", "interrupted_at"),
        )
        for attempt in attempts.order_by("id"):
            tries[attempt.job_id, attempt.number].append(attempt)
    return _Beside(runnable, tries)


def _tally(lines: Iterable[_Line], beside: _Beside) -> list[QueueMetric]:
    """What the lines come to, by queue and minute. An array itself is not counted: its children are."""
    found: dict[tuple[datetime, int], QueueMetric] = {}
    for line in lines:
        if line.is_of_array:
            continue
        minute = floor_to(line.at, MetricSpan.MINUTE)
        key = (minute, line.queue_id)
        if key not in found:
            found[key] = QueueMetric(start=minute, queue_id=line.queue_id)
        _count(line, found[key], beside)
    return list(found.values())


def _count(line: _Line, row: QueueMetric, beside: _Beside) -> None:
    if not line.from_status:
        row.submitted += 1
    if line.to_status == JobStatus.RUNNING:
        row.started += 1
        # The last time before this start: a job that is tried again waits again.
        since = [at for id_, at in beside.runnable[line.job_id] if id_ < line.id]
        if since:
            histograms.add(row.waits, (line.at - since[-1]).total_seconds())
    if line.to_status not in TERMINAL:
        return
    if line.from_status == JobStatus.RUNNING and line.started_at:
        histograms.add(row.runs, (line.at - line.started_at).total_seconds())
    if line.to_status == JobStatus.SUCCEEDED:
        row.succeeded += 1
    else:
        row.failed += 1
        histograms.merge(row.failures, {kind_of(_end_of(line, beside.tries)): 1})


def _end_of(line: _Line, tries: _Tries) -> End:
    rows = tries.get((line.job_id, line.attempt_number), [])
    # Of several containers, those that ended as the job did.
    deciding = [row for row in rows if row.status_reason == line.reason] or rows
    return End(
        status_reason=line.reason,
        stop_kind=line.stop_kind,
        stop_reason=line.stop_reason,
        exit_code=line.exit_code,
        oom_killed=any(row.oom_killed for row in deciding if row.exit_code == line.exit_code),
        timed_out=any(row.timed_out_at is not None for row in deciding),
        interrupted=any(row.interrupted_at is not None for row in deciding),
    )
