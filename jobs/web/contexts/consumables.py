"""What the pages of consumable resources, their forms and their JSON are drawn from."""

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import User
from django.http import QueryDict
from django.urls import reverse

from jobs.domain import ids
from jobs.domain.errors import NotFound
from jobs.models import ConsumableResource, ConsumableType
from jobs.selectors import consumables as selectors
from jobs.services.setup.consumable_resources import OPERATIONS

from .forms import shown_errors
from .lazily import lazily
from .named import NameQuery, read_query

FIELDS = ("name", "type", "total_quantity", "tags")
CHANGE_FIELDS = ("operation", "quantity")
NEW: dict[str, object] = {"type": ConsumableType.REPLENISHABLE}
OPERATION_WORDS = dict(zip(OPERATIONS, ("Set the total to", "Add", "Remove"), strict=True))
# Its own changes, and those of the jobs that take of it.
TOPICS = "resources jobs"


def values_of(row: ConsumableResource) -> dict[str, object]:
    """The fields that would make this resource."""
    return {
        "name": row.name,
        "type": row.type,
        "total_quantity": row.total_quantity,
        "tags": row.tags,
    }


def list_query(query: QueryDict) -> NameQuery:
    return read_query("consumables", query)


def build_list(*, query: NameQuery) -> dict[str, Any]:
    """Read when drawn; see `lazily`."""
    page = lazily(lambda: selectors.list_resources(after=query.after, search=query.search))
    return {
        **query.shown(page),
        "topics": TOPICS,
    }


def list_as_json(*, query: NameQuery) -> dict[str, Any]:
    """`results` by name, and `next`: the URL of the page that follows, or null."""
    page = selectors.list_resources(after=query.after, search=query.search)
    return query.as_json(page, summary)


def find(*, name: str) -> ConsumableResource:
    """The resource. Raises NotFound."""
    found = selectors.find_resource(name=name)
    if found is None:
        raise NotFound(f"There is no consumable resource {name}.")
    return found


def build(
    *,
    row: ConsumableResource,
    user: User,
    values: Mapping[str, object] | None = None,
    errors: Mapping[str, list[str]] | None = None,
) -> dict[str, Any]:
    """A resource with its live holds, read when drawn (see `lazily`), and the form that changes its total."""
    return {
        "resource": row,
        "is_replenishable": row.type == ConsumableType.REPLENISHABLE,
        "holds": lazily(lambda: selectors.holds_of(resource=row, user=user)),
        "operations": OPERATION_WORDS.items(),
        "values": values or {},
        **shown_errors(errors, fields=CHANGE_FIELDS),
        "topics": TOPICS,
    }


def as_json(*, row: ConsumableResource, user: User) -> dict[str, Any]:
    """A resource with what visible jobs hold of it, and how much the others do."""
    holds = selectors.holds_of(resource=row, user=user)
    return {
        **summary(row),
        "holds": [
            {
                "job": ids.text_of(hold.job_id),
                "job_name": hold.job.name,
                "attempt": hold.attempt_number,
                "quantity": hold.quantity,
                "taken_at": hold.taken_at,
            }
            for hold in holds.rows
        ],
        "other_holds": holds.others,
        "other_quantity": holds.others_quantity,
    }


def summary(row: ConsumableResource) -> dict[str, Any]:
    """A resource as lists of resources give it."""
    return {
        "name": row.name,
        "type": row.type,
        "total_quantity": row.total_quantity,
        "in_use_quantity": row.in_use_quantity,
        "available_quantity": row.available_quantity,
        "tags": row.tags,
        "created_at": row.created_at,
        "url": reverse("consumable", args=[row.name]),
    }


def build_form(
    *, values: Mapping[str, object], errors: Mapping[str, list[str]] | None = None
) -> dict[str, Any]:
    """The form for a new resource."""
    return {
        "values": values,
        "types": ConsumableType.values,
        **shown_errors(errors, fields=FIELDS),
    }
