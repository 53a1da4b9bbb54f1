"""Registering and deregistering job definitions. A revision never changes once it is written."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.db.models import Max

from jobs import changes
from jobs.domain import exit_rules, fargate, shares, validation, variables
from jobs.domain.consumables import consumables
from jobs.domain.definitions.container_properties import (
    AMOUNT_MISSING,
    check_secrets,
    further_properties,
)
from jobs.domain.definitions.ecs_properties import ecs_properties
from jobs.domain.definitions.node_properties import node_properties
from jobs.domain.errors import Conflict
from jobs.domain.flags import flag
from jobs.domain.members import a_list, one_of
from jobs.domain.plans import Work
from jobs.domain.resources import MILLI
from jobs.domain.sizes import check_size, too_large
from jobs.domain.validation import Checker, is_empty
from jobs.domain.work import work_of_group
from jobs.models import DefinitionStatus, DefinitionType, JobDefinition

from .definition_owners import may_register, require_deregister, require_own_definition

# Of one container; a definition of several says them of each.
CONTAINER_FIELDS = ("image", "command", "environment", "vcpus", "memory_mib", "gpus", "container")
GROUP_FIELDS = ("ecs_properties", "node_properties")
FIELDS = frozenset(
    {
        "name",
        "type",
        "description",
        *CONTAINER_FIELDS,
        *GROUP_FIELDS,
        "parameters",
        "attempts",
        "evaluate_on_exit",
        "timeout_seconds",
        "scheduling_priority",
        "consumables",
        "tags",
        "propagate_tags",
        "platform_capabilities",
    }
)
PLATFORM_CAPABILITIES = ("EC2", "FARGATE", "MANAGED_INSTANCES")
# AWS Batch's limit for a whole definition.
MAX_DEFINITION_BYTES = 24 * 1024
# Each lost round means that somebody else won one, so this is how many may register at once.
MAX_ROUNDS = 200


@dataclass(frozen=True, slots=True)
class DefinitionFields:
    """A definition that passed every check, as it will be written."""

    name: str
    type: str
    description: str
    work: Work
    parameters: dict[str, str]
    attempts: int
    evaluate_on_exit: list[dict[str, str]]
    timeout_seconds: int | None
    scheduling_priority: int | None
    consumables: list[dict[str, Any]]
    tags: dict[str, str]
    propagate_tags: bool
    extra: dict[str, Any]


def check_definition(*, fields: Mapping[str, object]) -> DefinitionFields:
    """The clean definition, or InvalidInput with every field that is wrong. Writes nothing.

    Required: `name`, and either `image`, `vcpus` and `memory_mib`, or `ecs_properties` (several containers), or
    `node_properties` (a multi-node parallel job). The rest may be left out or empty. Beside the image of one
    container: `command` (a list, or text in shell words), `environment`, `gpus`, and in `container` AWS's
    further `containerProperties`. Of all: `type` (container or multinode), `description`, `parameters`, `attempts`
    (1), `evaluate_on_exit`, `timeout_seconds` (none), `scheduling_priority`, `consumables`, `tags`, `propagate_tags`,
    `platform_capabilities`. Whatever has members may be JSON text.
    """
    check_size(fields, at_most=MAX_DEFINITION_BYTES, what="A definition")
    checker = Checker()
    checker.only(fields, FIELDS)
    groups: dict[str, dict[str, Any]] = {
        "ecs_properties": checker.check(
            "ecs_properties", ecs_properties, fields.get("ecs_properties"), {}
        ),
        "node_properties": checker.check(
            "node_properties", node_properties, fields.get("node_properties"), {}
        ),
    }
    given = [field for field in GROUP_FIELDS if not _is_left_out(fields.get(field))]
    work = _check_group(checker, fields, groups) if given else _check_container(checker, fields)
    clean = _check_rest(checker, fields, work)
    if work.image and fargate.CAPABILITY in clean.extra.get("platformCapabilities", ()):
        _check_fargate(checker, work)
    if _bytes(clean) > MAX_DEFINITION_BYTES:
        checker.add("", too_large(at_most=MAX_DEFINITION_BYTES, what="A definition"))
    checker.done()
    return clean


def register_definition(
    *,
    fields: Mapping[str, object],
    by: User | None,
    now: datetime,
    registered_as: Mapping[str, object] | None = None,
    address: str = "",
    needs_right: bool = False,
) -> JobDefinition:
    """Writes the next revision of the name: 1 for a new one. Raises InvalidInput, or PermissionDenied.

    `registered_as`: AWS's request that `fields` were read from, to be answered as it came. `needs_right`: where only
    administrators register, and who is given it by an access policy. `address`: from where it is asked for.

    No policy gives a name that is somebody else's. Of those who may register the name at the same moment each gets
    another revision; none is left out. Of several users who register a new name, it is the first one's.
    """
    clean = check_definition(fields=fields)
    is_given = by is not None and may_register(
        by=by, name=clean.name, work=clean.work, tags=clean.tags, now=now, address=address
    )
    if needs_right and by is not None and not (by.is_staff or is_given):
        raise PermissionDenied("Only administrators may change this.")
    for _ in range(MAX_ROUNDS):
        try:
            with transaction.atomic():
                definition = _insert_next(clean, by, now, registered_as or {})
                changes.publish([changes.DEFINITIONS])
            return definition
        except IntegrityError:
            # Somebody else took this number. If it was anything else, the table would refuse it for
            # ever, and the rounds end.
            continue
    raise Conflict(f"{clean.name} is being registered very often just now. Try again.")


def deregister_definition(
    *, definition: JobDefinition, by: User | None, now: datetime, address: str = ""
) -> bool:
    """Makes a revision INACTIVE: it takes no new jobs. Gives back whether it was ACTIVE.

    Raises PermissionDenied.
    """
    if by is not None:
        require_deregister(definition, by=by, now=now, address=address)
    with transaction.atomic():
        require_own_definition(by=by, name=definition.name)
        done = JobDefinition.objects.filter(
            id=definition.id, status=DefinitionStatus.ACTIVE
        ).update(status=DefinitionStatus.INACTIVE)
        if done:
            changes.publish([changes.DEFINITIONS])
    return bool(done)


def _check_container(checker: Checker, fields: Mapping[str, object]) -> Work:
    """The work of one container. Its older `vcpus` and `memory` count where the fields are empty."""
    nothing: dict[str, Any] = {}
    container = checker.check("container", further_properties, fields.get("container"), nothing)
    amounts = {}
    for kind, field, older, unit, check in (
        ("VCPU", "vcpus", "vcpus", MILLI, validation.milli_vcpus),
        ("MEMORY", "memory_mib", "memory", 1, validation.memory_mib),
    ):
        is_left_out = is_empty(fields.get(field))
        if is_left_out and older in container:
            amounts[field] = container[older] * unit
        elif is_left_out:
            amounts[field] = 0
            checker.add(field, AMOUNT_MISSING[kind])
        else:
            container.pop(older, None)
            amounts[field] = checker.check(field, check, fields.get(field), 0)
    no_variables: list[dict[str, str]] = []
    environment = checker.check(
        "environment", variables.environment, fields.get("environment"), no_variables
    )
    whole = {**container, "environment": environment}
    checker.check("container", lambda _: check_secrets(whole), whole, None)
    return Work(
        image=checker.check("image", validation.image, fields.get("image"), ""),
        command=checker.check("command", validation.command, fields.get("command"), []),
        environment=environment,
        milli_vcpus=amounts["vcpus"],
        memory_mib=amounts["memory_mib"],
        gpus=checker.check("gpus", validation.gpus, fields.get("gpus"), 0),
        container=container,
    )


def _check_group(
    checker: Checker, fields: Mapping[str, object], groups: Mapping[str, dict[str, Any]]
) -> Work:
    """The work of several containers or nodes, which say all about themselves."""
    if all(groups.values()):
        checker.add("node_properties", "Give either ecs_properties or node_properties.")
    group = "node_properties" if groups["node_properties"] else "ecs_properties"
    for field in CONTAINER_FIELDS:
        if not _is_left_out(fields.get(field)):
            checker.add(field, f"Leave this empty: each container in {group} says it of itself.")
    if not any(groups.values()):
        # Wrong, and said so already.
        return Work(image="", milli_vcpus=0, memory_mib=0)
    return work_of_group(**{group: groups[group]})


def _check_fargate(checker: Checker, work: Work) -> None:
    """What Fargate cannot do, each under the field that asks for it."""
    group = "ecs_properties" if work.ecs_properties else ""
    of_plain = {"": "vcpus", "resourceRequirements": "gpus"}
    for path, text in fargate.problems(work):
        if work.node_properties:
            checker.add("node_properties", text)
        elif group:
            checker.add(group, validation.problem_text(path, text))
        elif path in of_plain:
            checker.add(of_plain[path], text)
        else:
            checker.add("container", validation.problem_text(path, text))


def _check_rest(checker: Checker, fields: Mapping[str, object], work: Work) -> DefinitionFields:
    attempts = fields.get("attempts")
    none: list[str] = []
    capabilities = checker.check(
        "platform_capabilities",
        a_list(one_of(PLATFORM_CAPABILITIES)),
        fields.get("platform_capabilities") or none,
        none,
    )
    return DefinitionFields(
        name=checker.check("name", validation.name, fields.get("name"), ""),
        type=_check_type(checker, fields),
        description=checker.check(
            "description", validation.description, fields.get("description"), ""
        ),
        work=work,
        parameters=checker.check("parameters", variables.parameters, fields.get("parameters"), {}),
        attempts=checker.check(
            "attempts", validation.attempts, 1 if is_empty(attempts) else attempts, 1
        ),
        evaluate_on_exit=checker.check(
            "evaluate_on_exit", exit_rules.evaluate_on_exit, fields.get("evaluate_on_exit"), []
        ),
        timeout_seconds=checker.check(
            "timeout_seconds", validation.timeout_seconds, fields.get("timeout_seconds"), None
        ),
        scheduling_priority=checker.check(
            "scheduling_priority",
            shares.scheduling_priority,
            fields.get("scheduling_priority"),
            None,
        ),
        consumables=checker.check("consumables", consumables, fields.get("consumables"), []),
        tags=checker.check("tags", variables.tags, fields.get("tags"), {}),
        propagate_tags=checker.check("propagate_tags", flag, fields.get("propagate_tags"), False),
        extra={"platformCapabilities": capabilities} if capabilities else {},
    )


def _check_type(checker: Checker, fields: Mapping[str, object]) -> str:
    """`type`; left out, it follows from whether there are node properties."""
    has_nodes = not _is_left_out(fields.get("node_properties"))
    follows: str = DefinitionType.MULTINODE if has_nodes else DefinitionType.CONTAINER
    if is_empty(fields.get("type")):
        return follows
    given = checker.check("type", one_of(DefinitionType.values), fields["type"], follows)
    if given == DefinitionType.MULTINODE and not has_nodes:
        checker.add("node_properties", "A definition of type multinode needs node_properties.")
    elif given != follows:
        checker.add("type", "With node_properties the type is multinode.")
    return given


def _is_left_out(value: object) -> bool:
    return is_empty(value) or value in ([], {}, "{}", "[]")


def _bytes(clean: DefinitionFields) -> int:
    values = asdict(clean)
    group = clean.work.ecs_properties or clean.work.node_properties
    if group:
        # What sums it up is not part of it.
        values["work"] = group
    return len(json.dumps([value for value in values.values() if value]).encode())


def _insert_next(
    clean: DefinitionFields,
    by: User | None,
    now: datetime,
    registered_as: Mapping[str, object],
) -> JobDefinition:
    # Whoever reads that there is none yet writes revision 1, which only one can.
    newest = JobDefinition.objects.filter(name=clean.name).aggregate(newest=Max("revision"))
    require_own_definition(by=by, name=clean.name)
    values = asdict(clean)
    return JobDefinition.objects.create(
        **values.pop("work"),
        **values,
        revision=(newest["newest"] or 0) + 1,
        registered_as=registered_as,
        created_by=by,
        created_at=now,
    )
