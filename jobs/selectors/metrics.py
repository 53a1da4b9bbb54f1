"""Time series of queues and environments, for charts and alarms: read from small rows by time, never from jobs.

`services.metrics` writes those rows. What a series holds for a time of which nothing is known is None; where the
metrics were being kept and nothing happened, a count is 0. Each function says how many queries it takes, however
much is stored; their cost grows with the length of the range in rows (`MetricRange`), which is bounded.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

from django.db.models import (
    Aggregate,
    F,
    FloatField,
    Max,
    QuerySet,
    Sum,
    TextField,
    Value,
)
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast, NullIf

from jobs.domain.failures import label_of
from jobs.domain.histograms import Histogram, merge, percentile
from jobs.domain.metric_ranges import RANGES, MetricRange, custom, range_of
from jobs.models import EnvironmentMetric, FollowMark, QueueMetric
from jobs.models.metric import METRICS_MARK

__all__ = [
    "RANGES",
    "EnvironmentSeries",
    "MetricRange",
    "QueueSeries",
    "Totals",
    "custom",
    "environment_series",
    "queue_series",
    "range_of",
    "totals",
    "whole_until",
]

# More lines than this cannot be told apart; the other queues are drawn together.
QUEUES_SHOWN = 8
OTHERS = "Other queues"
DECIMALS = 3
Values = list[float | None]


@dataclass(frozen=True, slots=True)
class QueueSeries:
    """Of one queue, of several, or of all, by steps that begin at `times` (seconds since 1970).

    `submitted` to `failed` are counts of a step. `waiting` are jobs that were RUNNABLE, `running` those that were
    STARTING or RUNNING: means of looks once a minute, and the most at one look (of several queues, the
    sum of each one's most). Percentiles are in seconds: `wait` from RUNNABLE to RUNNING, `run` of
    the last tries of jobs that ended. `by_queue` is `waiting_mean` of the queues in which most waited, largest
    first, and of the others together. `failures` are those of the whole range by kind in words, most first;
    `failures_by_kind` the same by `domain.failures`' own names. `whole_until`: up to when all is counted, if known.
    """

    times: list[int]
    submitted: Values
    started: Values
    succeeded: Values
    failed: Values
    waiting_mean: Values
    waiting_max: Values
    running_mean: Values
    wait_p50: Values
    wait_p90: Values
    wait_p95: Values
    run_p50: Values
    run_p90: Values
    run_p95: Values
    failures: list[tuple[str, int]]
    failures_by_kind: dict[str, int]
    by_queue: list[tuple[str, Values]]
    whole_until: datetime | None


@dataclass(frozen=True, slots=True)
class EnvironmentSeries:
    """Of one environment, of several, or of all: means of looks once a minute, by steps that begin at `times`.

    `total` is what may be used at most: of several, no more than the machines have that they share.
    """

    times: list[int]
    used_vcpus: Values
    total_vcpus: Values
    used_memory_mib: Values
    total_memory_mib: Values
    instances: Values


@dataclass(frozen=True, slots=True)
class Totals:
    """What happened in a whole range; percentiles in seconds, None where there was nothing to measure."""

    submitted: int
    started: int
    succeeded: int
    failed: int
    wait_p50: float | None
    wait_p90: float | None
    wait_p95: float | None
    run_p50: float | None
    run_p90: float | None
    run_p95: float | None
    failures_by_kind: dict[str, int]


@dataclass(slots=True)
class _Step:
    """What the rows of a step come to. `looks` are the times within it at which queues were looked at."""

    submitted: int = 0
    started: int = 0
    succeeded: int = 0
    failed: int = 0
    looks: int = 0
    waiting: float = 0.0
    waiting_max: int = 0
    running: float = 0.0
    waits: Histogram = field(default_factory=dict)
    runs: Histogram = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=dict)


def queue_series(
    *, queue_ids: Sequence[int] | None, span: MetricRange, with_queues: bool = True
) -> QueueSeries:
    """The series of these queues, or of all, also of deleted ones. Four queries.

    `by_queue` stays empty, and takes no query, without `with_queues`.
    """
    rows = _queue_rows(queue_ids, span)
    steps: list[_Step] = [_Step() for _ in span.times]
    for start, values in _by_start(rows):
        _add(steps[span.index_of(start)], values)
    until = whole_until()
    known = _known_steps(span, until)
    failures = _merged(step.failures for step in steps)
    return QueueSeries(
        times=span.times,
        **{name: _counts(steps, name, known) for name in COUNTS},
        waiting_mean=[_mean(step.waiting, step.looks) for step in steps],
        waiting_max=[step.waiting_max if step.looks else None for step in steps],
        running_mean=[_mean(step.running, step.looks) for step in steps],
        **_percentiles(steps),
        failures=sorted(_labelled(failures).items(), key=lambda each: (-each[1], each[0])),
        failures_by_kind=failures,
        by_queue=_by_queue(rows, span, steps) if with_queues else [],
        whole_until=until,
    )


def environment_series(
    *, environment_ids: Sequence[int] | None, span: MetricRange
) -> EnvironmentSeries:
    """The series of these environments, or of all, also of deleted ones. One query."""
    rows = _within(EnvironmentMetric.objects.all(), span)
    if environment_ids is not None:
        rows = rows.filter(environment__in=list(environment_ids))
    sums = [dict.fromkeys(USES, 0.0) for _ in span.times]
    looks: list[set[datetime]] = [set() for _ in span.times]
    for start, values in _uses_by_engine(rows):
        at = span.index_of(start)
        looks[at].add(start)
        for name, value in values.items():
            sums[at][name] += value

    def means(name: str, divisor: int = 1) -> Values:
        return [
            _mean(each[name] / divisor, len(seen)) for each, seen in zip(sums, looks, strict=True)
        ]

    return EnvironmentSeries(
        times=span.times,
        used_vcpus=means("used_milli_vcpus", 1000),
        total_vcpus=means("total_milli_vcpus", 1000),
        used_memory_mib=means("used_memory_mib"),
        total_memory_mib=means("total_memory_mib"),
        instances=means("instances"),
    )


def totals(*, queue_ids: Sequence[int] | None, span: MetricRange) -> Totals:
    """What happened in the range. One query."""
    whole = _Step()
    for _, values in _by_start(_queue_rows(queue_ids, span)):
        _add(whole, values)
    return Totals(
        submitted=whole.submitted,
        started=whole.started,
        succeeded=whole.succeeded,
        failed=whole.failed,
        **{
            f"{kind}_p{percent}": _rounded(percentile(histogram, percent))
            for kind, histogram in (("wait", whole.waits), ("run", whole.runs))
            for percent in PERCENTS
        },
        failures_by_kind=whole.failures,
    )


def whole_until() -> datetime | None:
    """Up to when everything that happened is counted; None before that is known. One query."""
    marks = FollowMark.objects.filter(name=METRICS_MARK)
    return marks.values_list("until", flat=True).first()


COUNTS = ("submitted", "started", "succeeded", "failed")
PERCENTS = (50, 90, 95)
USES = (
    "used_milli_vcpus",
    "total_milli_vcpus",
    "used_memory_mib",
    "total_memory_mib",
    "instances",
)


class _Joined(Aggregate):
    """The texts of all rows, with commas between them."""

    function = "STRING_AGG"
    template = "%(function)s(%(expressions)s, ',')"
    output_field = TextField()

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, function="GROUP_CONCAT", **context)


def _texts(column: str) -> _Joined:
    """The JSON objects of a column that are not empty, to be read in one go."""
    return _Joined(NullIf(Cast(column, TextField()), Value("{}")))


def _per_look(column: str) -> Combinable:
    """The mean of a row's looks; NULL where there was none."""
    return F(column) * Value(1.0, FloatField()) / NullIf(F("samples"), Value(0))


def _within(rows: QuerySet[Any], span: MetricRange) -> QuerySet[Any]:
    return rows.filter(seconds=span.row_seconds, start__gte=span.start, start__lt=span.end)


def _queue_rows(queue_ids: Sequence[int] | None, span: MetricRange) -> QuerySet[QueueMetric]:
    rows = _within(QueueMetric.objects.all(), span)
    return rows if queue_ids is None else rows.filter(queue__in=list(queue_ids))


def _by_start(rows: QuerySet[QueueMetric]) -> Iterator[tuple[datetime, dict[str, Any]]]:
    """What the rows of all queues come to, by the time that they begin at. One query."""
    sums = (
        rows.order_by("start")
        .values("start")
        .annotate(
            **{f"{name}_": Sum(name) for name in COUNTS},
            looks_=Max("samples"),
            waiting_=Sum(_per_look("waiting_sum"), output_field=FloatField()),
            waiting_max_=Sum("waiting_max"),
            running_=Sum(_per_look("running_sum"), output_field=FloatField()),
            waits_=_texts("waits"),
            runs_=_texts("runs"),
            failures_=_texts("failures"),
        )
    )
    for row in cast("Iterable[dict[str, Any]]", sums):
        yield row["start"], {name.rstrip("_"): value for name, value in row.items()}


def _add(step: _Step, values: dict[str, Any]) -> None:
    for name in COUNTS:
        setattr(step, name, getattr(step, name) + values[name])
    if values["looks"]:
        step.looks += 1
        step.waiting += values["waiting"] or 0.0
        step.running += values["running"] or 0.0
        step.waiting_max = max(step.waiting_max, values["waiting_max"])
    for name in ("waits", "runs", "failures"):
        for each in json.loads(f"[{values[name] or ''}]"):
            merge(getattr(step, name), each)


def _counts(steps: Sequence[_Step], name: str, known: Sequence[bool]) -> Values:
    counts = [getattr(step, name) for step in steps]
    return [
        count if count or is_known else None for count, is_known in zip(counts, known, strict=True)
    ]


def _known_steps(span: MetricRange, until: datetime | None) -> list[bool]:
    """Of which steps something is known, be it that nothing happened."""
    since = _first_known(span)
    if since is None or until is None:
        return [False for _ in span.times]
    first, last = since.timestamp(), until.timestamp()
    return [time + span.step_seconds > first and time < last for time in span.times]


def _first_known(span: MetricRange) -> datetime | None:
    """When the oldest row of that length begins: from then on, no row means that nothing happened."""
    rows = QueueMetric.objects.filter(seconds=span.row_seconds).order_by("start")
    return rows.values_list("start", flat=True).first()


def _percentiles(steps: Sequence[_Step]) -> dict[str, Values]:
    return {
        f"{kind}_p{percent}": [
            _rounded(percentile(getattr(step, f"{kind}s"), percent)) for step in steps
        ]
        for kind in ("wait", "run")
        for percent in PERCENTS
    }


def _by_queue(
    rows: QuerySet[QueueMetric], span: MetricRange, steps: Sequence[_Step]
) -> list[tuple[str, Values]]:
    """`waiting_mean` of the queues in which most waited, and of the others. One query."""
    waiting = rows.filter(waiting_sum__gt=0)
    largest = (
        waiting.order_by().values("queue").annotate(sum=Sum("waiting_sum")).order_by("-sum")
    ).values("queue")[:QUEUES_SHOWN]
    sums: dict[tuple[int, str], list[float]] = {}
    for queue_id, name, start, mean in (
        waiting.filter(queue__in=largest)
        .order_by("queue", "start")
        .values_list("queue_id", "queue__name", "start", _per_look("waiting_sum"))
    ):
        line = sums.setdefault((queue_id, name), [0.0] * len(steps))
        line[span.index_of(start)] += mean or 0.0
    lines = sorted(sums.items(), key=lambda each: (-sum(each[1]), each[0]))
    rest = [step.waiting for step in steps]
    for _, line in lines:
        rest = [left - own for left, own in zip(rest, line, strict=True)]
    named = [(name, line) for (_, name), line in lines]
    if any(round(left, DECIMALS) > 0 for left in rest):
        named.append((OTHERS, rest))
    return [
        (
            name,
            [_mean(max(value, 0.0), step.looks) for value, step in zip(line, steps, strict=True)],
        )
        for name, line in named
    ]


def _uses_by_engine(
    rows: QuerySet[EnvironmentMetric],
) -> Iterator[tuple[datetime, dict[str, float]]]:
    """What the environments of an engine come to, by the time that the rows begin at. One query."""
    sums = (
        rows.filter(samples__gt=0)
        .order_by("start")
        .values("start", "environment__engine")
        .annotate(
            **{name: Sum(_per_look(f"{name}_sum"), output_field=FloatField()) for name in USES},
            engine_milli_vcpus=Max(_per_look("engine_milli_vcpus_sum"), output_field=FloatField()),
            engine_memory_mib=Max(_per_look("engine_memory_mib_sum"), output_field=FloatField()),
        )
    )
    for row in cast("Iterable[dict[str, Any]]", sums):
        for kind in ("milli_vcpus", "memory_mib"):
            if there := row[f"engine_{kind}"]:
                row[f"total_{kind}"] = min(row[f"total_{kind}"], there)
        yield row["start"], {name: row[name] for name in USES}


def _merged(counts: Iterable[dict[str, int]]) -> dict[str, int]:
    merged: dict[str, int] = {}
    for each in counts:
        merge(merged, each)
    return merged


def _labelled(failures: dict[str, int]) -> dict[str, int]:
    labelled: dict[str, int] = {}
    for kind, number in failures.items():
        merge(labelled, {label_of(kind): number})
    return labelled


def _mean(value: float, looks: int) -> float | None:
    return round(value / looks, DECIMALS) if looks else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, DECIMALS)
