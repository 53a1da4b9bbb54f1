"""What the pages of bulk actions are drawn from."""

from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.http import QueryDict
from django.urls import reverse

from jobs import changes
from jobs.domain.bulk import MAX_JOBS
from jobs.domain.errors import InvalidInput
from jobs.domain.states import CANCELLABLE, LIVE, JobStatus
from jobs.models import BulkAction, BulkKind
from jobs.selectors.jobs import JobFilters, matching_ids

from .jobs import FILTERS, PARAMETERS, read_query

# More are not told of one query.
MAX_PROBLEMS = 20
# Of jobs that match a filter, those that an action could do something to.
CONCERNS = {
    BulkKind.CANCEL: CANCELLABLE,
    BulkKind.TERMINATE: LIVE,
    BulkKind.RERUN: frozenset({JobStatus.FAILED}),
}
# Of each kind: what it does to jobs, and what it has done to them.
VERBS = {
    BulkKind.CANCEL: ("Cancel", "cancelled"),
    BulkKind.TERMINATE: ("Terminate", "told to stop"),
    BulkKind.RERUN: ("Rerun", "submitted again"),
}


def build(action: BulkAction) -> dict[str, Any]:
    """Read when drawn; see `lazily`."""
    verb, done = VERBS[BulkKind(action.kind)]
    total = len(action.job_ids)
    return {
        "action": action,
        "verb": verb,
        "done_word": done,
        "total": total,
        "rest": action.done - action.changed - action.refused,
        "topics": changes.bulk_topic(action.pk),
    }


def build_confirmation(
    *, user: User, kind: BulkKind, query_string: str, reason: str
) -> dict[str, Any]:
    """What is about to be done to all jobs that match a filter."""
    filters = read_filters(query_string)
    count = len(all_that_match(user=user, kind=kind, filters=filters))
    return {
        "kind": kind,
        "verb": VERBS[kind][0],
        "filters": filters,
        "query_string": _bare(query_string),
        "reason": reason,
        "count": count,
        "is_capped": count >= MAX_JOBS,
        "back_url": reverse("jobs") + (f"?{_bare(query_string)}" if _bare(query_string) else ""),
    }


def all_that_match(*, user: User, kind: BulkKind, filters: JobFilters) -> list[UUID]:
    """The newest visible jobs that pass the filters and that the action concerns, at most MAX_JOBS."""
    return matching_ids(user=user, filters=filters, statuses=CONCERNS[kind], limit=MAX_JOBS)


def read_filters(query_string: str) -> JobFilters:
    """The filters of the list that a form was on. Raises InvalidInput.

    Unlike the list itself it refuses a filter that there is not: without it the action would be on more
    jobs than was meant. A question mark in front is left out.
    """
    query = QueryDict(_bare(query_string))
    problems = [
        f"There is no filter {name[:60]!r}. Filters are {', '.join(FILTERS)}."
        for name in query
        if name not in PARAMETERS
    ]
    problems += [
        f"The filter {name} is there twice. Give it once."
        for name in FILTERS
        if len(query.getlist(name)) > 1
    ]
    if problems:
        raise InvalidInput({"query": problems[:MAX_PROBLEMS]})
    return read_query(query).filters


def _bare(query_string: str) -> str:
    return query_string.strip().removeprefix("?")


def as_json(action: BulkAction) -> dict[str, Any]:
    """How far the action is, for scripts."""
    return {
        "id": action.pk,
        "url": reverse("bulk", args=[action.pk]),
        "action": action.kind.lower(),
        "reason": action.reason,
        "total": len(action.job_ids),
        "done": action.done,
        "changed": action.changed,
        "refused": action.refused,
        "problems": action.problems,
        "untouched": action.untouched,
        "created_at": action.created_at,
        "finished_at": action.finished_at,
    }
