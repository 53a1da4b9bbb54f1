"""What the page of events is drawn from, and what its URL, the JSON's and the stream's narrow events to."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.models import User
from django.http import QueryDict
from django.urls import reverse

from jobs import changes
from jobs.domain.arns import JOB_QUEUE
from jobs.domain.errors import InvalidInput
from jobs.domain.events import DetailType
from jobs.domain.reasons import brief
from jobs.domain.states import TERMINAL
from jobs.models import Job, JobStatus, NodeTransition, QueueBlock
from jobs.selectors.choices import queue_names
from jobs.selectors.events.history import (
    EventFilters,
    EventRow,
    Ids,
    cursor_of,
    has_been_queue,
    problems_of,
)
from jobs.selectors.events.newest import NEWEST, EventsBack, newest_events
from jobs.selectors.realm import arns

from .lazily import lazily

PAGE_SIZE = 50
FILTERS = ("queue", "name", "status", "detail-type")
MAX_TOLD = 60
KIND_WORDS = {
    DetailType.STATE_CHANGE: "Changes of state",
    DetailType.QUEUE_BLOCKED: "Blocked queues",
}


@dataclass(frozen=True, slots=True)
class EventQuery:
    """The URL's query: filters as they were given, and before which events the page begins."""

    given: Mapping[str, str]
    filters: EventFilters
    before: Ids | None

    def url(self, *, before: Ids | None = None, **more: str) -> str:
        """The same page from there on."""
        parts = {**self.given, "before": before.as_text() if before else "", **more}
        query = urlencode({name: text for name, text in parts.items() if text})
        return reverse("events") + (f"?{query}" if query else "")


@dataclass(frozen=True, slots=True)
class EventLine:
    """One event as the page tells it. `status` is empty where a queue was blocked; `node` is None but for nodes."""

    key: str
    at: datetime
    job: Job
    status: str
    before: str
    reason: str
    node: int | None = None


def read_query(given: QueryDict) -> EventQuery:
    """What a page's URL asks for. Raises InvalidInput with all that is wrong with it."""
    texts = {name: given.get(name, "").strip() for name in FILTERS}
    errors: dict[str, list[str]] = {}
    filters, before = EventFilters(), None
    try:
        filters = read_filters(given)
    except InvalidInput as error:
        errors.update(error.errors)
    if text := given.get("before", ""):
        try:
            before = cursor_of(text)
        except InvalidInput:
            errors["before"] = ["This is no place in the events. Go back to the newest."]
    if errors:
        raise InvalidInput(errors)
    return EventQuery(texts, filters, before)


def read_filters(given: QueryDict) -> EventFilters:
    """What events are narrowed to. Raises InvalidInput, by the names of the parameters."""
    detail_type = given.get("detail-type", "")
    queue = given.get("queue", "").strip()
    filters = EventFilters(
        # A queue of another account is none of ours; a name can hold no colon.
        queue=arns().name_in(queue, JOB_QUEUE) or queue,
        status=given.get("status", ""),
        name=given.get("name", "").strip(),
        state_changes=detail_type != DetailType.QUEUE_BLOCKED,
        blocks=detail_type != DetailType.STATE_CHANGE,
    )
    errors = problems_of(filters)
    if detail_type and detail_type not in list(DetailType):
        errors["detail-type"] = [f"There are: {', '.join(DetailType)}."]
    if filters.queue and "queue" not in errors and not has_been_queue(filters.queue):
        errors["queue"] = [f"There is no job queue {filters.queue[:MAX_TOLD]}."]
    if errors:
        raise InvalidInput(errors)
    return filters


def build(*, query: EventQuery, user: User) -> dict[str, Any]:
    """Read when drawn; see `lazily`."""
    found = lazily(
        lambda: newest_events(
            user=user, filters=query.filters, before=query.before or NEWEST, limit=PAGE_SIZE
        )
    )
    return {
        "given": {name.replace("-", "_"): text for name, text in query.given.items()},
        "is_filtered": any(query.given.values()),
        "queue_names": lazily(queue_names),
        "statuses": JobStatus.values,
        "kinds": KIND_WORDS.items(),
        # What is older does not change.
        "topics": "" if query.before else changes.JOBS,
        "lines": lazily(lambda: [line_of(row) for row in found().rows]),
        "is_cut": lazily(lambda: found().is_cut),
        "next_url": lazily(lambda: _next_url(query, found())),
        "first_url": query.url() if query.before else None,
        "json_url": query.url(format="json"),
    }


def build_refused(
    *, given: QueryDict, errors: Mapping[str, list[str]], user: User
) -> dict[str, Any]:
    """The page with what was asked for and what is wrong with it, and no events."""
    nothing = EventQuery({}, EventFilters(state_changes=False, blocks=False), NEWEST)
    return {
        **build(query=nothing, user=user),
        "given": {name.replace("-", "_"): given.get(name, "") for name in FILTERS},
        "errors": [f"{name}: {text}" for name, texts in errors.items() for text in texts],
    }


def _next_url(query: EventQuery, found: EventsBack) -> str | None:
    return query.url(before=found.before) if found.before else None


def line_of(row: EventRow) -> EventLine:
    """A row in the page's words."""
    if isinstance(row, QueueBlock):
        return EventLine(f"block-{row.pk}", row.at, row.job, "", "", row.reason)
    if isinstance(row, NodeTransition):
        key = f"node-{row.pk}"
        return EventLine(key, row.at, row.job, row.to_status, "", row.reason, row.node_index)
    key = f"job-{row.pk}"
    reason = row.reason
    if row.to_status in TERMINAL:
        reason = brief(status_reason=reason, exit_code=row.job.exit_code)
    return EventLine(key, row.at, row.job, row.to_status, row.from_status, reason)
