"""Looking at alarms: each whole minute, once all that happened in it is counted.

What is found is a function of the rows by time, so doing it twice changes nothing; only a change of state is
written, with a line of the alarm's history, and the first reason by a rule that is new.
"""

from datetime import datetime

from django.db import transaction

from jobs import changes
from jobs.domain.alarms import NOT_LOOKED_YET, SWITCHED_OFF, Verdict, judge
from jobs.models import Alarm, AlarmChange, AlarmState, FollowMark
from jobs.models.metric import ALARMS_MARK
from jobs.selectors.alarms import enabled_alarms, newest_values, rule_of
from jobs.selectors.metrics import whole_until
from jobs.services.sending.outbox import put_down_alarm_change
from jobs.services.writing.apart import Apart

# What an alarm was judged by: if one of these was changed meanwhile, the verdict is another one's.
RULE_FIELDS = (
    *("metric", "queue_id", "environment_id", "comparison", "threshold"),
    *("period_minutes", "periods", "is_enabled"),
)


def look_at_alarms(*, now: datetime) -> int:
    """Looks at all alarms, unless that was done for the newest whole minute; how many changed.

    Two queries where no minute has become whole. Each alarm is a transaction of its own.
    """
    until = whole_until()
    if until is None or FollowMark.objects.filter(name=ALARMS_MARK, until__gte=until).exists():
        return 0
    changed, apart = 0, Apart()
    for alarm in enabled_alarms():
        with apart.each(alarm.pk):
            changed += look_at(alarm, now=now)
    FollowMark.objects.get_or_create(name=ALARMS_MARK, defaults={"until": until})
    FollowMark.objects.filter(name=ALARMS_MARK, until__lt=until).update(until=until)
    apart.done()
    return changed


def look_at(alarm: Alarm, *, now: datetime) -> bool:
    """Judges an alarm by all that is counted, if anything is; whether its state changed."""
    if not alarm.is_enabled:
        return _record(alarm, Verdict(AlarmState.INSUFFICIENT_DATA, SWITCHED_OFF), now)
    until = whole_until()
    if until is None:
        return False
    verdict = judge(rule_of(alarm), newest_values(alarm, until=until), until)
    return _record(alarm, verdict, now, until)


def _record(read: Alarm, verdict: Verdict, now: datetime, until: datetime | None = None) -> bool:
    with transaction.atomic():
        row = Alarm.objects.select_for_update(no_key=True).filter(pk=read.pk).first()
        if row is None or _rule(row) != _rule(read):
            return False
        if until is not None and whole_until() != until:
            # Whoever counted further looks at it too, and may have been here before.
            return False
        is_other = row.state != verdict.state
        if is_other:
            change = AlarmChange.objects.create(
                alarm=row,
                from_state=row.state,
                to_state=verdict.state,
                reason=verdict.reason,
                at=now,
            )
            # With the change or not at all.
            put_down_alarm_change(change, row, now=now)
            row.state, row.state_since = verdict.state, now
        if is_other or row.state_reason == NOT_LOOKED_YET:
            row.state_reason = verdict.reason
            row.save(update_fields=["state", "state_reason", "state_since"])
            changes.publish([changes.ALARMS])
    return is_other


def _rule(alarm: Alarm) -> tuple[object, ...]:
    return tuple(getattr(alarm, field) for field in RULE_FIELDS)
