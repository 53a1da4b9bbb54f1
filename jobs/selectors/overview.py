"""What the overview shows: what runs, what failed, what happened last."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db.models import Count

from jobs.domain.states import PLACED, JobStatus
from jobs.models import Job, Transition
from jobs.models.job import LIVE_LITERALS, LIVE_STATUSES

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


def hour_before(now: datetime) -> datetime:
    return now - timedelta(hours=1)
