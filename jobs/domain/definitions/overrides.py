"""What a submission changes of its definition.

Source: AWS Batch API, `ContainerOverrides`, `EcsPropertiesOverride` and `NodeOverrides` of SubmitJob. Of a container
a command replaces, variables merge by name, amounts override by type; the older `vcpus` and `memory`
change nothing where the definition has `resourceRequirements`. To override the image is ours.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jobs.domain import validation
from jobs.domain.consumables import consumable_properties
from jobs.domain.members import Reader, a_list, a_number, a_text, an_object
from jobs.domain.plans import Work
from jobs.domain.validation import FieldError, read_json
from jobs.domain.variables import merge
from jobs.domain.work import Properties, map_containers, map_task, work_of_group

from .container_properties import (
    FURTHER_READERS,
    RESOURCES,
    WORK_READERS,
    resource_requirements,
)
from .node_properties import MAX_NODES, MAX_RANGES, check_nodes, target_nodes
from .node_ranges import node_range, pick_ranges

OLDER_MEMBERS = {"vcpus": "VCPU", "memory": "MEMORY"}


def _command(value: object) -> list[str]:
    words = validation.command(value)
    if "" in words:
        raise FieldError("A command that overrides has no empty words.")
    return words


_WORK_READERS: dict[str, Reader] = {**WORK_READERS, "command": _command}
_container_overrides = an_object(
    {
        **_WORK_READERS,
        **{member: FURTHER_READERS[member] for member in (*OLDER_MEMBERS, "instanceType")},
    }
)
_ecs_overrides = an_object(
    {
        "taskProperties": a_list(
            an_object(
                {"containers": a_list(an_object({"name": a_text, **_WORK_READERS}))},
            ),
            at_most=1,
        )
    }
)
INSTEAD = {"eksPropertiesOverride": "Use containerOverrides or ecsPropertiesOverride instead."}


def container_overrides(value: object) -> Properties:
    """Canonical `containerOverrides`, from an object or JSON text. Raises FieldError."""
    clean: Properties = _container_overrides(read_json(value) or {})
    return clean


def ecs_overrides(value: object) -> Properties:
    """Canonical `ecsPropertiesOverride`, from an object or JSON text. Raises FieldError."""
    clean: Properties = _ecs_overrides(read_json(value) or {})
    return clean


_node_overrides = an_object(
    {
        "numNodes": a_number(1, MAX_NODES, "nodes"),
        "nodePropertyOverrides": a_list(
            an_object(
                {
                    "targetNodes": target_nodes,
                    "containerOverrides": container_overrides,
                    "ecsPropertiesOverride": ecs_overrides,
                    "instanceTypes": a_list(a_text, at_most=1),
                    "consumableResourcePropertiesOverride": consumable_properties,
                },
                required=("targetNodes",),
                refused=INSTEAD,
            ),
            at_most=MAX_RANGES,
        ),
    }
)


def node_overrides(value: object) -> Properties:
    """Canonical `nodeOverrides`, from an object or JSON text. Raises FieldError."""
    clean: Properties = _node_overrides(read_json(value) or {})
    return clean


def requirements(amounts: Mapping[str, object]) -> list[dict[str, str]]:
    """`resourceRequirements` of amounts by type; those of None are left out."""
    return resource_requirements(
        [
            {"type": kind, "value": amounts[kind]}
            for kind in RESOURCES
            if amounts.get(kind) is not None
        ]
    )


def override_container(container: Properties, overrides: Mapping[str, Any]) -> Properties:
    """A container's canonical properties with canonical `overrides`."""
    plain = ("image", "command", "instanceType")
    changed = {**container, **{name: overrides[name] for name in plain if name in overrides}}
    if "environment" in overrides:
        changed["environment"] = merge(container.get("environment", ()), overrides["environment"])
    # The older members stand only where the definition used them.
    for older in OLDER_MEMBERS:
        if older in overrides and older in container:
            changed[older] = overrides[older]
    amounts = {each["type"]: each["value"] for each in container.get("resourceRequirements", ())}
    given = {each["type"]: each["value"] for each in overrides.get("resourceRequirements", ())}
    for older, kind in OLDER_MEMBERS.items():
        if kind in given:
            changed.pop(older, None)
    merged = {**amounts, **given}
    changed["resourceRequirements"] = [
        {"type": kind, "value": merged[kind]} for kind in RESOURCES if kind in merged
    ]
    return {member: value for member, value in changed.items() if value != []}


def override_plain(work: Work, overrides: Mapping[str, Any]) -> Work:
    """A plain job's work with canonical `containerOverrides`."""
    return map_containers(work, lambda container: override_container(container, overrides))


def override_ecs(work: Work, overrides: Mapping[str, Any]) -> Work:
    """The work of several containers with canonical `ecsPropertiesOverride`.

    Raises FieldError for a container that there is not.
    """
    return work_of_group(ecs_properties=_override_task(work.ecs_properties, overrides))


