"""What a submission must be like: every check, and the merging with its definition."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from dataclasses import fields as dataclass_fields
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User

from jobs.domain import arrays, exit_rules, shares, validation, variables
from jobs.domain.arrays import DependencyRequest
from jobs.domain.consumables import consumables, total
from jobs.domain.definitions import overrides
from jobs.domain.flags import flag
from jobs.domain.members import Reader
from jobs.domain.plans import Work, plan_of
from jobs.domain.sizes import check_size, too_large
from jobs.domain.validation import Checker, is_empty
from jobs.domain.work import node_consumables
from jobs.models import Job, JobDefinition, JobQueue

from .submission_checks import (
    check_budgets,
    check_consumables_exist,
    check_fargate,
    check_host_access,
    check_secrets_exist,
    find_definition,
    find_jobs,
    find_queue,
)
from .submission_work import resolve_work

# AWS Batch's limit for a whole submission.
MAX_SUBMISSION_BYTES = 30 * 1024
# Fields that say how large a job is, where its definition does not.
SIZE_FIELDS = ("vcpus", "memory_mib", "container_overrides", "ecs_overrides")
# Of one container: what a definition of several cannot be overridden by.
CONTAINER_READERS: dict[str, Reader] = {
    "image": validation.image,
    "command": validation.command,
    "environment": variables.environment,
    "vcpus": validation.milli_vcpus,
    "memory_mib": validation.memory_mib,
    "gpus": validation.gpus,
    "container_overrides": overrides.container_overrides,
}
READERS: dict[str, Reader] = {
    **CONTAINER_READERS,
    "ecs_overrides": overrides.ecs_overrides,
    "node_overrides": overrides.node_overrides,
    "parameters": variables.parameters,
    "attempts": validation.attempts,
    "evaluate_on_exit": exit_rules.evaluate_on_exit,
    "timeout_seconds": validation.timeout_seconds,
    "array_size": arrays.array_size,
    "depends_on": arrays.depends_on,
    "share_identifier": shares.share_identifier,
    "scheduling_priority": shares.scheduling_priority,
    "consumables": consumables,
    "tags": variables.tags,
    "propagate_tags": flag,
}
FIELDS = frozenset({"name", "queue", "definition", *READERS})


@dataclass(frozen=True, slots=True)
class Submission:
    """A request that passed every check: the job as it will be written.

    `image` to `node_properties` are as in `domain.plans.Work`, all overrides made and parameters replaced;
    `milli_vcpus`, `memory_mib` and `gpus` are what the largest node needs. `depends_on` are jobs with the
    type of `JobDependency`. `share_identifier` is empty on a queue without fair share.
    """

    name: str
    queue: JobQueue
    definition: JobDefinition
    image: str
    command: list[str]
    environment: list[dict[str, str]]
    milli_vcpus: int
    memory_mib: int
    gpus: int
    container: dict[str, Any]
    ecs_properties: dict[str, Any]
    node_properties: dict[str, Any]
    node_count: int
    parameters: dict[str, str]
    attempts: int
    evaluate_on_exit: list[dict[str, str]]
    timeout_seconds: int | None
    array_size: int | None
    share_identifier: str
    scheduling_priority: int
    consumables: list[dict[str, Any]]
    tags: dict[str, str]
    propagate_tags: bool
    depends_on: tuple[tuple[Job, str], ...] = ()
    sequential: bool = False

    @property
    def work(self) -> Work:
        """What it runs, as one value."""
        return Work(**{field.name: getattr(self, field.name) for field in dataclass_fields(Work)})


def check_submission(
    *, owner: User, fields: Mapping[str, object], but_for_fargate: bool = False
) -> Submission:
    """The clean submission, or InvalidInput with every field that is wrong. Writes nothing.

    `but_for_fargate`: what a queue of Fargate would refuse passes, to say what other kinds would cost.

    Required: `name`, `queue` (its name), `definition` (`name` for the newest active revision, or
    `name:revision`); on a queue with fair share `share_identifier`, and `scheduling_priority` unless the
    definition has one.

    Overrides, each left out or empty for the definition's own: `command` (a list, or text in shell words),
    `vcpus`, `memory_mib`, `gpus`, `environment` (merged by name), `image`; of several containers `ecs_overrides`,
    of several nodes `node_overrides`, and in AWS's form `container_overrides`; `parameters` (merged by name),
    `attempts`, `evaluate_on_exit` (`[]` for no rules), `timeout_seconds`, `consumables` (`[]` for none),
    `propagate_tags`.

    `array_size` makes it an array. `depends_on` is a list of `{"job_id", "type"}`; jobs that the owner cannot
    see do not exist. `tags` are the job's own. Whatever has members may be JSON text.
    """
    check_size(fields, at_most=MAX_SUBMISSION_BYTES, what="A submission")
    checker = Checker()
    checker.only(fields, FIELDS)
    name = checker.check("name", validation.name, fields.get("name"), "")
    queue = checker.check("queue", find_queue, fields.get("queue"), None)
    definition = checker.check("definition", find_definition, fields.get("definition"), None)
    asked = _read(checker, fields)
    checker.done()
    assert queue is not None
    assert definition is not None
    work = resolve_work(checker, definition, asked)
    checker.done()
    submission = _assemble(name, queue, definition, work, asked)
    submission = _with_dependencies(checker, submission, owner, asked["depends_on"] or ())
    _check_together(checker, submission, asked, owner)
    if not but_for_fargate:
        size_field = next((field for field in SIZE_FIELDS if asked[field]), "definition")
        check_fargate(checker, submission.work, submission.queue, size_field=size_field)
    checker.done()
    return submission


def _read(checker: Checker, fields: Mapping[str, object]) -> dict[str, Any]:
    """Each field's clean value; None for what was not given."""
    clean = {
        field: None
        if is_empty(fields.get(field))
        else checker.check(field, reader, fields[field], None)
        for field, reader in READERS.items()
    }
    given = {field: value for field, value in clean.items() if value}
    if len(json.dumps(given, default=str).encode()) > MAX_SUBMISSION_BYTES:
        checker.add("", too_large(at_most=MAX_SUBMISSION_BYTES, what="A submission"))
    return clean


