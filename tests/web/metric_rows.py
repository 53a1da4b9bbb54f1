"""Rows of metrics as the worker writes them, for pages with charts."""

from datetime import datetime, timedelta
from typing import Any

from jobs.domain.histograms import add
from jobs.models import ComputeEnvironment, EnvironmentMetric, FollowMark, JobQueue, QueueMetric
from jobs.models.metric import METRICS_MARK, MetricSpan


def a_queue_minute(queue: JobQueue, start: datetime, **fields: Any) -> QueueMetric:
    """A minute with one look at the queue; `waits` and `runs` are lists of seconds."""
    histograms: dict[str, dict[str, int]] = {"waits": {}, "runs": {}}
    for name, histogram in histograms.items():
        for seconds in fields.pop(name, ()):
            add(histogram, seconds)
    values = {"seconds": MetricSpan.MINUTE, "samples": 1, **histograms, **fields}
    return QueueMetric.objects.create(queue=queue, start=start, **values)


def an_environment_minute(
    environment: ComputeEnvironment, start: datetime, *, used: int, total: int, **fields: Any
) -> EnvironmentMetric:
    """A minute with one look at the environment: thousandths of vCPUs."""
    return EnvironmentMetric.objects.create(
        seconds=MetricSpan.MINUTE,
        start=start,
        environment=environment,
        samples=1,
        used_milli_vcpus_sum=used,
        total_milli_vcpus_sum=total,
        used_memory_mib_sum=used,
        total_memory_mib_sum=total,
        **fields,
    )


def minutes_before(now: datetime, minutes: int) -> datetime:
    """The beginning of the minute so long before."""
    return now.replace(second=0, microsecond=0) - timedelta(minutes=minutes)


def counted_until(moment: datetime) -> None:
    """That everything up to then is counted."""
    FollowMark.objects.update_or_create(name=METRICS_MARK, defaults={"until": moment})
