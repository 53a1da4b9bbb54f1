"""Putting events down to be sent: each once for each rule that it matches, in the transaction that makes it sure."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from jobs import changes, queueing
from jobs.domain.event_patterns import matches
from jobs.domain.event_rules import GIVEN_UP_AFTER, MAILS_EVERY
from jobs.models import (
    Alarm,
    AlarmChange,
    DeliveryState,
    EventDelivery,
    EventKind,
    EventRule,
    TargetKind,
)

from .documents import alarm_event

# Of a rule whose receiver is away, no more wait: what comes on top is only counted.
MAX_WAITING = 50_000
WRITTEN_AT_ONCE = 500
# A task takes ids, and this one needs none.
EVERYTHING = 0


class Wanted(NamedTuple):
    """An event that a rule wants. `due`: when it is to be sent, if that is not at once behind what waits."""

    rule_id: int
    kind: EventKind
    row_id: int | None
    job_id: UUID | None
    name: str
    status: str
    at: datetime
    due: datetime | None = None


def rules_at_work() -> list[EventRule]:
    """Those that are switched on and whose owner is, without their secrets. One query."""
    rows = EventRule.objects.filter(is_enabled=True, owner__is_active=True)
    return list(rows.select_related("owner").defer("encrypted").order_by("id"))


def waiting_for(wanted: Sequence[Wanted]) -> dict[int, int]:
    """How many events of each of these rules wait: to be counted before others are kept from writing."""
    return {rule_id: _count_waiting(rule_id) for rule_id in {each.rule_id for each in wanted}}


def put_down(
    wanted: Sequence[Wanted], *, now: datetime, waiting: Mapping[int, int] | None = None
) -> int:
    """Writes what is to be sent, in the present transaction; how many. Rules that went meanwhile get nothing.

    What is put down already is not put down again. `waiting`: as `waiting_for` has counted it; what others put down
    since then is little. A few queries, and up to two more for each rule.
    """
    waiting = waiting_for(wanted) if waiting is None else waiting
    by_rule: Mapping[int, list[Wanted]] = defaultdict(list)
    for each in wanted:
        by_rule[each.rule_id].append(each)
    # Who sends takes rows away under the same locks, so none is left that nobody looks for.
    locked = EventRule.objects.select_for_update(no_key=True).defer("encrypted")
    rows: list[EventDelivery] = []
    for rule in locked.filter(pk__in=by_rule).order_by("id"):
        room = max(MAX_WAITING - waiting[rule.pk], 0)
        rows += _rows_of(rule, by_rule[rule.pk], room, now)
    EventDelivery.objects.bulk_create(rows, batch_size=WRITTEN_AT_ONCE, ignore_conflicts=True)
    if wanted:
        changes.publish([changes.SENDING])
        hand_over_sending()
    return len(rows)


def put_down_alarm_change(change: AlarmChange, alarm: Alarm, *, now: datetime) -> None:
    """Puts an alarm's change down for the rules that it matches, in the transaction that writes it.

    One query where there is no rule.
    """
    rules = rules_at_work()
    if not rules:
        return
    event = alarm_event(change, alarm)
    put_down(
        [
            Wanted(
                rule.pk, EventKind.ALARM, change.pk, None, alarm.name, change.to_state, change.at
            )
            for rule in rules
            if matches(rule.pattern, event)
        ],
        now=now,
    )


def put_down_test(rule: EventRule, *, now: datetime) -> None:
    """Puts down an event that was made to try the rule: it goes first, and soon, whatever the receiver did before."""
    with transaction.atomic():
        row = EventRule.objects.select_for_update(no_key=True).defer("encrypted")
        found = row.filter(pk=rule.pk).first()
        if found is None:
            return
        first = _waiting(found.pk).values_list("next_at", flat=True).first() or now
        # Not so early that it would be given up at once.
        due = max(min(first, now) - timedelta(milliseconds=1), now - GIVEN_UP_AFTER / 2)
        put_down([Wanted(found.pk, EventKind.TEST, None, None, "", "", now, due)], now=now)
        if found.claim is None:
            EventRule.objects.filter(pk=found.pk).update(next_at=_soon(found, now))


def hand_over_sending() -> None:
    """Has a worker send what is due, after the commit, unless one is still to."""
    if queueing.is_idle(queueing.SEND_EVENTS):
        queueing.enqueue_after_commit(queueing.SEND_EVENTS, [EVERYTHING])


def _count_waiting(rule_id: int) -> int:
    """Counted no further than what may wait."""
    return _waiting(rule_id).values("pk")[:MAX_WAITING].count()


def _waiting(rule_id: int) -> QuerySet[EventDelivery]:
    rows = EventDelivery.objects.filter(rule=rule_id, state=DeliveryState.WAITING)
    return rows.order_by("next_at", "id")


def _rows_of(
    rule: EventRule, wanted: Sequence[Wanted], room: int, now: datetime
) -> list[EventDelivery]:
    """What is put down for a rule, which is due then; those that have no room are only counted."""
    before = rule.passed_over, rule.next_at
    rule.passed_over += len(wanted[room:])
    if wanted[:room]:
        rule.next_at = _due_at(rule, now)
    if before != (rule.passed_over, rule.next_at):
        rule.save(update_fields=["passed_over", "next_at"])
    return [
        EventDelivery(
            rule=rule,
            kind=each.kind,
            row_id=each.row_id,
            job_id=each.job_id,
            name=each.name,
            status=each.status,
            at=each.at,
            put_down_at=now,
            next_at=each.due or now,
        )
        for each in wanted[:room]
    ]


def _due_at(rule: EventRule, now: datetime) -> datetime:
    if rule.next_at is not None and (rule.claim is not None or rule.failures):
        # Who sends looks again when he is done; and a receiver that is not well is left alone.
        return rule.next_at
    soon = _soon(rule, now)
    return soon if rule.next_at is None else min(soon, rule.next_at)


def _soon(rule: EventRule, now: datetime) -> datetime:
    if rule.target_kind == TargetKind.EMAIL and rule.last_sent_at is not None:
        return max(now, rule.last_sent_at + MAILS_EVERY)
    return now
