"""A definition as a pasted or posted JSON document: in our own words or in AWS Batch's.

AWS's form is the request of `RegisterJobDefinition`, or what `DescribeJobDefinitions` answers. What Batchweb cannot
do is refused by its path in the document, never dropped.
"""

from collections.abc import Callable, Mapping
from typing import Any

from jobs.domain.consumables import consumables
from jobs.domain.errors import InvalidInput
from jobs.domain.members import Reader, is_given
from jobs.domain.retry import NEEDS_ATTEMPTS
from jobs.domain.validation import FieldError
from jobs.domain.variables import parameters, tags

from .container_properties import (
    FURTHER_READERS,
    REFUSED,
    further_properties,
    resource_requirements,
)
from .ecs_properties import ecs_properties
from .node_properties import node_properties

AWS_MEMBERS = frozenset(
    {
        "jobDefinitionName",
        "containerProperties",
        "ecsProperties",
        "nodeProperties",
        "retryStrategy",
    }
)
# What AWS's answers say beside what was registered.
ANSWER_MEMBERS = frozenset({"jobDefinitionArn", "revision", "status"})
RESOURCE_FIELDS = {"VCPU": "vcpus", "MEMORY": "memory_mib", "GPU": "gpus"}


def definition_fields(document: Mapping[str, object]) -> dict[str, object]:
    """The fields that `register_definition` takes. Raises InvalidInput, which names the member."""
    if not AWS_MEMBERS & document.keys():
        return dict(document)
    reader = _AwsReader()
    reader.top(document)
    if reader.problems:
        raise InvalidInput({"": reader.problems})
    return reader.fields


class _AwsReader:
    """Gathers fields and problems, member by member."""

    def __init__(self) -> None:
        self.fields: dict[str, object] = {}
        self.problems: list[str] = []

    def top(self, document: Mapping[str, object]) -> None:
        as_it_is = {
            "jobDefinitionName": "name",
            "type": "type",
            "schedulingPriority": "scheduling_priority",
            "propagateTags": "propagate_tags",
            "platformCapabilities": "platform_capabilities",
        }
        checked: dict[str, tuple[str, Reader]] = {
            "ecsProperties": ("ecs_properties", ecs_properties),
            "nodeProperties": ("node_properties", node_properties),
            "parameters": ("parameters", parameters),
            "tags": ("tags", tags),
            "consumableResourceProperties": ("consumables", consumables),
        }
        objects = {
            "containerProperties": self._container,
            "retryStrategy": self._retry,
            "timeout": self._timeout,
        }
        self._read(
            "",
            {member: value for member, value in document.items() if member not in ANSWER_MEMBERS},
            {
                **{member: self._setter(field) for member, field in as_it_is.items()},
                **{
                    member: self._checker(member, field, reader)
                    for member, (field, reader) in checked.items()
                },
                **{member: self._object(member, read) for member, read in objects.items()},
                "containerOrchestrationType": self._orchestration,
            },
        )

    def _container(self, properties: Mapping[str, object]) -> None:
        path = "containerProperties"
        further = {**FURTHER_READERS, **REFUSED}
        self._read(
            path,
            {member: value for member, value in properties.items() if member not in further},
            {
                "image": self._setter("image"),
                "command": self._setter("command"),
                "environment": self._setter("environment"),
                "resourceRequirements": self._resources,
            },
        )
        rest = {member: value for member, value in properties.items() if member in further}
        if any(map(is_given, rest.values())):
            self._checker(path, "container", further_properties)(rest)

    def _resources(self, value: object) -> None:
        path = "containerProperties.resourceRequirements"
        for each in self._checked(path, resource_requirements, value) or ():
            self.fields[RESOURCE_FIELDS[each["type"]]] = each["value"]

    def _retry(self, strategy: Mapping[str, object]) -> None:
        self._read(
            "retryStrategy",
            strategy,
            {
                "attempts": self._setter("attempts"),
                "evaluateOnExit": self._setter("evaluate_on_exit"),
            },
        )
        if "evaluate_on_exit" in self.fields and "attempts" not in self.fields:
            self.problems.append(f"retryStrategy: {NEEDS_ATTEMPTS}")

    def _timeout(self, timeout: Mapping[str, object]) -> None:
        self._read("timeout", timeout, {"attemptDurationSeconds": self._setter("timeout_seconds")})

    def _orchestration(self, value: object) -> None:
        if value != "ECS":
            self.problems.append("containerOrchestrationType: only ECS is supported here.")

    def _read(
        self,
        path: str,
        given: Mapping[str, object],
        readers: Mapping[str, Callable[[object], object]],
    ) -> None:
        for member, value in given.items():
            # AWS's own answers are full of empty and false members: they ask for nothing.
            if not is_given(value):
                continue
            if member in readers:
                readers[member](value)
            else:
                self._refuse(f"{path}.{member}" if path else member)

    def _setter(self, field: str) -> Callable[[object], None]:
        def put(value: object) -> None:
            self.fields[field] = value

        return put

    def _object(
        self, path: str, read: Callable[[Mapping[str, object]], None]
    ) -> Callable[[object], None]:
        def check(value: object) -> None:
            if isinstance(value, Mapping):
                read(value)
            else:
                self.problems.append(f"{path} is an object.")

        return check

    def _checker(self, path: str, field: str, reader: Reader) -> Callable[[object], None]:
        """Reads right here, so that what is wrong is named by its path in the document."""

        def check(value: object) -> None:
            clean = self._checked(path, reader, value)
            if clean:
                self.fields[field] = clean

        return check

    def _checked(self, path: str, reader: Reader, value: object) -> Any:
        try:
            return reader(value)
        except FieldError as error:
            self.problems += [f"{where}: {text}" for where, text in error.at(path)]
            return None

    def _refuse(self, path: str) -> None:
        self.problems.append(f"{path[:120]} is not supported here. Take it out to go on.")
