"""Container properties beyond image, command, environment and amounts: checked and made canonical.

Source: AWS Batch API, `ContainerProperties` and `TaskContainerProperties`. What Docker can do is taken. Members
that mean something to AWS alone are kept where they do no harm, so that a definition as described can be
registered again. What would be asked for in vain is refused by its name.
"""

import re
from collections.abc import Mapping
from typing import Any

from jobs.domain import validation
from jobs.domain.members import (
    Reader,
    a_flag,
    a_list,
    a_map_of_texts,
    a_number,
    a_text,
    an_object,
    one_of,
    text_like,
    unique,
)
from jobs.domain.names import LOG_GROUP, LOG_STREAM_PREFIX
from jobs.domain.resources import format_vcpus
from jobs.domain.secret_names import value_from
from jobs.domain.validation import FieldError, read_text
from jobs.domain.variables import check_variable_name, environment

from .linux_parameters import linux_parameters, ulimits
from .volumes import check_mounts, mount_points, volumes

USER_PATTERN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,63})?")
LOG_DRIVERS = ("awslogs", "json-file")
# Whatever the driver, Batchweb keeps the log itself; these options are Docker's own of json-file.
JSON_FILE_OPTIONS = re.compile(
    "max-size|max-file|labels|labels-regex|env|env-regex|compress|tag|mode|max-buffer-size"
)
LOG_NAMES = {
    "awslogs-group": (LOG_GROUP, "Use 1 to 512 letters, digits and . - _ / #."),
    "awslogs-stream-prefix": (LOG_STREAM_PREFIX, "Use 1 to 200 characters, none of them : or *."),
}
MIN_EPHEMERAL_GIB = 21
MAX_EPHEMERAL_GIB = 200
RESOURCES: dict[str, Reader] = {
    "VCPU": lambda value: format_vcpus(validation.milli_vcpus(value)),
    "MEMORY": lambda value: str(validation.memory_mib(value)),
    "GPU": lambda value: str(validation.gpus(value)),
}
REFUSED = {
    "enableExecuteCommand": "Use docker exec on the engine instead.",
    "firelensConfiguration": "Logs are kept by Batchweb itself.",
    "startTimeout": "Use the job's time limit instead.",
    "stopTimeout": "Every container has 30 seconds to stop.",
}
# In the words of a form, and what to write in a request of AWS's.
AMOUNT_MISSING = {
    "VCPU": "Say how many vCPUs it needs, such as 0.25 "
    '(resourceRequirements: {"type": "VCPU", "value": "0.25"}).',
    "MEMORY": "Say how much memory it needs in MiB, such as 512 "
    '(resourceRequirements: {"type": "MEMORY", "value": "512"}).',
}


def resource_requirements(value: object) -> list[dict[str, str]]:
    """`resourceRequirements`: VCPU, MEMORY (MiB) and GPU, each at most once. Raises FieldError."""
    clean: list[dict[str, str]] = a_list(_requirement)(value)
    unique([each["type"] for each in clean], "requirements")
    return sorted(clean, key=lambda each: list(RESOURCES).index(each["type"]))


def _requirement(value: object) -> dict[str, str]:
    pair = an_object(
        {"type": one_of(RESOURCES), "value": lambda text: text}, required=("type", "value")
    )(value)
    try:
        return {"type": pair["type"], "value": RESOURCES[pair["type"]](pair["value"])}
    except FieldError as error:
        raise FieldError(problems=error.at("value")) from None


def _secret_variable(value: object) -> str:
    name = read_text(value)
    check_variable_name(name)
    return name


def _secrets(value: object) -> list[dict[str, str]]:
    clean: list[dict[str, str]] = a_list(
        an_object(
            {"name": _secret_variable, "valueFrom": value_from}, required=("name", "valueFrom")
        )
    )(value)
    unique([each["name"] for each in clean], "secrets")
    return clean


def _log_driver(value: object) -> str:
    text = read_text(value)
    if text not in LOG_DRIVERS:
        raise FieldError(
            f"The log driver is {' or '.join(LOG_DRIVERS)} here: Batchweb keeps the log itself, "
            "and cannot read what another driver sends away."
        )
    return text


def _log_configuration(value: object) -> dict[str, Any]:
    clean: dict[str, Any] = an_object(
        {"logDriver": _log_driver, "options": a_map_of_texts},
        required=("logDriver",),
        refused={"secretOptions": "No log driver here takes a secret."},
    )(value)
    if clean["logDriver"] == "json-file":
        for option in clean.get("options", {}):
            if not JSON_FILE_OPTIONS.fullmatch(option):
                raise FieldError(problems=[("options", f"json-file has no option {option[:60]}.")])
    _check_log_names(clean.get("options", {}))
    return clean


