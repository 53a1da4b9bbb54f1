"""What the pages of job queues, their forms and their JSON are drawn from."""

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import User
from django.http import HttpRequest, QueryDict
from django.urls import reverse
from django.utils import timezone

from jobs.domain import ids
from jobs.domain.errors import NotFound
from jobs.domain.queue_rules import MAX_QUEUE_ENVIRONMENTS
from jobs.domain.time_limit_actions import MAX_SECONDS, MIN_SECONDS
from jobs.models import QueueState, QueueStatus, QueueType
from jobs.scheduling.plan import WaitCode
from jobs.selectors import queues as selectors
from jobs.selectors.budgets import warnings_of_queue
from jobs.selectors.environments import environment_names
from jobs.selectors.jobs import may_see
from jobs.selectors.policies import policy_names, shares_of
from jobs.selectors.waiting.front import FRONT_SIZE

from .. import answers
from .budgets import warnings
from .forms import is_checked, posted_rows, rows_of, shown_errors
from .lazily import lazily
from .named import NameQuery, read_query

FIELDS = (
    "name",
    "priority",
    "state",
    "environments",
    "scheduling_policy",
    "backfill",
    "time_limit_actions",
)
PLACES = ("First choice", "Second choice", "Third choice")


def list_query(query: QueryDict) -> NameQuery:
    return read_query("queues", query)


def build_list(*, query: NameQuery) -> dict[str, Any]:
    """Read when drawn; see `lazily`."""
    page = lazily(lambda: selectors.list_queues(after=query.after, search=query.search))
    return {
        **query.shown(page),
    }


def list_as_json(*, query: NameQuery) -> dict[str, Any]:
    """`results` by name, and `next`: the URL of the page that follows, or null."""
    page = selectors.list_queues(after=query.after, search=query.search)
    return query.as_json(page, summary)


def find(*, name: str) -> selectors.QueueRow:
    """The queue. Raises NotFound."""
    found = selectors.find_queue(name=name)
    if found is None:
        raise NotFound(f"There is no job queue {name}.")
    return found


def build(*, row: selectors.QueueRow) -> dict[str, Any]:
    """Read when drawn; see `lazily`."""
    return {
        "row": row,
        "queue": row.queue,
        "is_enabled": row.queue.state == QueueState.ENABLED,
        "is_deleting": row.queue.status == QueueStatus.DELETING,
        "is_invalid": row.queue.status == QueueStatus.INVALID,
        "takes_jobs": row.queue.state == QueueState.ENABLED and not _is_for_services(row),
        "front": lazily(lambda: selectors.front_of_queue(queue=row.queue, now=timezone.now())),
        "front_size": FRONT_SIZE,
        "budget_warnings": warnings(lambda: warnings_of_queue(queue=row.queue)),
        "policy": row.queue.scheduling_policy,
        "shares": lazily(lambda: shares_of(queue=row.queue, now=timezone.now())),
        "rules": [
            {
                "reason": rule["reason"],
                "seconds": rule["maxTimeSeconds"],
                "ends": "terminated" if rule["action"] == "TERMINATE" else "cancelled",
            }
            for rule in row.queue.time_limit_actions
        ],
    }


def build_delete(*, row: selectors.QueueRow) -> dict[str, Any]:
    """The page that asks before it is deleted, or says what stands against it."""
    return {
        "name": row.queue.name,
        "is_enabled": row.queue.state == QueueState.ENABLED,
    }


def as_json(*, row: selectors.QueueRow, user: User) -> dict[str, Any]:
    """A queue with its front: of other people's jobs only that they are there."""
    return {
        **summary(row),
        "front": [
            {
                "position": each.position,
                "id": ids.text_of(each.job.pk) if may_see(user, each.job) else None,
                "name": each.job.name if may_see(user, each.job) else None,
                "since": each.since,
                "starts_at": each.starts_at,
                "reason_code": each.code,
                "reason": each.reason if may_see(user, each.job) else None,
            }
            for each in selectors.front_of_queue(queue=row.queue, now=timezone.now())
        ],
    }


def summary(row: selectors.QueueRow) -> dict[str, Any]:
    """A queue as lists of queues give it."""
    policy = row.queue.scheduling_policy
    return {
        "name": row.queue.name,
        "priority": row.queue.priority,
        "state": row.queue.state,
        "status": row.queue.status,
        "status_reason": row.queue.status_reason,
        "type": row.queue.type,
        "environments": [environment.name for environment in row.environments],
        "service_environments": [environment.name for environment in row.service_environments],
        "scheduling_policy": policy.name if policy else None,
        "backfill": row.queue.backfill,
        "time_limit_actions": row.queue.time_limit_actions,
        "tags": row.queue.tags,
        "jobs": row.counts,
        "created_at": row.queue.created_at,
        "url": reverse("queue", args=[row.queue.name]),
    }


def build_form(
    *,
    values: Mapping[str, object],
    errors: Mapping[str, list[str]] | None = None,
    row: selectors.QueueRow | None = None,
) -> dict[str, Any]:
    """The form with these values; with `row` it changes that queue."""
    chosen = values.get("environments")
    names = [str(name) for name in chosen] if isinstance(chosen, list) else []
    names += [""] * (MAX_QUEUE_ENVIRONMENTS - len(names))
    return {
        "row": row,
        "values": values,
        "places": list(zip(PLACES, names, strict=False)),
        "environment_names": environment_names(),
        "states": QueueState.values,
        "policy_names": policy_names(),
        "is_for_services": row is not None and _is_for_services(row),
        "is_fifo": row is not None and row.queue.scheduling_policy_id is None,
        "backfill": is_checked(values.get("backfill")),
        "rules": rows_of(values.get("time_limit_actions")),
        "wait_codes": [code.value for code in WaitCode],
        "rule_seconds": (MIN_SECONDS, MAX_SECONDS),
        **shown_errors(errors, fields=FIELDS),
    }


def _is_for_services(row: selectors.QueueRow) -> bool:
    return row.queue.type == QueueType.SAGEMAKER_TRAINING


def values_of(row: selectors.QueueRow) -> dict[str, object]:
    """The form's values for changing this queue."""
    policy = row.queue.scheduling_policy
    return {
        "name": row.queue.name,
        "priority": row.queue.priority,
        "state": row.queue.state,
        "environments": [environment.name for environment in row.environments],
        "scheduling_policy": policy.name if policy else "",
        "backfill": row.queue.backfill,
        "time_limit_actions": row.queue.time_limit_actions,
    }


def posted_fields(request: HttpRequest) -> dict[str, object]:
    """What was posted; a form's `environments` come once for each place, its rules as rows."""
    fields = answers.posted(request)
    if request.content_type != "application/json" and "environments" in fields:
        fields["environments"] = request.POST.getlist("environments")
    rows = posted_rows(request, "rule_reason", "rule_seconds")
    if rows is not None:
        fields.pop("rule_reason", None)
        fields.pop("rule_seconds", None)
        fields["time_limit_actions"] = [
            {"reason": reason, "state": "RUNNABLE", "maxTimeSeconds": seconds, "action": "CANCEL"}
            for reason, seconds in rows
        ]
    return fields
