"""What the page of charts and its JSON are drawn from."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.models import User
from django.http import QueryDict
from django.urls import reverse

from jobs.domain import failures as kinds
from jobs.domain import reasons
from jobs.domain.moments import start_of
from jobs.models import JobStatus
from jobs.selectors import choices
from jobs.selectors import metrics as selectors
from jobs.selectors.costs import CostScope
from jobs.selectors.costs.daily import usd_by_day
from jobs.selectors.environments import environment_names
from jobs.selectors.listing.filters import OnRequest
from jobs.selectors.listing.pages import Sort
from jobs.selectors.metrics import RANGES, EnvironmentSeries, MetricRange, QueueSeries

from .charts import Chart, Curve
from .jobs import EACH
from .lazily import lazily
from .metric_query import MetricQuery, as_text, read_query

TOPICS = "metrics"
MIN_COST_DAYS, MAX_COST_DAYS = 7, 31
# What a job's words hold that failed so; of other kinds nothing is sure but that it failed.
WORDS_OF_KINDS = {
    kinds.OUT_OF_MEMORY: "OutOfMemoryError",
    kinds.TIME_LIMIT: reasons.TIMED_OUT,
    kinds.HOST_LOSS: reasons.HOST_LOST,
    kinds.SPOT_INTERRUPTION: reasons.HOST_LOST,
    kinds.IMAGE: "CannotPullContainerError",
    kinds.DEPENDENCY: reasons.DEPENDENT_FAILED,
}
# What jobs were of these kinds of failures; of the others none was ended on request.
REQUESTS = {kinds.CANCELLED: OnRequest.CANCELLED, kinds.TERMINATED: OnRequest.TERMINATED}
STEP_WORDS = {60: "minute", 3600: "hour", 86_400: "day"}


@dataclass(frozen=True, slots=True)
class FailureRow:
    """A kind of failure: how often it came, as a part of 1 of the commonest, and the jobs.

    `is_on_request`: somebody cancelled or terminated them.
    """

    label: str
    count: int
    part: float
    url: str
    is_on_request: bool


@dataclass(frozen=True, slots=True)
class Tile:
    """A sum of the range with the jobs that it counts; `note` tells what is not among them."""

    words: str
    number: str
    classes: str
    url: str
    note: str = ""


def build(*, query: MetricQuery, user: User, now: datetime) -> dict[str, Any]:
    """Read when drawn; see `lazily`."""
    queues = lazily(lambda: _queue_series(query))
    environments = lazily(
        lambda: selectors.environment_series(environment_ids=query.environment_ids, span=query.span)
    )
    return {
        "query": query,
        "topics": TOPICS,
        "ranges": [
            (words, query.url(range=key, **NO_ZOOM), key == query.span.key)
            for key, (_, words) in RANGES.items()
        ],
        "reset_url": query.url(**NO_ZOOM) if query.is_zoomed else "",
        "given": {
            "from": f"{query.span.start:%Y-%m-%dT%H:%M}",
            "to": f"{query.span.end:%Y-%m-%dT%H:%M}",
        },
        "queue_names": lazily(choices.queue_names),
        "environment_names": lazily(environment_names),
        "whole_until": lazily(lambda: queues().whole_until),
        "tiles": lazily(lambda: _tiles(queues(), query)),
        "charts": lazily(
            lambda: _in_order(
                *charts_of_capacity(environments(), query.span),
                *charts_of_jobs(queues(), query.span),
            )
        ),
        "costs": lazily(lambda: chart_of_costs(query=query, user=user, now=now)),
        "failures": lazily(lambda: _failures(queues(), query)),
        "json_url": query.url(format="json"),
        "tables_url": query.url(tables="1"),
    }


def build_refused(
    *, given: Mapping[str, str], errors: Mapping[str, list[str]], user: User, now: datetime
) -> dict[str, Any]:
    """The page with what was asked for and what is wrong with it, and no charts."""
    context = build(query=read_query(QueryDict(), now=now), user=user, now=now)
    return {
        **context,
        "errors": [f"{name}: {text}" for name, texts in errors.items() for text in texts],
        "given": {"from": given.get("from", ""), "to": given.get("to", "")},
    }


def as_json(*, query: MetricQuery, user: User, now: datetime) -> dict[str, Any]:
    """The numbers of every chart; those that are not known are null."""
    context = build(query=query, user=user, now=now)
    charts = [*context["charts"](), context["costs"]()]
    return {
        "range": {
            "name": query.span.key,
            "start": query.span.start,
            "end": query.span.end,
            "step_seconds": query.span.step_seconds,
        },
        "queue": query.queue.name if query.queue else None,
        "environment": query.environment.name if query.environment else None,
        "whole_until": context["whole_until"](),
        "charts": {chart.key: {"title": chart.title, **chart.data} for chart in charts},
        "failures": [{"kind": row.label, "count": row.count} for row in context["failures"]()],
    }


ORDER = ("vcpus", "depth", "throughput", "wait", "run", "memory", "running", "instances")
NO_ZOOM = {"from": "", "to": ""}


def _in_order(*charts: Chart) -> list[Chart]:
    return sorted(charts, key=lambda chart: ORDER.index(chart.key))


def _queue_series(query: MetricQuery) -> QueueSeries:
    return selectors.queue_series(queue_ids=query.queue_ids, span=query.span)


def charts_of_capacity(series: EnvironmentSeries, span: MetricRange) -> list[Chart]:
    """Use of environments against what they have."""
    charts = [running_vcpus(series, span)]
    memory = [
        Curve("in use", "MiB", series.used_memory_mib, colour="chart-4"),
        Curve("in all", "MiB", series.total_memory_mib, colour="chart-8", dash=True),
    ]
    charts.append(_chart("memory", "Memory: what jobs reserve", "area", span, memory))
    if any(series.instances):
        instances = [Curve("instances", "instances", series.instances, colour="chart-5")]
        charts.append(
            _chart("instances", "Instances of managed environments", "area", span, instances)
        )
    return charts


def running_vcpus(series: EnvironmentSeries, span: MetricRange, *, is_small: bool = False) -> Chart:
    """vCPUs that jobs hold against those that there are."""
    curves = [
        Curve("in use", "vCPU", series.used_vcpus),
        Curve("in all", "vCPU", series.total_vcpus, colour="chart-8", dash=True),
    ]
    return _chart(
        "vcpus", "Running vCPUs: what jobs reserve", "area", span, curves, is_small=is_small
    )


def queue_depth(series: QueueSeries, span: MetricRange, *, is_small: bool = False) -> Chart:
    """Jobs that wait to be placed, by queue where any do."""
    curves = [Curve(name, "jobs", values) for name, values in series.by_queue]
    if not curves:
        curves = [Curve("all queues", "jobs", series.waiting_mean)]
    title = "Queue depth: jobs that wait (RUNNABLE)"
    return _chart("depth", title, "stacked", span, curves, is_small=is_small)


def charts_of_jobs(series: QueueSeries, span: MetricRange) -> list[Chart]:
    """What jobs did and how long they took."""
    running = [Curve("running", "jobs", series.running_mean, colour="running")]
    throughput = [
        Curve("submitted", "jobs", series.submitted, colour="submitted"),
        Curve("succeeded", "jobs", series.succeeded, colour="succeeded"),
        Curve("failed", "jobs", series.failed, colour="failed"),
    ]
    title = f"Throughput: jobs in {step_in_words(span.step_seconds)}"
    return [
        queue_depth(series, span),
        _chart("running", "Jobs that run (STARTING or RUNNING)", "area", span, running),
        _chart("throughput", title, "line", span, throughput),
        _percentiles(
            "wait", "Wait before running", span, (series.wait_p50, series.wait_p90, series.wait_p95)
        ),
        _percentiles("run", "Run time", span, (series.run_p50, series.run_p90, series.run_p95)),
    ]


def step_in_words(seconds: int) -> str:
    """How much time a point stands for: "a minute", "5 minutes", "a day"."""
    size = max(size for size in STEP_WORDS if seconds % size == 0)
    number, word = seconds // size, STEP_WORDS[size]
    article = "an" if word == "hour" else "a"
    return f"{article} {word}" if number == 1 else f"{number} {word}s"


def chart_of_costs(*, query: MetricQuery, user: User, now: datetime) -> Chart:
    """US dollars a day, by UTC: of the days of the range that are not over a month ago, a week at least."""
    today = now.astimezone(UTC).date()
    earliest = today - timedelta(days=MAX_COST_DAYS - 1)
    first = min(query.span.start.date(), today - timedelta(days=MIN_COST_DAYS - 1))
    scope = CostScope(
        queue=query.queue.pk if query.queue else None,
        environment=query.environment.pk if query.environment else None,
    )
    days = usd_by_day(scope=scope.seen_by(user), first=max(first, earliest), now=now)
    title = "Cost per day (UTC)" if user.is_staff else "Cost of your jobs per day (UTC)"
    return Chart(
        "cost",
        title,
        "bars",
        [int(start_of(day).timestamp()) for day in days],
        [
            Curve("attempts", "USD", [float(each.usd) for each in days.values()]),
            Curve("idle time", "USD", [float(each.idle_usd) for each in days.values()]),
        ],
        step=86_400,
        is_utc=True,
    )


def _chart(
    key: str,
    title: str,
    kind: str,
    span: MetricRange,
    curves: list[Curve],
    *,
    is_small: bool = False,
) -> Chart:
    return Chart(
        key,
        title,
        kind,
        span.times,
        curves,
        step=span.step_seconds,
        start=int(span.start.timestamp()),
        end=int(span.end.timestamp()),
        # A small one is on another page.
        zooms=not is_small,
        is_small=is_small,
    )


def _percentiles(
    key: str, title: str, span: MetricRange, values: Iterable[list[float | None]]
) -> Chart:
    names = ("p50", "p90", "p95")
    curves = [Curve(name, "s", each) for name, each in zip(names, values, strict=True)]
    return _chart(key, f"{title}: percentiles", "line", span, curves)


def _tiles(series: QueueSeries, query: MetricQuery) -> list[Tile]:
    """Sums of the range. As on the overview, what somebody ended is told apart from what failed by itself."""
    submitted = {"from": as_text(query.span.start), "to": as_text(query.span.end)}
    succeeded = _ended(query, JobStatus.SUCCEEDED)
    failed = _ended(query, JobStatus.FAILED, on_request=OnRequest.NO)
    on_request = sum(series.failures_by_kind.get(kind, 0) for kind in kinds.ON_REQUEST)
    sums = [
        ("Submitted", _sum(series.submitted), "bw-submitted", submitted, ""),
        ("Succeeded", _sum(series.succeeded), "bw-succeeded", succeeded, ""),
        (
            "Failed",
            _sum(series.failed) - on_request,
            "bw-failed",
            failed,
            f"and {on_request:,} cancelled or terminated" if on_request else "",
        ),
    ]
    return [
        Tile(words, f"{number:,.0f}", classes, _jobs_url(query, **given), note)
        for words, number, classes, given, note in sums
    ]


def _sum(values: Iterable[float | None]) -> float:
    return sum(each or 0 for each in values)


def _failures(series: QueueSeries, query: MetricQuery) -> list[FailureRow]:
    """The commonest first; behind them what was ended on request."""
    found = sorted(
        series.failures_by_kind.items(),
        key=lambda each: (each[0] in kinds.ON_REQUEST, -each[1], each[0]),
    )
    most = max((count for _, count in found), default=1)
    return [
        FailureRow(
            label=kinds.label_of(kind),
            count=count,
            part=count / most,
            url=_jobs_url(
                query,
                **_ended(query, JobStatus.FAILED, on_request=REQUESTS.get(kind, OnRequest.NO)),
                q=_words_of(kind),
            ),
            is_on_request=kind in kinds.ON_REQUEST,
        )
        for kind, count in found
    ]


def _ended(
    query: MetricQuery, status: JobStatus, *, on_request: OnRequest | None = None
) -> dict[str, str]:
    """The list of the jobs that ended so within the range."""
    return {
        "status": str(status),
        "ended_from": as_text(query.span.start),
        "ended_to": as_text(query.span.end),
        "on_request": on_request or "",
        "sort": str(Sort.ENDED),
    }


def _words_of(kind: str) -> str:
    if kind.startswith(kinds.EXIT_PREFIX):
        return kinds.label_of(kind)
    return WORDS_OF_KINDS.get(kind, "")


def _jobs_url(query: MetricQuery, **given: str) -> str:
    """The list of jobs, narrowed; an array counts by its children."""
    asked = {"queue": query.queue.name if query.queue else "", **given, "children": EACH}
    return f"{reverse('jobs')}?{urlencode({name: text for name, text in asked.items() if text})}"
