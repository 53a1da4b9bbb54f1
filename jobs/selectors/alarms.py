"""Reads of alarms: lists, histories, which are raised, and the values that they are judged by."""

from datetime import datetime, timedelta

from django.db.models import QuerySet

from jobs.domain.alarms import Rule, length_of
from jobs.domain.metric_ranges import CUSTOM, MINUTE, MetricRange
from jobs.models import Alarm, AlarmChange, AlarmComparison, AlarmMetric, AlarmState

from .metrics import Values, environment_series, queue_series
from .paging import PAGE_SIZE, Page, page_of

# More than this are not listed beside other things.
RAISED_SHOWN = 10
CHANGES_SHOWN = 25
# Of a chart: so many periods before those that count.
PERIODS_SHOWN = 60

_OF_QUEUE = {
    AlarmMetric.WAITING_JOBS: "waiting_mean",
    AlarmMetric.RUNNING_JOBS: "running_mean",
    AlarmMetric.FAILED_JOBS: "failed",
    AlarmMetric.SUCCEEDED_JOBS: "succeeded",
    AlarmMetric.WAIT_P90_SECONDS: "wait_p90",
    AlarmMetric.RUN_P90_SECONDS: "run_p90",
}
_OF_ENVIRONMENT = {
    AlarmMetric.VCPU_PERCENT: ("used_vcpus", "total_vcpus"),
    AlarmMetric.MEMORY_PERCENT: ("used_memory_mib", "total_memory_mib"),
}


def list_alarms(
    *, after: str = "", search: str = "", state: str = "", size: int = PAGE_SIZE
) -> Page[Alarm]:
    """Alarms by name. One query."""
    rows = _alarms().filter(name__gt=after)
    if search:
        rows = rows.filter(name__icontains=search)
    if state:
        rows = rows.filter(state=state)
    return page_of(list(rows.order_by("name")[: size + 1]), size=size, key=lambda row: row.name)


def find_alarm(*, name: str) -> Alarm | None:
    """One by its name. One query."""
    return _alarms().filter(name=name).first()


def alarm_names() -> list[str]:
    """To choose from, in order: there are no more than `domain.alarms.MAX_ALARMS`. One query."""
    return list(Alarm.objects.order_by("name").values_list("name", flat=True))


def raised_alarms(*, limit: int = RAISED_SHOWN) -> list[Alarm]:
    """Those that are raised, the newest first. One query."""
    rows = _alarms().filter(state=AlarmState.ALARM, is_enabled=True)
    return list(rows.order_by("-state_since", "name")[:limit])


def enabled_alarms() -> list[Alarm]:
    """Those that are to be looked at. One query."""
    return list(_alarms().filter(is_enabled=True).order_by("id"))


def changes_of(
    alarm: Alarm, *, before: int | None = None, size: int = CHANGES_SHOWN
) -> Page[AlarmChange]:
    """The lines of an alarm's history, newest first, from before the line with this id on. One query."""
    rows = AlarmChange.objects.filter(alarm=alarm)
    if before is not None:
        rows = rows.filter(id__lt=before)
    return page_of(list(rows.order_by("-id")[: size + 1]), size=size, key=lambda row: str(row.pk))


def rule_of(alarm: Alarm) -> Rule:
    """The alarm's rule, with its metric in words."""
    return Rule(
        metric=AlarmMetric(alarm.metric).label,
        comparison=AlarmComparison(alarm.comparison).value,
        threshold=alarm.threshold,
        period_minutes=alarm.period_minutes,
        periods=alarm.periods,
    )


def newest_values(alarm: Alarm, *, until: datetime) -> list[float | None]:
    """The values of the periods that the alarm is judged by, oldest first; None where nothing is known.

    At most four queries.
    """
    start = until - length_of(alarm.period_minutes, alarm.periods)
    return _values(alarm, start, until)[1]


def values_before(alarm: Alarm, *, until: datetime) -> tuple[list[int], Values]:
    """For a chart: the periods up to `until`, as seconds since 1970, and their values. At most four queries.

    No further back than a day, or than what the alarm looks at.
    """
    shown = max(alarm.periods, min(PERIODS_SHOWN, 1440 // alarm.period_minutes))
    return _values(alarm, until - length_of(alarm.period_minutes, shown), until)


def _alarms() -> QuerySet[Alarm]:
    return Alarm.objects.select_related("queue", "environment")


def _values(alarm: Alarm, start: datetime, until: datetime) -> tuple[list[int], Values]:
    step = int(timedelta(minutes=alarm.period_minutes).total_seconds())
    span = MetricRange(CUSTOM, start, until, MINUTE, step)
    metric = AlarmMetric(alarm.metric)
    if metric in _OF_QUEUE:
        queues = None if alarm.queue_id is None else [alarm.queue_id]
        of_queue = queue_series(queue_ids=queues, span=span, with_queues=False)
        return of_queue.times, getattr(of_queue, _OF_QUEUE[metric])
    environments = None if alarm.environment_id is None else [alarm.environment_id]
    series = environment_series(environment_ids=environments, span=span)
    used, total = (getattr(series, name) for name in _OF_ENVIRONMENT[metric])
    return series.times, [_percent(*each) for each in zip(used, total, strict=True)]


def _percent(used: float | None, total: float | None) -> float | None:
    # Where nothing may be used, no share of it is.
    return round(100 * used / total, 2) if total and used is not None else None
