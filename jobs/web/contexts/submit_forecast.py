"""What is told beside the submit form while it is filled in: cost, wait, budgets, and a size that does not exist."""

from collections.abc import Callable, Mapping
from typing import Any

from django.contrib.auth.models import User

from jobs.domain.errors import InvalidInput
from jobs.domain.validation import FieldError
from jobs.models import SchedulingPolicy
from jobs.selectors.budgets import warnings_for
from jobs.services.requests.submission import SIZE_FIELDS, Submission, check_submission
from jobs.services.requests.submission_checks import find_queue

from .budgets import warnings
from .forecast import asked_of, estimate, outlook
from .forecast_waits import with_waits
from .lazily import lazily

Policy = Callable[[], SchedulingPolicy | None]
# Neither price nor place depends on the others. The name is needed, but any will do.
OF_FORECAST = (
    "queue",
    "definition",
    "command",
    "vcpus",
    "memory_mib",
    "gpus",
    "image",
    "attempts",
    "evaluate_on_exit",
    "timeout_seconds",
    "consumables",
    "ecs_overrides",
    "node_overrides",
    "array_size",
    "share_identifier",
    "scheduling_priority",
    "depends_on",
)


def forecast_of(user: User, values: Mapping[str, Any], policy: Policy) -> dict[str, Any]:
    """What the estimate beside the form is drawn from; none of it is read before it is drawn."""
    submission = lazily(lambda: valid_submission(user, values, policy))
    # What Fargate would not take has a price elsewhere.
    priced = lazily(
        lambda: submission() or valid_submission(user, values, policy, but_for_fargate=True)
    )
    asked = lazily(lambda: asked_of(found, user=user) if (found := submission()) else None)
    priced_at = lazily(lambda: estimate(found) if (found := priced()) else None)
    tags = values.get("tags")
    return {
        "budget_warnings": warnings(
            lambda: warnings_for(
                queue=values["queue"],
                owner=user,
                tags=tags if isinstance(tags, Mapping) else {},
            )
        ),
        "estimate": priced_at,
        "kind_rows": lazily(
            lambda: with_waits(found.kinds, asked()) if (found := priced_at()) else []
        ),
        "outlook": lazily(lambda: outlook(found, asked()) if (found := submission()) else None),
    }


def valid_submission(
    user: User, values: Mapping[str, Any], policy: Policy, *, but_for_fargate: bool = False
) -> Submission | None:
    """What is filled in; None until queue, definition and amounts are valid."""
    try:
        fields = _for_forecast(values, policy)
        return check_submission(owner=user, fields=fields, but_for_fargate=but_for_fargate)
    except InvalidInput:
        return None


def _for_forecast(values: Mapping[str, Any], policy: Policy) -> dict[str, Any]:
    fields = {name: value for name, value in values.items() if name in OF_FORECAST}
    # Neither price nor place depends on the name: without one there is an estimate as well.
    fields["name"] = "estimate"
    if policy() is not None:
        fields["share_identifier"] = fields["share_identifier"] or "estimate"
        fields["scheduling_priority"] = fields["scheduling_priority"] or "0"
    return fields


def queue_errors(values: dict[str, Any], names: Callable[[], list[str]]) -> dict[str, list[str]]:
    """Why the queue that a link or an earlier job names cannot be chosen; it is taken out of the values.

    `names` are those to choose from: of what is among them nothing is asked.
    """
    try:
        if values["queue"] and values["queue"] not in names():
            find_queue(values["queue"])
    except FieldError as error:
        values["queue"] = ""
        return {"queue": list(error.texts)}
    return {}


def size_errors(user: User, values: Mapping[str, Any], policy: Policy) -> dict[str, list[str]]:
    """What is wrong with the size that the form begins with, such as one that Fargate does not have."""
    if not (values["queue"] and values["definition"]):
        return {}
    try:
        check_submission(owner=user, fields=_for_forecast(values, policy))
    except InvalidInput as error:
        return {name: texts for name, texts in error.errors.items() if name in SIZE_FIELDS}
    return {}