def override_nodes(work: Work, overrides: Mapping[str, Any]) -> Work:
    """The work of a multi-node job with canonical `nodeOverrides`. Raises FieldError.

    A range that is named counts for all of its nodes, whatever ranges the definition has.
    """
    properties = {**work.node_properties, "numNodes": _num_nodes(work.node_properties, overrides)}
    check_nodes(properties)
    for index, each in enumerate(overrides.get("nodePropertyOverrides", ())):
        try:
            properties = _override_range(properties, each)
        except FieldError as error:
            raise FieldError(problems=error.at(f"nodePropertyOverrides[{index}]")) from None
    return work_of_group(node_properties=properties)


def _override_task(ecs_properties: Mapping[str, Any], overrides: Mapping[str, Any]) -> Properties:
    names = [each["name"] for each in ecs_properties["taskProperties"][0]["containers"]]
    by_name: dict[str, Mapping[str, Any]] = {}
    for task in overrides.get("taskProperties", ()):
        for index, each in enumerate(task.get("containers", ())):
            name = each.get("name") or (names[0] if len(names) == 1 else "")
            if name not in names:
                where = f"taskProperties[0].containers[{index}].name"
                said = f"The definition's containers are {', '.join(names)}: name one of them."
                raise FieldError(problems=[(where, said)])
            by_name[name] = each
    return map_task(
        ecs_properties,
        lambda container: override_container(container, by_name.get(container["name"], {})),
    )


def _num_nodes(properties: Mapping[str, Any], overrides: Mapping[str, Any]) -> int:
    """How many nodes there are to be; AWS's three conditions are in `NodeOverrides.numNodes`."""
    wanted: int = overrides.get("numNodes", properties["numNodes"])
    ranges = [node_range(group["targetNodes"]) for group in properties["nodeRangeProperties"]]
    if wanted == properties["numNodes"]:
        return wanted
    if all(each.end is not None for each in ranges):
        said = "The definition has no node range with an open end, such as 1:, so this is fixed."
    elif any(each.start >= wanted for each in ranges):
        said = (
            f"The definition has a node range that starts at {max(each.start for each in ranges)}."
        )
    elif properties["mainNode"] >= wanted:
        said = f"The definition's main node is {properties['mainNode']}."
    else:
        return wanted
    raise FieldError(problems=[("numNodes", said)])


def _override_range(properties: Mapping[str, Any], each: Mapping[str, Any]) -> Properties:
    """One entry of `nodePropertyOverrides`.

    Ranges within it are changed; of one that reaches beyond it, its own nodes get a range of their own.
    """
    num_nodes = properties["numNodes"]
    groups = list(properties["nodeRangeProperties"])
    ranges = [node_range(group["targetNodes"]) for group in groups]
    target = node_range(each["targetNodes"])
    if target.start >= num_nodes or (target.end or 0) >= num_nodes:
        raise FieldError(
            problems=[("targetNodes", f"With {num_nodes} nodes the last is {num_nodes - 1}.")]
        )
    picked = pick_ranges(ranges, num_nodes)
    wanted = range(target.start, target.last(num_nodes) + 1)
    beyond = set()
    for at in sorted({picked[index] for index in wanted}):
        if all(index in wanted for index, other in enumerate(picked) if other == at):
            groups[at] = _override_group(groups[at], each)
        else:
            beyond.add(at)
    for at in beyond:
        groups += _split(groups[at], [index for index in wanted if picked[index] == at], each)
    return {**properties, "nodeRangeProperties": groups}


def _split(
    group: Mapping[str, Any], indices: Sequence[int], each: Mapping[str, Any]
) -> list[Properties]:
    """The group's nodes `indices`, as groups of their own, with the override."""
    changed = _override_group(group, each)
    starts = [index for index in indices if index - 1 not in indices]
    ends = [index for index in indices if index + 1 not in indices]
    return [
        {**changed, "targetNodes": f"{start}:{end}"}
        for start, end in zip(starts, ends, strict=True)
    ]


def _override_group(group: Mapping[str, Any], each: Mapping[str, Any]) -> Properties:
    changed = dict(group)
    if "instanceTypes" in each:
        changed["instanceTypes"] = each["instanceTypes"]
    if "consumableResourcePropertiesOverride" in each:
        changed["consumableResourceProperties"] = each["consumableResourcePropertiesOverride"]
    applied: dict[str, tuple[str, Callable[[Any, Any], Properties]]] = {
        "containerOverrides": ("container", override_container),
        "ecsPropertiesOverride": ("ecsProperties", _override_task),
    }
    for member, (of, apply) in applied.items():
        if member not in each:
            continue
        if of not in group:
            raise FieldError(
                problems=[(member, f"These nodes have no {of}. Use the other kind of override.")]
            )
        changed[of] = apply(group[of], each[member])
    return changed
