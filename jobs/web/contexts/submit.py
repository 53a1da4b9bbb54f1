"""What the submit form is drawn from: the values as typed, the definition's own, the estimate."""

import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.http import HttpRequest, QueryDict

from jobs.domain.definitions.parameters import names_in
from jobs.domain.errors import InvalidInput
from jobs.domain.exit_rules import rules_text
from jobs.domain.fargate import NO_SUCH_SIZE
from jobs.domain.ids import id_of, text_of
from jobs.domain.plans import plan_of
from jobs.domain.resources import format_vcpus
from jobs.domain.work import substitute_parameters
from jobs.models import Job, JobDefinition, JobStatus, SchedulingPolicy
from jobs.selectors.choices import (
    definition_names,
    ids_by_name,
    newest_definition,
    policy_of_queue,
    queue_names,
    recent_jobs,
    usual_queue_name,
)
from jobs.selectors.plans import work_of_definition
from jobs.selectors.search import find_jobs
from jobs.services.requests.submission import check_submission

from .. import answers
from ..access import user_of
from .forms import errors_elsewhere, is_checked
from .lazily import lazily
from .overridden import ecs_overrides_of, node_overrides_of
from .submit_forecast import forecast_of, queue_errors, size_errors

# Of one container: a definition of several has them in each.
OF_ONE_CONTAINER = ("command", "vcpus", "memory_mib", "gpus", "image")
# Fargate has certain sizes: what is wrong with one is wrong with both.
PAIR = ("vcpus", "memory_mib")
# What a definition gives a default for.
FROM_DEFINITION = (
    *OF_ONE_CONTAINER,
    "attempts",
    "evaluate_on_exit",
    "timeout_seconds",
    "consumables",
)
TEXT_FIELDS = (
    "name",
    "queue",
    "definition",
    *FROM_DEFINITION,
    "ecs_overrides",
    "node_overrides",
    "array_size",
    "share_identifier",
    "scheduling_priority",
)
# Names with values, each pair a row of two inputs.
ROWS = {
    "environment": ("environment_name", "environment_value"),
    "parameters": ("parameter_name", "parameter_value"),
    "tags": ("tag_name", "tag_value"),
    "depends_on": ("depends_on_job", "depends_on_type"),
}
# Of jobs to wait for: so many are offered of so many that were found, for so many rows.
OFFERED_JOBS = 20
SOUGHT_JOBS = 50
MAX_SOUGHT = 2
SEQUENTIAL = {"type": "SEQUENTIAL"}
# The form's own: which definition its defaults are from, what it is told apart by, and the inputs of rows.
FORM_ONLY = frozenset(
    {"loaded", "sequential", "request_token", *(name for row in ROWS.values() for name in row)}
)
FIELDS = (*TEXT_FIELDS, *ROWS, "propagate_tags")
ARRAY_FIELDS = ("array_size", "depends_on", "sequential")
MORE_FIELDS = ("image", "evaluate_on_exit", "gpus", "consumables", "tags", "propagate_tags")


def typed_fields(request: HttpRequest) -> dict[str, object]:
    """What was posted; what came as form rows is gathered in one field, with ids in place of jobs' names."""
    fields = answers.posted(request)
    if request.content_type == "application/json":
        return fields
    gathered = _gathered(fields, request.POST)
    depends_on = _with_ids(gathered.get("depends_on"), user_of(request))
    return {**gathered, **({"depends_on": depends_on} if depends_on else {})}


def fields_in_url(request: HttpRequest) -> dict[str, object]:
    """The form's values in a URL: links fill the form in."""
    return _gathered({name: request.GET.get(name) for name in request.GET}, request.GET)


def as_submission(fields: Mapping[str, object]) -> dict[str, object]:
    """The fields that `services.requests.submit` takes."""
    return {name: value for name, value in fields.items() if name not in FORM_ONLY}


