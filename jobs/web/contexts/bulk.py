"""What the pages of bulk actions are drawn from."""

from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.http import QueryDict
from django.urls import reverse

from jobs import changes
from jobs.domain import ids, numbers
from jobs.domain.bulk import MAX_JOBS
from jobs.domain.errors import InvalidInput
from jobs.models import BulkAction, BulkKind, BulkOutcome
from jobs.selectors import bulk as selectors
from jobs.selectors.bulk import CONCERNS
from jobs.selectors.listing.filters import JobFilters
from jobs.selectors.listing.pages import Matching, matching_ids

from .jobs import read_strictly
from .lazily import lazily

# Of each kind: what it does to jobs, and what it has done to them.
VERBS = {
    BulkKind.CANCEL: ("Cancel", "cancelled"),
    BulkKind.TERMINATE: ("Terminate", "told to stop"),
    BulkKind.RERUN: ("Rerun", "submitted again"),
}
LEAST_TOLD_SECONDS = 0.1
# What a URL calls the jobs that were not looked at.
NOT_LOOKED_AT = "REST"


class BulkQuery:
    """The URL of an action's page: which of its jobs, from which place in its list on."""

    def __init__(self, query: QueryDict) -> None:
        outcome = query.get("outcome", "").strip().upper()
        if outcome and outcome not in {*BulkOutcome.values, NOT_LOOKED_AT}:
            names = ", ".join([*BulkOutcome.values, NOT_LOOKED_AT])
            raise InvalidInput({"outcome": [f"An outcome is one of {names}."]})
        self.outcome = outcome
        self.after = numbers.whole("after", query.get("after", ""))

    @property
    def sought(self) -> str | None:
        """As selectors name it."""
        return "" if self.outcome == NOT_LOOKED_AT else self.outcome or None


def build(action: BulkAction, *, user: User, query: BulkQuery) -> dict[str, Any]:
    """Read when drawn; see `lazily`."""
    verb, done = VERBS[BulkKind(action.kind)]
    results = lazily(
        lambda: selectors.results_of(
            user=user, action=action, outcome=query.sought, after=query.after
        )
    )
    topic = changes.bulk_topic(action.pk)
    return {
        "action": action,
        "verb": verb,
        "done_word": done,
        "total": action.total,
        "rest": action.done - action.changed - action.refused,
        "was_stopped": action.finished_at is not None and action.done < action.total,
        "took_seconds": _took_seconds(action),
        "can_undo": _can_undo(action),
        "undone_by": _undone_by(action),
        "tabs": lazily(lambda: _tabs(action, done, query)),
        "results": results,
        "next_url": lazily(lambda: _next_url(query, results().next)),
        "first_url": _url(query) if query.after is not None else None,
        "topics": topic,
        # The jobs that it looked at go on when it has ended.
        "results_topics": f"{topic} {changes.JOBS}",
    }


def _took_seconds(action: BulkAction) -> float | None:
    """How long it took, once it is done, unless that was next to nothing."""
    if action.finished_at is None:
        return None
    seconds = (action.finished_at - action.created_at).total_seconds()
    return seconds if seconds >= LEAST_TOLD_SECONDS else None


def build_list(*, user: User, query: QueryDict) -> dict[str, Any]:
    """Bulk actions, newest first."""
    before = numbers.whole("before", query.get("before", ""))
    rows = lazily(lambda: selectors.list_bulk_actions(user=user, before=before))
    size = selectors.ACTIONS_ON_A_PAGE
    return {
        "actions": lazily(lambda: rows()[:size]),
        "next_url": lazily(
            lambda: f"?before={rows()[size - 1].pk}" if len(rows()) > size else None
        ),
        "first_url": reverse("jobs_bulk") if before is not None else None,
        "shows_owner": user.is_staff,
        "topics": "jobs",
    }


def list_as_json(*, user: User, query: QueryDict) -> dict[str, Any]:
    """`results`, newest first, and `next`: the URL of the page that follows, or null."""
    context = build_list(user=user, query=query)
    following = context["next_url"]()
    return {
        "results": [as_json(action) for action in context["actions"]()],
        "next": reverse("jobs_bulk") + following if following else None,
    }


