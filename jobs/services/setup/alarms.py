"""Making, changing and deleting alarms. `services.metrics.alarms` looks at them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from jobs import changes
from jobs.domain import alarms, validation
from jobs.domain.flags import flag
from jobs.domain.validation import Checker, FieldError, is_empty
from jobs.models import Alarm, AlarmState, ComputeEnvironment, JobQueue
from jobs.selectors.named import environment_named, queue_named
from jobs.services.metrics.alarms import look_at
from jobs.services.writing.races import second_look, still_there

from .names import free_name

FIELDS = frozenset(
    {
        *("name", "metric", "queue", "environment", "comparison", "threshold"),
        *("period_minutes", "periods", "is_enabled"),
    }
)


@dataclass(frozen=True, slots=True)
class AlarmFields:
    """An alarm that passed every check, as it will be written."""

    name: str
    metric: str
    comparison: str
    threshold: float
    period_minutes: int
    periods: int
    is_enabled: bool
    queue: JobQueue | None = None
    environment: ComputeEnvironment | None = None


def check_alarm(*, fields: Mapping[str, object], alarm: Alarm | None = None) -> AlarmFields:
    """The clean alarm, or InvalidInput with every field that is wrong. Writes nothing.

    `metric` and `comparison` are those of `domain.alarms`. `queue` or `environment` is a name; left out, all
    of them together. `period_minutes` (5 where it is left out), `periods` (1) and `is_enabled` (true). With
    `alarm` these are changes of that: what is left out stays.
    """
    checker = Checker()
    checker.only(fields, FIELDS)
    asked = {"is_enabled": True} if alarm is None else _own(alarm, fields)
    asked = {**asked, **fields}
    metric = checker.check("metric", alarms.metric, asked.get("metric"), "")
    periods = checker.check("periods", alarms.periods, asked.get("periods"), 1)
    minutes = checker.check("period_minutes", alarms.period_minutes, asked.get("period_minutes"), 1)
    if problem := alarms.problem_of_length(minutes, periods):
        checker.add("periods", problem)
    clean = AlarmFields(
        name=checker.check(
            "name",
            lambda value: free_name(value, Alarm.objects.all(), alarm, kind="an alarm"),
            asked.get("name"),
            "",
        ),
        metric=metric,
        comparison=checker.check("comparison", alarms.comparison, asked.get("comparison"), ""),
        threshold=checker.check("threshold", alarms.threshold, asked.get("threshold"), 0.0),
        period_minutes=minutes,
        periods=periods,
        is_enabled=checker.check("is_enabled", flag, asked.get("is_enabled"), True),
        **_check_target(checker, metric, asked),
    )
    if alarm is None and Alarm.objects.count() >= alarms.MAX_ALARMS:
        checker.add("", alarms.TOO_MANY)
    checker.done()
    return clean


def create_alarm(*, fields: Mapping[str, object], now: datetime) -> Alarm:
    """Writes a new alarm, and looks at it where it is known what happened.

    Raises InvalidInput; then nothing changed.
    """
    clean = check_alarm(fields=fields)
    row = Alarm(
        created_at=now,
        state=AlarmState.INSUFFICIENT_DATA,
        state_since=now,
    )
    _put(row, clean)
    with second_look(lambda: check_alarm(fields=fields)), transaction.atomic():
        row.save(force_insert=True)
        changes.publish([changes.ALARMS])
    return _looked_at(row, now)


def update_alarm(*, alarm: Alarm, fields: Mapping[str, object], now: datetime) -> Alarm:
    """Changes an alarm, and looks at it as it is then.

    Raises InvalidInput, or NotFound if it was deleted meanwhile.
    """
    clean = check_alarm(fields=fields, alarm=alarm)
    with second_look(lambda: check_alarm(fields=fields, alarm=alarm)), transaction.atomic():
        row = still_there(
            Alarm.objects.select_for_update(), alarm, called=f"The alarm {alarm.name}"
        )
        _put(row, clean)
        row.save()
        changes.publish([changes.ALARMS])
    return _looked_at(row, now)


def delete_alarm(*, alarm: Alarm) -> None:
    """Deletes an alarm, with its history."""
    with transaction.atomic():
        if Alarm.objects.filter(pk=alarm.pk).delete()[0]:
            changes.publish([changes.ALARMS])


def values_of(alarm: Alarm) -> dict[str, object]:
    """The fields that would make this alarm: what a form shows, and what a change leaves as it is."""
    return {
        "name": alarm.name,
        "metric": alarm.metric,
        "queue": alarm.queue.name if alarm.queue else "",
        "environment": alarm.environment.name if alarm.environment else "",
        "comparison": alarm.comparison,
        "threshold": alarm.threshold,
        "period_minutes": alarm.period_minutes,
        "periods": alarm.periods,
        "is_enabled": alarm.is_enabled,
    }


def _looked_at(row: Alarm, now: datetime) -> Alarm:
    """What dies in between, the next whole minute makes good."""
    look_at(row, now=now)
    return Alarm.objects.select_related("queue", "environment").filter(pk=row.pk).first() or row


def _own(alarm: Alarm, fields: Mapping[str, object]) -> dict[str, object]:
    own = values_of(alarm)
    of_queues = alarms.OF_QUEUES
    if (fields.get("metric", alarm.metric) in of_queues) != (alarm.metric in of_queues):
        # A metric of other things: what the old one was of says nothing of it.
        own.update(queue="", environment="")
    return own


def _check_target(checker: Checker, metric: str, asked: Mapping[str, object]) -> dict[str, Any]:
    """Of what the alarm is, clean; an error for what the metric is not of."""
    if not metric:
        return {}
    if metric in alarms.OF_QUEUES:
        if not is_empty(asked.get("environment")):
            checker.add("environment", "This metric is of queues. Leave it empty.")
        return {"queue": checker.check("queue", _queue, asked.get("queue"), None)}
    if not is_empty(asked.get("queue")):
        checker.add("queue", "This metric is of environments. Leave it empty.")
    return {
        "environment": checker.check("environment", _environment, asked.get("environment"), None)
    }


def _put(row: Alarm, clean: AlarmFields) -> None:
    for field in FIELDS:
        setattr(row, field, getattr(clean, field))
    # Whatever was said of it before was by another rule.
    row.state_reason = alarms.NOT_LOOKED_YET if clean.is_enabled else alarms.SWITCHED_OFF


def _queue(value: object) -> JobQueue | None:
    name = validation.read_text(value)
    if not name:
        return None
    queue = queue_named(name)
    if queue is None:
        raise FieldError(
            f"There is no job queue named {name[:140]}. Leave it empty for all queues."
        )
    return queue


def _environment(value: object) -> ComputeEnvironment | None:
    name = validation.read_text(value)
    if not name:
        return None
    found = environment_named(name)
    if found is None:
        raise FieldError(
            f"There is no compute environment named {name[:140]}. Leave it empty for all of them."
        )
    return found
