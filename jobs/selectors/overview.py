"""What the overview shows: what runs, what failed, what happened last. Children of an array are told together."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import NamedTuple
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import Count, Max, Q, QuerySet, UUIDField
from django.db.models.functions import Coalesce

from jobs.domain import reasons
from jobs.domain.states import PLACED, JobStatus
from jobs.models import Job, JobQueue, StopKind, Transition
from jobs.models.expressions import ONE_BY_ONE, ended_by
from jobs.models.job import LIVE_LITERALS, LIVE_STATUSES

from .jobs import seen_by, visible_jobs
from .kept import Kept
from .kept_counts import KeptCounts
from .listing.newest import newest_of_all
from .queues import kept_counts

RUNNING_SHOWN = 12
FAILURES_SHOWN = 8
FEED_SHOWN = 14
# From so many on, nobody needs the exact number.
COUNTED_UP_TO = 1000
# To look behind very many that somebody ended is dear, so it is done once in so many seconds.
KEPT_SECONDS = 10.0
KEPT_USERS = 1_000
# These were ended by somebody, unless they had failed by themselves before it came to that.
ON_REQUEST = frozenset({StopKind.CANCEL, StopKind.TERMINATE})
# What is told together is looked for among so many of the newest.
TRANSITIONS_LOOKED_AT = 5000
# Whose own history is asked for has it read from that many of his newest jobs.
FEED_JOBS = 200


class FailureLine(NamedTuple):
    """Jobs that failed for the same reason: one, or children of one array, of which the newest is told."""

    job_id: UUID
    name: str
    array_index: int | None
    parent_id: UUID | None
    at: datetime
    reason: str
    number: int


@dataclass(frozen=True, slots=True)
class Failures:
    """Jobs that failed since a moment: how many, and the newest of them.

    `on_request`: how many were cancelled or terminated instead, which are not in `count`. There are more of these
    with `is_more_on_request`, of those with `is_more`.
    """

    count: int
    on_request: int
    is_more: bool
    is_more_on_request: bool
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
    """How many visible jobs are in each live state; 0 for a state without any. Two queries at most.

    Very many may be the number of some seconds ago (`KeptCounts`).
    """
    counted: Counter[str] = Counter()
    if user.is_staff:
        every = JobQueue.with_deleted.order_by().values_list("pk", flat=True)
        for each in kept_counts.get(every).values():
            counted.update(each)
    else:
        for each in kept_counts_of_owners.get([user.pk]).values():
            counted.update(each)
    return {str(status): counted[status] for status in JobStatus if status in LIVE_STATUSES}


def _live_counts_of_owners(owner_ids: Collection[int]) -> dict[int, dict[str, int]]:
    counts: dict[int, dict[str, int]] = {id_: {} for id_ in owner_ids}
    rows = Job.objects.filter(owner__in=counts, status__in=LIVE_LITERALS).order_by()
    for id_, status, number in rows.values_list("owner_id", "status").annotate(Count("pk")):
        counts[id_][status] = number
    return counts


kept_counts_of_owners = KeptCounts(_live_counts_of_owners)


def placed_jobs(*, user: User, limit: int = RUNNING_SHOWN) -> list[Placed]:
    """The visible jobs that hold resources now, newest first, an array as one. Three queries."""
    rows = visible_jobs(user).filter(parent=None)
    # Of all that live there is an index, and of each owner's jobs one by status.
    rows = rows.filter(status__in=LIVE_LITERALS) if user.is_staff else rows
    plain = newest_of_all([rows.filter(status=status) for status in sorted(PLACED)], limit)
    # An array is PENDING until all of its children have ended.
    arrays = rows.filter(
        Q(array_summary__running__gt=0) | Q(array_summary__starting__gt=0),
        status=JobStatus.PENDING,
        array_size__isnull=False,
    )
    found = [*plain, *arrays.order_by("-pk").values_list("pk", flat=True)[:limit]]
    jobs = Job.objects.filter(pk__in=found).select_related("queue", "definition", "array_summary")
    return [Placed(job, _held_by(job)) for job in jobs.order_by("-pk")[:limit]]


def _held_by(job: Job) -> int:
    if not job.is_array:
        return 1
    counts = job.array_summary.counts()
    return sum(counts[status] for status in PLACED)


def failures(*, user: User, since: datetime) -> Failures:
    """The visible jobs that failed since `since`; an array counts by its children. At most two queries.

    So many of the newest are told, of which those that somebody ended are a number: they hide no real failure. Where
    somebody ended very many, the failures may be those of some seconds ago.
    """
    rows = visible_jobs(user).filter(
        ONE_BY_ONE,
        status=JobStatus.FAILED,
        stopped_at__gte=since,
    )
    newest = _newest_failed(rows)
    is_more, counted = len(newest) > COUNTED_UP_TO, newest[:COUNTED_UP_TO]
    lines = [line for line, on_request in counted if not on_request]
    found, on_request = _Told.of(lines, is_more=is_more), len(counted) - len(lines)
    is_more_on_request = is_more and on_request > 0
    if is_more_on_request:
        found = kept_failures.get((user.is_staff, user.pk), lambda: _told_behind(rows))
    return Failures(
        count=found.count,
        on_request=on_request,
        is_more=found.is_more,
        is_more_on_request=is_more_on_request,
        newest=list(found.newest),
    )


@dataclass(frozen=True, slots=True)
class _Told:
    """How many failed by themselves, and the newest of them: little, for it is kept for many users."""

    count: int
    is_more: bool
    newest: tuple[FailureLine, ...]

    @classmethod
    def of(cls, lines: Sequence[FailureLine], *, is_more: bool) -> "_Told":
        return cls(len(lines), is_more, tuple(islice(_told_together(lines), FAILURES_SHOWN)))


# By whether a user sees all jobs, and his id.
kept_failures: Kept[tuple[bool, int], _Told] = Kept(seconds=KEPT_SECONDS, most=KEPT_USERS)


def _told_behind(rows: QuerySet[Job]) -> _Told:
    """Those behind what somebody ended, a large array say."""
    by_themselves = rows.exclude(ended_by(ON_REQUEST))
    lines = [line for line, _ in _newest_failed(by_themselves)]
    return _Told.of(lines[:COUNTED_UP_TO], is_more=len(lines) > COUNTED_UP_TO)


def _newest_failed(rows: QuerySet[Job]) -> list[tuple[FailureLine, bool]]:
    """The newest, one more than are counted; of each whether somebody ended it."""
    columns = ("pk", "name", "array_index", "parent_id", "stopped_at", "status_reason", "exit_code")
    found = rows.order_by("-stopped_at").values_list(*columns, "stop_kind", "stop_reason")
    return [
        (
            FailureLine._make([*told, reasons.brief(status_reason=reason, exit_code=exit_code), 1]),
            stop_kind in ON_REQUEST and reason == stop_reason,
        )
        for *told, reason, exit_code, stop_kind, stop_reason in found[: COUNTED_UP_TO + 1]
    ]


def _told_together(failed: Iterable[FailureLine]) -> Iterable[FailureLine]:
    lines: dict[tuple[UUID, str], FailureLine] = {}
    for line in failed:
        key = (line.parent_id or line.job_id, line.reason)
        lines[key] = lines[key]._replace(number=lines[key].number + 1) if key in lines else line
    return lines.values()


def feed(*, user: User, limit: int = FEED_SHOWN) -> list[FeedLine]:
    """The latest changes of visible jobs, newest first, those of an array's children to the same status as one.

    Looks at so many of the newest changes of all: `number` is of these. Three queries; for who sees only his own
    jobs, whose newest may be older, five.
    """
    newest = Transition.objects.aggregate(newest=Max("id"))["newest"] or 0
    window = seen_by(Transition.objects.filter(id__gt=newest - TRANSITIONS_LOOKED_AT), user)
    groups = (
        window.annotate(of=Coalesce("job__parent_id", "job_id", output_field=UUIDField()))
        .values("of", "to_status")
        .annotate(last=Max("id"), number=Count("id"))
        .order_by("-last")
    )
    found = {row["last"]: row["number"] for row in groups[:limit]}
    if not user.is_staff:
        found |= {id_: found.get(id_, 1) for id_ in _older_changes(user, limit)}
    columns = ("id", "job_id", "job__name", "job__array_index", "job__parent_id", "to_status", "at")
    rows = Transition.objects.filter(id__in=found).order_by("-id").values_list(*columns)
    lines: dict[str, FeedLine] = {}
    for id_, *rest in rows:
        line = FeedLine._make([*rest, found[id_]])
        # What came back to a status stands where it was last there.
        lines.setdefault(line.key, line if line.parent_id else line._replace(number=1))
    return list(lines.values())[:limit]


def _older_changes(user: User, limit: int) -> list[int]:
    own = visible_jobs(user).filter(parent=None).order_by("-pk")
    jobs = list(own.values_list("pk", flat=True)[:FEED_JOBS])
    rows = Transition.objects.filter(job__in=jobs).order_by("-id")
    return list(rows.values_list("id", flat=True)[:limit])


def hour_before(now: datetime) -> datetime:
    return now - timedelta(hours=1)
