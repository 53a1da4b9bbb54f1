"""The steps of time series, read from rows by time. A step that is over and counted is read once and kept."""

import json
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar, cast

from django.db.models import (
    Aggregate,
    Avg,
    Count,
    F,
    FloatField,
    Func,
    IntegerField,
    Max,
    QuerySet,
    Sum,
    TextField,
    Value,
)
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast, NullIf

from jobs.domain.histograms import Histogram, percentile
from jobs.domain.metric_ranges import MetricRange
from jobs.models import EnvironmentMetric, QueueMetric

DECIMALS = 3
COUNTS = ("submitted", "started", "succeeded", "failed")
PERCENTS = (50, 90, 95)
USES = (
    "used_milli_vcpus",
    "total_milli_vcpus",
    "used_memory_mib",
    "total_memory_mib",
    "instances",
)
# A series of fewer rows is read in no time.
KEPT_FROM_ROWS = 1000
SERIES_KEPT = 50
# Then it is read again, whoever may have mended rows meanwhile.
KEPT_SECONDS = 600.0
V = TypeVar("V")
Named = tuple[int, str]


@dataclass(frozen=True, slots=True)
class QueueStep:
    """What the rows of a step come to; means are of `looks` at the queues, None where there was none.

    `percentiles` has "wait_p50" and so on; `by_queue` the mean waiting of each queue, by its id and name.
    """

    counts: dict[str, int]
    looks: int
    waiting: float | None
    waiting_max: int | None
    running: float | None
    percentiles: dict[str, float | None]
    failures: dict[str, int]
    waits: Histogram
    runs: Histogram
    by_queue: dict[Named, float] = field(default_factory=dict)


UseStep = dict[str, float | None]