def build_confirmation(
    *, user: User, kind: BulkKind, query_string: str, reason: str
) -> dict[str, Any]:
    """What is about to be done to all jobs that match a filter."""
    query = read_strictly(query_string)
    found = matching(user=user, kind=kind, filters=query.filters)
    count = len(found.job_ids)
    return {
        "kind": kind,
        "verb": VERBS[kind][0],
        "filters": query.filters,
        "dates": query.dates,
        "query_string": query.query_string(),
        "reason": reason,
        "count": count,
        # What is submitted while the page stands open was not asked about.
        "newest": found.job_ids[0] if found.job_ids else "",
        "is_capped": count >= MAX_JOBS,
        "looked_at": looked_at(found),
        "back_url": query.url(),
    }


def all_that_match(*, user: User, kind: BulkKind, query_string: str, newest: str = "") -> Matching:
    """The newest visible jobs that pass a list's filters and that the action concerns, at most MAX_JOBS.

    None is newer than the job with the id `newest`. Raises InvalidInput for a filter that there is not.
    """
    try:
        bound = ids.id_of(newest) if newest else None
    except ValueError:
        raise InvalidInput({"newest": ["This is a job's id."]}) from None
    filters = read_strictly(query_string).filters
    return matching(user=user, kind=kind, filters=filters, newest=bound)


def matching(
    *, user: User, kind: BulkKind, filters: JobFilters, newest: UUID | None = None
) -> Matching:
    """The jobs that `all_that_match` gives."""
    return matching_ids(
        user=user, filters=filters, statuses=CONCERNS[kind], limit=MAX_JOBS, newest=newest
    )


def looked_at(found: Matching) -> str:
    """That older jobs may match, too; empty if all were looked at."""
    if not found.looked_at:
        return ""
    return (
        f"The newest {found.looked_at:,} jobs were looked at; there may be older ones that match. "
        "Give dates to look at those."
    )


def as_json(action: BulkAction) -> dict[str, Any]:
    """How far the action is, for scripts."""
    return {
        "id": action.pk,
        "url": reverse("bulk", args=[action.pk]),
        "action": action.kind.lower(),
        "reason": action.reason,
        "total": action.total,
        "done": action.done,
        "changed": action.changed,
        "refused": action.refused,
        "problems": action.problems,
        "untouched": action.untouched,
        "undoes": action.undoes_id,
        "created_at": action.created_at,
        "finished_at": action.finished_at,
    }


def with_results(action: BulkAction, *, user: User, query: BulkQuery) -> dict[str, Any]:
    """The same with a page of `results`: what became of each job; `next` is the URL of the page that follows."""
    found = selectors.results_of(user=user, action=action, outcome=query.sought, after=query.after)
    following = _next_url(query, found.next)
    return {
        **as_json(action),
        "results": [
            {
                "job": str(row.job_id),
                "outcome": row.outcome or NOT_LOOKED_AT,
                "why": row.why,
                "rerun": str(row.again.pk) if row.again else None,
            }
            for row in found.rows
        ],
        "next": reverse("bulk", args=[action.pk]) + following if following else None,
    }


def _can_undo(action: BulkAction) -> bool:
    is_open = action.kind != BulkKind.TERMINATE and not _undone_by(action)
    # An action of before results were kept changed jobs, and does not know which.
    return is_open and action.changed > 0 and action.results.exists()


def _undone_by(action: BulkAction) -> BulkAction | None:
    return getattr(action, "undone_by", None)


def _tabs(action: BulkAction, done: str, query: BulkQuery) -> list[dict[str, Any]]:
    counts = selectors.outcome_counts(action)
    tabs = [
        ("", "All", action.total),
        (BulkOutcome.CHANGED, done.capitalize(), counts.get(BulkOutcome.CHANGED, 0)),
        (BulkOutcome.UNTOUCHED, "Nothing to do", counts.get(BulkOutcome.UNTOUCHED, 0)),
        (BulkOutcome.REFUSED, "Not possible", counts.get(BulkOutcome.REFUSED, 0)),
        (NOT_LOOKED_AT, "Not looked at", counts[""]),
    ]
    return [
        {
            "label": label,
            "count": count,
            "url": f"?outcome={name}" if name else "?",
            "is_current": name == query.outcome,
        }
        for name, label, count in tabs
        if count or not name or name == query.outcome
    ]


def _url(query: BulkQuery, *, after: int | None = None) -> str:
    parts = [f"outcome={query.outcome}"] if query.outcome else []
    if after is not None:
        parts.append(f"after={after}")
    return "?" + "&".join(parts)


def _next_url(query: BulkQuery, after: int | None) -> str | None:
    return None if after is None else _url(query, after=after)
