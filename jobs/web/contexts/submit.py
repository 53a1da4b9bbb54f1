"""What the submit form is drawn from: the values as typed, the definition's own, the estimate."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User
from django.http import HttpRequest
from django.utils import timezone

from jobs.domain.errors import InvalidInput
from jobs.domain.exit_rules import rules_text
from jobs.domain.resources import Resources, format_vcpus
from jobs.models import ComputeEnvironment, Job, JobDefinition
from jobs.pricing import cost
from jobs.scheduling.decide import explain
from jobs.scheduling.plan import Wait
from jobs.selectors.choices import (
    definition_names,
    environments_in_order,
    newest_definition,
    queue_names,
    usual_queue_name,
)
from jobs.selectors.jobs import median_run_seconds
from jobs.selectors.snapshot import load_snapshot
from jobs.services.submission import Submission, check_submission

from .. import answers
from .lazily import lazily

# What a definition gives a default for.
FROM_DEFINITION = (
    "command",
    "vcpus",
    "memory_mib",
    "image",
    "attempts",
    "evaluate_on_exit",
    "timeout_seconds",
)
TEXT_FIELDS = ("name", "queue", "definition", *FROM_DEFINITION)
# The form's own: which definition its defaults are from, and the rows of variables.
FORM_ONLY = frozenset({"loaded", "environment_name", "environment_value"})
# So many waiting jobs of each queue tell whether there is room for one more.
OUTLOOK_FRONT = 20


@dataclass(frozen=True, slots=True)
class Estimate:
    """What the job would cost. `usd_per_run` is for the median of earlier runs; None without any."""

    usd_per_hour: Decimal
    usd_per_run: Decimal | None
    median_seconds: float | None
    milli_vcpus: int
    memory_mib: int
    environment: ComputeEnvironment


@dataclass(frozen=True, slots=True)
class Outlook:
    """What the scheduler would say to the job if it came now: `wait` is None if it would start."""

    wait: Wait | None


def typed_fields(request: HttpRequest) -> dict[str, object]:
    """What was posted; variables that came as form rows are gathered in `environment`."""
    fields = answers.posted(request)
    if request.content_type == "application/json":
        return fields
    return _with_variables(
        fields, request.POST.getlist("environment_name"), request.POST.getlist("environment_value")
    )


def fields_in_url(request: HttpRequest) -> dict[str, object]:
    """The form's values in a URL: links fill the form in, and a newly chosen definition reloads it."""
    query = request.GET
    fields: dict[str, object] = {name: query.get(name) for name in query}
    return _with_variables(
        fields, query.getlist("environment_name"), query.getlist("environment_value")
    )


def _with_variables(
    fields: dict[str, object], names: list[str], values: list[str]
) -> dict[str, object]:
    values = values + [""] * (len(names) - len(values))
    rows = [
        {"name": name, "value": value}
        for name, value in zip(names, values, strict=False)
        if name or value
    ]
    if rows and "environment" not in fields:
        fields["environment"] = rows
    return fields


def as_submission(fields: Mapping[str, object]) -> dict[str, object]:
    """The fields that `services.submit` takes."""
    return {name: value for name, value in fields.items() if name not in FORM_ONLY}


def of_job(job: Job) -> dict[str, object]:
    """The form's values for submitting a job like this one again."""
    inherited = job.definition.environment
    return {
        "name": job.name,
        "queue": job.queue.name,
        "definition": str(job.definition),
        "loaded": str(job.definition),
        "command": shlex.join(job.command),
        "vcpus": format_vcpus(job.milli_vcpus),
        "memory_mib": str(job.memory_mib),
        "image": job.image,
        "attempts": str(job.attempts_allowed),
        # An empty field would stand for the definition's own rules.
        "evaluate_on_exit": rules_text(job.evaluate_on_exit)
        or ("[]" if job.definition.evaluate_on_exit else ""),
        "timeout_seconds": str(job.timeout_seconds or ""),
        "environment": [row for row in job.environment if row not in inherited],
    }


def build(
    *,
    user: User,
    typed: Mapping[str, object],
    errors: Mapping[str, list[str]] | None = None,
) -> dict[str, Any]:
    """`typed` are the values to show. A definition other than the one that `loaded` names puts its own
    values in place of those that came from the other."""
    definition = newest_definition(_text(typed, "definition"))
    values: dict[str, object] = {name: _text(typed, name) for name in TEXT_FIELDS}
    values["environment"] = _rows(typed.get("environment"))
    if not values["queue"] and errors is None:
        values["queue"] = usual_queue_name(user)
    loaded = _text(typed, "loaded")
    if definition is not None and loaded != values["definition"]:
        # A name that only came from the definition before goes with it; a typed one stays.
        own_name = "" if values["name"] == loaded.partition(":")[0] else values["name"]
        values.update(_defaults(definition, keep=values if errors else {"name": own_name}))
    names = lazily(definition_names)
    return {
        "values": values,
        "errors": dict(errors or {}),
        "form_errors": (errors or {}).get("", []),
        "definition": definition,
        "queue_names": lazily(lambda: queue_names(enabled_only=True)),
        "definition_names": names,
        **_forecast(user, values),
    }


