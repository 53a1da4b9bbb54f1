"""Time series of queues and environments, for charts and alarms: read from small rows by time, never from jobs.

`services.metrics` writes those rows. What a series holds for a time of which nothing is known is None; where the
metrics were being kept and nothing happened, a count is 0. Each function says how many queries it takes, however
much is stored; their cost grows with the length of the range in rows (`MetricRange`), which is bounded.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jobs.domain.failures import label_of
from jobs.domain.histograms import merge
from jobs.domain.metric_ranges import RANGES, MetricRange, custom, range_of
from jobs.models import FollowMark, QueueMetric
from jobs.models.metric import METRICS_MARK

from .metric_steps import (
    COUNTS,
    DECIMALS,
    PERCENTS,
    QueueStep,
    queue_steps,
    rounded_percentile,
    use_steps,
)

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


def queue_series(
    *, queue_ids: Sequence[int] | None, span: MetricRange, with_queues: bool = True
) -> QueueSeries:
    """The series of these queues, or of all, also of deleted ones. Four queries.

    `by_queue` stays empty, and takes no query, without `with_queues`.
    """
    until = whole_until()
    steps = queue_steps(queue_ids=queue_ids, span=span, until=until, with_queues=with_queues)
    known = _known_steps(span, until)
    failures = _merged(step.failures for step in steps)
    return QueueSeries(
        times=span.times,
        **{name: _counts(steps, name, known) for name in COUNTS},
        waiting_mean=[step.waiting for step in steps],
        waiting_max=[step.waiting_max for step in steps],
        running_mean=[step.running for step in steps],
        **_percentiles(steps),
        failures=sorted(_labelled(failures).items(), key=lambda each: (-each[1], each[0])),
        failures_by_kind=failures,
        by_queue=_by_queue(steps),
        whole_until=until,
    )


def environment_series(
    *, environment_ids: Sequence[int] | None, span: MetricRange
) -> EnvironmentSeries:
    """The series of these environments, or of all, also of deleted ones. Two queries."""
    steps = use_steps(environment_ids=environment_ids, span=span, until=whole_until())

    def means(name: str, divisor: int = 1) -> Values:
        values = [step[name] for step in steps]
        return [None if each is None else round(each / divisor, DECIMALS) for each in values]

    return EnvironmentSeries(
        times=span.times,
        used_vcpus=means("used_milli_vcpus", 1000),
        total_vcpus=means("total_milli_vcpus", 1000),
        used_memory_mib=means("used_memory_mib"),
        total_memory_mib=means("total_memory_mib"),
        instances=means("instances"),
    )


def totals(*, queue_ids: Sequence[int] | None, span: MetricRange) -> Totals:
    """What happened in the range. Two queries."""
    steps = queue_steps(queue_ids=queue_ids, span=span, until=whole_until(), with_queues=False)
    counts = {name: sum(step.counts[name] for step in steps) for name in COUNTS}
    merged = {
        "wait": _merged(step.waits for step in steps),
        "run": _merged(step.runs for step in steps),
    }
    percentiles: dict[str, Any] = {
        f"{kind}_p{percent}": rounded_percentile(histogram, percent)
        for kind, histogram in merged.items()
        for percent in PERCENTS
    }
    failures = _merged(step.failures for step in steps)
    return Totals(**counts, **percentiles, failures_by_kind=failures)


def whole_until() -> datetime | None:
    """Up to when everything that happened is counted; None before that is known. One query."""
    marks = FollowMark.objects.filter(name=METRICS_MARK)
    return marks.values_list("until", flat=True).first()


def _counts(steps: Sequence[QueueStep], name: str, known: Sequence[bool]) -> Values:
    counts = [step.counts[name] for step in steps]
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


def _percentiles(steps: Sequence[QueueStep]) -> dict[str, Values]:
    names = [f"{kind}_p{percent}" for kind in ("wait", "run") for percent in PERCENTS]
    return {name: [step.percentiles[name] for step in steps] for name in names}


def _by_queue(steps: Sequence[QueueStep]) -> list[tuple[str, Values]]:
    """The mean waiting of the queues in which most waited, and of the others together."""
    sums: dict[tuple[int, str], float] = {}
    for step in steps:
        for named, value in step.by_queue.items():
            sums[named] = sums.get(named, 0.0) + value
    largest = sorted(sums, key=lambda named: (-sums[named], named))[:QUEUES_SHOWN]
    lines = [
        (named[1], [_known(step, step.by_queue.get(named, 0.0)) for step in steps])
        for named in largest
    ]
    if len(sums) > len(largest):
        shown = set(largest)
        rest = [
            sum(value for named, value in step.by_queue.items() if named not in shown)
            for step in steps
        ]
        lines.append(
            (OTHERS, [_known(step, value) for step, value in zip(steps, rest, strict=True)])
        )
    return lines


def _known(step: QueueStep, value: float) -> float | None:
    return round(value, DECIMALS) if step.looks else None


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
