"""What a submitted job runs: its definition's work with the submission's overrides and parameters."""

from collections.abc import Callable, Mapping
from typing import Any

from jobs.domain.definitions import overrides
from jobs.domain.plans import Work
from jobs.domain.resources import format_vcpus
from jobs.domain.validation import Checker
from jobs.domain.work import check_work, substitute_parameters
from jobs.models import JobDefinition
from jobs.selectors.plans import work_of_definition

# Fields that override the one container of a plain job, and the columns of its definition.
COLUMNS = {
    "image": "image",
    "command": "command",
    "environment": "environment",
    "vcpus": "milli_vcpus",
    "memory_mib": "memory_mib",
    "gpus": "gpus",
}


def resolve_work(checker: Checker, definition: JobDefinition, asked: Mapping[str, Any]) -> Work:
    """The work with all overrides made and all parameters replaced; errors go to the checker.

    `asked` holds the clean value of each field, None where it was not given. An override that says what the
    definition says is none: a form may send its defaults back.
    """
    work = work_of_definition(definition)
    changed = {
        field: asked[field]
        for field, column in COLUMNS.items()
        if asked[field] not in (None, [], getattr(definition, column))
    }
    if work.node_properties:
        work = _override(checker, work, asked, "node_overrides", overrides.override_nodes)
        _refuse(checker, "several nodes", "node_overrides", changed, asked)
    elif work.ecs_properties:
        work = _override(checker, work, asked, "ecs_overrides", overrides.override_ecs)
        _refuse(checker, "several containers", "ecs_overrides", changed, asked)
    else:
        work = _override(checker, work, asked, "container_overrides", overrides.override_plain)
        _refuse(checker, "one container", "container_overrides", {}, asked)
        work = overrides.override_plain(work, _as_overrides(changed))
    values = {**definition.parameters, **(asked["parameters"] or {})}
    work = checker.check("parameters", lambda _: substitute_parameters(work, values), values, work)
    checker.check("environment", lambda _: check_work(work), work, None)
    return work


def _override(
    checker: Checker,
    work: Work,
    asked: Mapping[str, Any],
    field: str,
    override: Callable[[Work, Mapping[str, Any]], Work],
) -> Work:
    given = asked[field]
    if not given:
        return work
    return checker.check(field, lambda _: override(work, given), given, work)


def _refuse(
    checker: Checker,
    kind: str,
    right: str,
    changed: Mapping[str, Any],
    asked: Mapping[str, Any],
) -> None:
    """An error for each override that is for another kind of definition."""
    others = {"container_overrides", "ecs_overrides", "node_overrides"} - {right}
    for field in [*changed, *sorted(field for field in others if asked[field])]:
        checker.add(field, f"The definition is one of {kind}: override it by {right}.")


def _as_overrides(changed: Mapping[str, Any]) -> dict[str, Any]:
    """A form's fields as canonical `containerOverrides`."""
    milli_vcpus = changed.get("vcpus")
    amounts = overrides.requirements(
        {
            "VCPU": None if milli_vcpus is None else format_vcpus(milli_vcpus),
            "MEMORY": changed.get("memory_mib"),
            "GPU": changed.get("gpus"),
        }
    )
    plain = {
        field: changed[field] for field in ("image", "command", "environment") if field in changed
    }
    return {**plain, "resourceRequirements": amounts} if amounts else plain
