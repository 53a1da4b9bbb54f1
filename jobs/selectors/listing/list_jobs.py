"""Jobs of a queue or of an array page by page, as AWS's ListJobs narrows them: each way by an index of its own.

An array counts as one job; its children are listed by themselves. Pages start behind a key, and
each takes as long as any other, however many jobs there are: a list without an index of its own looks at so many
jobs, gives what it found, and says where it stopped.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import NamedTuple
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Substr

from jobs.domain import ids
from jobs.models import Attempt, Job, JobDefinition, JobQueue
from jobs.models.expressions import IN_A_SHARE, FoldedName, Number, Text

from ..jobs import visible_jobs
from .newest import newest_groups, newest_of

# Ids tell when jobs were made, by the clock of who made them. So far may that be off the job's own time.
CLOCKS_APART = timedelta(hours=1)
# So many jobs are looked at for a page at most, where no index has what is sought.
LOOKED_AT = 5000


class LastTry(NamedTuple):
    """What the list tells of a job's newest try: when it was placed, and how its first container ended."""

    placed_at: datetime
    exit_code: int | None
    reason: str


class Walk(NamedTuple):
    """What was found among the jobs looked at; `reached`: behind which there are more to look at, None at the end."""

    jobs: list[Job]
    reached: UUID | None


@dataclass(frozen=True, slots=True)
class Sought:
    """What somebody's own jobs of a queue are narrowed to; what is empty or None narrows nothing.

    `name` and `definition` are patterns as `jobs_named` and `jobs_of_definition` take them.
    """

    status: str = ""
    share: str | None = None
    before: datetime | None = None
    since: datetime | None = None
    name: str | None = None
    definition: str | None = None
    revision: int | None = None


def own_jobs(
    *, user: User, queue: JobQueue, sought: Sought, after: UUID | None = None, limit: int
) -> Walk:
    """A user's own jobs of a queue, newest first, whoever else has jobs there: along all that are his.

    Two queries.
    """
    rows = _created(Job.objects.filter(owner=user, parent=None), sought.before, sought.since)
    if sought.status:
        rows = rows.filter(status=sought.status)
    chosen = rows.alias(of_queue=Number(F("queue_id"))).filter(of_queue=queue.pk)
    return _walk(rows, _narrowed(chosen, sought), after, limit)


def jobs_in_queue(
    *,
    user: User,
    queue: JobQueue,
    status: str = "",
    share: str | None = None,
    after: UUID | None = None,
    limit: int,
) -> list[Job]:
    """The visible jobs of a queue, newest first; `status` and `share` narrow them."""
    rows = _of_queue(user, queue, after)
    if share is not None:
        rows = rows.filter(IN_A_SHARE, share_identifier=share)
    if status:
        rows = rows.filter(status=status)
    return _newest(rows, limit)


def jobs_created(
    *,
    user: User,
    queue: JobQueue,
    before: datetime | None = None,
    since: datetime | None = None,
    after: UUID | None = None,
    limit: int,
) -> list[Job]:
    """The visible jobs of a queue that were created before, or later than, a time; newest first."""
    return _newest(_created(_of_queue(user, queue, after), before, since), limit)


def jobs_named(
    *,
    user: User,
    queue: JobQueue,
    pattern: str,
    after: tuple[str, UUID] | None = None,
    limit: int,
) -> list[Job]:
    """The visible jobs of a queue whose name the pattern matches, by name and newest first.

    Letters' case does not matter; an asterisk at the pattern's end stands for anything. `after` is a job's
    name in capitals, and its id.
    """
    if not pattern.isascii():
        return []
    rows = _of_queue(user, queue, None).annotate(folded=FoldedName("name"))
    rows = rows.filter(**_matching("folded", pattern))
    if not pattern.endswith("*"):
        # SQLite would sort by a name that all of them have.
        return _newest(rows if after is None else rows.filter(pk__lt=after[1]), limit)
    if after is not None:
        name, job_id = after
        rows = rows.filter(
            Q(folded__gt=name) | Q(folded=name, pk__lt=job_id),
            # Where the index is entered.
            folded__gte=name,
        )
    return list(rows.select_related(*_WITH).order_by("folded", "-pk")[:limit])


def jobs_of_definition(
    *,
    user: User,
    queue: JobQueue,
    name: str,
    revision: int | None = None,
    after: UUID | None = None,
    limit: int,
) -> list[Job]:
    """The visible jobs of a queue with this definition, newest first: of one revision, or of all.

    An asterisk at the end of a name without a revision stands for anything. Three queries.
    """
    rows = _of_queue(user, queue, after)
    groups = newest_groups(rows, "definition", _definitions(name, revision), limit)
    found = newest_of(rows, "definition", groups, limit)
    return list(Job.objects.filter(pk__in=found).select_related(*_WITH).order_by("-pk"))


def children_in(
    *, user: User, array_id: UUID, status: str, after: int | None = None, limit: int
) -> list[Job]:
    """The children of a visible array that have this status, by index."""
    if not visible_jobs(user).filter(pk=array_id).exists():
        return []
    rows = Job.objects.filter(parent=array_id, status=status)
    if after is not None:
        rows = rows.filter(array_index__gt=after)
    return list(rows.select_related("definition").order_by("array_index")[:limit])


