"""Which of the newest events a pattern matches: tried before a rule is made. Nothing is written."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User

from jobs.domain.event_patterns import Pattern, matches
from jobs.models import Alarm, AlarmChange, NodeTransition
from jobs.selectors.events.history import EventFilters, Ids
from jobs.selectors.events.newest import NEWEST, newest_events

from .documents import DOCUMENTS, alarm_event, alarm_events, events_to_read, name_of

EVENTS = 50
SECONDS = 1.0
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
    """Holds a pattern against the newest events that this user's rule would tell of, for a second at most.

    A bounded number of queries.
    """
    until = time.monotonic() + SECONDS
    found: list[Match] = []
    looked_at = 0
    changes = AlarmChange.objects.order_by("-id").values_list("pk", flat=True)
    for event, match in _newest_of_alarms(list(changes[:ALARM_CHANGES])):
        looked_at += 1
        if matches(pattern, event):
            found.append(match)
    for event, match in _newest_of_jobs(user):
        looked_at += 1
        if matches(pattern, event):
            found.append(match)
        if time.monotonic() > until:
            break
    found.sort(key=lambda each: each.at, reverse=True)
    return Tried(found, looked_at)


def raised_event(alarm: Alarm) -> Mapping[str, Any]:
    """The event that there will be when the alarm is raised."""
    change = AlarmChange(
        alarm=alarm, from_state="OK", to_state="ALARM", reason="", at=alarm.created_at, pk=0
    )
    return alarm_event(change, alarm)


def _newest_of_alarms(ids: Sequence[int]) -> Iterator[tuple[Mapping[str, Any], Match]]:
    rows = AlarmChange.objects.select_related("alarm").in_bulk(ids)
    for pk, event in alarm_events(ids).items():
        row = rows[pk]
        yield event, Match(row.at, row.alarm.name, event["detail-type"], row.to_state)


def _newest_of_jobs(user: User) -> Iterator[tuple[Mapping[str, Any], Match]]:
    """Some are written at a time, and none behind what is asked for."""
    before: Ids | None = NEWEST
    looked_at = 0
    while before is not None and looked_at < EVENTS:
        limit = min(DOCUMENTS, EVENTS - looked_at)
        page = newest_events(user=user, filters=EventFilters(), before=before, limit=limit)
        made = events_to_read(page.rows)
        for row in page.rows:
            event = made(row)
            node = row.node_index if isinstance(row, NodeTransition) else None
            name = name_of(row.job.name, array_index=row.job.array_index, node=node)
            status = event["detail"]["status"]
            yield event, Match(row.at, name, event["detail-type"], status, row.job_id)
        looked_at += limit
        before = page.before
