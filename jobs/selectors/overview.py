"""What the overview shows: what runs, what failed, what happened last. Children of an array are told together."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import NamedTuple
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import Count, Q, QuerySet

from jobs.domain import reasons
from jobs.domain.states import PLACED, JobStatus
from jobs.models import Job, Transition
from jobs.models.job import LIVE_LITERALS, LIVE_STATUSES

from .jobs import visible_jobs

RUNNING_SHOWN = 12
FAILURES_SHOWN = 8
FEED_SHOWN = 14
# From so many on, nobody needs the exact number.
COUNTED_UP_TO = 1000
# What is told together is looked for among so many of the newest.
TRANSITIONS_LOOKED_AT = 1000
FAILURES_LOOKED_AT = 200
# Whose own history is asked for has it read from that many of his newest jobs.
FEED_JOBS = 200


class FailureLine(NamedTuple):
    """Jobs that failed for the same reason: one, or children of one array. `job` is the newest of them."""

    job: Job
    reason: str
    number: int


@dataclass(frozen=True, slots=True)
class Failures:
    """Jobs that failed since a moment: how many (`is_more`: or more), and the newest of them."""

    count: int
    is_more: bool
    newest: list[FailureLine]


class FeedLine(NamedTuple):
    """A change of a job's status, or the like changes of `number` children of an array. `at` is the newest's."""

    job_id: UUID
    name: str
    array_index: int | None
    parent_id: UUID | None
    to_status: str
    at: datetime
    number: int

    @property
    def key(self) -> str:
        """What tells it from other lines, also when it is read again."""
        return f"{self.parent_id or self.job_id}-{self.to_status}"


class Placed(NamedTuple):
    """A job that holds resources, or an array of which `number` children do."""

    job: Job
    number: int


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


def placed_jobs(*, user: User, limit: int = RUNNING_SHOWN) -> list[Placed]:
    """The visible jobs that hold resources now, newest first, an array as one. Two queries."""
    live = visible_jobs(user).filter(status__in=LIVE_LITERALS, parent=None)
    related = ("queue", "definition", "owner", "array_summary")
    plain = live.filter(status__in=sorted(PLACED)).select_related(*related)
    placed = {job.pk: Placed(job, 1) for job in plain.order_by("-pk")[:limit]}
    arrays = live.filter(
        Q(array_summary__running__gt=0) | Q(array_summary__starting__gt=0), array_size__isnull=False
    ).select_related(*related)
    for job in arrays.order_by("-pk")[:limit]:
        counts = job.array_summary.counts()
        placed[job.pk] = Placed(job, sum(counts[status] for status in PLACED))
    newest = sorted(placed.values(), key=lambda each: each.job.pk.int, reverse=True)
    return newest[:limit]


def failures(*, user: User, since: datetime, limit: int = FAILURES_SHOWN) -> Failures:
    """The visible jobs that failed since `since`; an array counts by its children. Two queries at most."""
    rows = visible_jobs(user).filter(
        status=JobStatus.FAILED, stopped_at__gte=since, array_size__isnull=True
    )
    newest = list(rows.select_related("queue").order_by("-stopped_at")[:FAILURES_LOOKED_AT])
    count = len(newest)
    if count == FAILURES_LOOKED_AT:
        count = rows.order_by()[: COUNTED_UP_TO + 1].count()
    lines = list(islice(_told_together(newest), limit))
    return Failures(min(count, COUNTED_UP_TO), count > COUNTED_UP_TO, lines)


def _told_together(jobs: Iterable[Job]) -> Iterable[FailureLine]:
    lines: dict[tuple[UUID, str], FailureLine] = {}
    for job in jobs:
        reason = reasons.brief(status_reason=job.status_reason, exit_code=job.exit_code)
        key = (job.parent_id or job.pk, reason)
        line = lines.get(key)
        lines[key] = line._replace(number=line.number + 1) if line else FailureLine(job, reason, 1)
    return lines.values()


def feed(*, user: User, limit: int = FEED_SHOWN) -> list[FeedLine]:
    """The latest changes of visible jobs, newest first, those of an array's children to the same status as one.

    Looks at so many of the newest changes of all. One query; for who sees only his own jobs three.
    """
    lines: dict[str, FeedLine] = {}
    for line in _changes(user):
        before = lines.get(line.key) if line.parent_id else None
        if before is None:
            # A job that comes back to a status stands where it was last there.
            lines.setdefault(line.key, line)
        else:
            lines[line.key] = before._replace(number=before.number + 1)
    return list(islice(lines.values(), limit))


def _changes(user: User) -> list[FeedLine]:
    newest = Transition.objects.order_by("-id")
    if user.is_staff:
        return [line for _, line in _lines(newest[:TRANSITIONS_LOOKED_AT])]
    own = visible_jobs(user).filter(parent=None).order_by("-pk")
    jobs = list(own.values_list("pk", flat=True)[:FEED_JOBS])
    found = _lines(newest.filter(job__in=jobs)[:FEED_SHOWN])
    # Of children only what is new altogether: no index has an array's history in order.
    since = newest.values_list("id", flat=True)[TRANSITIONS_LOOKED_AT : TRANSITIONS_LOOKED_AT + 1]
    of_children = newest.filter(job__owner=user, job__parent__isnull=False)
    found += _lines(of_children.filter(id__gt=since.first() or 0))
    return [line for _, line in sorted(found, key=lambda each: -each[0])]


def _lines(rows: QuerySet[Transition]) -> list[tuple[int, FeedLine]]:
    columns = ("id", "job_id", "job__name", "job__array_index", "job__parent_id", "to_status", "at")
    return [(id_, FeedLine._make([*rest, 1])) for id_, *rest in rows.values_list(*columns)]


def hour_before(now: datetime) -> datetime:
    return now - timedelta(hours=1)
