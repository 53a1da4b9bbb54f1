"""What each day cost, by UTC, and nothing else: the sums of the overview and of charts.

`Ledger` adds up by all that costs are told apart by, which takes as long as there are such; this takes one
sum for each hour that is added up already, out of an index, and a ledger of what came after.
"""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from django.contrib.auth.models import User

from jobs.domain.moments import start_of

from .amounts import NOTHING, Amounts, together
from .exact import UsdSum
from .ledger import Ledger
from .scope import CostRange, CostScope
from .sums import HOURS, added_up

# From so many attempts on, nobody sees whether a sum is some seconds old.
KEPT_FROM = 100
KEPT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class MonthSoFar:
    """US dollars of today and of all of the month."""

    today_usd: Decimal
    month_usd: Decimal


class _KeptRest:
    """What is not added up yet, by day. Where that is of very many attempts it is kept for some seconds.

    To work that out anew with each view would cost more than all else on the page. Safe to share by threads.
    """

    def __init__(self) -> None:
        self._kept: dict[tuple[datetime, CostScope], tuple[float, dict[date, Amounts]]] = {}
        self._lock = threading.Lock()

    def get(self, start: datetime, now: datetime, scope: CostScope) -> dict[date, Amounts]:
        """What cost from `start` to `now`, with what runs as far as it has come."""
        at, key = time.monotonic(), (start, scope)
        with self._lock:
            self._kept = {each: kept for each, kept in self._kept.items() if at < kept[0]}
            if key in self._kept:
                return self._kept[key][1]
        ledger = Ledger(CostRange(start, now, with_running=True), scope)
        days = ledger.by("day")
        if sum(each.attempts for each in days.values()) >= KEPT_FROM:
            with self._lock:
                self._kept[key] = (at + KEPT_SECONDS, days)
        return days

    def forget(self) -> None:
        """As if nothing had been read."""
        with self._lock:
            self._kept.clear()


kept_rest = _KeptRest()


def usd_by_day(*, scope: CostScope, first: date, now: datetime) -> dict[date, Amounts]:
    """What every day from `first` to today cost, with what runs as far as it has come.

    Only `usd` and `idle_usd` are told. The scope names no tag.
    """
    start = start_of(first)
    whole = CostRange(start, max(start, min(HOURS.floor(now), added_up().hours)))
    hours = _by_hour(whole, scope) if whole.start < whole.end else ()
    added = [(hour.astimezone(UTC).date(), amounts) for hour, amounts in hours]
    found = together([*added, *kept_rest.get(whole.end, now, scope).items()])
    return {day: found.get(day, NOTHING) for day in _days(first, now.astimezone(UTC).date())}


def _by_hour(whole: CostRange, scope: CostScope) -> Iterator[tuple[datetime, Amounts]]:
    sums = scope.of_sums(HOURS.sums_of(whole)).order_by(HOURS.field).values_list(HOURS.field)
    for hour, usd, idle_usd in sums.annotate(usd_sum=UsdSum("usd"), idle_sum=UsdSum("idle_usd")):
        yield hour, Amounts(usd=usd, idle_usd=idle_usd)


def month_so_far(*, user: User, now: datetime) -> MonthSoFar:
    """What this month and this day (UTC) have cost of all that this user may see, with what lives."""
    today = now.astimezone(UTC).date()
    days = usd_by_day(scope=CostScope().seen_by(user), first=today.replace(day=1), now=now)
    return MonthSoFar(
        today_usd=days[today].total_usd,
        month_usd=sum((each.total_usd for each in days.values()), Decimal(0)),
    )


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]
