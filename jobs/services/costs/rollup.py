"""Adding up whole past hours of costs, so that a page, or a budget, need not read every row again.

An hour is added up some minutes after its end, when all that ended in it is written for sure, and replaced as
a whole: doing it twice changes nothing. `CostMark` says until when. Idle time is booked in the hour in
which its instance ended, with the queue, definition and owner of the attempt that is charged with it.
"""

import time
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet

from jobs.models import (
    Attempt,
    CostHour,
    CostMark,
    CostTagHour,
    Instance,
    Job,
    StaleCostHour,
)
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
SECONDS_AT_ONCE = 0.3
STALE_AT_ONCE = 100


def add_up_costs(*, now: datetime) -> bool:
    """Goes on adding up what is over, oldest hour first, for a moment; whether some is left.

    Four queries where nothing is due. Each hour is a transaction of its own.
    """
    until = time.monotonic() + SECONDS_AT_ONCE
    if charge_waiting_idle(now=now):
        # An hour's idle time is not known yet.
        return True
    stale = StaleCostHour.objects.filter(hour__lt=added_up_until()).order_by("hour")
    for hour in stale.values_list("hour", flat=True)[:STALE_AT_ONCE]:
        add_up_hour(hour)
        if time.monotonic() > until:
            return True
    while (due := _next_hour(now)) is not None:
        add_up_hour(due)
        if time.monotonic() > until:
            return True
    return False


def add_up_again(job: Job) -> None:
    """The hours in which the job's costs are; in the transaction that changes its tags."""
    ends = Attempt.objects.filter(job=job, ended_at__isnull=False).values_list(
        "ended_at", "instance__ended_at"
    )
    hours = {hour_of(moment) for row in ends for moment in row if moment is not None}
    StaleCostHour.objects.bulk_create(
        [StaleCostHour(hour=hour) for hour in sorted(hours)], ignore_conflicts=True
    )


def add_up_hour(hour: datetime) -> None:
    """Writes what an hour's ends cost, in place of what was written of it before; the mark never goes back."""
    with transaction.atomic():
        CostMark.objects.get_or_create(name=MARK, defaults={"until": NOTHING_ADDED_UP})
        mark = CostMark.objects.select_for_update(no_key=True).get(name=MARK)
        # Before its tags are read: who changes some from now on, marks it anew.
        StaleCostHour.objects.filter(hour=hour).delete()
        _replace(hour)
        if mark.until < hour + HOUR:
            mark.until = hour + HOUR
            mark.save(update_fields=["until"])


def _replace(hour: datetime) -> None:
    CostHour.objects.filter(hour=hour).delete()
    CostTagHour.objects.filter(hour=hour).delete()
    times = CostRange(hour, hour + HOUR)
    CostHour.objects.bulk_create(
        [
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
            for cell, amounts in Ledger(times, CostScope(), from_rows=True).cells.items()
        ],
        batch_size=500,
    )
    CostTagHour.objects.bulk_create(
        [
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
            for (owner, (key, value)), amounts in Ledger(
                times, CostScope(), from_rows=True
            ).tags_by_owner.items()
        ],
        batch_size=500,
    )


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
