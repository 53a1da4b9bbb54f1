"""What the pages of scheduling policies, their forms and their JSON are drawn from."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, QueryDict
from django.urls import reverse

from jobs.domain import shares
from jobs.domain.errors import NotFound
from jobs.domain.variables import pairs_text
from jobs.models import SchedulingPolicy
from jobs.scheduling.shares import DEFAULT_DECAY_SECONDS, DEFAULT_WEIGHT, reserved_ratio
from jobs.selectors import policies as selectors

from .. import answers
from .forms import posted_rows, rows_of, shown_errors
from .lazily import lazily
from .named import NameQuery, read_query

FIELDS = ("name", "share_decay_seconds", "compute_reservation", "share_distribution", "tags")
NEW: dict[str, object] = {"share_decay_seconds": "3600", "compute_reservation": "0"}
# For how many active shares the page works out what is reserved.
EXAMPLES = 3


def list_query(query: QueryDict) -> NameQuery:
    return read_query("policies", query)


def build_list(*, query: NameQuery) -> dict[str, Any]:
    """Read when drawn; see `lazily`."""
    page = lazily(lambda: selectors.list_policies(after=query.after, search=query.search))
    return {
        **query.shown(page),
    }


def list_as_json(*, query: NameQuery) -> dict[str, Any]:
    """`results` by name, and `next`: the URL of the page that follows, or null."""
    page = selectors.list_policies(after=query.after, search=query.search)
    return query.as_json(page, summary)


def find(*, name: str) -> SchedulingPolicy:
    """The policy. Raises NotFound."""
    found = selectors.find_policy(name=name)
    if found is None:
        raise NotFound(f"There is no scheduling policy {name}.")
    return found


def build(*, row: SchedulingPolicy) -> dict[str, Any]:
    """A policy in numbers that say what it does."""
    return {
        "policy": row,
        "queues": row.queues.all(),
        "decay_seconds": row.share_decay_seconds or DEFAULT_DECAY_SECONDS,
        "shares": [
            {**each, "times": f"{DEFAULT_WEIGHT / each['weightFactor']:.4g}"}
            for each in row.share_distribution
        ],
        "reserved": [
            (count, f"{reserved_ratio(row.compute_reservation, count) * 100:.3g}")
            for count in range(1, EXAMPLES + 1)
        ],
    }


def summary(row: SchedulingPolicy) -> dict[str, Any]:
    """A policy as scripts get it."""
    return {
        "name": row.name,
        "share_decay_seconds": row.share_decay_seconds,
        "compute_reservation": row.compute_reservation,
        "share_distribution": row.share_distribution,
        "quota_share_policy": row.quota_share_policy,
        "tags": row.tags,
        "queues": [queue.name for queue in row.queues.all()],
        "created_at": row.created_at,
        "url": reverse("policy", args=[row.name]),
    }


def build_form(
    *,
    values: Mapping[str, object],
    errors: Mapping[str, list[str]] | None = None,
    row: SchedulingPolicy | None = None,
) -> dict[str, Any]:
    """The form with these values; with `row` it changes that policy."""
    return {
        "row": row,
        "values": values,
        "shares": rows_of(values.get("share_distribution")),
        "limits": shares,
        **shown_errors(errors, fields=FIELDS),
    }


def values_of(row: SchedulingPolicy) -> dict[str, object]:
    """The form's values for changing this policy."""
    return {**{field: getattr(row, field) for field in FIELDS}, "tags": pairs_text(row.tags)}


def posted_fields(request: HttpRequest) -> dict[str, object]:
    """What was posted; a form's shares come as rows of `share_identifier` and `weight_factor`."""
    fields = answers.posted(request)
    rows = posted_rows(request, "share_identifier", "weight_factor")
    if rows is not None:
        fields.pop("share_identifier", None)
        fields.pop("weight_factor", None)
        fields["share_distribution"] = [
            {"shareIdentifier": share, "weightFactor": weight} for share, weight in rows
        ]
    return fields
