"""What the overview shows: what runs, what it costs, what failed, what happened last."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.contrib.auth.models import User
from django.db.models import Count, Q, QuerySet, Sum

from jobs.domain.states import PLACED, JobStatus
from jobs.models import Attempt, ComputeEnvironment, Job, Transition
from jobs.models.job import LIVE_LITERALS, LIVE_STATUSES
from jobs.pricing import cost

from .jobs import visible_jobs

RUNNING_SHOWN = 12
FAILURES_SHOWN = 8
FEED_SHOWN = 14
# Whose own history is asked for has it read from that many of his newest jobs.
FEED_JOBS = 200


@dataclass(frozen=True, slots=True)
class Failures:
    """Jobs that failed since a moment: how many, and the newest of them."""

    count: int
    newest: list[Job]


def live_counts(*, user: User) -> dict[str, int]:
    """How many visible jobs are in each live state; 0 for a state without any."""
    counted = dict(
        visible_jobs(user)
        .filter(status__in=LIVE_LITERALS)
        .values_list("status")
        .annotate(Count("pk"))
        .order_by()
    )
    return {str(status): counted.get(status, 0) for status in JobStatus if status in LIVE_STATUSES}


def placed_jobs(*, user: User, limit: int = RUNNING_SHOWN) -> list[Job]:
    """The visible jobs that hold resources now, newest first."""
    return list(
        visible_jobs(user)
        .filter(status__in=LIVE_LITERALS)
        .filter(status__in=sorted(PLACED))
        .select_related("queue", "definition", "owner")
        .order_by("-pk")[:limit]
    )


def failures(*, user: User, since: datetime, limit: int = FAILURES_SHOWN) -> Failures:
    """The visible jobs that failed since `since`."""
    rows = visible_jobs(user).filter(status=JobStatus.FAILED, stopped_at__gte=since)
    newest = list(rows.select_related("queue").order_by("-stopped_at")[:limit])
    return Failures(count=rows.count() if len(newest) == limit else len(newest), newest=newest)


def feed(*, user: User, limit: int = FEED_SHOWN) -> list[Transition]:
    """The latest transitions of visible jobs, newest first, each with its job."""
    rows = Transition.objects.select_related("job").order_by("-id")
    if not user.is_staff:
        newest = visible_jobs(user).order_by("-pk").values_list("pk", flat=True)[:FEED_JOBS]
        rows = rows.filter(job__in=list(newest))
    return list(rows[:limit])


def cost_since(*, user: User, since: datetime, now: datetime) -> Decimal:
    """US dollars of visible jobs' attempts: of those ended since `since`, and of the running ones until now."""
    ended = _attempts(user).filter(
        # Naming the environments makes the (environment, ended_at) index fit.
        environment__in=list(ComputeEnvironment.with_deleted.values_list("pk", flat=True)),
        ended_at__gte=since,
    )
    total: Decimal = ended.aggregate(total=Sum("cost_usd"))["total"] or Decimal(0)
    running = _attempts(user).filter(ended_at=None, started_at__isnull=False)
    return total + sum((cost_so_far(attempt, now=now) for attempt in running), Decimal(0))


def cost_so_far(attempt: Attempt, *, now: datetime) -> Decimal:
    """What an attempt has cost: its recorded cost once ended, else until now; 0 before its start."""
    if attempt.ended_at is not None:
        return attempt.cost_usd
    if attempt.started_at is None:
        return Decimal(0)
    return cost.usd(
        milli_vcpus=attempt.milli_vcpus,
        memory_mib=attempt.memory_mib,
        seconds=cost.seconds_between(attempt.started_at, attempt.stopped_at or now),
        rates=rates_of(attempt),
    )


def rates_of(attempt: Attempt) -> cost.Rates:
    """The rates that an attempt is priced at."""
    return cost.Rates(
        usd_per_vcpu_hour=attempt.usd_per_vcpu_hour, usd_per_gib_hour=attempt.usd_per_gib_hour
    )


def day_start(now: datetime) -> datetime:
    """Midnight before `now`, in its own zone."""
    return now.replace(hour=0, minute=0, second=0, microsecond=0)


def hour_before(now: datetime) -> datetime:
    return now - timedelta(hours=1)


def _attempts(user: User) -> QuerySet[Attempt]:
    return Attempt.objects.all() if user.is_staff else Attempt.objects.filter(Q(job__owner=user))
