"""`ecsProperties`: a job of several containers that run together on one machine.

Source: AWS Batch API, `EcsProperties`, `EcsTaskProperties`, `TaskContainerProperties` and
`TaskContainerDependency`.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from jobs.domain.members import Reader, a_flag, a_list, a_text, an_object, one_of, text_like, unique
from jobs.domain.plans import DEFAULT_CONTAINER, StartCondition
from jobs.domain.validation import FieldError, read_json, read_text

from .container_properties import (
    ENGINE_READERS,
    FARGATE_READERS,
    REFUSED,
    WORK_READERS,
    check_amounts,
    check_secrets,
)
from .volumes import check_mounts, volumes

MAX_CONTAINERS = 10
CONTAINER_NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,254}")
CONTAINER_NAME = "A container's name has 1 to 255 letters, digits, hyphens and underscores."


def _ipc_mode(value: object) -> str:
    text = read_text(value)
    if text != "none":
        raise FieldError('Only "none" is supported: each container has its own. Leave it out.')
    return text


_dependency = an_object(
    {"containerName": a_text, "condition": one_of([each.value for each in StartCondition])},
    required=("containerName", "condition"),
)
_container = an_object(
    {
        "name": text_like(CONTAINER_NAME_PATTERN, CONTAINER_NAME),
        **WORK_READERS,
        "essential": a_flag,
        "dependsOn": a_list(_dependency),
        **ENGINE_READERS,
    },
    required=("image",),
    refused=REFUSED,
    false_counts=("essential",),
)
OWN_NAMESPACE = "Each container has its own processes. Leave it out."
TASK_READERS: dict[str, Reader] = {
    "containers": a_list(_container, at_most=MAX_CONTAINERS),
    "volumes": volumes,
    "taskRoleArn": a_text,
    **FARGATE_READERS,
    "platformVersion": a_text,
    "ipcMode": _ipc_mode,
}
_ecs_properties = an_object(
    {
        "taskProperties": a_list(
            an_object(
                TASK_READERS,
                required=("containers",),
                refused={
                    **REFUSED,
                    "pidMode": OWN_NAMESPACE,
                    "networkMode": "Containers of a job share a network of their own.",
                },
            ),
            at_most=1,
        )
    },
    required=("taskProperties",),
)


def ecs_properties(value: object) -> dict[str, Any]:
    """Canonical `ecsProperties`, from an object or JSON text; {} for an empty one. Raises FieldError.

    There is one task of 1 to 10 containers with different names, at least one of them essential;
    they wait for each other without cycles.
    """
    given = read_json(value)
    if given in (None, {}):
        return {}
    clean: dict[str, Any] = _ecs_properties(given)
    task = clean["taskProperties"][0]
    try:
        _check_task(task)
    except FieldError as error:
        raise FieldError(problems=error.at("taskProperties[0]")) from None
    return clean


def _check_task(task: dict[str, Any]) -> None:
    containers = task["containers"]
    for index, container in enumerate(containers):
        try:
            _name(container, alone=len(containers) == 1)
            check_mounts(container, task.get("volumes", ()))
            check_secrets(container)
            check_amounts(container)
        except FieldError as error:
            raise FieldError(problems=error.at(f"containers[{index}]")) from None
    unique([each["name"] for each in containers], "containers")
    if not any(each.get("essential", True) for each in containers):
        raise FieldError(
            problems=[("containers", "At least one container is essential: its end ends the job.")]
        )
    _check_dependencies(containers)


def _name(container: dict[str, Any], *, alone: bool) -> None:
    if "name" in container:
        return
    if not alone:
        raise FieldError(problems=[("name", "Each of several containers needs a name.")])
    container["name"] = DEFAULT_CONTAINER


def _check_dependencies(containers: Sequence[Mapping[str, Any]]) -> None:
    by_name = {each["name"]: each for each in containers}
    for index, container in enumerate(containers):
        for at, dependency in enumerate(container.get("dependsOn", ())):
            trouble = _trouble(dependency, by_name)
            if trouble:
                where = f"containers[{index}].dependsOn[{at}]"
                raise FieldError(problems=[(where, trouble)])
    waiting = {
        name: {each["containerName"] for each in container.get("dependsOn", ())}
        for name, container in by_name.items()
    }
    while free := {name for name, others in waiting.items() if not others & waiting.keys()}:
        waiting = {name: others for name, others in waiting.items() if name not in free}
    if waiting:
        raise FieldError(
            problems=[
                ("containers", f"{', '.join(waiting)}: these would wait for each other for ever.")
            ]
        )


def _trouble(dependency: Mapping[str, str], by_name: Mapping[str, Mapping[str, Any]]) -> str | None:
    name, condition = dependency["containerName"], dependency["condition"]
    if name not in by_name:
        return f"There is no container named {name[:140]} in this task."
    if condition != StartCondition.START and by_name[name].get("essential", True):
        return (
            f"{name} is essential, so its end is the job's: only START can be waited for. "
            "Make it non-essential to wait for its end."
        )
    return None
