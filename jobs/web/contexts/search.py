"""What the search page and the suggestions below the header's box are drawn from."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib.auth.models import User
from django.http import QueryDict
from django.urls import reverse

from jobs.domain import ids, search
from jobs.domain.errors import InvalidInput
from jobs.domain.search import Piece
from jobs.models import Job
from jobs.selectors import search as selectors
from jobs.selectors.attempt_ends import ends_of
from jobs.selectors.logs.ends import log_ends_of
from jobs.web import plaintext

from . import job as job_contexts
from . import search_names
from .lazily import lazily

NAMES = 8
SUGGESTED_JOBS = 6
SUGGESTED_NAMES = 3
NO_JOB = "No job has these words"
NOTHING = "Nothing found: no job has these words, and nothing else such a name"
TEXT_LENGTH = 200
# Of a reason that holds a whole traceback.
EXCERPT_LENGTH = 180
# A job's name and the end of its id: of what it is found by, these stand in each line.
SHOWN = 2
# Text that is shown with what was sought marked.
Pieces = list[Piece]


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """The URL's query: what is sought, and from which job on."""

    text: str
    before: UUID | None

    def url(self, *, before: UUID | None) -> str:
        """The URL of the same search, from `before` on."""
        parts = {"q": self.text, "before": str(before) if before else ""}
        return f"{reverse('search')}?{urlencode({k: v for k, v in parts.items() if v})}"


@dataclass(frozen=True, slots=True)
class FoundJob:
    """A job, its name and the end of its id as they match, and what else of it does: (what it is, its text).

    An array's `child` is the one of which `why` tells, where the array itself does not have the words.
    """

    job: Job
    child: Job | None
    name: Pieces
    id_end: Pieces
    why: list[tuple[str, Pieces]]


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A line below the box: what it is, its name as it matches, what tells it apart, and where it leads.

    Jobs of one name are told apart by `job`: its id and when it was submitted.
    """

    kind: str
    icon: str
    name: Pieces
    detail: str
    url: str
    job: Job | None = None


def read_query(query: QueryDict) -> SearchQuery:
    """The query of a URL. Raises InvalidInput, which names the parameter that is wrong."""
    before = query.get("before", "").strip()
    try:
        start = UUID(before) if before else None
    except ValueError:
        raise InvalidInput({"before": ["The id of the last job of the page before."]}) from None
    return SearchQuery(text=query.get("q", "").strip()[:TEXT_LENGTH], before=start)


def job_url(*, user: User, query: SearchQuery) -> str | None:
    """Where the job is whose whole id was typed, if it is his to see."""
    try:
        job_id = ids.id_of(search.bare_id(query.text))
    except ValueError:
        return None
    found = selectors.find_jobs(user=user, text=query.text, limit=1).jobs
    return reverse("job", args=[job_id]) if [job.pk for job in found] == [job_id] else None


def build(*, user: User, query: SearchQuery) -> dict[str, Any]:
    """Read when drawn; see `lazily`."""
    found = lazily(lambda: selectors.find_jobs(user=user, text=query.text, before=query.before))
    names = lazily(lambda: _names(user, query))
    return {
        "text": query.text,
        "searched": query.text,
        "has_words": bool(search.words(query.text)),
        "found": found,
        "jobs": lazily(lambda: _marked(found(), query.text)),
        "names": names,
        "nothing": lazily(lambda: NO_JOB if names() or query.before else NOTHING),
        "looked_back_to": lazily(lambda: _looked_back_to(found())),
        "next_url": lazily(lambda: _next_url(query, found())),
        "first_url": query.url(before=None) if query.before else None,
        "indexed_percent": lazily(selectors.indexed_percent),
        "shows_owner": user.is_staff,
    }


def as_json(*, user: User, query: SearchQuery) -> dict[str, Any]:
    """`jobs`, newest first, each with its `matches` by what they are; names of other things by their kinds, `pages`
    with their addresses; `next`, or null.

    `looked_back_to`: the search ended there before it had found a page full; `next` goes on.
    """
    found = selectors.find_jobs(user=user, text=query.text, before=query.before)
    names = {group.kind: group.found for group in _names(user, query)}
    return {
        "jobs": [
            {
                **job_contexts.summary(each.job),
                "matches": {what: _plain(t) for what, t in each.why},
                "matching_child": ids.text_of(each.child.pk) if each.child else None,
            }
            for each in _marked(found, query.text)
        ],
        **{
            kind: [each.name for each in names.get(kind, ())]
            for kind in search_names.all_kinds()
            if kind != search_names.PAGES
        },
        "pages": [
            {"name": page.name, "url": page.url} for page in names.get(search_names.PAGES, ())
        ],
        "next": _next_url(query, found),
        "looked_back_to": _looked_back_to(found),
    }


def suggest(*, user: User, query: SearchQuery) -> dict[str, Any]:
    """Pages of such a name, the newest few jobs that match, and what else has such a name."""
    return {"suggestions": list(_suggestions(user, query.text))}


def _suggestions(user: User, text: str) -> Iterator[Suggestion]:
    starts = search.words(text)
    pages: list[Suggestion] = []
    others: list[Suggestion] = []
    for group in search_names.find(user=user, text=text, limit=SUGGESTED_NAMES):
        of_kind = pages if group.kind == search_names.PAGES else others
        of_kind += [
            Suggestion(group.one, group.icon, _pieces(each.name, starts), "", each.url)
            for each in group.found
        ]
    yield from pages
    for job in selectors.find_jobs(user=user, text=text, limit=SUGGESTED_JOBS).jobs:
        detail = f"{job.status} · {job.queue.name}"
        url = reverse("job", args=[job.pk])
        yield Suggestion(_kind(job), "list-details", _pieces(job.name, starts), detail, url, job)
    yield from others


def _kind(job: Job) -> str:
    if job.is_array:
        return f"Array of {job.array_size}"
    return "Job" if job.array_index is None else f"Child {job.array_index}"


def _names(user: User, query: SearchQuery) -> list[search_names.NameGroup]:
    """On the first page alone: further ones are of jobs."""
    if query.before:
        return []
    return search_names.find(user=user, text=query.text, limit=NAMES)


def _marked(found: selectors.Found, text: str) -> list[FoundJob]:
    """Each job with what matches. At most four queries, where words are not in what jobs' own rows tell."""
    starts = search.words(text)
    own = {job.pk: list(_own_texts(job)) for job in found.jobs}
    children = {pk: each for pk, each in found.children.items() if _missing(starts, own[pk])}
    jobs = [children.get(job.pk, job) for job in found.jobs]
    texts = {job.pk: own.get(job.pk) or list(_own_texts(job)) for job in jobs}

    def unexplained() -> list[Job]:
        return [job for job in jobs if job.attempts_made and _missing(starts, texts[job.pk])]

    for job_id, ends in ends_of([job.pk for job in unexplained()]).items():
        texts[job_id] += [("Attempt", end) for end in ends]
    for job_id, lines in log_ends_of(unexplained()).items():
        texts[job_id].append(("Last lines", "\n".join(line.text for line in lines)))
    return [
        FoundJob(
            job=job,
            child=children.get(job.pk),
            name=_pieces(job.name, starts),
            id_end=_pieces(selectors.texts_of(job).id_end, starts),
            why=list(_why(texts[told.pk], starts)),
        )
        for job, told in zip(found.jobs, jobs, strict=True)
    ]


