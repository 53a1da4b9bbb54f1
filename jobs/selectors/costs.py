"""What work cost, or costs so far: of a job's attempts, of a day, of a budget's month. Each is exact."""

from datetime import datetime
from decimal import Decimal

from django.contrib.auth.models import User

from jobs.models import JobQueue

from .costs_ledger import Amounts, Ledger
from .costs_prices import Prices, cost_so_far, prices_of, rates_of
from .costs_scope import CostRange, CostScope

__all__ = [
    "Amounts",
    "CostRange",
    "CostScope",
    "Ledger",
    "Prices",
    "cost_since",
    "cost_so_far",
    "prices_of",
    "rates_of",
    "spent",
]

ZERO = Decimal(0)


def spent(
    *,
    queue: JobQueue | None = None,
    owner: User | None = None,
    tag: tuple[str, str] | None = None,
    month_start: datetime,
    now: datetime,
) -> Decimal:
    """US dollars that a queue's, a user's or a tag's jobs have cost since then, with what idle time they were
    charged with. What runs counts with what it has cost until `now`. A constant number of queries.

    `tag` is a key and a value; an empty value stands for any.
    """
    times = CostRange(month_start, now, with_running=True)
    if tag is not None and not tag[1]:
        # A job has one value of a key, so none counts twice.
        values = Ledger(times, CostScope()).tags
        return sum((each.total_usd for (key, _), each in values.items() if key == tag[0]), ZERO)
    scope = CostScope(queue=queue.pk if queue else None, owner=owner.pk if owner else None, tag=tag)
    return Ledger(times, scope).total.total_usd


def cost_since(*, user: User, since: datetime, now: datetime) -> Decimal:
    """US dollars of all that this user may see: of what ended since then, and of what lives until now."""
    times = CostRange(since, now, with_running=True)
    return Ledger(times, CostScope().seen_by(user)).total.total_usd