def jobs_needing(
    *,
    user: User,
    resource: str,
    statuses: Collection[str] = (),
    patterns: Collection[str] = (),
    after: UUID | None = None,
    limit: int,
) -> Walk:
    """The visible jobs that need the consumable resource of this name, newest first, each with its spec.

    `statuses` and `patterns` of names (as for `jobs_named`) narrow them. Two queries, that look at jobs that need
    some resource.
    """
    rows = Job.objects.filter(parent=None, has_consumables=True)
    # The quoted name is somewhere in the text of each list that names it; the list itself decides.
    chosen = rows.filter(spec__consumables__icontains=f'"{resource}"')
    if not user.is_staff:
        chosen = chosen.alias(of=Number(F("owner_id"))).filter(of=user.pk)
    if statuses:
        chosen = chosen.alias(is_at=Text(F("status"))).filter(is_at__in=statuses)
    if patterns:
        chosen = chosen.annotate(folded=FoldedName("name")).filter(_any_of(patterns))
    return _walk(
        rows,
        chosen.select_related("queue", "spec"),
        after,
        limit,
        wanted=lambda job: _needs(job, resource),
    )


def last_tries(jobs: Collection[Job]) -> dict[UUID, LastTry]:
    """What there is to tell of the newest tries of these jobs, by job. One query."""
    tried = [job.pk for job in jobs if job.attempts_made]
    newest = {job.pk: job.attempts_made for job in jobs}
    rows = Attempt.objects.filter(job__in=tried, node_index=0, container_index=0)
    columns = rows.order_by().values_list("job_id", "number", "placed_at", "exit_code", "reason")
    return {
        job_id: LastTry(placed_at, exit_code, reason)
        for job_id, number, placed_at, exit_code, reason in columns
        if number == newest[job_id]
    }


_WITH = ("definition", "array_summary")


def _of_queue(user: User, queue: JobQueue, after: UUID | None) -> QuerySet[Job]:
    rows = visible_jobs(user).filter(queue=queue, parent=None)
    return rows if after is None else rows.filter(pk__lt=after)


def _created(rows: QuerySet[Job], before: datetime | None, since: datetime | None) -> QuerySet[Job]:
    if before is not None:
        rows = rows.filter(created_at__lt=before, pk__lt=ids.first_id_of(before + CLOCKS_APART))
    if since is not None:
        rows = rows.filter(created_at__gt=since, pk__gt=ids.first_id_of(since - CLOCKS_APART))
    return rows


def _newest(rows: QuerySet[Job], limit: int) -> list[Job]:
    return list(rows.select_related(*_WITH).order_by("-pk")[:limit])


def _definitions(name: str, revision: int | None) -> QuerySet[JobDefinition]:
    rows = JobDefinition.objects.order_by()
    if revision is not None:
        return rows.filter(name=name, revision=revision)
    if not name.endswith("*"):
        return rows.filter(name=name)
    start = name[:-1]
    # Not `startswith`: SQLite compares the beginnings of texts whatever their letters' case.
    begun = rows.annotate(start=Substr("name", 1, max(len(start), 1)))
    return begun.filter(start=start) if start else rows


def _narrowed(rows: QuerySet[Job], sought: Sought) -> QuerySet[Job]:
    if sought.share is not None:
        rows = rows.filter(IN_A_SHARE, share_identifier=sought.share)
    if sought.name is not None:
        rows = rows.annotate(folded=FoldedName("name")).filter(_any_of([sought.name]))
    if sought.definition is not None:
        of_name = _definitions(sought.definition, sought.revision).values("pk")
        rows = rows.alias(of_definition=Number(F("definition_id")))
        rows = rows.filter(of_definition__in=of_name)
    return rows


def _walk(
    rows: QuerySet[Job],
    chosen: QuerySet[Job],
    after: UUID | None,
    limit: int,
    *,
    wanted: Callable[[Job], bool] = lambda _: True,
) -> Walk:
    """The newest of `chosen` among the next LOOKED_AT of `rows`, which one index has in their order."""
    if after is not None:
        rows, chosen = rows.filter(pk__lt=after), chosen.filter(pk__lt=after)
    ids_looked_at = rows.order_by("-pk").values_list("pk", flat=True)
    last = ids_looked_at[LOOKED_AT - 1 : LOOKED_AT].first()
    if last is not None:
        chosen = chosen.filter(pk__gte=last)
    found = chosen.select_related(*_WITH).order_by("-pk").iterator(chunk_size=limit)
    jobs = list(islice((job for job in found if wanted(job)), limit))
    return Walk(jobs, last)


def _matching(field: str, pattern: str) -> dict[str, str]:
    """What the field, a name in capitals, must be."""
    folded = pattern.upper()
    if not folded.endswith("*"):
        return {field: folded}
    start = folded[:-1]
    if not start:
        return {}
    return {f"{field}__gte": start, f"{field}__lt": start[:-1] + chr(ord(start[-1]) + 1)}


def _any_of(patterns: Collection[str]) -> Q:
    found = Q(pk=None)
    for pattern in patterns:
        if pattern.isascii():
            found |= Q(**_matching("folded", pattern)) if pattern != "*" else Q(pk__isnull=False)
    return found


def _needs(job: Job, resource: str) -> bool:
    return any(each["consumableResource"] == resource for each in job.spec.consumables)
