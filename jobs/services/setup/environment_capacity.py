"""What a compute environment may hold, checked: its maximum, and of a managed one its compute resources.

These are held against the catalogue of instance types, the machines of its engine, and what runs there now.
"""

from collections.abc import Mapping
from typing import Any

from jobs.domain import validation
from jobs.domain.environments import compute_resources, instance_choice
from jobs.domain.environments.instance_choice import Choice, Machine
from jobs.domain.resources import MILLI, Resources, overcommitted
from jobs.domain.validation import Checker, FieldError
from jobs.models import ComputeEnvironment, Engine, EnvironmentType, InstanceType, Node
from jobs.selectors.instance_types import known_types, types_named
from jobs.selectors.instances import busy_milli_vcpus

ONLY_MANAGED = "Only a MANAGED environment has this."
WHOLE_VCPUS = "The maximum of a MANAGED environment is a whole number of vCPUs, such as 16."
# What of the compute resources is held against the catalogue and the machines.
LAUNCHED = ("type", "instanceTypes", "maxvCpus")
SECONDS = {
    "idle_seconds": validation.idle_seconds,
    "interruption_seconds": validation.interruption_seconds,
}


def capacity(
    checker: Checker,
    *,
    given: Mapping[str, object],
    fields: Mapping[str, object],
    type_: str,
    engine: Engine | None,
    environment: ComputeEnvironment | None,
) -> dict[str, Any]:
    """The columns that say what it may hold, and how its instances end; errors go to the checker.

    `given` are all fields with what is kept where `fields`, those of the request, have nothing.
    """
    if type_ == EnvironmentType.MANAGED:
        return {
            **_managed(checker, fields, engine, environment),
            **{
                field: checker.check(field, reader, given[field], None)
                for field, reader in SECONDS.items()
            },
        }
    for field in ("compute_resources", *SECONDS):
        if not validation.is_empty(fields.get(field)) and fields[field] != {}:
            checker.add(field, ONLY_MANAGED)
    maximum = checker.check("max_vcpus", validation.max_milli_vcpus, given["max_vcpus"], None)
    return {
        "max_milli_vcpus": maximum,
        "compute_resources": {},
        **dict.fromkeys(SECONDS),
    }


def _managed(
    checker: Checker,
    fields: Mapping[str, object],
    engine: Engine | None,
    environment: ComputeEnvironment | None,
) -> dict[str, Any]:
    before = environment.compute_resources if environment else {}
    resources, nothing = before, dict[str, Any]()
    if "max_vcpus" in fields:
        resources = checker.check(
            "max_vcpus",
            lambda value: _checked(_with_maximum(before, value), engine, environment, of_form=True),
            fields["max_vcpus"],
            nothing,
        )
    if environment is None or fields.get("compute_resources"):
        resources = checker.check(
            "compute_resources",
            lambda value: _checked(_resources(value, resources, environment), engine, environment),
            fields.get("compute_resources"),
            nothing,
        )
    return {
        "max_milli_vcpus": resources.get("maxvCpus", 1) * MILLI,
        "compute_resources": resources,
    }


def _with_maximum(resources: Mapping[str, Any], value: object) -> dict[str, Any]:
    maximum = validation.max_milli_vcpus(value)
    if maximum is None or maximum % MILLI:
        raise FieldError(WHOLE_VCPUS)
    if not resources:
        raise FieldError("Give it as maxvCpus of the compute resources.")
    return compute_resources.changed_resources(
        resources, {"maxvCpus": maximum // MILLI}, service_linked=True
    )


def _resources(
    value: object, current: Mapping[str, Any], environment: ComputeEnvironment | None
) -> dict[str, Any]:
    if environment is None:
        if not value:
            raise FieldError("A MANAGED environment needs these.")
        return compute_resources.new_resources(value)
    if not current:
        # What is wrong with its maximum has been said.
        return {}
    return compute_resources.changed_resources(
        current,
        value,
        service_linked=compute_resources.is_linked_role(environment.service_role),
    )


def _checked(
    resources: dict[str, Any],
    engine: Engine | None,
    environment: ComputeEnvironment | None,
    *,
    of_form: bool = False,
) -> dict[str, Any]:
    """The resources, held against what there is and what runs. Raises FieldError.

    `of_form`: the maximum came as a field of its own, so errors need not say that they are about it.
    """
    before = environment.compute_resources if environment else {}
    changed = {member for member in LAUNCHED if resources.get(member) != before.get(member)}
    problems: list[tuple[str, str]] = []
    if environment is not None and "maxvCpus" in changed:
        problems += compute_resources.stranding_problems(
            before, resources, busy_milli_vcpus=busy_milli_vcpus(environment=environment)
        )
    if resources and engine is not None and not compute_resources.is_fargate(resources):
        found = _choice_problems(resources, engine) if changed else []
        is_new_choice = bool(changed - {"maxvCpus"})
        problems += [each for each in found if is_new_choice or each[0] == "maxvCpus"]
    if problems:
        raise FieldError(
            problems=[("" if of_form else path, text) for path, text in problems],
        )
    return resources


def _choice_problems(resources: Mapping[str, Any], engine: Engine) -> list[tuple[str, str]]:
    names = resources.get("instanceTypes", [])
    choices = [_choice(row) for row in types_named(names)]
    unknown = instance_choice.unknown_names(names, choices)
    if unknown:
        known = known_types()
        return instance_choice.unknown_problems(
            unknown,
            types=[row.name for rows in known.values() for row in rows],
            families=list(known),
        )
    machines = [_machine(node, engine) for node in Node.objects.filter(engine=engine)]
    return list(
        instance_choice.choice_problems(resources, choices, machines, engine=engine.name)
        if choices
        else ()
    )


def _choice(row: InstanceType) -> Choice:
    return Choice(
        name=row.name,
        size=Resources(row.milli_vcpus, row.memory_mib, row.gpus),
        architecture=row.architecture,
        has_spot_price=row.spot_usd_per_hour is not None,
    )


def _machine(node: Node, engine: Engine) -> Machine:
    milli_vcpus = overcommitted(node.milli_vcpus, engine.cpu_overcommit)
    return Machine(
        name=node.name,
        size=Resources(milli_vcpus, node.memory_mib, node.gpus),
        architecture=node.architecture,
    )
