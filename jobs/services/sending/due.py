"""Which rules have something to send now, and whose turn it is: a claim that runs out, so that no rule is stuck."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import Min, QuerySet
from django.utils import timezone

from jobs import changes
from jobs.domain.event_rules import (
    GIVEN_UP_AFTER,
    GONE,
    LONGEST_DELAY,
    MAILS_EVERY,
    delay_after,
)
from jobs.models import DeliveryState, EventDelivery, EventRule, TargetKind

from .outcomes import Outcome

# Whoever sends has done by then, or is dead.
CLAIMED_FOR = timedelta(seconds=30)
# So many events go out one after the other before another rule has its turn; in a mail there is room for more.
WEBHOOKS_AT_ONCE = 50
IN_A_MAIL = 1000
# So many are given up in a statement.
PORTION = 1000
WRITTEN_AT_END = (
    *("claim", "last_sent_at", "failures", "last_error", "next_at"),
    *("is_enabled", "off_reason"),
)


def is_due() -> bool:
    """Whether there is something to do for any rule."""
    return due_rules(now=timezone.now()).exists()


def due_rules(*, now: datetime) -> QuerySet[EventRule]:
    """Rules for which something is to be done, that longest due first."""
    return EventRule.objects.filter(is_enabled=True, next_at__lte=now).order_by("next_at", "id")


def claim(*, now: datetime, without: Collection[int]) -> EventRule | None:
    """A rule that is due, now the caller's for `CLAIMED_FOR`, with owner and secret; None: no other is."""
    others = due_rules(now=now).exclude(pk__in=without).defer("encrypted")
    while (rule := others.first()) is not None:
        ticket = uuid4()
        taken = EventRule.objects.filter(
            pk=rule.pk, is_enabled=True, next_at=rule.next_at, claim=rule.claim
        ).update(next_at=now + CLAIMED_FOR, claim=ticket)
        # As it is now: it may have been changed since it was found, or deleted.
        mine = EventRule.objects.filter(claim=ticket).select_related("owner").first()
        if taken and mine is not None:
            return mine
    return None


def due_deliveries(rule: EventRule, *, now: datetime) -> list[EventDelivery]:
    """What is to be sent of a rule, that longest due first: of one whose receiver failed, what failed before."""
    rows = EventDelivery.objects.filter(
        rule=rule, state=DeliveryState.WAITING, next_at__lte=now
    ).order_by("next_at", "id")
    size = IN_A_MAIL if rule.target_kind == TargetKind.EMAIL else WEBHOOKS_AT_ONCE
    found = list(rows[:size])
    for each in found:
        each.rule = rule
    return found


def give_up_old(rule: EventRule, *, now: datetime) -> int:
    """Gives up what has waited for a day, a portion of it; how many."""
    # What the receiver did not want is given up when he says so again; of all else this is when it was put down.
    old = EventDelivery.objects.filter(
        rule=rule, state=DeliveryState.WAITING, next_at__lt=now - GIVEN_UP_AFTER
    ).order_by("next_at", "id")
    keys = list(old.values_list("pk", flat=True)[:PORTION])
    if not keys:
        return 0
    reason = rule.last_error or "The rule was switched off."
    return EventDelivery.objects.filter(pk__in=keys, state=DeliveryState.WAITING).update(
        state=DeliveryState.GIVEN_UP, done_at=now, error=f"It waited for 24 hours. {reason}"
    )


def give_up(keys: Sequence[int], reason: str, *, now: datetime) -> None:
    """Gives up deliveries that can never be sent."""
    EventDelivery.objects.filter(pk__in=keys, state=DeliveryState.WAITING).update(
        state=DeliveryState.GIVEN_UP, done_at=now, error=reason
    )


def record(outcome: Outcome, deliveries: Sequence[EventDelivery], *, now: datetime) -> None:
    """Writes what became of a try to send these."""
    rows = EventDelivery.objects.filter(
        pk__in=[each.pk for each in deliveries], state=DeliveryState.WAITING
    )
    tries = max(each.tries for each in deliveries) + 1
    said = {"tries": tries, "status_code": outcome.status_code}
    if not outcome.error:
        rows.update(state=DeliveryState.SENT, done_at=now, error="", **said)
        return
    if outcome.is_of_event:
        # Of a failing receiver, the rule waits, and so does all behind this one, in its order.
        next_at = now + delay_after(tries)
        rows.update(error=outcome.error, next_at=next_at, **said)
        given_up = rows.filter(put_down_at__lt=next_at - GIVEN_UP_AFTER)
        given_up.update(state=DeliveryState.GIVEN_UP, done_at=now)
    else:
        rows.update(error=outcome.error, **said)


def let_go(
    rule: EventRule,
    ticket: UUID | None,
    *,
    sent: bool,
    problem: str | None,
    now: datetime,
    wait: timedelta = timedelta(0),
    is_gone: bool = False,
) -> bool:
    """Ends a claim: says when the rule is due next, and how its receiver does. Whether it was switched off.

    `problem`: why it is not to be asked again soon, not before `wait` is over; None: it is. `is_gone`: it is not to be
    asked at all, so the rule is switched off, unless it goes elsewhere meanwhile; what waits goes on waiting. If
    another has taken over, nothing changes.
    """
    with transaction.atomic():
        row = (
            EventRule.objects.select_for_update(no_key=True)
            .defer("encrypted")
            .filter(pk=rule.pk, claim=ticket)
            .first()
        )
        if row is None:
            return False
        row.claim = None
        if sent:
            row.last_sent_at = now
        if problem is not None:
            row.failures, row.last_error = row.failures + 1, problem
        elif sent:
            row.failures, row.last_error = 0, ""
        longer = min(max(delay_after(row.failures), wait), LONGEST_DELAY)
        row.next_at = _next_at(row, delay=None if problem is None else longer, now=now)
        is_off = is_gone and row.is_enabled and row.address == rule.address
        if is_off:
            row.is_enabled, row.off_reason = False, GONE
        row.save(update_fields=WRITTEN_AT_END)
        changes.publish([changes.SENDING])
    return is_off


def _next_at(row: EventRule, *, delay: timedelta | None, now: datetime) -> datetime | None:
    waiting = EventDelivery.objects.filter(rule=row, state=DeliveryState.WAITING)
    first: datetime | None = waiting.aggregate(first=Min("next_at"))["first"]
    if first is None:
        return None
    if delay is not None:
        return now + delay
    if row.target_kind == TargetKind.EMAIL and row.last_sent_at is not None:
        return max(first, row.last_sent_at + MAILS_EVERY)
    return max(first, now)
