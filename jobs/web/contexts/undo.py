"""Which posts take back what was just done."""

import json
from collections.abc import Mapping

from django.urls import reverse

from jobs.domain import reasons
from jobs.domain.states import TERMINAL
from jobs.models import BulkAction, BulkKind, Job, SavedView

from ..toasts import Undo

# What was cancelled does not go on: it becomes a new job, at the end of its queue.
SUBMIT_AGAIN = "Submit again"


def of_submission(job: Job) -> Undo:
    """Ends what was just submitted."""
    return Undo(
        reverse("job_terminate", args=[job.pk]), fields={"reason": reasons.SUBMISSION_TAKEN_BACK}
    )


def of_cancel(job: Job) -> Undo | None:
    """Submits what was cancelled again, for its owner. An array ends later, and cannot be run again before that."""
    if job.status not in TERMINAL:
        return None
    return Undo(
        reverse("job_rerun", args=[job.pk]), label=SUBMIT_AGAIN, fields={"for_owner": "true"}
    )


def of_state(kind: str, name: str, state: str) -> Undo:
    """Gives a `queue` or an `environment` the state that it had before this one."""
    return Undo(reverse(f"{kind}_{'enable' if state == 'DISABLED' else 'disable'}", args=[name]))


def of_deletion(list_name: str, values: Mapping[str, object]) -> Undo:
    """Makes what was deleted again by a post to its list, with the fields that make one like it."""
    texts = {
        name: json.dumps(value) if isinstance(value, list | dict) else str(value)
        for name, value in values.items()
        if value is not None
    }
    return Undo(reverse(list_name), fields=texts)


def of_bulk(action: BulkAction) -> Undo | None:
    """Stops the rest of an action and takes back what it has done; what was terminated is lost."""
    if action.kind == BulkKind.TERMINATE:
        return None
    url = reverse("bulk_undo", args=[action.pk])
    return Undo(url, label=SUBMIT_AGAIN) if action.kind == BulkKind.CANCEL else Undo(url)


def of_view(view: SavedView, *, query: str | None = None) -> Undo:
    """Keeps a view again as it was: with its own query, or another."""
    return Undo(
        reverse("job_views"),
        fields={"name": view.name, "query": view.query if query is None else query},
    )


def of_new_view(view: SavedView) -> Undo:
    """Deletes what was just saved."""
    return Undo(reverse("job_view_delete", args=[view.pk]))
