"""Jobs of a queue or of an array page by page, as AWS's ListJobs narrows them: each way by an index of its own.

An array counts as one job; its children are listed by themselves. Pages start behind a key, and
each takes as long as any other, however many jobs there are.
"""

from collections.abc import Callable, Collection, Iterator
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.contrib.auth.models import User
from django.db import connection
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Substr

from jobs.domain import ids
from jobs.models import Attempt, Job, JobDefinition, JobQueue
from jobs.models.expressions import IN_A_SHARE, FoldedName

from .jobs import visible_jobs

# Ids tell when jobs were made, by the clock of who made them. So far may that be off the job's own time.
CLOCKS_APART = timedelta(hours=1)


class LastTry(NamedTuple):
    """What the list tells of a job's newest try: when it was placed, and how its first container ended."""

    placed_at: datetime
    exit_code: int | None
    reason: str


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
    rows = _of_queue(user, queue, after)
    if before is not None:
        rows = rows.filter(created_at__lt=before, pk__lt=ids.first_id_of(before + CLOCKS_APART))
    if since is not None:
        rows = rows.filter(created_at__gt=since, pk__gt=ids.first_id_of(since - CLOCKS_APART))
    return _newest(rows, limit)


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
    definitions = JobDefinition.objects.order_by()
    if revision is not None:
        definitions = definitions.filter(name=name, revision=revision)
    elif name.endswith("*"):
        start = name[:-1]
        # Not `startswith`: SQLite compares the beginnings of texts whatever their letters' case.
        begun = definitions.annotate(start=Substr("name", 1, max(len(start), 1)))
        definitions = begun.filter(start=start) if start else definitions
    else:
        definitions = definitions.filter(name=name)
    rows = _of_queue(user, queue, after)
    found = _newest_ids(rows, _newest_used(rows, definitions, limit), limit)
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
) -> list[Job]:
    """The visible jobs that need the consumable resource of this name, newest first, each with its spec.

    `statuses` and `patterns` of names (as for `jobs_named`) narrow them. Reads jobs that need some resource.
    """
    rows = visible_jobs(user).filter(
        parent=None, has_consumables=True, spec__consumables__icontains=f'"{resource}"'
    )
    if after is not None:
        rows = rows.filter(pk__lt=after)
    if statuses:
        rows = rows.filter(status__in=statuses)
    if patterns:
        rows = rows.annotate(folded=FoldedName("name")).filter(_any_of(patterns))
    # The quoted name is somewhere in the text of each list that names it; the list itself decides.
    ordered = rows.select_related("queue", "definition", "spec").order_by("-pk")
    return list(
        _first(ordered.iterator(chunk_size=limit), lambda job: _needs(job, resource), limit)
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


def _newest(rows: QuerySet[Job], limit: int) -> list[Job]:
    return list(rows.select_related(*_WITH).order_by("-pk")[:limit])


def _newest_used(
    rows: QuerySet[Job], definitions: QuerySet[JobDefinition], limit: int
) -> list[int]:
    """The definitions whose newest job is newest: of no other can a job be among the first `limit`."""
    newest = rows.filter(definition=OuterRef("pk")).order_by("-pk").values("pk")[:1]
    heads = definitions.annotate(newest=Subquery(newest)).filter(newest__isnull=False)
    return list(heads.order_by("-newest").values_list("pk", flat=True)[:limit])


def _newest_ids(rows: QuerySet[Job], definition_ids: Collection[int], limit: int) -> list[UUID]:
    """The newest jobs of several definitions: the beginning of each one's part of the index, in one statement."""
    parts = [
        rows.filter(definition=id_).order_by("-pk").values("pk")[:limit].query.sql_with_params()
        for id_ in definition_ids
    ]
    if not parts:
        return []
    statement = " UNION ALL ".join(f"SELECT * FROM ({sql}) AS part" for sql, _ in parts)  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(statement, [value for _, values in parts for value in values])
        # SQLite has no UUIDs and gives text.
        found = [UUID(str(job_id)) for (job_id,) in cursor.fetchall()]
    return sorted(found, key=lambda each: each.int, reverse=True)[:limit]


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


def _first(rows: Iterator[Job], wanted: Callable[[Job], bool], limit: int) -> Iterator[Job]:
    for job in rows:
        if limit <= 0:
            return
        if wanted(job):
            limit -= 1
            yield job
