"""Adding up whole past hours of costs, so that a page, or a budget, need not read every row again.

An hour is added up some minutes after its end, when all that ended in it is written, and replaced as a whole:
doing it twice changes nothing. What is written later still makes it stale. `CostMark` says until when. Idle time
is booked in the hour in which its instance ended, with the queue, definition and owner of the attempt that is
charged with it.

Workers do it: a full hour takes seconds, most of which is reading, and holds up nobody.
"""

import time
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet

from jobs import queueing
from jobs.models import Attempt, CostHour, CostMark, CostTagHour, Instance, StaleCostHour
from jobs.selectors.costs_ledger import Ledger
from jobs.selectors.costs_scope import (
    HOUR,
    MARK,
    NOTHING_ADDED_UP,
    CostRange,
    CostScope,
    added_up_until,
    hour_of,
)

from .instances import charge_waiting_idle

# What ends in an hour is written by then: whoever writes an end takes seconds, and clocks are less apart.
WRITTEN_AFTER = timedelta(minutes=10)
# A call takes so long, and one hour's adding up more at most.
SECONDS_AT_ONCE = 5.0
STALE_AT_ONCE = 100
# A task takes ids, and this one needs none.
EVERYTHING = 0


def hand_over_costs() -> None:
    """Has a worker see to costs, unless one is still to. For the scheduler's loop, or to go on."""
    if queueing.is_idle(queueing.COSTS):
        queueing.enqueue_after_commit(queueing.COSTS, [EVERYTHING])


def add_up_costs(*, now: datetime) -> bool:
    """Goes on adding up what is over, oldest hour first, for a moment; whether some is left.

    Four queries where nothing is due. Each hour is a transaction of its own.
    """
    until = time.monotonic() + SECONDS_AT_ONCE
    if charge_waiting_idle(now=now):
        # An hour's idle time is not known yet.
        return True
    stale = StaleCostHour.objects.filter(hour__lt=added_up_until()).order_by("hour")
    for hour in stale.values_list("hour", flat=True).distinct()[:STALE_AT_ONCE]:
        add_up_hour(hour)
        if time.monotonic() > until:
            return True
    while (due := _next_hour(now)) is not None:
        add_up_hour(due)
        if time.monotonic() > until:
            return True
    return False


def add_up_hour(hour: datetime) -> bool:
    """Writes what an hour's ends cost, in place of what was written of it before; the mark never goes back.

    False where another worker has written hours meanwhile: then nothing changed. All reading is done before
    the transaction, which would hold up others. What changes from there on leaves a mark of its own.
    """
    mark, _ = CostMark.objects.get_or_create(name=MARK, defaults={"until": NOTHING_ADDED_UP})
    stale = list(StaleCostHour.objects.filter(hour=hour).values_list("id", flat=True))
    found = Ledger(CostRange(hour, hour + HOUR), CostScope(), from_rows=True)
    rows, tag_rows = _rows(hour, found), _tag_rows(hour, found)
    with transaction.atomic():
        locked = CostMark.objects.select_for_update(no_key=True).get(name=MARK)
        if locked.version != mark.version:
            return False
        for model in (CostHour, CostTagHour):
            model.objects.filter(hour=hour).delete()
        CostHour.objects.bulk_create(rows, batch_size=500)
        CostTagHour.objects.bulk_create(tag_rows, batch_size=500)
        StaleCostHour.objects.filter(id__in=stale).delete()
        locked.until = max(locked.until, hour + HOUR)
        locked.version += 1
        locked.save(update_fields=["until", "version"])
    return True


def _rows(hour: datetime, found: Ledger) -> list[CostHour]:
    return [
        CostHour(
            hour=hour,
            environment_id=cell.environment,
            capacity=cell.capacity,
            queue_id=cell.queue,
            definition_id=cell.definition,
            owner_id=cell.owner,
            attempts=amounts.attempts,
            seconds=amounts.work.seconds,
            vcpu_seconds=amounts.work.vcpu_seconds,
            gib_seconds=amounts.work.gib_seconds,
            usd=amounts.usd,
            idle_usd=amounts.idle_usd,
            on_demand_usd=amounts.on_demand_usd,
        )
        for cell, amounts in found.cells.items()
    ]


def _tag_rows(hour: datetime, found: Ledger) -> list[CostTagHour]:
    return [
        CostTagHour(
            hour=hour,
            owner_id=owner,
            key=key,
            value=value,
            attempts=amounts.attempts,
            usd=amounts.usd,
            idle_usd=amounts.idle_usd,
            on_demand_usd=amounts.on_demand_usd,
        )
        for (owner, (key, value)), amounts in found.tags_by_owner.items()
    ]


def _next_hour(now: datetime) -> datetime | None:
    """The first hour that is due; hours in which nothing ended are passed over, however many."""
    mark = added_up_until()
    over = hour_of(now - WRITTEN_AFTER)
    if mark >= over:
        return None
    first = _first_end(mark)
    if first is None or first >= over:
        # Nothing ended until then.
        return over - HOUR
    return hour_of(first)


def _first_end(since: datetime) -> datetime | None:
    """When something ended first, from then on."""
    ends: list[datetime | None] = []
    rows: tuple[QuerySet[Attempt] | QuerySet[Instance], ...] = (
        Attempt.objects.filter(ended_at__gte=since),
        Instance.objects.filter(ended_at__gte=since),
    )
    for each in rows:
        ends += each.order_by("ended_at").values_list("ended_at", flat=True)[:1]
    return min((end for end in ends if end is not None), default=None)
