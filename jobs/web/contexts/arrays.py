"""What an array's page and its JSON are drawn from: all children at a glance, and a page of them."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.models import User
from django.http import QueryDict
from django.urls import reverse

from jobs.domain import ids, numbers
from jobs.domain.errors import InvalidInput
from jobs.domain.ids import MAX_CHILDREN
from jobs.domain.states import JobStatus
from jobs.models import ArraySummary, Job, WaitReason
from jobs.selectors import arrays as selectors
from jobs.selectors.arrays import FailureGroup
from jobs.selectors.costs import Amounts, cost_of_array
from jobs.selectors.logs.ends import EndLine, log_ends_of
from jobs.selectors.paging import Page

from . import job as job_contexts
from .lazily import lazily
from .needs import NeedsOf, needs_of


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


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast children end, on average since the first began, and how long the rest takes at that pace."""

    a_minute: str
    left_seconds: float


@dataclass(frozen=True, slots=True)
class FirstWaiting:
    """The first child that waits for room, why it does, and its needs."""

    job: Job
    wait: WaitReason | None
    needs: list[NeedsOf]


# A log's end takes some milliseconds to read: for so many kinds of failures, the most frequent ones, it is told.
KINDS_WITH_LAST_LINE = 4


@dataclass(frozen=True, slots=True)
class Failure:
    """Children that failed alike, and what the first of them printed last, if that is known."""

    group: FailureGroup
    last_line: EndLine | None


def read_query(query: QueryDict) -> ChildQuery:
    """The query of a URL. Raises InvalidInput, which names the parameter that is wrong."""
    status = query.get("status", "").strip().upper()
    if status and status not in list(JobStatus):
        raise InvalidInput({"status": [f"A status is one of {', '.join(JobStatus)}."]})
    after = numbers.whole("after", query.get("after", ""), most=MAX_CHILDREN - 1)
    return ChildQuery(status=status, after=after)


def build(*, job: Job, user: User, now: datetime, query: ChildQuery, hops: int) -> dict[str, Any]:
    """Read when drawn; see `lazily`."""
    page = lazily(lambda: _page(job, query))
    cost = lazily(lambda: cost_of_array(job))
    return {
        **job_contexts.common(job=job, user=user, now=now, hops=hops),
        "summary": lazily(lambda: job.array_summary),
        "counts": lazily(lambda: counts_of(job, query)),
        "grid": lazily(lambda: selectors.grid_of(job)),
        "grid_order": " ".join(selectors.GRID_ORDER),
        "failures": lazily(lambda: failures_of(job) if job.array_summary.failed else []),
        "children": page,
        "query": query,
        "all_url": ChildQuery(status="", after=None).url(job),
        "first_url": query.url(job) if query.after is not None else None,
        "next_url": lazily(lambda: query.url(job, after=page().next) if page().next else None),
        "cost": cost,
        "cost_of_all": lazily(lambda: cost_of_all(job, cost())),
        "percent": lazily(lambda: percent_of(job.array_summary)),
        "pace": lazily(lambda: pace_of(job, now)),
        "first_waiting": lazily(lambda: first_waiting(job, now)),
    }


def failures_of(job: Job) -> list[Failure]:
    """Why children failed, the most frequent reason first. At most five queries."""
    groups = selectors.failures_of(job)
    told = [ids.child_id(job.pk, each.first_index) for each in groups[:KINDS_WITH_LAST_LINE]]
    ends = log_ends_of(selectors.jobs_with_specs(told))
    lines = (ends.get(ids.child_id(job.pk, each.first_index), []) for each in groups)
    return [
        Failure(group, end[-1] if end else None) for group, end in zip(groups, lines, strict=True)
    ]


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


def pace_of(job: Job, now: datetime) -> Pace | None:
    """None while no child has ended, and once all have."""
    summary = job.array_summary
    ended = summary.total - summary.unfinished
    if not ended or not summary.unfinished:
        return None
    began = selectors.first_start_of(job)
    if began is None or began >= now:
        return None
    a_second = ended / (now - began).total_seconds()
    return Pace(a_minute=_rounded(a_second * 60), left_seconds=summary.unfinished / a_second)


def _rounded(a_minute: float) -> str:
    return f"{a_minute:.0f}" if a_minute >= 10 else f"{a_minute:.1f}"


def first_waiting(job: Job, now: datetime) -> FirstWaiting | None:
    """None where no child is RUNNABLE."""
    if not job.array_summary.runnable:
        return None
    child = selectors.first_in(job, JobStatus.RUNNABLE)
    if child is None:
        return None
    return FirstWaiting(child, job_contexts.waits_now(child, now), needs_of(child, now))


def cost_of_all(job: Job, cost: Amounts) -> Decimal | None:
    """What all children will have cost at the mean of those that have ended; None before any has, or once all have."""
    summary = job.array_summary
    ended = summary.total - summary.unfinished
    if not ended or not summary.unfinished or not cost.usd:
        return None
    return cost.usd * summary.total / ended


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
            {
                "reason": each.group.reason,
                "count": each.group.count,
                "first_index": each.group.first_index,
                "last_line": each.last_line.text if each.last_line else None,
            }
            for each in failures_of(job)
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