def _assemble(
    name: str,
    queue: JobQueue,
    definition: JobDefinition,
    work: Work,
    asked: Mapping[str, Any],
) -> Submission:
    """The submission as asked for, or else as its definition has it. Dependencies are still missing."""

    def asked_or_defined(field: str) -> Any:
        return getattr(definition, field) if asked[field] is None else asked[field]

    values = {field.name: getattr(work, field.name) for field in dataclass_fields(Work)}
    needed = asked_or_defined("consumables")
    return Submission(
        **values,
        name=name,
        queue=queue,
        definition=definition,
        node_count=work.node_properties.get("numNodes", 1),
        parameters={**definition.parameters, **(asked["parameters"] or {})},
        attempts=asked_or_defined("attempts"),
        evaluate_on_exit=asked_or_defined("evaluate_on_exit"),
        timeout_seconds=asked_or_defined("timeout_seconds"),
        array_size=asked["array_size"],
        share_identifier=asked["share_identifier"] or "",
        scheduling_priority=asked_or_defined("scheduling_priority") or 0,
        consumables=total([needed, node_consumables(work.node_properties)]),
        tags=asked["tags"] or {},
        propagate_tags=asked_or_defined("propagate_tags"),
    )


def _with_dependencies(
    checker: Checker, submission: Submission, owner: User, requests: Sequence[DependencyRequest]
) -> Submission:
    sequential = any(each.job_id is None for each in requests)
    if sequential and submission.array_size is None:
        checker.add("depends_on", arrays.SEQUENTIAL_IS_FOR_ARRAYS)
    found = find_jobs(owner, [each.job_id for each in requests if each.job_id])
    depends_on: dict[tuple[UUID, str], Job] = {}
    for each in requests:
        if each.job_id is None:
            continue
        job = found.get(each.job_id)
        trouble = arrays.dependency_trouble(
            each,
            exists=job is not None,
            size=submission.array_size,
            other_size=job.array_size if job and job.parent_id is None else None,
        )
        if trouble:
            checker.add("depends_on", trouble)
        elif job:
            depends_on[job.id, each.type.value] = job
    return replace(
        submission,
        sequential=sequential,
        depends_on=tuple((job, kind) for (_, kind), job in depends_on.items()),
    )


def _check_together(
    checker: Checker, submission: Submission, asked: Mapping[str, Any], owner: User
) -> None:
    """What is right by itself, but not with the queue, the definition or the owner."""
    definition, queue = submission.definition, submission.queue
    priority = asked["scheduling_priority"]
    wrong = shares.check_share(
        queue=queue.name,
        is_fair_share=queue.scheduling_policy_id is not None,
        share_identifier=submission.share_identifier,
        scheduling_priority=definition.scheduling_priority if priority is None else priority,
    )
    for field, text in wrong.items():
        checker.add(field, text)
    if submission.node_properties and submission.array_size is not None:
        checker.add("array_size", "A multi-node parallel job cannot be an array. Leave it empty.")
    if submission.propagate_tags:
        both = {**definition.tags, **submission.tags}
        checker.check("tags", lambda _: variables.check_tag_count(both), both, None)
    check_budgets(checker, queue=queue, owner=owner, tags=submission.tags)
    plan = plan_of(submission.work)
    check_host_access(checker, plan, queue)
    check_secrets_exist(checker, plan, owner)
    check_consumables_exist(
        checker,
        submission.consumables,
        field="definition" if asked["consumables"] is None else "consumables",
    )
