"""Registering and deregistering job definitions. A revision never changes once it is written."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Max

from jobs import changes
from jobs.domain import exit_rules, validation, variables
from jobs.domain.errors import Conflict
from jobs.domain.validation import Checker
from jobs.models import DefinitionStatus, JobDefinition

FIELDS = frozenset(
    {
        "name",
        "description",
        "image",
        "command",
        "environment",
        "vcpus",
        "memory_mib",
        "attempts",
        "evaluate_on_exit",
        "timeout_seconds",
    }
)
# AWS Batch's limit for a whole definition.
MAX_DEFINITION_BYTES = 24 * 1024
# Each lost round means that somebody else won one, so this is how many may register at once.
MAX_ROUNDS = 200


@dataclass(frozen=True, slots=True)
class DefinitionFields:
    """A definition that passed every check, as it will be written."""

    name: str
    description: str
    image: str
    command: list[str]
    environment: list[dict[str, str]]
    milli_vcpus: int
    memory_mib: int
    attempts: int
    evaluate_on_exit: list[dict[str, str]]
    timeout_seconds: int | None


def check_definition(*, fields: Mapping[str, object]) -> DefinitionFields:
    """The clean definition, or InvalidInput with every field that is wrong. Writes nothing.

    Required: `name`, `image`, `vcpus`, `memory_mib`. The rest may be left out or empty: `command`
    (a list, or text in shell words), `environment`, `attempts` (1), `evaluate_on_exit` (a list, or text
    in JSON), `timeout_seconds` (none), `description`.
    """
    checker = Checker()
    checker.only(fields, FIELDS)
    attempts = fields.get("attempts")
    clean = DefinitionFields(
        name=checker.check("name", validation.name, fields.get("name"), ""),
        description=checker.check(
            "description", validation.description, fields.get("description"), ""
        ),
        image=checker.check("image", validation.image, fields.get("image"), ""),
        command=checker.check("command", validation.command, fields.get("command"), []),
        environment=checker.check(
            "environment", variables.environment, fields.get("environment"), []
        ),
        milli_vcpus=checker.check("vcpus", validation.milli_vcpus, fields.get("vcpus"), 0),
        memory_mib=checker.check("memory_mib", validation.memory_mib, fields.get("memory_mib"), 0),
        attempts=checker.check(
            "attempts", validation.attempts, 1 if attempts in (None, "") else attempts, 1
        ),
        evaluate_on_exit=checker.check(
            "evaluate_on_exit", exit_rules.evaluate_on_exit, fields.get("evaluate_on_exit"), []
        ),
        timeout_seconds=checker.check(
            "timeout_seconds", validation.timeout_seconds, fields.get("timeout_seconds"), None
        ),
    )
    parts = [clean.command, clean.environment, clean.evaluate_on_exit]
    if len(json.dumps(parts).encode()) > MAX_DEFINITION_BYTES:
        checker.add("", f"A definition has at most {MAX_DEFINITION_BYTES // 1024} KiB in all.")
    checker.done()
    return clean


def register_definition(
    *, fields: Mapping[str, object], by: User | None, now: datetime
) -> JobDefinition:
    """Writes the next revision of the name: 1 for a new one. Raises InvalidInput.

    Whoever registers the same name at the same moment gets another revision; none is left out.
    """
    clean = check_definition(fields=fields)
    for _ in range(MAX_ROUNDS):
        try:
            with transaction.atomic():
                definition = _insert_next(clean, by, now)
                changes.publish([changes.DEFINITIONS])
            return definition
        except IntegrityError:
            # Somebody else took this number. If it was anything else, the table would refuse it for
            # ever, and the rounds end.
            continue
    raise Conflict(f"{clean.name} is being registered very often just now. Try again.")


def deregister_definition(*, definition: JobDefinition, now: datetime) -> bool:
    """Makes a revision INACTIVE: it takes no new jobs. Gives back whether it was ACTIVE."""
    with transaction.atomic():
        done = JobDefinition.objects.filter(
            id=definition.id, status=DefinitionStatus.ACTIVE
        ).update(status=DefinitionStatus.INACTIVE)
        if done:
            changes.publish([changes.DEFINITIONS])
    return bool(done)


def _insert_next(clean: DefinitionFields, by: User | None, now: datetime) -> JobDefinition:
    newest = JobDefinition.objects.filter(name=clean.name).aggregate(newest=Max("revision"))
    return JobDefinition.objects.create(
        name=clean.name,
        revision=(newest["newest"] or 0) + 1,
        description=clean.description,
        image=clean.image,
        command=clean.command,
        environment=clean.environment,
        milli_vcpus=clean.milli_vcpus,
        memory_mib=clean.memory_mib,
        attempts=clean.attempts,
        evaluate_on_exit=clean.evaluate_on_exit,
        timeout_seconds=clean.timeout_seconds,
        created_by=by,
        created_at=now,
    )
