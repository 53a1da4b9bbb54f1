"""What a submission must be like: every check, and the merging with its definition."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User

from jobs.domain import exit_rules, validation, variables
from jobs.domain.validation import Checker, FieldError
from jobs.models import (
    DefinitionStatus,
    JobDefinition,
    JobQueue,
    QueueState,
)

FIELDS = frozenset(
    {
        "name",
        "queue",
        "definition",
        "command",
        "vcpus",
        "memory_mib",
        "environment",
        "image",
        "attempts",
        "evaluate_on_exit",
        "timeout_seconds",
    }
)


@dataclass(frozen=True, slots=True)
class Submission:
    """A request that passed every check: the job as it will be written."""

    name: str
    queue: JobQueue
    definition: JobDefinition
    image: str
    command: list[str]
    environment: list[dict[str, str]]
    milli_vcpus: int
    memory_mib: int
    attempts: int
    evaluate_on_exit: list[dict[str, str]]
    timeout_seconds: int | None


def check_submission(*, owner: User, fields: Mapping[str, object]) -> Submission:
    """The clean submission, or InvalidInput with every field that is wrong. Writes nothing.

    Required: `name`, `queue` (its name), `definition` (`name` for the newest active revision, or
    `name:revision`). Overrides, each left out or empty for the definition's own: `command` (a list, or
    text in shell words), `vcpus`, `memory_mib`, `environment` (merged by name), `image`, `attempts`,
    `evaluate_on_exit` (a list, or text in JSON; `[]` for no rules), `timeout_seconds`.
    """
    checker = Checker()
    checker.only(fields, FIELDS)
    name = checker.check("name", validation.name, fields.get("name"), "")
    queue = checker.check("queue", _find_queue, fields.get("queue"), None)
    definition = checker.check("definition", _find_definition, fields.get("definition"), None)
    overrides = _check_overrides(checker, fields)
    checker.done()
    assert queue is not None
    assert definition is not None
    rules = overrides["evaluate_on_exit"]
    return Submission(
        name=name,
        queue=queue,
        definition=definition,
        image=overrides["image"] or definition.image,
        command=overrides["command"] or list(definition.command),
        environment=_merge(definition.environment, overrides["environment"]),
        milli_vcpus=overrides["vcpus"] or definition.milli_vcpus,
        memory_mib=overrides["memory_mib"] or definition.memory_mib,
        attempts=overrides["attempts"] or definition.attempts,
        evaluate_on_exit=definition.evaluate_on_exit if rules is None else rules,
        timeout_seconds=overrides["timeout_seconds"] or definition.timeout_seconds,
    )


def _check_overrides(checker: Checker, fields: Mapping[str, object]) -> dict[str, Any]:
    """Each override's clean value; an empty one for what was not given."""
    checks: dict[str, tuple[Any, Any]] = {
        "image": (validation.image, ""),
        "command": (validation.command, []),
        "environment": (variables.environment, []),
        "vcpus": (validation.milli_vcpus, 0),
        "memory_mib": (validation.memory_mib, 0),
        "attempts": (validation.attempts, 0),
        # No rules at all are an override as well.
        "evaluate_on_exit": (exit_rules.evaluate_on_exit, None),
        "timeout_seconds": (validation.timeout_seconds, None),
    }
    clean: dict[str, Any] = {}
    for field, (check, nothing) in checks.items():
        value = fields.get(field)
        given = value is not None and not (isinstance(value, str) and not value.strip())
        clean[field] = checker.check(field, check, value, nothing) if given else nothing
    return clean


def _find_queue(value: object) -> JobQueue:
    if not isinstance(value, str) or not value.strip():
        raise FieldError("Choose a job queue.")
    queue = JobQueue.objects.filter(name=_searchable(value)).first()
    if queue is None:
        raise FieldError(f"There is no job queue named {_shown(value)}.")
    if queue.state == QueueState.DISABLED:
        raise FieldError(
            f"The job queue {queue.name} is disabled and takes no jobs. Enable it first."
        )
    return queue


def _find_definition(value: object) -> JobDefinition:
    if not isinstance(value, str) or not value.strip():
        raise FieldError("Choose a job definition.")
    name, colon, revision = _searchable(value).partition(":")
    rows = JobDefinition.objects.filter(name=name)
    if colon:
        if not (revision.isascii() and revision.isdigit() and len(revision) <= 9):
            raise FieldError(f"{_shown(value)}: after the colon comes a revision's number.")
        found = rows.filter(revision=int(revision)).first()
        if found is None:
            raise FieldError(f"There is no job definition {_shown(value)}.")
        if found.status != DefinitionStatus.ACTIVE:
            raise FieldError(f"The job definition {found} is deregistered and takes no new jobs.")
        return found
    found = rows.filter(status=DefinitionStatus.ACTIVE).order_by("-revision").first()
    if found is None:
        raise FieldError(f"There is no active job definition named {_shown(value)}.")
    return found


def _searchable(value: str) -> str:
    """PostgreSQL refuses NUL in a text; a name that holds one is simply not found."""
    return value.strip().replace("\0", "")


def _shown(value: str) -> str:
    text = value.strip()
    return text if len(text) <= 140 else text[:140] + "..."


def _merge(base: list[dict[str, str]], overrides: list[dict[str, str]]) -> list[dict[str, str]]:
    merged = {pair["name"]: pair["value"] for pair in [*base, *overrides]}
    return [{"name": name, "value": value} for name, value in merged.items()]
