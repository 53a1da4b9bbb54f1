"""Which of the newest events a pattern matches: tried before a rule is made. Nothing is written."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User

from jobs.domain.event_patterns import Pattern, matches
from jobs.models import Alarm, AlarmChange
from jobs.selectors.events import EventFilters
from jobs.selectors.newest_events import newest_events

from .documents import alarm_event, write_events

EVENTS = 50
ALARM_CHANGES = 5


@dataclass(frozen=True, slots=True)
class Match:
    """An event that would be sent. `job_id` is None of an alarm's."""

    at: datetime
    name: str
    what: str
    status: str
    job_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Tried:
    """Those that match, newest first, of `looked_at` events."""

    matches: list[Match]
    looked_at: int


def try_pattern(pattern: Pattern, *, user: User) -> Tried:
    """Holds a pattern against the newest events that this user's rule would tell of. A bounded number of queries."""
    rows = newest_events(user=user, filters=EventFilters(), limit=EVENTS).rows
    found = [
        Match(row.at, row.job.name, event["detail-type"], event["detail"]["status"], row.job_id)
        for row, event in zip(rows, map(json.loads, write_events(rows)), strict=True)
        if matches(pattern, event)
    ]
    changes = AlarmChange.objects.select_related("alarm__queue", "alarm__environment")
    newest = list(changes.order_by("-id")[:ALARM_CHANGES])
    for change in newest:
        event = alarm_event(change, change.alarm)
        if matches(pattern, event):
            found.append(Match(change.at, change.alarm.name, event["detail-type"], change.to_state))
    found.sort(key=lambda each: each.at, reverse=True)
    return Tried(found, len(rows) + len(newest))


def raised_event(alarm: Alarm) -> Mapping[str, Any]:
    """The event that there will be when the alarm is raised."""
    change = AlarmChange(
        alarm=alarm, from_state="OK", to_state="ALARM", reason="", at=alarm.created_at, pk=0
    )
    return alarm_event(change, alarm)
