"""What the list of jobs is drawn from: its filters are in the URL, and nowhere else."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib.auth.models import User
from django.http import QueryDict
from django.urls import reverse

from jobs.domain.errors import InvalidInput
from jobs.models import JobStatus
from jobs.selectors import jobs as selectors
from jobs.selectors.choices import queue_names
from jobs.selectors.jobs import DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE, JobFilters, JobPage

from . import job as job_contexts
from .lazily import lazily

FILTERS = ("queue", "status", "name", "definition")
# All that the list's URL may have.
PARAMETERS = frozenset({*FILTERS, "limit", "before", "format"})


@dataclass(frozen=True, slots=True)
class JobQuery:
    """The URL's query: filters, where to go on, and how many to show."""

    filters: JobFilters
    before: UUID | None
    limit: int

    def url(self, *, before: UUID | None) -> str:
        """The URL of the same list, from `before` on."""
        parts = {
            "queue": self.filters.queue,
            "status": self.filters.status,
            "name": self.filters.name,
            "definition": self.filters.definition,
            "limit": "" if self.limit == DEFAULT_PAGE_SIZE else str(self.limit),
            "before": str(before) if before else "",
        }
        query = urlencode({name: value for name, value in parts.items() if value})
        return reverse("jobs") + (f"?{query}" if query else "")


def read_query(query: QueryDict) -> JobQuery:
    """The query of a URL. Raises InvalidInput, which names the parameter that is wrong."""
    filters = JobFilters(
        queue=query.get("queue", "").strip(),
        status=query.get("status", "").strip().upper(),
        name=query.get("name", "").strip(),
        definition=query.get("definition", "").strip(),
    )
    if filters.status and filters.status not in JobStatus.values:
        raise InvalidInput({"status": [f"A status is one of {', '.join(JobStatus.values)}."]})
    return JobQuery(
        filters=filters, before=_uuid(query.get("before", "")), limit=_limit(query.get("limit", ""))
    )


def build(*, user: User, query: JobQuery) -> dict[str, Any]:
    """Read when drawn; see `lazily`."""
    page = lazily(lambda: _page(user, query))
    return {
        "filters": query.filters,
        "queue_names": lazily(queue_names),
        "statuses": JobStatus.values,
        "page": page,
        "next_url": lazily(lambda: _next_url(query, page())),
        "first_url": query.url(before=None) if query.before else None,
        "query_string": query.url(before=query.before).partition("?")[2],
        "shows_owner": user.is_staff,
        "topics": "jobs",
    }


def as_json(*, user: User, query: JobQuery) -> dict[str, Any]:
    """`results`, newest first, and `next`: the URL of the page that follows, or null."""
    page = _page(user, query)
    return {
        "results": [job_contexts.summary(job) for job in page.jobs],
        "next": _next_url(query, page),
    }


def _page(user: User, query: JobQuery) -> JobPage:
    return selectors.list_jobs(
        user=user, filters=query.filters, before=query.before, limit=query.limit
    )


def _next_url(query: JobQuery, page: JobPage) -> str | None:
    return query.url(before=page.next_before) if page.next_before else None


def _uuid(text: str) -> UUID | None:
    if not text:
        return None
    try:
        return UUID(text)
    except ValueError:
        raise InvalidInput({"before": ["The id of the last job of the page before."]}) from None


def _limit(text: str) -> int:
    if not text:
        return DEFAULT_PAGE_SIZE
    if not (text.isascii() and text.isdigit() and len(text) < 6 and int(text) >= 1):
        raise InvalidInput({"limit": [f"A whole number from 1 to {MAX_PAGE_SIZE}."]})
    return min(int(text), MAX_PAGE_SIZE)