class KeptSteps(Generic[V]):
    """Series of steps, by what they are of: those that cannot change any more are kept. Threads may share it."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, tuple[float, dict[int, V]]] = OrderedDict()
        self._lock = threading.Lock()

    def steps(
        self,
        key: Hashable,
        span: MetricRange,
        until: datetime | None,
        read: Callable[[MetricRange], tuple[list[V], int]],
    ) -> list[V]:
        """All steps of the range. `read` gives those of a part of it, and of how many rows they are.

        What ends up to `until` is whole.
        """
        key = (key, span.row_seconds, span.step_seconds)
        expires, known = self._known(key)
        times = span.times
        place = next((n for n, each in enumerate(times) if each not in known), None)
        if place is None:
            return [known[each] for each in times]
        found, rows = read(replace(span, start=datetime.fromtimestamp(times[place], UTC)))
        if known or rows >= KEPT_FROM_ROWS:
            whole = until.timestamp() if until is not None else 0.0
            fresh = zip(times[place:], found, strict=True)
            over = {at: step for at, step in fresh if at + span.step_seconds <= whole}
            # What is before this range is asked for no more.
            kept = {at: step for at, step in known.items() if at >= times[0]}
            self._keep(key, expires, {**kept, **over})
        return [known[each] for each in times[:place]] + found

    def _known(self, key: Hashable) -> tuple[float, dict[int, V]]:
        now = time.monotonic()
        with self._lock:
            expires, known = self._kept.get(key, (0.0, {}))
        return (expires, known) if now < expires else (now + KEPT_SECONDS, {})

    def _keep(self, key: Hashable, expires: float, steps: dict[int, V]) -> None:
        with self._lock:
            self._kept[key] = (expires, steps)
            self._kept.move_to_end(key)
            while len(self._kept) > SERIES_KEPT:
                self._kept.popitem(last=False)


queue_steps_kept: KeptSteps[QueueStep] = KeptSteps()
use_steps_kept: KeptSteps[UseStep] = KeptSteps()


def queue_steps(
    *, queue_ids: Sequence[int] | None, span: MetricRange, until: datetime | None, with_queues: bool
) -> list[QueueStep]:
    """The steps of these queues, or of all. Two queries, one without `with_queues`."""
    key = (None if queue_ids is None else tuple(queue_ids), with_queues)
    return queue_steps_kept.steps(
        key, span, until, lambda part: _read_queue_steps(queue_ids, part, with_queues)
    )


def use_steps(
    *, environment_ids: Sequence[int] | None, span: MetricRange, until: datetime | None
) -> list[UseStep]:
    """Means of what was used and of what there was in these environments, or in all. One query."""
    key = None if environment_ids is None else tuple(environment_ids)
    return use_steps_kept.steps(
        key, span, until, lambda part: _read_use_steps(environment_ids, part)
    )


def mean(value: float, looks: int) -> float | None:
    """Rounded; None of no looks."""
    return round(value / looks, DECIMALS) if looks else None


def rounded_percentile(histogram: Histogram, percent: int) -> float | None:
    """In seconds; None where nothing is counted."""
    value = percentile(histogram, percent)
    return None if value is None else round(value, DECIMALS)


@dataclass(slots=True)
class _Sums:
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
    by_queue: dict[Named, float] = field(default_factory=dict)
    texts: dict[str, list[str]] = field(default_factory=dict)

    def add(self, values: dict[str, Any]) -> None:
        """Adds what all queues come to in a time."""
        for name in COUNTS:
            setattr(self, name, getattr(self, name) + values[name])
        if values["looks"]:
            self.looks += 1
            self.waiting += values["waiting"] or 0.0
            self.running += values["running"] or 0.0
            self.waiting_max = max(self.waiting_max, values["waiting_max"])
        for name in ("waits", "runs", "failures"):
            if values[name]:
                self.texts.setdefault(name, []).append(values[name])

    def _read_texts(self) -> None:
        """Adds up the JSON objects that were gathered: all in one go, as there may be thousands of them."""
        for name, texts in self.texts.items():
            pairs: list[tuple[str, int]] = []
            json.loads(f"[{','.join(texts)}]", object_pairs_hook=pairs.extend)
            counts: dict[str, int] = getattr(self, name)
            for key, count in pairs:
                counts[key] = counts.get(key, 0) + count
        self.texts.clear()

    def as_step(self) -> QueueStep:
        """The same in numbers that are drawn."""
        self._read_texts()
        return QueueStep(
            counts={name: getattr(self, name) for name in COUNTS},
            looks=self.looks,
            waiting=mean(self.waiting, self.looks),
            waiting_max=self.waiting_max if self.looks else None,
            running=mean(self.running, self.looks),
            percentiles={
                f"{kind}_p{percent}": rounded_percentile(histogram, percent)
                for kind, histogram in (("wait", self.waits), ("run", self.runs))
                for percent in PERCENTS
            },
            failures=self.failures,
            waits=self.waits,
            runs=self.runs,
            by_queue={
                named: value / self.looks for named, value in self.by_queue.items() if self.looks
            },
        )


def _read_queue_steps(
    queue_ids: Sequence[int] | None, span: MetricRange, with_queues: bool
) -> tuple[list[QueueStep], int]:
    rows = _within(QueueMetric.objects.all(), span)
    if queue_ids is not None:
        rows = rows.filter(queue__in=list(queue_ids))
    sums = [_Sums() for _ in span.times]
    number = 0
    for start, values in _by_start(rows):
        sums[span.index_of(start)].add(values)
        number += values["rows"]
    if with_queues:
        waiting = (
            rows.filter(waiting_sum__gt=0)
            .order_by()
            .annotate(step=_step_of(span))
            .values_list("queue_id", "queue__name", "step")
            .annotate(sum=Sum(_per_look("waiting_sum"), output_field=FloatField()))
        )
        for queue_id, name, at, value in waiting:
            sums[at].by_queue[queue_id, name] = value or 0.0
    return [each.as_step() for each in sums], number


def _read_use_steps(
    environment_ids: Sequence[int] | None, span: MetricRange
) -> tuple[list[UseStep], int]:
    rows = _within(EnvironmentMetric.objects.all(), span)
    if environment_ids is not None:
        rows = rows.filter(environment__in=list(environment_ids))
    sums = [dict.fromkeys(USES, 0.0) for _ in span.times]
    looks = [0] * len(sums)
    number = 0
    for row in _uses_by_engine(rows, span):
        at = row["step"]
        # All are looked at together, so this is how often any of them was.
        looks[at] = max(looks[at], row["looks"])
        number += row["rows"]
        for name in USES:
            sums[at][name] += row[name]
    steps = [
        {name: mean(each[name], looked) for name in USES}
        for each, looked in zip(sums, looks, strict=True)
    ]
    return steps, number


class _Joined(Aggregate):
    """The texts of all rows, with commas between them."""

    function = "STRING_AGG"
    template = "%(function)s(%(expressions)s, ',')"
    output_field = TextField()

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, function="GROUP_CONCAT", **context)


class _StepOf(Func):
    """The number of the step, from 0, in which a moment lies: `start` and `seconds` say where steps are."""

    output_field = IntegerField()

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        # Moments are stored as texts. The sign of per cent is undoubled twice: here, and with the parameters.
        template = (
            "((CAST(strftime('%%%%s', %(expressions)s) AS integer) - %(start)s) / %(seconds)s)"
        )
        return self.as_sql(compiler, connection, template=template, **context)

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        template = "CAST(FLOOR((EXTRACT(EPOCH FROM %(expressions)s) - %(start)s) / %(seconds)s) AS integer)"
        return self.as_sql(compiler, connection, template=template, **context)


def _step_of(span: MetricRange) -> _StepOf:
    return _StepOf(F("start"), start=span.times[0], seconds=span.step_seconds)


def _texts(column: str) -> _Joined:
    """The JSON objects of a column that are not empty, to be read in one go."""
    return _Joined(NullIf(Cast(column, TextField()), Value("{}")))


def _per_look(column: str) -> Combinable:
    """The mean of a row's looks; NULL where there was none."""
    return F(column) * Value(1.0, FloatField()) / NullIf(F("samples"), Value(0))