def _check_log_names(options: Mapping[str, str]) -> None:
    for option, (pattern, rule) in LOG_NAMES.items():
        if option in options and not pattern.fullmatch(options[option]):
            raise FieldError(problems=[("options", f"{option}: {rule}")])


def _operating_system(value: object) -> str:
    text = read_text(value)
    if text != "LINUX":
        raise FieldError("Only LINUX containers can be run.")
    return text


# Of a task as well as of a container of its own.
FARGATE_READERS: dict[str, Reader] = {
    "executionRoleArn": a_text,
    "networkConfiguration": an_object({"assignPublicIp": one_of(("ENABLED", "DISABLED"))}),
    "runtimePlatform": an_object(
        {
            "operatingSystemFamily": _operating_system,
            "cpuArchitecture": one_of(("X86_64", "ARM64")),
        }
    ),
    "ephemeralStorage": an_object(
        {"sizeInGiB": a_number(MIN_EPHEMERAL_GIB, MAX_EPHEMERAL_GIB, "GiB")},
        required=("sizeInGiB",),
    ),
}
# Of every container, whatever it is a part of.
ENGINE_READERS: dict[str, Reader] = {
    "user": text_like(
        USER_PATTERN, "This is a user or a user id, with an optional group: nobody, 1000:1000."
    ),
    "privileged": a_flag,
    "readonlyRootFilesystem": a_flag,
    "linuxParameters": linux_parameters,
    "ulimits": ulimits,
    "mountPoints": mount_points,
    "secrets": _secrets,
    "repositoryCredentials": an_object(
        {"credentialsParameter": value_from}, required=("credentialsParameter",)
    ),
    "logConfiguration": _log_configuration,
}
WORK_READERS: dict[str, Reader] = {
    "image": validation.image,
    "command": validation.command,
    "environment": environment,
    "resourceRequirements": resource_requirements,
}
FURTHER_READERS: dict[str, Reader] = {
    # AWS's older way of asking for amounts; kept, because what is asked for in this way, or not,
    # decides what the older overrides of a submission change.
    "vcpus": lambda value: validation.milli_vcpus(_whole(value)) // 1000,
    "memory": validation.memory_mib,
    **ENGINE_READERS,
    "volumes": volumes,
    "jobRoleArn": a_text,
    **FARGATE_READERS,
    "fargatePlatformConfiguration": an_object({"platformVersion": a_text}),
    "instanceType": a_text,
}
_further = an_object(FURTHER_READERS, refused=REFUSED)
_whole_container = an_object(
    {**WORK_READERS, **FURTHER_READERS}, required=("image",), refused=REFUSED
)


def further_properties(value: object) -> dict[str, Any]:
    """The members of `ContainerProperties` that have no field of their own; an object, or JSON text.

    Raises FieldError.
    """
    clean: dict[str, Any] = _further(validation.read_json(value) or {})
    check_mounts(clean, clean.get("volumes", ()))
    return clean


def container_properties(value: object) -> dict[str, Any]:
    """The whole of `ContainerProperties`, as for the nodes of a multi-node job. Raises FieldError."""
    clean: dict[str, Any] = _whole_container(value)
    check_mounts(clean, clean.get("volumes", ()))
    check_secrets(clean)
    check_amounts(clean)
    return clean


def check_secrets(container: Mapping[str, Any]) -> None:
    """Raises FieldError if a canonical container's secret and variable have the same name."""
    variables = {pair["name"] for pair in container.get("environment", ())}
    for index, secret in enumerate(container.get("secrets", ())):
        if secret["name"] in variables:
            raise FieldError(
                problems=[
                    (
                        f"secrets[{index}].name",
                        f"There is a variable named {secret['name']} already. Rename one of them.",
                    )
                ]
            )


def check_amounts(container: Mapping[str, Any]) -> None:
    """Raises FieldError if a canonical container does not say how much CPU and memory it needs."""
    given = {each["type"] for each in container.get("resourceRequirements", ())}
    for kind, older in (("VCPU", "vcpus"), ("MEMORY", "memory")):
        if kind not in given and older not in container:
            raise FieldError(problems=[("resourceRequirements", AMOUNT_MISSING[kind])])


def _whole(value: object) -> int:
    return validation.read_integer(
        value, "vcpus is a whole number. Parts of a vCPU go into resourceRequirements."
    )
