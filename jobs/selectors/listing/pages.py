"""The list of jobs: pages of it in several orders, and what a bulk action or an export takes of it.

By age a page goes along the indices of newest jobs, from a key on, and costs what any other costs. What no index
has (a name's beginning among all jobs, an order by cost) is sought among so many of the newest jobs within the
dates; whoever asked is told so, and goes on from there.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Expression, F, Q, QuerySet, Value
from django.db.models.functions import Coalesce

from jobs.domain import ids
from jobs.domain.errors import InvalidInput
from jobs.domain.states import LIVE
from jobs.models import ArraySummary, Job
from jobs.models.expressions import EpochSeconds

from ..jobs import visible_jobs
from ..search import matching, wanted_by
from . import ended as ended_jobs
from .filters import JobFilters, Scope, as_ids
from .list_jobs import CLOCKS_APART
from .newest import newest_in_queues, newest_of_all
from .of_definition import first_bound, newest_of_definitions, parts_of_definitions

DEFAULT_PAGE_SIZE = 50
MAX_PAGE_SIZE = 200
# So many jobs are looked at for a page at most where no index has what is sought, or its order.
LOOKED_AT = 20_000
# The same where they are found by words or by their definition, and read one by one.
SIFTED = 2000
WINDOW = 250
# An action on all that match looks at as much as so many pages.
PORTIONS = 5
# What lists say of these. They are read anew with each row, and some have large columns.
OF_RELATED = (
    "queue__name",
    "queue__status",
    "definition__name",
    "definition__revision",
    "owner__username",
)
NO_PLACE = "That job is gone, or has no place in this order. Begin again at the first page."


class Sort(StrEnum):
    """The orders of the list."""

    NEWEST = "newest"
    OLDEST = "oldest"
    COST = "cost"
    LONGEST = "longest"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class JobPage:
    """Jobs in their order. `next_after` is the id to go on from; None at the end.

    `looked_at`: there may be more that fit, beyond so many jobs as were looked at; 0: all were.
    """

    jobs: list[Job]
    next_after: UUID | None
    looked_at: int = 0

    @property
    def is_cut(self) -> bool:
        return self.looked_at > 0


class Matching(NamedTuple):
    """Ids of jobs, newest first. `looked_at`: there may be older ones, beyond so many looked at; 0: all were."""

    job_ids: list[UUID]
    looked_at: int = 0


class _Ids(NamedTuple):
    """Ids in their order; `reached`: behind which there are more to look at, None at the end."""

    found: list[UUID]
    reached: UUID | None


def list_jobs(
    *,
    user: User | AnonymousUser,
    filters: JobFilters,
    sort: Sort = Sort.NEWEST,
    after: UUID | None = None,
    limit: int = DEFAULT_PAGE_SIZE,
    now: datetime | None = None,
) -> JobPage:
    """One page of visible jobs that pass the filters, behind the job `after`.

    An array is one job here, and comes with its summary. A queue, definition or owner that there is not gives an
    empty page. By LONGEST, what still runs has run until `now`. Raises InvalidInput for a status that there is not,
    and where an order by what a job took has no place for `after`.
    """
    scope = Scope(user, filters)
    if scope.is_empty:
        return JobPage([], None)
    # One more than asked for tells whether there is a next page, without counting.
    if sort not in {Sort.NEWEST, Sort.OLDEST}:
        ids_ = _ranked(user, scope, _value(sort, now), after, limit + 1)
        return _page(scope, ids_, limit, goes_on=False, by_end=ended_jobs.ranks_by_end(scope))
    if filters.is_by_words and sort is Sort.OLDEST:
        ids_ = _oldest_by_words(user, scope, after, limit + 1)
        return _page(scope, ids_, limit, goes_on=False)
    ids_ = _by_age(user, scope, after, limit + 1, oldest_first=sort is Sort.OLDEST)
    return _page(scope, ids_, limit, goes_on=True)


def matching_ids(
    *,
    user: User | AnonymousUser,
    filters: JobFilters,
    statuses: Collection[str],
    limit: int,
    newest: UUID | None = None,
) -> Matching:
    """The newest visible jobs in one of the statuses that pass the filters, an array as one: at most `limit`.

    None is newer than the job `newest`.
    """
    wanted = [each for each in sorted(statuses) if not filters.statuses or each in filters.statuses]
    scope = Scope(user, replace(filters, statuses=tuple(wanted)) if wanted else filters)
    if scope.is_empty or not wanted:
        return Matching([])
    found: list[UUID] = []
    after = None if newest is None else ids.behind(newest)
    for _ in range(PORTIONS):
        portion, reached = _by_age(user, scope, after, limit - len(found), oldest_first=False)
        found += portion
        if len(found) >= limit or reached is None:
            return Matching(found)
        after = reached
    return Matching(found, looked_at=PORTIONS * _looked_at(scope))


def all_ids(
    *, user: User | AnonymousUser, filters: JobFilters, portion: int
) -> Iterator[list[UUID]]:
    """The ids of all visible jobs that pass the filters, newest first, in portions of so many at most."""
    scope = Scope(user, filters)
    after: UUID | None = None
    while not scope.is_empty:
        found, reached = _by_age(user, scope, after, portion, oldest_first=False)
        if found:
            yield found
        after = found[-1] if len(found) >= portion else reached
        if after is None:
            return


def rows_of(job_ids: Sequence[UUID]) -> list[Job]:
    """These jobs in this order, with the names of queue, definition and owner, and the array summary; what is gone
    is left out."""
    own = [f.name for f in Job._meta.concrete_fields]
    summary = [f"array_summary__{f.name}" for f in ArraySummary._meta.concrete_fields]
    related = ("queue", "definition", "owner", "array_summary")
    rows = Job.objects.select_related(*related).only(*own, *summary, *OF_RELATED)
    found = rows.in_bulk(job_ids)
    return [found[job_id] for job_id in job_ids if job_id in found]


def _page(scope: Scope, ids_: _Ids, limit: int, *, goes_on: bool, by_end: bool = False) -> JobPage:
    """`goes_on`: by age, where the next page looks further; an order looks at the same jobs again."""
    found = ids_.found[:limit]
    has_more = len(ids_.found) > limit
    is_cut = ids_.reached is not None and not (goes_on and has_more)
    next_after = found[-1] if has_more else ids_.reached if goes_on else None
    looked_at = ended_jobs.LOOKED_AT if by_end else _looked_at(scope)
    return JobPage(rows_of(found), next_after, looked_at if is_cut else 0)


def _looked_at(scope: Scope) -> int:
    """How many jobs are looked at for a page, of those that have the words or the definition."""
    by_definition = _is_by_definition(scope)
    return SIFTED if scope.filters.is_by_words or by_definition else LOOKED_AT


def _by_age(
    user: User | AnonymousUser,
    scope: Scope,
    after: UUID | None,
    limit: int,
    *,
    oldest_first: bool,
) -> _Ids:
    if scope.filters.is_by_words:
        return _by_words(user, scope, after, limit)
    if _is_by_definition(scope) and _needs_edge(scope):
        job_ids, edge = newest_of_definitions(scope, after, SIFTED, oldest_first=oldest_first)
        passing = scope.chosen(Job.objects.filter(pk__in=job_ids), but=("definition", "queue"))
        return _Ids(newest_of_all([passing], limit, oldest_first=oldest_first), edge)
    rows = scope.within_dates(scope.as_listed(Job.objects.all()))
    if after is not None:
        rows = rows.filter(pk__gt=after) if oldest_first else rows.filter(pk__lt=after)
    edge = _edge(scope, after, oldest_first=oldest_first) if _needs_edge(scope) else None
    if edge is not None:
        rows = rows.filter(pk__lte=edge) if oldest_first else rows.filter(pk__gte=edge)
    return _Ids(_of_rows(scope, rows, after, limit, oldest_first=oldest_first), edge)


def _of_rows(
    scope: Scope, rows: QuerySet[Job], after: UUID | None, limit: int, *, oldest_first: bool
) -> list[UUID]:
    if scope.filters.one_by_one:
        # Of an array's children there is the key of all jobs alone.
        return newest_of_all([scope.chosen(rows)], limit, oldest_first=oldest_first)
    if scope.owner_id is not None:
        rows = scope.chosen(rows, but=("owner", "status")).filter(owner=scope.owner_id)
        parts = [rows.filter(status=each) for each in scope.statuses] or [rows]
        return newest_of_all(parts, limit, oldest_first=oldest_first)
    if scope.definition_ids is not None:
        rows = scope.chosen(rows, but=("definition", "queue"))
        parts = parts_of_definitions(scope, rows, after, limit, oldest_first=oldest_first)
        return newest_of_all(parts, limit, oldest_first=oldest_first)
    return _in_queues(scope, rows, limit, oldest_first=oldest_first)


def _is_by_definition(scope: Scope) -> bool:
    """Whether the index of definitions is gone along, of which each job is looked at by itself."""
    return (
        scope.owner_id is None and scope.definition_ids is not None and not scope.filters.one_by_one
    )


def _in_queues(scope: Scope, rows: QuerySet[Job], limit: int, *, oldest_first: bool) -> list[UUID]:
    if scope.queue_ids is None and _needs_edge(scope):
        # Within so many rows, which their key has in order; each queue by itself would look at all of them.
        return newest_of_all([scope.chosen(rows)], limit, oldest_first=oldest_first)
    rows = scope.chosen(rows, but=("queue", "status"))
    of_status = [rows.filter(status=each) for each in scope.statuses] or [rows]
    if scope.queue_ids is not None:
        parts = [part.filter(queue=id_) for part in of_status for id_ in scope.queue_ids]
        return newest_of_all(parts, limit, oldest_first=oldest_first)
    found = [
        each
        for part in of_status
        for each in newest_in_queues(part, limit, oldest_first=oldest_first)
    ]
    return sorted(found, reverse=not oldest_first)[:limit]


def _needs_edge(scope: Scope) -> bool:
    """Whether a page could look at any number of jobs that do not pass the filters."""
    if scope.filters.is_by_end or scope.filters.one_by_one:
        return True
    if scope.statuses and LIVE.issuperset(scope.statuses) and scope.definition_ids is None:
        # Of what lives there is an index: it is walked whole where a name is sought, while it is short.
        return bool(scope.filters.name) and scope.live_count > LOOKED_AT
    if scope.filters.name:
        return True
    if scope.owner_id is not None:
        return scope.queue_ids is not None or scope.definition_ids is not None
    return scope.definition_ids is not None and bool(scope.statuses)


def _edge(scope: Scope, after: UUID | None, *, oldest_first: bool) -> UUID | None:
    """The last of the jobs that are looked at for a page; None if there are no more than so many."""
    rows = scope.within_dates(Job.objects.all())
    if after is not None:
        rows = rows.filter(pk__gt=after) if oldest_first else rows.filter(pk__lt=after)
    sign = "" if oldest_first else "-"
    if scope.filters.one_by_one:
        parts = [rows]
    elif scope.owner_id is not None:
        parts = [rows.filter(owner=scope.owner_id, parent=None)]
    elif scope.queue_ids is not None:
        parts = [rows.filter(queue=id_, parent=None) for id_ in scope.queue_ids]
    else:
        # An array's children count here: along the key of all jobs nothing is quicker.
        parts = [rows]
    edges = [_at(part.order_by(f"{sign}pk"), LOOKED_AT - 1) for part in parts]
    known = [each for each in edges if each is not None]
    if not known:
        return None
    return min(known) if oldest_first else max(known)


def _at(rows: QuerySet[Job], number: int) -> UUID | None:
    return rows.values_list("pk", flat=True)[number : number + 1].first()


def _by_words(user: User | AnonymousUser, scope: Scope, after: UUID | None, limit: int) -> _Ids:
    """What the search finds, as far as it passes the filters."""
    filters = scope.filters
    # Not asked of his class: one who stands for all administrators is drawn for, too.
    if not user.is_authenticated:
        return _Ids([], None)
    wanted = wanted_by(
        user=user,
        text=filters.text,
        tag=filters.tag,
        owner_id=scope.owner_id,
        queue=filters.queue,
    )
    if not wanted:
        return _Ids([], None)
    if filters.until is not None:
        after = first_bound(scope, after, oldest_first=False)
    first = ids.first_id_of(filters.since - CLOCKS_APART) if filters.since else None
    found: list[UUID] = []
    looked_at = 0
    as_arrays = not filters.one_by_one
    for window in matching(
        user=user,
        wanted=wanted,
        typed=filters.text,
        before=after,
        window=WINDOW,
        as_arrays=as_arrays,
    ):
        rows = scope.as_listed(Job.objects.filter(pk__in=window.job_ids))
        passing = scope.chosen(rows).order_by("-pk").values_list("pk", flat=True)
        found += [each for each in passing if each not in found[-1:]]
        looked_at += len(window.job_ids)
        reached = window.reached
        if reached is None or (first is not None and reached < first):
            return _Ids(found[:limit], None)
        if len(found) >= limit or looked_at >= SIFTED:
            break
    return _Ids(found[:limit], reached)


def _oldest_by_words(
    user: User | AnonymousUser, scope: Scope, after: UUID | None, limit: int
) -> _Ids:
    found, reached = _by_words(user, scope, None, SIFTED)
    oldest_first = [each for each in reversed(found) if after is None or each > after]
    return _Ids(oldest_first[:limit], reached)


def _ranked(
    user: User | AnonymousUser,
    scope: Scope,
    value: Expression | F,
    after: UUID | None,
    limit: int,
) -> _Ids:
    """Those of the newest so many jobs that pass the filters, the greatest value first."""
    rows, edge = _rows_to_rank(user, scope)
    rows = rows.annotate(rank=value).filter(rank__isnull=False)
    if after is not None:
        last = visible_jobs(user).filter(pk=after).annotate(rank=value)
        rank = last.values_list("rank", flat=True).first()
        if rank is None:
            raise InvalidInput({"before": [NO_PLACE]})
        rows = rows.filter(Q(rank__lt=rank) | Q(rank=rank, pk__lt=after))
    found = rows.order_by("-rank", "-pk").values_list("pk", flat=True)[:limit]
    return _Ids(as_ids(list(found)), edge)


def _rows_to_rank(user: User | AnonymousUser, scope: Scope) -> tuple[QuerySet[Job], UUID | None]:
    if scope.filters.is_by_words:
        found, reached = _by_words(user, scope, None, SIFTED)
        return Job.objects.filter(pk__in=found), reached
    if ended_jobs.ranks_by_end(scope):
        return ended_jobs.rows_by_end(scope)
    if _is_by_definition(scope):
        job_ids, edge = newest_of_definitions(scope, None, SIFTED)
        return scope.chosen(Job.objects.filter(pk__in=job_ids)), edge
    rows = scope.within_dates(scope.as_listed(Job.objects.all()))
    edge = _edge(scope, None, oldest_first=False)
    if scope.filters.one_by_one:
        rows = scope.chosen(rows)
    elif scope.owner_id is not None:
        rows = scope.chosen(rows, but=("owner",)).filter(owner=scope.owner_id)
    elif scope.queue_ids is not None:
        rows = scope.chosen(rows, but=("queue",)).filter(queue__in=scope.queue_ids)
    else:
        rows = scope.chosen(rows)
    return (rows if edge is None else rows.filter(pk__gte=edge)), edge


def _value(sort: Sort, now: datetime | None) -> Expression | F:
    """What an order goes by; without it (NULL) a job is not in the list."""
    if sort is Sort.COST:
        return F("cost_usd")
    if sort is Sort.ENDED:
        return F("stopped_at")
    end = Coalesce(F("stopped_at"), Value(now))
    return EpochSeconds(end) - EpochSeconds(F("started_at"))