def _within(rows: QuerySet[Any], span: MetricRange) -> QuerySet[Any]:
    return rows.filter(seconds=span.row_seconds, start__gte=span.start, start__lt=span.end)


def _by_start(rows: QuerySet[QueueMetric]) -> Iterator[tuple[datetime, dict[str, Any]]]:
    """What the rows of all queues come to, by the time that they begin at. One query."""
    sums = (
        rows.order_by("start")
        .values("start")
        .annotate(
            **{f"{name}_": Sum(name) for name in COUNTS},
            rows_=Count("pk"),
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


def _uses_by_engine(
    rows: QuerySet[EnvironmentMetric], span: MetricRange
) -> Iterator[dict[str, Any]]:
    """By step and engine: how often its environments were looked at, and the sums of those looks. One query."""
    sums = (
        rows.filter(samples__gt=0)
        .order_by()
        .annotate(step=_step_of(span))
        .values("step", "environment__engine")
        .annotate(
            **{name: Sum(_per_look(f"{name}_sum"), output_field=FloatField()) for name in USES},
            rows=Count("pk"),
            looks=Count("start", distinct=True),
            engine_milli_vcpus=Avg(_per_look("engine_milli_vcpus_sum")),
            engine_memory_mib=Avg(_per_look("engine_memory_mib_sum")),
        )
    )
    for row in cast("Iterable[dict[str, Any]]", sums):
        for kind in ("milli_vcpus", "memory_mib"):
            # Environments that share machines have these once. 0: not known.
            if there := row[f"engine_{kind}"] * row["looks"]:
                row[f"total_{kind}"] = min(row[f"total_{kind}"], there)
        yield row
