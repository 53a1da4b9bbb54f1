"""What an array's page and its JSON are drawn from: all children at a glance, and a page of them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.models import User
from django.http import QueryDict
from django.urls import reverse

from jobs.domain.errors import InvalidInput
from jobs.domain.ids import MAX_CHILDREN
from jobs.domain.states import JobStatus
from jobs.models import ArraySummary, Job
from jobs.selectors import arrays as selectors
from jobs.selectors.costs import cost_of_array
from jobs.selectors.paging import Page

from . import job as job_contexts
from .lazily import lazily


@dataclass(frozen=True, slots=True)
class ChildQuery:
    """Which children are listed: those of a status (empty: all), from behind an index on."""

    status: str
    after: int | None

    def url(self, array: Job, *, after: str = "", route: str = "job") -> str:
        """The URL of these children, from behind `after` on."""
        parts = {"status": self.status, "after": after}
        query = urlencode({name: value for name, value in parts.items() if value})
        return reverse(route, args=[array.pk]) + (f"?{query}" if query else "")


@dataclass(frozen=True, slots=True)
class StatusCount:
    """How many children are in a status, and the list of them."""

    status: str
    count: int
    url: str
    is_shown: bool


def read_query(query: QueryDict) -> ChildQuery:
    """The query of a URL. Raises InvalidInput, which names the parameter that is wrong."""
    status = query.get("status", "").strip().upper()
    if status and status not in list(JobStatus):
        raise InvalidInput({"status": [f"A status is one of {', '.join(JobStatus)}."]})
    after = query.get("after", "").strip()
    if after and not (after.isascii() and after.isdigit() and len(after) <= 5):
        raise InvalidInput({"after": [f"The index of a child, 0 to {MAX_CHILDREN - 1}."]})
    return ChildQuery(status=status, after=int(after) if after else None)


def build(*, job: Job, user: User, now: datetime, query: ChildQuery, hops: int) -> dict[str, Any]:
    """Read when drawn; see `lazily`."""
    page = lazily(lambda: _page(job, query))
    return {
        **job_contexts.common(job=job, user=user, now=now, hops=hops),
        "summary": lazily(lambda: job.array_summary),
        "counts": lazily(lambda: counts_of(job, query)),
        "grid": lazily(lambda: selectors.grid_of(job)),
        "grid_order": " ".join(selectors.GRID_ORDER),
        "failures": lazily(lambda: selectors.failures_of(job) if job.array_summary.failed else []),
        "children": page,
        "query": query,
        "all_url": ChildQuery(status="", after=None).url(job),
        "first_url": query.url(job) if query.after is not None else None,
        "next_url": lazily(lambda: query.url(job, after=page().next) if page().next else None),
        "cost": lazily(lambda: cost_of_array(job)),
        "percent": lazily(lambda: percent_of(job.array_summary)),
    }


def counts_of(job: Job, query: ChildQuery) -> list[StatusCount]:
    """The statuses that some child is in, in the order of a job's way."""
    return [
        StatusCount(
            status=str(status),
            count=count,
            url=ChildQuery(status=str(status), after=None).url(job) + "#children",
            is_shown=query.status == status,
        )
        for status, count in job.array_summary.counts().items()
        if count
    ]


def percent_of(summary: ArraySummary) -> int:
    """How many of a hundred children have ended; 100 only when all have."""
    total = summary.total
    return (total - summary.unfinished) * 100 // total if total else 0


def as_json(*, job: Job, user: User, now: datetime) -> dict[str, Any]:
    """All that the page says, for scripts; the children have a list of their own."""
    told = job_contexts.as_json(job=job, user=user, now=now)
    cost = cost_of_array(job)
    return {
        **told,
        "cost_usd": f"{cost.usd:f}",
        "idle_usd": f"{cost.idle_usd:f}",
        "saving_usd": f"{cost.saving_usd:f}",
        "failures": [
            {"reason": each.reason, "count": each.count, "first_index": each.first_index}
            for each in selectors.failures_of(job)
        ],
        "children_url": reverse("job_children", args=[job.pk]),
    }


def children_as_json(*, job: Job, query: ChildQuery) -> dict[str, Any]:
    """`results` by index, and `next`: the URL of the page that follows, or null."""
    page = _page(job, query)
    for child in page.rows:
        # What all children share is not read again for each of them.
        child.queue, child.definition, child.owner = job.queue, job.definition, job.owner
    return {
        "results": [job_contexts.summary(child) for child in page.rows],
        "next": query.url(job, after=page.next, route="job_children") if page.next else None,
    }


def _page(job: Job, query: ChildQuery) -> Page[Job]:
    return selectors.list_children(array=job, status=query.status, after=query.after)