def check(*, user: User, typed: Mapping[str, object]) -> dict[str, Any]:
    """The messages for a form that is still being filled in, and its estimate: fields that are still
    empty are not complained about."""
    fields = as_submission(typed)
    errors: dict[str, list[str]] = {}
    try:
        check_submission(owner=user, fields=fields)
    except InvalidInput as error:
        errors = {name: texts for name, texts in error.errors.items() if fields.get(name)}
    values: dict[str, object] = {name: _text(typed, name) for name in TEXT_FIELDS}
    return {
        "errors": errors,
        "field_errors": [(name, errors.get(name, [])) for name in (*TEXT_FIELDS, "environment")],
        **_forecast(user, values),
    }


def _forecast(user: User, values: Mapping[str, object]) -> dict[str, Any]:
    submission = lazily(lambda: _valid_submission(user, values))
    return {
        "estimate": lazily(lambda: estimate(found) if (found := submission()) else None),
        "outlook": lazily(lambda: outlook(found) if (found := submission()) else None),
    }


def _valid_submission(user: User, values: Mapping[str, object]) -> Submission | None:
    """What is filled in; None until queue, definition and amounts are valid."""
    fields = {name: value for name, value in values.items() if name in TEXT_FIELDS}
    # Neither price nor place depends on the name: without one there is an estimate as well.
    fields["name"] = "estimate"
    try:
        return check_submission(owner=user, fields=fields)
    except InvalidInput:
        return None


def estimate(submission: Submission) -> Estimate | None:
    """What a checked submission would cost in the first environment that its queue tries."""
    environments = environments_in_order(submission.queue.name)
    if not environments:
        return None
    first = environments[0]
    rates = cost.Rates(
        usd_per_vcpu_hour=first.usd_per_vcpu_hour, usd_per_gib_hour=first.usd_per_gib_hour
    )
    amounts = {"milli_vcpus": submission.milli_vcpus, "memory_mib": submission.memory_mib}
    median = median_run_seconds(submission.definition)
    per_run = None
    if median is not None:
        per_run = cost.usd(**amounts, seconds=Decimal(str(median)), rates=rates)
    return Estimate(
        usd_per_hour=cost.usd_per_hour(**amounts, rates=rates),
        usd_per_run=per_run,
        median_seconds=median,
        environment=first,
        **amounts,
    )


def outlook(submission: Submission) -> Outlook | None:
    """Whether a checked submission would start now; None if its queue was deleted meanwhile."""
    snapshot = load_snapshot(front=OUTLOOK_FRONT, even_if_idle=True)
    queue_id = submission.queue.id
    if all(queue.id != queue_id for queue in snapshot.queues):
        return None
    needs = Resources(submission.milli_vcpus, submission.memory_mib)
    return Outlook(explain(snapshot, queue_id=queue_id, needs=needs, now=timezone.now()))


def _defaults(definition: JobDefinition, *, keep: Mapping[str, object]) -> dict[str, object]:
    defaults: dict[str, object] = {
        "name": definition.name,
        "command": shlex.join(definition.command),
        "vcpus": format_vcpus(definition.milli_vcpus),
        "memory_mib": str(definition.memory_mib),
        "image": definition.image,
        "attempts": str(definition.attempts),
        "evaluate_on_exit": rules_text(definition.evaluate_on_exit),
        "timeout_seconds": str(definition.timeout_seconds or ""),
    }
    return {name: value for name, value in defaults.items() if not keep.get(name)}


def _text(fields: Mapping[str, object], name: str) -> str:
    value = fields.get(name)
    if isinstance(value, list):
        # Only who posts JSON sends lists.
        if name == "command":
            return shlex.join(str(word) for word in value)
        return rules_text(value)
    return value if isinstance(value, str) else "" if value is None else str(value)


def _rows(value: object) -> list[dict[str, str]]:
    if not isinstance(value, list):
        return []
    return [
        {"name": str(row.get("name", "")), "value": str(row.get("value", ""))}
        for row in value
        if isinstance(row, Mapping)
    ]
