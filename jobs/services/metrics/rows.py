"""Adding to the rows by time: what a minute came to goes into the rows of its minute, its hour and its day.

Who adds holds the lock of the mark `METRICS_MARK`: a row is read, added to, and written.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from jobs.domain.histograms import merge
from jobs.domain.metric_ranges import floor_to
from jobs.models import EnvironmentMetric, FollowMark, MetricSpan, QueueMetric
from jobs.models.metric import METRICS_MARK

Row = TypeVar("Row", QueueMetric, EnvironmentMetric)
# The length of a row, when it begins, and of what it is.
Key = tuple[int, datetime, int]


@dataclass(frozen=True, slots=True)
class _Columns:
    """How the columns of a kind of rows are added up, and which one says of what a row is."""

    of: str
    sums: tuple[str, ...]
    maxima: tuple[str, ...]
    counts_by_name: tuple[str, ...] = ()

    @property
    def added(self) -> tuple[str, ...]:
        return (*self.sums, *self.maxima, *self.counts_by_name)


_COLUMNS: Mapping[type, _Columns] = {
    QueueMetric: _Columns(
        of="queue",
        sums=(
            *("submitted", "started", "succeeded", "failed"),
            *("samples", "waiting_sum", "running_sum"),
        ),
        maxima=("waiting_max", "running_max"),
        counts_by_name=("failures", "waits", "runs"),
    ),
    EnvironmentMetric: _Columns(
        of="environment",
        sums=(
            *("samples", "used_milli_vcpus_sum", "total_milli_vcpus_sum"),
            *("used_memory_mib_sum", "total_memory_mib_sum", "instances_sum"),
            *("engine_milli_vcpus_sum", "engine_memory_mib_sum"),
        ),
        maxima=("used_milli_vcpus_max", "used_memory_mib_max"),
    ),
}


def locked_mark() -> FollowMark:
    """The mark, its row locked until the transaction ends. It is there: `counting.begin` has made it."""
    return FollowMark.objects.select_for_update(no_key=True).get(name=METRICS_MARK)


def add_rows(model: type[Row], found: Sequence[Row]) -> None:
    """Adds what was found, by the minute, to the rows of all lengths. Within a transaction that holds the lock.

    A few statements for each length, however many rows.
    """
    for span in MetricSpan:
        _add_to_span(model, span, found)


def _add_to_span(model: type[Row], span: MetricSpan, found: Iterable[Row]) -> None:
    columns = _COLUMNS[model]
    added: dict[Key, Row] = {}
    for row in found:
        start = floor_to(row.start, span)
        key = (span.value, start, getattr(row, f"{columns.of}_id"))
        into = added.get(key)
        if into is None:
            into = added[key] = model(seconds=span, start=start, **{f"{columns.of}_id": key[2]})
        _add(columns, into, row)
    existing = model._default_manager.filter(  # noqa: SLF001
        seconds=span,
        start__in={start for _, start, _ in added},
        **{f"{columns.of}__in": {of for _, _, of in added}},
    )
    for row in existing:
        key = (row.seconds, row.start, getattr(row, f"{columns.of}_id"))
        if key in added:
            _add(columns, added[key], row)
    model._default_manager.bulk_create(  # noqa: SLF001
        # In one order always, though who adds is alone.
        [added[key] for key in sorted(added)],
        update_conflicts=True,
        unique_fields=["seconds", "start", columns.of],
        update_fields=columns.added,
        batch_size=500,
    )


def _add(columns: _Columns, into: Row, row: Row) -> None:
    for name in columns.sums:
        setattr(into, name, getattr(into, name) + getattr(row, name))
    for name in columns.maxima:
        setattr(into, name, max(getattr(into, name), getattr(row, name)))
    for name in columns.counts_by_name:
        merge(getattr(into, name), getattr(row, name))
