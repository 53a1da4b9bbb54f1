"""What the list of jobs is drawn from: its filters are in the URL, and nowhere else."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib.auth.models import User
from django.core.exceptions import TooManyFieldsSent
from django.http import QueryDict
from django.urls import reverse
from django.utils import timezone

from jobs import changes
from jobs.domain import moments, numbers
from jobs.domain.errors import InvalidInput
from jobs.models import JobStatus
from jobs.selectors.bulk import CONCERNS, newest_bulk_actions
from jobs.selectors.choices import queue_names
from jobs.selectors.listing import pages as selectors
from jobs.selectors.listing.counts import StatusCount, status_counts
from jobs.selectors.listing.filters import JobFilters, OnRequest
from jobs.selectors.listing.pages import DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE, JobPage, Sort
from jobs.selectors.listing.saved_views import saved_views

from . import job as job_contexts
from .job_chips import chips
from .lazily import lazily

FILTERS = (
    *("q", "queue", "status", "name", "definition", "tag", "owner", "from", "to"),
    *("ended_from", "ended_to", "on_request", "children"),
)
# All that the list's URL may have.
PARAMETERS = frozenset({*FILTERS, "sort", "limit", "before", "format"})
# These may be there several times.
REPEATED = frozenset({"status"})
MAX_FILTER_CHARACTERS = 256
TOO_MANY_PARTS = "These are too many filters. Leave out what is there twice."
# Of `children`: each is a job of the list, and arrays are not.
EACH = "each"
# Children are in these states; their array never is: it is PENDING until all of them have ended.
OF_CHILDREN_ALONE = frozenset({JobStatus.RUNNABLE, JobStatus.STARTING, JobStatus.RUNNING})
ON_REQUEST = {
    OnRequest.NO: "Left out",
    OnRequest.YES: "Only these",
    OnRequest.CANCELLED: "Only cancelled",
    OnRequest.TERMINATED: "Only terminated",
}
SORTS = {
    Sort.NEWEST: "Newest first",
    Sort.OLDEST: "Oldest first",
    Sort.ENDED: "Ended last",
    Sort.LONGEST: "Longest run",
    Sort.COST: "Highest cost",
}


@dataclass(frozen=True, slots=True)
class JobQuery:
    """The URL's query: filters, their order, where to go on, and how many to show.

    `dates` are the texts of `from` and `to`, `ends` those of `ended_from` and `ended_to`, as they were typed.
    """

    filters: JobFilters
    sort: Sort = Sort.NEWEST
    before: UUID | None = None
    limit: int = DEFAULT_PAGE_SIZE
    dates: tuple[str, str] = ("", "")
    ends: tuple[str, str] = ("", "")

    def parts(self) -> list[tuple[str, str]]:
        """The filters and their order as a query has them; what says nothing is left out."""
        filters, (since, until) = self.filters, self.dates
        parts = [
            ("q", filters.text),
            ("queue", filters.queue),
            *(("status", status) for status in filters.statuses),
            ("name", filters.name),
            ("definition", filters.definition),
            ("tag", filters.tag),
            ("owner", filters.owner),
            ("from", since),
            ("to", until),
            ("ended_from", self.ends[0]),
            ("ended_to", self.ends[1]),
            ("on_request", filters.on_request or ""),
            ("children", EACH if filters.one_by_one else ""),
            ("sort", _as_part(self.sort)),
        ]
        return [(name, value) for name, value in parts if value]

    def query_string(self, **more: str) -> str:
        """The same as text, with more parts behind them."""
        extra = [(name, value) for name, value in more.items() if value]
        return urlencode(self.parts() + extra)

    def url(self, *, before: UUID | None = None) -> str:
        """The URL of the same list, from behind the job `before` on."""
        limit = "" if self.limit == DEFAULT_PAGE_SIZE else str(self.limit)
        query = self.query_string(limit=limit, before=str(before) if before else "")
        return reverse("jobs") + (f"?{query}" if query else "")

    def sorted_by(self, sort: Sort) -> "JobQuery":
        return replace(self, sort=sort, before=None)

    def of_status(self, *statuses: str) -> "JobQuery":
        return replace(self, filters=replace(self.filters, statuses=statuses), before=None)


def read_query(query: QueryDict) -> JobQuery:
    """The query of a URL. Raises InvalidInput, which names the parameters that are wrong."""
    errors: dict[str, list[str]] = {}
    texts = {name: query.get(name, "").strip() for name in FILTERS if name != "status"}
    for name, text in texts.items():
        if len(text) > MAX_FILTER_CHARACTERS:
            errors[name] = [f"At most {MAX_FILTER_CHARACTERS} characters."]
    since = _bound(texts, "from", errors)
    until = _bound(texts, "to", errors)
    ended_since, ended_until = _ended(texts, errors)
    on_request = _on_request(texts["on_request"], errors)
    if texts["children"] not in {"", EACH}:
        errors["children"] = [f"This is {EACH}, or left out."]
    statuses = _statuses(query, errors)
    sort = query.get("sort", "").strip() or Sort.NEWEST
    if sort not in set(Sort):
        errors["sort"] = [f"An order is one of {', '.join(Sort)}."]
    if errors:
        raise InvalidInput(errors)
    if since and until:
        moments.check_order(since, until)
    filters = JobFilters(
        queue=texts["queue"],
        statuses=statuses,
        name=texts["name"],
        definition=texts["definition"],
        text=texts["q"],
        tag=texts["tag"],
        owner=texts["owner"],
        since=since,
        until=until,
        ended_since=ended_since,
        ended_until=ended_until,
        on_request=on_request,
        one_by_one=bool(texts["children"]),
    )
    return JobQuery(
        filters=filters,
        sort=Sort(sort),
        before=_uuid(query.get("before", "")),
        limit=_limit(query.get("limit", "")),
        dates=(texts["from"], texts["to"]),
        ends=(texts["ended_from"], texts["ended_to"]),
    )


def _as_part(sort: Sort) -> str:
    """An order as a query has it: the usual one is not in there."""
    return "" if sort is Sort.NEWEST else sort.value


def _bound(texts: dict[str, str], name: str, errors: dict[str, list[str]]) -> datetime | None:
    """What a day or a moment bounds; of `to` a day belongs to it."""
    if not texts[name]:
        return None
    try:
        return moments.bound(name, texts[name], is_end=name.endswith("to"))
    except InvalidInput as error:
        errors.update(error.errors)
        return None


def _ended(
    texts: dict[str, str], errors: dict[str, list[str]]
) -> tuple[datetime | None, datetime | None]:
    since, until = None, _bound(texts, "ended_to", errors)
    try:
        if text := texts["ended_from"]:
            since = moments.since("ended_from", text, now=timezone.now())
        if since and until:
            moments.check_order(since, until, name="ended_to")
    except InvalidInput as error:
        errors.update(error.errors)
    return since, until


def _on_request(text: str, errors: dict[str, list[str]]) -> OnRequest | None:
    if text in {"", *OnRequest}:
        return OnRequest(text) if text else None
    errors["on_request"] = [f"This is one of {', '.join(OnRequest)}."]
    return None


def _statuses(query: QueryDict, errors: dict[str, list[str]]) -> tuple[str, ...]:
    """Several parameters, or one with commas."""
    given = [each.strip().upper() for text in query.getlist("status") for each in text.split(",")]
    statuses = tuple(each for each in dict.fromkeys(given) if each)
    if not set(statuses) <= set(JobStatus.values):
        errors["status"] = [f"A status is one of {', '.join(JobStatus.values)}."]
    return statuses


def read_strictly(query_string: str) -> JobQuery:
    """The query of the list that a form was on. Raises InvalidInput, of which `query` is the field.

    Unlike the list itself it refuses a filter that there is not: without it the form would be about more jobs than
    was meant. A question mark in front is left out.
    """
    try:
        query = QueryDict(query_string.strip().removeprefix("?"))
    except TooManyFieldsSent:
        raise InvalidInput({"query": [TOO_MANY_PARTS]}) from None
    problems = [
        f"There is no filter {name[:60]!r}. Filters are {', '.join(FILTERS)}."
        for name in query
        if name not in PARAMETERS
    ]
    problems += [
        f"The filter {name} is there twice. Give it once."
        for name in FILTERS
        if name not in REPEATED and len(query.getlist(name)) > 1
    ]
    if problems:
        raise InvalidInput({"query": problems[:20]})
    return read_query(query)


def build(*, user: User, query: JobQuery) -> dict[str, Any]:
    """Read when drawn; see `lazily`."""
    page = lazily(lambda: _page(user, query))
    return {
        "query": query,
        "filters": query.filters,
        "values": {name: value for name, value in query.parts() if name != "status"},
        "more_is_open": _has_more(query),
        "chips": chips(query.parts(), sorts=SORTS),
        "queue_names": lazily(queue_names),
        "statuses": JobStatus.values,
        "on_request": [(value.value, label) for value, label in ON_REQUEST.items()],
        "sorts": [(_as_part(sort), label) for sort, label in SORTS.items()],
        "sort_urls": {sort.value: query.sorted_by(sort).url() for sort in Sort},
        "tabs": lazily(lambda: _tabs(user, query)),
        "each_child_url": _each_child_url(query),
        "looked_at": lazily(lambda: f"{page().looked_at:,}"),
        "page": page,
        "next_url": lazily(lambda: _next_url(query, page())),
        "first_url": query.url() if query.before else None,
        "is_by_age": query.sort is Sort.NEWEST,
        "query_string": query.query_string(),
        "acts_on": {kind.lower(): sorted(states) for kind, states in CONCERNS.items()},
        "views": lazily(lambda: _views(user, query)),
        "bulk_actions": lazily(lambda: newest_bulk_actions(user=user)),
        # Not those of jobs: it is each user's own, and need not be drawn for everybody whenever some job changes.
        "bulk_topics": lazily(lambda: changes.bulk_of_topic(user.pk)),
        "shows_owner": user.is_staff,
        "topics": changes.JOBS,
    }


def as_json(*, user: User, query: JobQuery) -> dict[str, Any]:
    """`results` in their order, and `next`: the URL of the page that follows, or null. `is_cut`: there may be
    more than so many jobs as were looked at had."""
    page = _page(user, query)
    return {
        "results": [job_contexts.summary(job) for job in page.jobs],
        "next": _next_url(query, page),
        "is_cut": page.is_cut,
    }


def _page(user: User, query: JobQuery) -> JobPage:
    return selectors.list_jobs(
        user=user,
        filters=query.filters,
        sort=query.sort,
        after=query.before,
        limit=query.limit,
        now=timezone.now(),
    )


def _next_url(query: JobQuery, page: JobPage) -> str | None:
    return query.url(before=page.next_after) if page.next_after else None


def _has_more(query: JobQuery) -> bool:
    """Whether one of the filters that are folded away is in use."""
    filters = query.filters
    folded = (filters.name, filters.tag, filters.owner, *query.dates)
    return any(folded) or filters.is_by_end or filters.one_by_one or len(filters.statuses) > 1


def _tabs(user: User, query: JobQuery) -> list[dict[str, Any]]:
    """The statuses to choose from, each with how many jobs it has, where that is known."""
    counts = {each.status: each for each in status_counts(user=user, filters=query.filters) or ()}
    chosen = query.filters.statuses
    everything = {"label": "All", "url": query.of_status().url(), "is_current": not chosen}
    return [everything] + [
        {
            "label": status.capitalize(),
            "status": status,
            "url": query.of_status(status).url(),
            "is_current": status in chosen,
            "count": _told(counts.get(status)),
        }
        for status in JobStatus.values
    ]


def _each_child_url(query: JobQuery) -> str | None:
    """The same list with each child by itself, where arrays are left out that somebody may look for."""
    if query.filters.one_by_one or not OF_CHILDREN_ALONE.intersection(query.filters.statuses):
        return None
    return replace(query, filters=replace(query.filters, one_by_one=True), before=None).url()


def _told(count: StatusCount | None) -> str:
    if count is None:
        return ""
    return f"{count.count:,}{'+' if count.is_capped else ''}"


def _views(user: User, query: JobQuery) -> list[dict[str, Any]]:
    mine = query.query_string()
    return [
        {
            "id": view.pk,
            "name": view.name,
            "url": reverse("jobs") + (f"?{view.query}" if view.query else ""),
            "is_current": view.query == mine,
        }
        for view in saved_views(user=user)
    ]


def _uuid(text: str) -> UUID | None:
    if not text:
        return None
    try:
        return UUID(text)
    except ValueError:
        raise InvalidInput({"before": ["The id of the last job of the page before."]}) from None


def _limit(text: str) -> int:
    limit = numbers.whole("limit", text, least=1)
    return DEFAULT_PAGE_SIZE if limit is None else min(limit, MAX_PAGE_SIZE)
