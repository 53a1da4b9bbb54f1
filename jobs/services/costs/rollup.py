"""Adding up costs, so that a page, or a budget, need not read every row again: by the hour, and until an hour is
over by the minute.

A minute is added up a moment after its end, an hour some minutes after, when all that ended in it is written, and
replaced as a whole: doing it twice changes nothing. What is written later still makes it stale. `CostMark` says until
when. Idle time is booked when its instance ended, with the queue, definition and owner of the attempt that is
charged with it. An hour is read from the rows again, so that no error of its minutes can last.

Workers do it: a full hour takes seconds, most of which is reading, and holds up nobody.
"""

import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Manager, Model, QuerySet

from jobs import queueing
from jobs.models import Attempt, CostMark, Instance
from jobs.selectors.costs.ledger import Ledger
from jobs.selectors.costs.scope import CostRange, CostScope
from jobs.selectors.costs.sums import (
    HOURS,
    MINUTES,
    MINUTES_KEPT,
    NOTHING_ADDED_UP,
    Step,
    Sums,
    TagSums,
    added_up,
)

from .instances import charge_waiting_idle
from .written import all_is_written

# What ends in a step is written by then: whoever writes an end takes seconds, and clocks are less apart.
WRITTEN_AFTER = {HOURS.mark: timedelta(minutes=10), MINUTES.mark: timedelta(minutes=2)}
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
    """Goes on adding up what is over, hours first, oldest first, for a moment; whether some is left.

    Five queries where nothing is due. Each step is a transaction of its own. Where somebody who began to write an
    end a while ago is still at it, nothing is done until the next call.
    """
    until = time.monotonic() + SECONDS_AT_ONCE
    if charge_waiting_idle(now=now):
        # Idle time is not known yet.
        return True
    is_written = False
    for step, start in _due(now):
        is_written = is_written or all_is_written()
        if not is_written:
            return False
        _add_up(step, start)
        if time.monotonic() > until:
            return True
    return False


def add_up_hour(hour: datetime) -> bool:
    """Writes what an hour's ends cost, in place of what was written of it before; the mark never goes back.

    False where another worker has written hours meanwhile: then nothing changed. All reading is done before
    the transaction, which would hold up others. What changes from there on leaves a mark of its own.
    """
    return _add_up(HOURS, hour)


def add_up_minute(minute: datetime) -> bool:
    """The same of a minute; and forgets those that are too old to be asked for."""
    return _add_up(MINUTES, minute)


def _due(now: datetime) -> Iterator[tuple[Step, datetime]]:
    """What is to be added up: each step is named once the one before it has been."""
    for step in (HOURS, MINUTES):
        until = _until(step, now)
        stale = step.stale_of(CostRange(NOTHING_ADDED_UP, until)).values_list(step.field, flat=True)
        for start in list(stale.distinct()[:STALE_AT_ONCE]):
            yield step, start
        while (due := _next(step, until, now)) is not None:
            yield step, due
            until = _until(step, now)


def _until(step: Step, now: datetime) -> datetime:
    """Up to where steps are added up; minutes that nobody needs any more are passed over."""
    found = added_up()
    if step is HOURS:
        return found.hours
    if found.minutes < now - MINUTES_KEPT:
        # Behind hours, which are all added up by now.
        begin = {"since": found.hours, "until": found.hours}
        CostMark.objects.update_or_create(
            name=MINUTES.mark,
            defaults={**begin, "version": F("version") + 1},
            create_defaults=begin,
        )
        return found.hours
    return found.minutes


def _add_up(step: Step, start: datetime) -> bool:
    mark, _ = CostMark.objects.get_or_create(name=step.mark, defaults={"until": NOTHING_ADDED_UP})
    times = CostRange(start, start + step.length)
    stale = list(step.stale_of(times).values_list("pk", flat=True))
    found = Ledger(times, CostScope(), from_rows=True)
    rows, tag_rows = _rows(step, start, found), _tag_rows(step, start, found)
    with transaction.atomic():
        locked = CostMark.objects.select_for_update(no_key=True).get(name=step.mark)
        if locked.version != mark.version:
            return False
        step.sums_of(times).delete()
        step.tag_sums_of(times).delete()
        _create(step.sums, rows)
        _create(step.tag_sums, tag_rows)
        step.stale_of(times).filter(pk__in=stale).delete()
        locked.until = max(locked.until, times.end)
        if step is MINUTES:
            locked.since = max(locked.since or start, locked.until - MINUTES_KEPT)
            _forget(locked.since)
        locked.version += 1
        locked.save(update_fields=["since", "until", "version"])
    return True


def _create(model: type[Model], rows: Sequence[Model]) -> None:
    rows_of: Manager[Any] = model._default_manager  # noqa: SLF001
    rows_of.bulk_create(rows, batch_size=500)


def _forget(since: datetime) -> None:
    """Removes what is of minutes before that."""
    old = CostRange(NOTHING_ADDED_UP, since)
    for rows in (MINUTES.sums_of(old), MINUTES.tag_sums_of(old), MINUTES.stale_of(old)):
        rows.delete()


def _rows(step: Step, start: datetime, found: Ledger) -> list[Sums]:
    return [
        step.sums(
            **{step.field: start},
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


def _tag_rows(step: Step, start: datetime, found: Ledger) -> list[TagSums]:
    return [
        step.tag_sums(
            **{step.field: start},
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


def _next(step: Step, until: datetime, now: datetime) -> datetime | None:
    """The first step that is due; those in which nothing ended are passed over, however many."""
    over = step.floor(now - WRITTEN_AFTER[step.mark])
    if until >= over:
        return None
    first = _first_end(until)
    if first is None or first >= over:
        # Nothing ended until then.
        return over - step.length
    return step.floor(first)


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
