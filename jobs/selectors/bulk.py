"""Reads of bulk actions: how far they are, and what became of each job."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import Count

from jobs.domain.errors import NotFound
from jobs.domain.states import CANCELLABLE, LIVE, JobStatus
from jobs.models import BulkAction, BulkKind, BulkOutcome, BulkResult, Job

from .jobs import visible_jobs

RESULTS_ON_A_PAGE = 50
ACTIONS_ON_A_PAGE = 50
NEWEST = 3
# The jobs that an action could do something to.
CONCERNS = {
    BulkKind.CANCEL: CANCELLABLE,
    BulkKind.TERMINATE: LIVE,
    BulkKind.RERUN: frozenset({JobStatus.FAILED}),
}


@dataclass(frozen=True, slots=True)
class ResultRow:
    """What became of one job of an action, from its place in the list.

    `job` is None for one that is gone or not his to see; `again` is what runs it again. An empty `outcome`: it was
    not looked at.
    """

    position: int
    job_id: UUID
    outcome: str
    why: str
    job: Job | None
    again: Job | None


@dataclass(frozen=True, slots=True)
class Results:
    """A page of them. `next` is the position to go on from, None at the end."""

    rows: list[ResultRow]
    next: int | None


def find_bulk(*, user: User, bulk_id: int) -> BulkAction:
    """A bulk action of the user's own, with what it takes back; for administrators, anybody's. Raises NotFound."""
    rows = BulkAction.objects.select_related("owner", "undoes", "undone_by")
    rows = rows.defer("job_ids", "undoes__job_ids", "undone_by__job_ids")
    if not user.is_staff:
        rows = rows.filter(owner=user)
    found = rows.filter(pk=bulk_id).first()
    if found is None:
        raise NotFound(f"There is no bulk action {bulk_id}.")
    return found


def newest_bulk_actions(*, user: User, limit: int = NEWEST) -> list[BulkAction]:
    """The user's own newest actions, newest first."""
    return list(BulkAction.objects.defer("job_ids").filter(owner=user).order_by("-pk")[:limit])


def list_bulk_actions(
    *, user: User, before: int | None = None, limit: int = ACTIONS_ON_A_PAGE
) -> list[BulkAction]:
    """A user's own actions (for administrators everybody's) behind an id, newest first: one more than `limit`."""
    rows = BulkAction.objects.defer("job_ids").select_related("owner")
    if not user.is_staff:
        rows = rows.filter(owner=user)
    if before is not None:
        rows = rows.filter(pk__lt=before)
    return list(rows.order_by("-pk")[: limit + 1])


def outcome_counts(action: BulkAction) -> Mapping[str, int]:
    """How many jobs came to which outcome; the empty one: not looked at."""
    rows = BulkResult.objects.filter(action=action).order_by().values_list("outcome")
    counts = dict(rows.annotate(count=Count("id")))
    return {**counts, "": action.total - action.done}


def results_of(
    *,
    user: User,
    action: BulkAction,
    outcome: str | None = None,
    after: int | None = None,
    limit: int = RESULTS_ON_A_PAGE,
) -> Results:
    """A page of what became of its jobs, in the order of its list, behind a position. Three queries.

    `outcome` narrows it; an empty one: those not looked at.
    """
    if outcome == "":
        return _to_come(user, action, after, limit)
    rows = BulkResult.objects.filter(action=action)
    if outcome is not None:
        rows = rows.filter(outcome=outcome)
    if after is not None:
        rows = rows.filter(position__gt=after)
    found = list(rows.order_by("position")[: limit + 1])
    page = found[:limit]
    wanted = {row.job for row in page} | {row.again for row in page if row.again}
    jobs = visible_jobs(user).select_related("array_summary").in_bulk(wanted)
    return Results(
        rows=[
            ResultRow(
                position=row.position,
                job_id=row.job,
                outcome=row.outcome,
                why=row.why,
                job=jobs.get(row.job),
                again=jobs.get(row.again) if row.again else None,
            )
            for row in page
        ],
        next=page[-1].position if len(found) > limit else None,
    )


def _to_come(user: User, action: BulkAction, after: int | None, limit: int) -> Results:
    start = max(action.done, 0 if after is None else after + 1)
    ids = [UUID(text) for text in action.job_ids[start : start + limit]]
    jobs = visible_jobs(user).select_related("array_summary").in_bulk(ids)
    rows = [
        ResultRow(position, job_id, "", "", jobs.get(job_id), None)
        for position, job_id in enumerate(ids, start)
    ]
    last = start + len(ids) - 1
    return Results(rows=rows, next=last if ids and last + 1 < action.total else None)


def changed_ids(action: BulkAction) -> list[UUID]:
    """The jobs that something was done to, in the order of its list."""
    rows = BulkResult.objects.filter(action=action, outcome=BulkOutcome.CHANGED)
    return list(rows.order_by("position").values_list("job", flat=True))


def reruns_by(action: BulkAction) -> list[UUID]:
    """The jobs that the action submitted, in the order of its list."""
    rows = BulkResult.objects.filter(action=action, again__isnull=False)
    return [again for again in rows.order_by("position").values_list("again", flat=True) if again]
