"""What a budget's month cost so far, and the children of an array. Each is exact."""

from datetime import datetime
from decimal import Decimal

from django.contrib.auth.models import User
from django.db.models import Count

from jobs.domain import ids
from jobs.models import Attempt, Job, JobQueue

from .amounts import Amounts, amounts_of, sum_of
from .exact import UsdSum
from .ledger import Ledger
from .living import Living, read_living
from .scope import CostRange, CostScope

ZERO = Decimal(0)


def spent(
    *,
    queue: JobQueue | None = None,
    owner: User | None = None,
    tag: tuple[str, str] | None = None,
    month_start: datetime,
    now: datetime,
    living: Living | None = None,
) -> Decimal:
    """US dollars that a queue's, a user's or a tag's jobs have cost since then, with what idle time they were
    charged with. What runs counts with what it has cost until `now`. A constant number of queries.

    `tag` is a key and a value; an empty value stands for any. `living` is `living_of_month`, where several are
    asked for.
    """
    times = CostRange(month_start, now, with_running=True)
    if tag is not None and not tag[1]:
        # A job has one value of a key, so none counts twice.
        values = Ledger(times, CostScope(), living=living).tags
        return sum((each.total_usd for (key, _), each in values.items() if key == tag[0]), ZERO)
    scope = CostScope(queue=queue.pk if queue else None, owner=owner.pk if owner else None, tag=tag)
    return Ledger(times, scope, living=living).total.total_usd


def living_of_month(*, since: datetime, now: datetime) -> Living:
    """All that lives, with what it has cost until now, to ask for several sums of the month."""
    return read_living(CostRange(since, now, with_running=True), CostScope())


def cost_of_array(array: Job) -> Amounts:
    """What all ended attempts at the children of an array cost. One query."""
    # Children's ids follow their parent's, so their attempts stand together in an index: by each child's own
    # it would take ten thousand looks.
    found = Attempt.objects.filter(
        job_id__gt=array.pk, job_id__lte=ids.behind(array.pk), ended_at__isnull=False
    )
    sums = found.values("capacity").annotate(
        attempts=Count("pk"),
        usd=UsdSum("cost_usd"),
        on_demand=UsdSum("on_demand_usd"),
        idle=UsdSum("idle_usd"),
    )
    return sum_of(
        [
            amounts_of(each["capacity"], each["attempts"], each["usd"], each["on_demand"])._replace(
                idle_usd=each["idle"]
            )
            for each in sums.order_by()
        ]
    )
