"""A definition as a pasted or posted JSON document: in our own words or in AWS Batch's.

AWS's form is the request of `RegisterJobDefinition`; of it only what Batchweb can do is taken. Any
other member that says something is refused by its name, never dropped.
"""

from collections.abc import Callable, Mapping

from .errors import InvalidInput

AWS_MEMBERS = frozenset({"jobDefinitionName", "containerProperties", "retryStrategy", "type"})
RESOURCE_FIELDS = {"VCPU": "vcpus", "MEMORY": "memory_mib"}


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
        self._read(
            "",
            document,
            {
                "jobDefinitionName": lambda value: self._set("name", value),
                "type": self._type,
                "containerProperties": lambda value: self._object(
                    "containerProperties", value, self._container
                ),
                "retryStrategy": lambda value: self._object("retryStrategy", value, self._retry),
                "timeout": lambda value: self._object("timeout", value, self._timeout),
            },
        )

    def _container(self, properties: Mapping[str, object]) -> None:
        path = "containerProperties"
        self._read(
            path,
            properties,
            {
                "image": lambda value: self._set("image", value),
                "command": lambda value: self._set("command", value),
                "environment": lambda value: self._set("environment", value),
                "vcpus": lambda value: self.fields.setdefault("vcpus", value),
                "memory": lambda value: self.fields.setdefault("memory_mib", value),
                "resourceRequirements": self._resources,
            },
        )

    def _resources(self, value: object) -> None:
        path = "containerProperties.resourceRequirements"
        if not isinstance(value, list) or not all(isinstance(each, Mapping) for each in value):
            self.problems.append(f"{path} is a list of objects with type and value.")
            return
        for each in value:
            extra = sorted(each.keys() - {"type", "value"})
            if extra:
                self._refuse(f"{path}.{extra[0]}")
            elif each.get("type") in RESOURCE_FIELDS:
                # As on AWS, these go before the older `vcpus` and `memory`.
                self._set(RESOURCE_FIELDS[str(each["type"])], each.get("value"))
            else:
                self.problems.append(
                    f"{path}: the type {str(each.get('type'))[:60]} is not supported; "
                    "VCPU and MEMORY are."
                )

    def _retry(self, strategy: Mapping[str, object]) -> None:
        self._read(
            "retryStrategy",
            strategy,
            {
                "attempts": lambda value: self._set("attempts", value),
                "evaluateOnExit": lambda value: self._set("evaluate_on_exit", value),
            },
        )
        if "evaluate_on_exit" in self.fields and "attempts" not in self.fields:
            self.problems.append("retryStrategy: evaluateOnExit needs attempts beside it.")

    def _timeout(self, timeout: Mapping[str, object]) -> None:
        self._read(
            "timeout",
            timeout,
            {"attemptDurationSeconds": lambda value: self._set("timeout_seconds", value)},
        )

    def _type(self, value: object) -> None:
        if value != "container":
            self.problems.append('type: only "container" is supported.')

    def _read(
        self,
        path: str,
        given: Mapping[str, object],
        readers: Mapping[str, Callable[[object], object]],
    ) -> None:
        for member, value in given.items():
            # AWS's own answers are full of empty and false members: they ask for nothing.
            if value is False or value in (None, "", [], {}):
                continue
            if member in readers:
                readers[member](value)
            else:
                self._refuse(f"{path}.{member}" if path else member)

    def _object(
        self, path: str, value: object, read: Callable[[Mapping[str, object]], None]
    ) -> None:
        if isinstance(value, Mapping):
            read(value)
        else:
            self.problems.append(f"{path} is an object.")

    def _set(self, field: str, value: object) -> None:
        self.fields[field] = value

    def _refuse(self, path: str) -> None:
        self.problems.append(f"{path[:120]} is not supported here. Take it out to go on.")
