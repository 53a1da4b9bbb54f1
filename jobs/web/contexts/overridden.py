"""What a job of several containers or nodes has other than its definition, as overrides of a submission.

`defined` is the definition's work with the job's parameters replaced: the job's commands have them replaced.
"""

from collections.abc import Mapping
from typing import Any

from jobs.domain.plans import Work
from jobs.models import JobSpec

OVERRIDABLE = ("image", "command", "environment", "resourceRequirements")


def ecs_overrides_of(defined: Work, spec: JobSpec) -> dict[str, Any]:
    """AWS's `ecsPropertiesOverride`; {} if nothing is different."""
    if not spec.ecs_properties or not defined.ecs_properties:
        return {}
    return _task(defined.ecs_properties, spec.ecs_properties)


def node_overrides_of(defined: Work, spec: JobSpec) -> dict[str, Any]:
    """AWS's `nodeOverrides`, for the ranges of the job; {} if nothing is different."""
    was, now = defined.node_properties, spec.node_properties
    if not was or not now:
        return {}
    before = {group["targetNodes"]: group for group in was["nodeRangeProperties"]}
    groups = []
    for group in now["nodeRangeProperties"]:
        changed = _group(before.get(group["targetNodes"], {}), group)
        if changed:
            groups.append({"targetNodes": group["targetNodes"], **changed})
    overrides: dict[str, Any] = {"nodePropertyOverrides": groups} if groups else {}
    if now["numNodes"] != was["numNodes"]:
        overrides["numNodes"] = now["numNodes"]
    return overrides


def _group(was: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    if "ecsProperties" in now:
        changed = _task(was.get("ecsProperties", {}), now["ecsProperties"])
        return {"ecsPropertiesOverride": changed} if changed else {}
    container = _container(was.get("container", {}), now["container"])
    return {"containerOverrides": container} if container else {}


def _task(was: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    before = {
        each["name"]: each for task in was.get("taskProperties", ()) for each in task["containers"]
    }
    changed = [
        {"name": each["name"], **members}
        for each in now["taskProperties"][0]["containers"]
        if (members := _container(before.get(each["name"], {}), each))
    ]
    return {"taskProperties": [{"containers": changed}]} if changed else {}


def _container(was: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    return {
        member: now[member]
        for member in OVERRIDABLE
        if member in now and now[member] != was.get(member)
    }