def _own_texts(job: Job) -> Iterator[tuple[str, str]]:
    """All that the job's rows tell; first what is shown of each job anyway."""
    texts = selectors.texts_of(job)
    yield "Name", texts.name
    yield "Id", texts.id_end
    yield "Definition", texts.definition
    yield "Queue", texts.queue
    yield "Owner", texts.owner
    yield "Reason", texts.reason
    yield "Image", texts.image
    for key, value in texts.tags.items():
        yield "Tag", f"{key}={value}"


def _missing(starts: Sequence[str], texts: Sequence[tuple[str, str]]) -> list[str]:
    """Those of the words that were sought that are in none of the texts."""
    have = [word for _, text in texts for word in search.words(text)]
    return [start for start in starts if not any(word.startswith(start) for word in have)]


def _why(texts: Sequence[tuple[str, str]], starts: Sequence[str]) -> Iterator[tuple[str, Pieces]]:
    """Of what is not shown of each job anyway, the first texts that hold what those do not."""
    sought = _missing(starts, texts[:SHOWN])
    for what, text in texts[SHOWN:]:
        left = _missing(sought, [(what, text)])
        if len(left) < len(sought):
            yield what, _pieces(search.excerpt(text, sought, length=EXCERPT_LENGTH), starts)
        sought = left


def _pieces(text: str, starts: Sequence[str]) -> Pieces:
    return [
        Piece(plaintext.visible(piece.text), piece.is_match)
        for piece in search.pieces(text, starts)
    ]


def _plain(found: Pieces) -> str:
    return "".join(piece.text for piece in found)


def _looked_back_to(found: selectors.Found) -> datetime | None:
    return ids.made_at(found.reached) if found.is_cut and found.reached else None


def _next_url(query: SearchQuery, found: selectors.Found) -> str | None:
    return query.url(before=found.reached) if found.reached else None
