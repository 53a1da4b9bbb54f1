"""What each day cost, by UTC, and nothing else: the sums of the overview and of charts.

`Ledger` adds up by all that costs are told apart by, which takes as long as there are such; this takes one
sum for each hour that is added up already, out of an index, and a ledger of what came after.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from django.contrib.auth.models import User

from jobs.domain.cost_ranges import start_of
from jobs.models import CostHour

from .costs_exact import UsdSum
from .costs_ledger import NOTHING, Amounts, Ledger
from .costs_scope import CostRange, CostScope, added_up_until


@dataclass(frozen=True, slots=True)
class MonthSoFar:
    """US dollars of today and of all of the month."""

    today_usd: Decimal
    month_usd: Decimal


def usd_by_day(*, scope: CostScope, first: date, now: datetime) -> dict[date, Amounts]:
    """What every day from `first` to today cost, with what runs as far as it has come.

    Only `usd` and `idle_usd` are told. The scope names no tag.
    """
    start, mark = start_of(first), added_up_until()
    found: dict[date, Amounts] = defaultdict(lambda: NOTHING)
    whole, _ = CostRange(start, now).pieces(mark)
    if whole is not None:
        hours = CostHour.objects.filter(hour__gte=whole.start, hour__lt=whole.end)
        sums = (
            scope.of_hours(hours)
            .order_by("hour")
            .values_list("hour")
            .annotate(usd_sum=UsdSum("usd"), idle_usd_sum=UsdSum("idle_usd"))
        )
        for hour, usd, idle_usd in sums:
            found[hour.astimezone(UTC).date()] += Amounts(usd=usd, idle_usd=idle_usd)
    rest = CostRange(start if whole is None else whole.end, now, with_running=True)
    for (day,), amounts in Ledger(rest, scope).by("day").items():
        found[day] += amounts
    return {day: found[day] for day in _days(first, now.astimezone(UTC).date())}


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