def of_job(job: Job) -> dict[str, object]:
    """The form's values for submitting a job like this one again. What it waited for is left out."""
    spec, definition = job.spec, job.definition
    values: dict[str, object] = {
        "name": job.name,
        "queue": job.queue.name,
        "definition": str(definition),
        "loaded": str(definition),
        "attempts": str(job.attempts_allowed),
        # An empty field would stand for the definition's own rules.
        "evaluate_on_exit": rules_text(spec.evaluate_on_exit)
        or ("[]" if definition.evaluate_on_exit else ""),
        "timeout_seconds": str(job.timeout_seconds or ""),
        "array_size": str(job.array_size) if job.is_array else "",
        "sequential": spec.sequential and job.is_array,
        "share_identifier": job.share_identifier,
        "scheduling_priority": str(job.scheduling_priority) if job.share_identifier else "",
        "consumables": _consumables_text(spec.consumables)
        or ("[]" if definition.consumables else ""),
        "parameters": spec.parameters,
        "tags": spec.tags,
        "propagate_tags": spec.propagate_tags,
    }
    # The spec's commands have their parameters replaced; compared is with the definition's, likewise.
    defined = substitute_parameters(work_of_definition(definition), spec.parameters)
    if spec.ecs_properties or spec.node_properties:
        return {
            **values,
            "ecs_overrides": _json(ecs_overrides_of(defined, spec)),
            "node_overrides": _json(node_overrides_of(defined, spec)),
        }
    inherited = definition.environment
    own_command = list(spec.command) != list(defined.command)
    return {
        **values,
        # Of the definition the text with `Ref::name`, so that a changed parameter counts.
        "command": shlex.join(spec.command if own_command else definition.command),
        "is_replaced": own_command and bool(spec.parameters),
        "vcpus": format_vcpus(job.milli_vcpus),
        "memory_mib": str(job.memory_mib),
        "gpus": str(job.gpus or ""),
        "image": spec.image,
        "environment": [row for row in spec.environment if row not in inherited],
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
    is_new = definition is not None and _text(typed, "loaded") != _text(typed, "definition")
    values = _shown_values(typed, definition, is_new=is_new, errors=errors)
    if not values["queue"] and errors is None:
        values["queue"] = usual_queue_name(user)
    names = lazily(lambda: queue_names(enabled_only=True))
    closed = queue_errors(values, names) if errors is None else {}
    policy = lazily(lambda: policy_of_queue(values["queue"]))
    marked = {**size_errors(user, values, policy), **closed} if errors is None else dict(errors)
    return {
        "values": values,
        "errors": marked,
        "is_wrong_pair": any(
            NO_SUCH_SIZE in text for name in PAIR for text in marked.get(name, ())
        ),
        "form_errors": errors_elsewhere(errors, fields=FIELDS),
        "definition": definition,
        "is_group": is_group(definition),
        "is_replaced": not is_new and bool(typed.get("is_replaced")),
        "policy": policy,
        "needs_priority": lazily(lambda: _needs_priority(definition, policy())),
        "queue_names": names,
        "definition_names": lazily(definition_names),
        "recent_jobs": lazily(lambda: recent_jobs(user)),
        "array_open": any(values[name] or name in marked for name in ARRAY_FIELDS),
        "more_open": any(name in marked for name in MORE_FIELDS)
        or any(values[name] for name in ("tags", "propagate_tags")),
        **forecast_of(user, values, policy),
    }


def _shown_values(
    typed: Mapping[str, object],
    definition: JobDefinition | None,
    *,
    is_new: bool,
    errors: Mapping[str, list[str]] | None,
) -> dict[str, Any]:
    """What was typed, with the definition's own values where it `is_new` in the form."""
    values: dict[str, Any] = {name: _text(typed, name) for name in TEXT_FIELDS}
    if definition is not None and is_new:
        # A name that only came from the definition before goes with it; a typed one stays.
        before = _text(typed, "loaded").partition(":")[0]
        own_name = "" if values["name"] == before else values["name"]
        values.update(_defaults(definition, keep=values if errors else {"name": own_name}))
    values.update(_row_values(typed, None if is_new and not errors else typed.get("parameters")))
    _add_parameters(values, definition)
    given = typed.get("propagate_tags")
    if definition is not None and (given is None or (is_new and not errors)):
        given = definition.propagate_tags
    values["propagate_tags"] = is_checked(given)
    return values


def check(*, user: User, typed: Mapping[str, object]) -> dict[str, Any]:
    """The messages for a form that is still being filled in, and its estimate: fields that are still
    empty are not complained about."""
    fields = as_submission(typed)
    errors: dict[str, list[str]] = {}
    try:
        check_submission(owner=user, fields=fields)
    except InvalidInput as error:
        errors = {name: texts for name, texts in error.errors.items() if fields.get(name)}
    values: dict[str, Any] = {name: _text(typed, name) for name in TEXT_FIELDS}
    values["depends_on"], values["tags"] = typed.get("depends_on"), typed.get("tags")
    policy = lazily(lambda: policy_of_queue(values["queue"]))
    return {
        "errors": errors,
        "values": values,
        "policy": policy,
        **forecast_of(user, values, policy),
    }


@dataclass(frozen=True, slots=True)
class Offered:
    """Jobs to wait for that have what was typed in their name or id, newest first; `failed` have it too, but
    who waits for one of these fails."""

    jobs: list[Job]
    failed: list[Job]


def without_half_typed(typed: Mapping[str, object]) -> dict[str, object]:
    """The fields without jobs to wait for that are words still: whoever types them has not chosen yet."""
    rows = _rows(typed.get("depends_on"))
    chosen = [row for row in rows if row == SEQUENTIAL or _is_id(row.get("job_id", ""))]
    return {**typed, "depends_on": chosen} if rows else dict(typed)


def jobs_to_wait_for(*, user: User, typed: Sequence[str]) -> Offered:
    """Visible jobs with what was typed in one of the rows; without any, the user's newest.

    Not by the other texts of a job: a browser shows only the choices that have what was typed. An id that was
    chosen is not looked for again.
    """
    words = [text.strip() for text in typed if not _is_id(text)]
    recent = recent_jobs(user)
    if not words:
        return Offered(recent, [])
    found: dict[UUID, Job] = {}
    for text in words[:MAX_SOUGHT]:
        jobs = [*recent, *find_jobs(user=user, text=text, limit=SOUGHT_JOBS).jobs]
        found |= {job.pk: job for job in jobs if text.lower() in f"{job.name} {job.pk}".lower()}
    newest = [found[pk] for pk in sorted(found, reverse=True)]
    return Offered(
        [job for job in newest if job.status != JobStatus.FAILED][:OFFERED_JOBS],
        [job for job in newest if job.status == JobStatus.FAILED],
    )


def is_group(definition: JobDefinition | None) -> bool:
    """Whether the definition's jobs have several containers or nodes, which say all of themselves."""
    return definition is not None and bool(definition.ecs_properties or definition.node_properties)


def _needs_priority(definition: JobDefinition | None, policy: SchedulingPolicy | None) -> bool:
    """Whether the form has to give a priority, as the definition does not."""
    has_own = definition is None or definition.scheduling_priority is not None
    return policy is not None and not has_own


def _gathered(fields: dict[str, object], query: QueryDict) -> dict[str, object]:
    """The fields with what came in rows, or as the box for SEQUENTIAL, put together."""
    rows = {
        field: _pairs(query.getlist(first), query.getlist(second))
        for field, (first, second) in ROWS.items()
        if field not in fields
    }
    gathered: dict[str, list[dict[str, str]] | dict[str, str]] = {
        "environment": [
            {"name": name, "value": value} for name, value in rows.get("environment", ())
        ],
        # Without a value it is the definition's own that counts.
        "parameters": {name: value for name, value in rows.get("parameters", ()) if value},
        "tags": dict(rows.get("tags", ())),
        "depends_on": [
            {"job_id": job_id, **({"type": kind} if kind else {})}
            for job_id, kind in rows.get("depends_on", ())
            if job_id.strip()
        ],
    }
    if is_checked(fields.get("sequential")) and isinstance(gathered["depends_on"], list):
        gathered["depends_on"].append(SEQUENTIAL)
    return {**fields, **{name: value for name, value in gathered.items() if value}}


def _with_ids(rows: object, user: User) -> list[dict[str, str]]:
    """Rows of jobs to wait for, where a name that one alone of the offered jobs has stands for its id."""
    found = _rows(rows)
    if all(_is_id(row.get("job_id", "")) for row in found):
        return found
    by_name = ids_by_name(user)
    return [
        {**row, "job_id": text_of(by_name[name])}
        if (name := row.get("job_id", "").strip()) in by_name
        else row
        for row in found
    ]


def _is_id(text: str) -> bool:
    try:
        id_of(text)
    except ValueError:
        return False
    return True


def _pairs(first: Sequence[str], second: Sequence[str]) -> list[tuple[str, str]]:
    second = [*second, *[""] * (len(first) - len(second))]
    return [pair for pair in zip(first, second, strict=False) if pair[0] or pair[1]]


def _row_values(typed: Mapping[str, object], parameters: object) -> dict[str, Any]:
    depends_on = _rows(typed.get("depends_on"))
    return {
        "environment": _rows(typed.get("environment")),
        "parameters": dict(parameters) if isinstance(parameters, Mapping) else {},
        "tags": dict(tags) if isinstance(tags := typed.get("tags"), Mapping) else {},
        "depends_on": [row for row in depends_on if row.get("type") != "SEQUENTIAL"],
        "sequential": is_checked(typed.get("sequential")) or SEQUENTIAL in depends_on,
    }


def _add_parameters(values: dict[str, Any], definition: JobDefinition | None) -> None:
    """A row for each parameter that the definition has a value for, or that a command names."""
    if definition is None:
        return
    plan = plan_of(work_of_definition(definition))
    commands = [each.command for node in plan.nodes for each in node.containers]
    defaults = {name: "" for command in commands for name in names_in(command)}
    values["parameters"] = {**defaults, **definition.parameters, **values["parameters"]}


def _defaults(definition: JobDefinition, *, keep: Mapping[str, object]) -> dict[str, object]:
    defaults: dict[str, object] = {
        "name": definition.name,
        "command": shlex.join(definition.command),
        "vcpus": format_vcpus(definition.milli_vcpus),
        "memory_mib": str(definition.memory_mib),
        "gpus": str(definition.gpus or ""),
        "image": definition.image,
        "attempts": str(definition.attempts),
        "evaluate_on_exit": rules_text(definition.evaluate_on_exit),
        "timeout_seconds": str(definition.timeout_seconds or ""),
        "consumables": _consumables_text(definition.consumables),
    }
    if is_group(definition):
        defaults.update(dict.fromkeys(OF_ONE_CONTAINER, ""))
    return {name: value for name, value in defaults.items() if not keep.get(name)}


def _text(fields: Mapping[str, object], name: str) -> str:
    value = fields.get(name)
    if isinstance(value, list | Mapping):
        # Only who posts JSON sends these.
        if name == "command":
            return shlex.join(str(word) for word in value)
        return rules_text(list(value)) if name == "evaluate_on_exit" else json.dumps(value)
    return value if isinstance(value, str) else "" if value is None else str(value)


def _rows(value: object) -> list[dict[str, str]]:
    if not isinstance(value, list):
        return []
    return [
        {str(name): str(text) for name, text in row.items()}
        for row in value
        if isinstance(row, Mapping)
    ]


def _consumables_text(consumables: Iterable[Mapping[str, Any]]) -> str:
    return _json(list(consumables))


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False) if value else ""
