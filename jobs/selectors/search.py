"""Finding jobs by words, over all history: newest first, and each page at the same cost (docs/search.md).

The index says which blocks of documents may hold what is sought, the newest block is always looked at, and the
documents themselves decide. Where what is sought is in a great many blocks and yet in few documents, so many blocks
are looked at, and whoever asked is told how far that was: he can go on from there.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

from django.contrib.auth.models import User
from django.db import connection

from jobs.domain import ids, search
from jobs.domain.search import Term, Wanted
from jobs.models import DocumentBlock, FollowMark, Job, JobDocument, JobQueue, Transition

from .job_details import tags_of
from .jobs import visible_jobs
from .listing.newest import newest_in_queues

# Of `FollowMark`: how far documents are written.
MARK = "search"
# So many blocks, each of some 256 documents, are looked at for one page, a few first: mostly they do.
GROUPS = (3, 13, 48)
BLOCKS_LOOKED_AT = sum(GROUPS)
# Jobs so new that they have no document yet are looked for among so many of the newest.
NEWEST_LOOKED_AT = 100
# Whoever types the beginning of an id may mean so many jobs.
BY_ID_AT_MOST = 50
DEFAULT_LIMIT = 25
# Fewer digits of an id say nothing but the day.
_ID_START = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{0,4}-?[0-9a-f]{0,4}-?[0-9a-f]{0,4}-?[0-9a-f]{0,12}")
_ALL_IDS = UUID(int=2**128 - 1)


@dataclass(frozen=True, slots=True)
class JobTexts:
    """What a job is found by, by what it is; a reason only of one that failed."""

    id_end: str
    name: str
    definition: str
    queue: str
    owner: str
    image: str
    tags: Mapping[str, str]
    reason: str

    def all(self) -> list[str]:
        tags = [text for pair in self.tags.items() for text in pair]
        most = [self.id_end, self.name, self.definition, self.queue, self.owner, self.image]
        return [*most, *tags, self.reason]


class Window(NamedTuple):
    """Ids of jobs, newest first: all that match down to `reached`, from where to go on; None at history's end."""

    job_ids: list[UUID]
    reached: UUID | None


@dataclass(frozen=True, slots=True)
class Found:
    """Jobs, newest first, with queue, definition, owner, spec and array summary.

    An array's children are their array, once; `children` has the newest child of each that was found so. `reached`
    is the id to go on from, None at the end. `is_cut`: fewer were found than asked for, because so many documents
    were looked at.
    """

    jobs: list[Job]
    reached: UUID | None
    is_cut: bool
    children: dict[UUID, Job] = field(default_factory=dict)


class _Span(NamedTuple):
    """Job ids from `first` on, and smaller than `end`."""

    first: UUID
    end: UUID


def texts_of(job: Job) -> JobTexts:
    """The texts of a job that was read with queue, definition, owner and spec."""
    return JobTexts(
        # What lists show of an id; its beginning is a time.
        id_end=ids.text_of(job.pk)[-12 if ids.child_index(job.pk) is None else 24 :],
        name=job.name,
        definition=str(job.definition),
        queue=job.queue.name,
        owner=job.owner.get_username(),
        image=job.spec.image,
        tags=tags_of(job),
        reason=job.status_reason if job.status == "FAILED" else "",
    )


def is_behind() -> bool:
    """Whether there is history of which no documents were written yet. Two queries."""
    newest = Transition.objects.order_by("-id").values_list("id", flat=True).first()
    return newest is not None and newest > _mark()


def indexed_percent() -> int:
    """How much of the history is searched, of an old database that is still being read. Two queries."""
    newest = Transition.objects.order_by("-id").values_list("id", flat=True).first()
    # Of no history all is searched.
    return 100 if newest is None else min(100, 100 * _mark() // newest)


def _mark() -> int:
    return FollowMark.objects.filter(name=MARK).values_list("transition_id", flat=True).first() or 0


def wanted_by(
    *, user: User, text: str = "", tag: str = "", owner_id: int | None = None, queue: str = ""
) -> Wanted | None:
    """What this user seeks: of his own jobs, or of all if he is an administrator.

    `tag` is a key or `key=value`, `queue` a name. None: nothing can be found, there is no such queue, or the jobs
    of another are not his to see.
    """
    queue_ids: list[int] = []
    if queue:
        rows = JobQueue.with_deleted.filter(name=queue).order_by("-pk")
        queue_ids = list(rows.values_list("pk", flat=True)[:1])
        if not queue_ids:
            return None
    if not user.is_staff:
        if owner_id not in (None, user.pk):
            return None
        owner_id = user.pk
    return search.wanted(text=text, tag=tag, owner_id=owner_id, queue_ids=queue_ids)


def matching(
    *,
    user: User,
    wanted: Wanted,
    typed: str = "",
    before: UUID | None = None,
    window: int = 100,
    as_arrays: bool = False,
    once: bool = False,
) -> Iterator[Window]:
    """Ids of visible jobs that match, newest first, in windows of so many at most; some are empty.

    Ends when history does (`reached` of the last window is None), or when so many documents were looked at. What
    is too new to have a document is among the first. Of `typed`, which is what `wanted` was made of, an id's
    beginning finds its jobs alone. `as_arrays`: in place of an array's children their array, once. `once`: of an
    array and its children the newest alone.
    """
    if before is None and (by_id := _by_id(user, typed)):
        yield Window(_arrays_of(by_id) if as_arrays else by_id, None)
        return
    new = _without_document(user, wanted) if before is None else []
    last: UUID | None = None
    for found, reached in _walk(wanted, before, window, once=once or as_arrays):
        job_ids = sorted({*new, *found}, reverse=True) if new else found
        new = []
        if once or as_arrays:
            # An array's children stand behind each other, so a window's first may be of the last one's array.
            newest = {ids.parent_id(each): each for each in reversed(job_ids)}
            arrays = [each for each in _arrays_of(job_ids) if each != last]
            last = arrays[-1] if arrays else last
            job_ids = arrays if as_arrays else [newest[each] for each in arrays]
        yield Window(job_ids, reached)


def find_jobs(
    *, user: User, text: str, before: UUID | None = None, limit: int = DEFAULT_LIMIT
) -> Found:
    """Visible jobs, of all history, that have words beginning with each word of the text; whose id is typed, alone.

    At most 15 queries, and one for each array of which very many children are found.
    """
    wanted = wanted_by(user=user, text=text)
    if not wanted:
        return Found([], None, is_cut=False)
    job_ids: list[UUID] = []
    reached: UUID | None = None
    by_id = _by_id(user, text) if before is None else []
    windows = (
        iter([Window(by_id, None)])
        if by_id
        else matching(user=user, wanted=wanted, before=before, once=True)
    )
    for each in windows:
        job_ids += each.job_ids
        reached = each.reached
        if len(job_ids) >= limit:
            break
    if len(job_ids) > limit or (len(job_ids) == limit and reached is not None):
        job_ids = job_ids[:limit]
        reached = job_ids[-1]
    is_cut = reached is not None and len(job_ids) < limit
    if by_id:
        return Found(_jobs(user, job_ids), reached, is_cut)
    return _told_by_arrays(user, job_ids, reached, is_cut=is_cut)


def _told_by_arrays(
    user: User, job_ids: Sequence[UUID], reached: UUID | None, *, is_cut: bool
) -> Found:
    arrays = _arrays_of(job_ids)
    rows = {job.pk: job for job in _jobs(user, [*arrays, *job_ids])}
    children = {ids.parent_id(each): rows[each] for each in job_ids if each in rows}
    return Found(
        jobs=[rows[each] for each in arrays if each in rows],
        reached=ids.parent_id(reached) if reached else None,
        is_cut=is_cut,
        children={array: child for array, child in children.items() if child.pk != array},
    )


def _jobs(user: User, job_ids: Sequence[UUID]) -> list[Job]:
    related = ("queue", "definition", "owner", "spec", "array_summary")
    rows = visible_jobs(user).filter(pk__in=job_ids).select_related(*related)
    return list(rows.order_by("-pk"))


def _arrays_of(job_ids: Sequence[UUID]) -> list[UUID]:
    return list(dict.fromkeys(ids.parent_id(each) for each in job_ids))


def _by_id(user: User, typed: str) -> list[UUID]:
    """The newest visible jobs whose id begins so, or that one whose id it is."""
    text = search.bare_id(typed)
    if ":" in text:
        try:
            exact = ids.id_of(text)
        except ValueError:
            return []
        return list(visible_jobs(user).filter(pk=exact).values_list("pk", flat=True))
    digits = text.replace("-", "")
    if not _ID_START.fullmatch(text):
        return []
    first, last = UUID(digits.ljust(32, "0")), UUID(digits.ljust(32, "f"))
    rows = visible_jobs(user).filter(pk__gte=first, pk__lte=last)
    if first != last:
        rows = rows.filter(parent=None)
    return list(rows.order_by("-pk").values_list("pk", flat=True)[:BY_ID_AT_MOST])


def _without_document(user: User, wanted: Wanted) -> list[UUID]:
    """Those of the newest jobs that match and have no document yet."""
    rows = visible_jobs(user).filter(parent=None)
    if user.is_staff:
        newest = newest_in_queues(rows, NEWEST_LOOKED_AT)
    else:
        newest = list(rows.order_by("-pk").values_list("pk", flat=True)[:NEWEST_LOOKED_AT])
    have = JobDocument.objects.filter(job__in=newest).values_list("job_id", flat=True)
    lacking = set(newest).difference(have)
    if not lacking:
        return []
    jobs = Job.objects.filter(pk__in=lacking)
    jobs = jobs.select_related("queue", "definition", "owner", "spec")
    return [job.pk for job in jobs if wanted.fits(document_of(job))]


def document_of(job: Job, ends: Sequence[str] = ()) -> str:
    """The document of a job that was read with queue, definition, owner and spec; `ends`: how its tries failed, and
    what it printed last."""
    texts = texts_of(job)
    marks = [search.owner_mark(job.owner_id), search.queue_mark(job.queue_id)]
    marks += search.tag_marks(texts.tags.items())
    return search.document(texts=[*texts.all(), *ends], marks=marks)


def _walk(
    wanted: Wanted, before: UUID | None, window: int, *, once: bool = False
) -> Iterator[Window]:
    """Along the blocks that may hold what is sought, newest first, some at a time.

    With `once` what is left of a full window's last array is passed over.
    """
    upper = before or _ALL_IDS
    spans = _spans(wanted, upper)
    is_all = len(spans) <= BLOCKS_LOOKED_AT
    spans = spans[:BLOCKS_LOOKED_AT]
    at = 0
    for size in GROUPS:
        if at >= len(spans):
            break
        group = _below(spans[at : at + size], upper)
        at += size
        found = _in_spans(group, wanted, window)
        while len(found) == window:
            upper = ids.parent_id(found[-1]) if once else found[-1]
            yield Window(found, upper)
            group = _below(group, upper)
            found = _in_spans(group, wanted, window)
        at_end = is_all and at >= len(spans)
        reached = min(upper, spans[min(at, len(spans)) - 1].first)
        yield Window(found, None if at_end else reached)
    if not spans:
        yield Window([], None)


def _below(spans: Sequence[_Span], upper: UUID) -> list[_Span]:
    """What of these is of smaller ids."""
    return [_Span(first, min(end, upper)) for first, end in spans if first < upper]


def _spans(wanted: Wanted, upper: UUID) -> list[_Span]:
    """What may hold what is sought, newest first: the open block, and so many others, and one more."""
    blocks = DocumentBlock.objects.filter(end=None, first__lt=upper).order_by()
    spans = [_Span(first, upper) for first in blocks.values_list("first", flat=True)]
    found = _blocks_with(wanted.index_terms(), upper, BLOCKS_LOOKED_AT + 1)
    return spans + [_Span(first, min(end, upper)) for first, end in found]


def _blocks_with(terms: Sequence[Term], upper: UUID, at_most: int) -> list[tuple[UUID, UUID]]:
    """The newest blocks below an id that hold all of the terms: where each begins and ends."""
    if connection.vendor == "postgresql":
        sql = "SELECT block_first, block_end FROM jobs_blocks_with(%s::tsquery, %s::uuid, %s)"
        query = " & ".join(f"'{term.text}'{'' if term.is_whole else ':*'}" for term in terms)
        values: list[Any] = [query, upper, at_most]
    else:
        sql = (
            # Along the index of `first`, as far as need be: rows are long, and most need not be read.
            'SELECT first, "end" FROM jobs_documentblock WHERE +id IN '
            "(SELECT rowid FROM jobs_documentblock_index WHERE jobs_documentblock_index MATCH %s)"
            " AND first < %s ORDER BY first DESC LIMIT %s"
        )
        query = " AND ".join(f'"{term.text}"{"" if term.is_whole else "*"}' for term in terms)
        values = [query, _key(upper), at_most]
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        # SQLite has no UUIDs and gives text.
        return [(UUID(str(first)), UUID(str(end))) for first, end in cursor.fetchall()]


def _in_spans(spans: Sequence[_Span], wanted: Wanted, limit: int) -> list[UUID]:
    """The newest so many documents there that are sought: each span is read by itself, as far as need be.

    By a statement of our own: Django would compile the part of each span anew, which takes longer than to read it.
    """
    if not spans:
        return []
    parts, joined = wanted.parts(), _joined(spans)
    holds = "STRPOS" if connection.vendor == "postgresql" else "INSTR"
    chosen = "".join(f" AND {holds}(text, %s) > 0" for _ in parts)
    one = (
        "SELECT * FROM (SELECT job_id FROM jobs_jobdocument WHERE job_id >= %s AND job_id < %s"  # noqa: S608
        f"{chosen} ORDER BY job_id DESC LIMIT {limit}) AS part"
    )
    values = [value for span in joined for value in (_key(span.first), _key(span.end), *parts)]
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join([one] * len(joined)), values)
        found = [UUID(str(job_id)) for (job_id,) in cursor.fetchall()]
    return sorted(found, reverse=True)[:limit]


def _key(job_id: UUID) -> UUID | str:
    """An id as the database compares it."""
    return job_id if connection.vendor == "postgresql" else job_id.hex


def _joined(spans: Sequence[_Span]) -> list[_Span]:
    """The same with those in one that stand beside each other: what all have is mostly in one row of blocks."""
    joined: list[_Span] = []
    for span in spans:
        if joined and joined[-1].first == span.end:
            joined[-1] = _Span(span.first, joined[-1].end)
        else:
            joined.append(span)
    return joined
