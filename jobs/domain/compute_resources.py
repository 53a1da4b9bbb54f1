"""`computeResources` of MANAGED compute environments: what may stand there, and what may be changed.

Source: AWS Batch API, `ComputeResource`, `ComputeResourceUpdate` and `CreateComputeEnvironment`; and, on what
may be changed when, "Updating compute environments" in the user guide. Pure: real instance types,
their sizes and prices are not known here.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from .members import (
    REQUIRED,
    Reader,
    a_flag,
    a_list,
    a_map_of_texts,
    a_number,
    a_text,
    an_object,
    is_given,
    one_of,
    text_like,
)
from .validation import FieldError, read_text

EC2 = "EC2"
SPOT = "SPOT"
FARGATE = "FARGATE"
FARGATE_SPOT = "FARGATE_SPOT"
TYPES = (EC2, SPOT, FARGATE, FARGATE_SPOT)
FARGATE_TYPES = frozenset({FARGATE, FARGATE_SPOT})

BEST_FIT = "BEST_FIT"
SPOT_STRATEGIES = (
    "SPOT_CAPACITY_OPTIMIZED",
    "SPOT_PRICE_CAPACITY_OPTIMIZED",
    "SPOT_CAPACITY_OPTIMIZED_PRIORITIZED",
)
EC2_STRATEGIES = ("BEST_FIT_PROGRESSIVE_ORDERED",)
STRATEGIES = (BEST_FIT, "BEST_FIT_PROGRESSIVE", *EC2_STRATEGIES, *SPOT_STRATEGIES)

# What a vCPU limit of ours holds, in whole vCPUs.
MAX_VCPUS = 1_000_000
MAX_FARGATE_SUBNETS = 16
MAX_FARGATE_SECURITY_GROUPS = 5
MIN_SCALE_DOWN_MINUTES = 20
MAX_SCALE_DOWN_MINUTES = 10_080
DEFAULT_IMAGE_TYPE = "ECS_AL2023"
INSTANCE_TYPE_PATTERN = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}(\.[a-z0-9-]{1,63})?")

MAX_UPDATE_MINUTES = 7200
DEFAULT_UPDATE_POLICY = {"terminateJobsOnUpdate": False, "jobExecutionTimeoutMinutes": 30}
# A role whose name ends so is AWS's own, which an environment has unless another is named.
LINKED_ROLE = "AWSServiceRoleForBatch"
FARGATE_MEMBERS = frozenset({"type", "maxvCpus", "subnets", "securityGroupIds"})
# Whose change replaces the instances of an environment.
INFRASTRUCTURE = (
    "allocationStrategy",
    "bidPercentage",
    "ec2Configuration",
    "ec2KeyPair",
    "imageId",
    "instanceRole",
    "instanceTypes",
    "launchTemplate",
    "placementGroup",
    "securityGroupIds",
    "subnets",
    "tags",
    "type",
)
# What an empty value takes away in an update.
REMOVABLE = (
    "ec2Configuration",
    "ec2KeyPair",
    "imageId",
    "launchTemplate",
    "placementGroup",
    "securityGroupIds",
    "subnets",
    "tags",
)
MADE_ENABLED = (
    "A MANAGED compute environment must be created in the ENABLED state. Disable it afterwards."
)
NO_MANAGED_INSTANCES = (
    "ECS Managed Instances are not supported here. Use EC2, SPOT, FARGATE or FARGATE_SPOT."
)
NOT_FOR_FARGATE = "This isn't applicable to Fargate resources. Don't specify it."
NO_BEST_FIT_UPDATE = (
    "An environment whose allocationStrategy is BEST_FIT doesn't support this change. Set another "
    "allocationStrategy with it."
)
ONLY_WITH_LINKED_ROLE = (
    "Only an environment with the service-linked role AWSServiceRoleForBatch supports this change. "
    "Make a new environment instead."
)
KEEPS_ITS_KIND_OF_ROLE = (
    "An environment with the service-linked role keeps it, one with another role keeps one of that "
    "kind."
)
# AWS's own words.
NO_SCALING_DOWN = (
    "Manually scaling down compute environment is not supported. Disconnecting job queues from "
    "compute environment will cause it to scale-down to minvCpus."
)


def new_resources(value: object) -> dict[str, Any]:
    """`computeResources` of a new environment, with AWS's defaults. Raises FieldError."""
    clean: dict[str, Any] = _new(value)
    _refuse(_problems(clean, required=True))
    return _with_defaults(clean)


def changed_resources(
    current: Mapping[str, Any], value: object, *, service_linked: bool
) -> dict[str, Any]:
    """`computeResources` after an update with those members. Raises FieldError.

    `service_linked`: whether the environment has AWS's service-linked role, as it has unless another was named.
    """
    given: dict[str, Any] = _update(value)
    given.pop("updateToLatestImageVersion", None)
    merged = {**current, **given}
    if current["type"] not in FARGATE_TYPES:
        for member in _removed(value):
            merged.pop(member, None)
    merged = _scaled(_with_defaults(merged), given)
    problems = [*_fixed(current, given), *_problems(merged, required=False)]
    if current["type"] not in FARGATE_TYPES:
        problems += _infrastructure(current, merged, service_linked=service_linked)
        problems += _scaling_down(current, given)
    _refuse(problems)
    return merged


def update_policy(value: object, current: Mapping[str, Any]) -> dict[str, Any]:
    """`updatePolicy`: what is given, else what there is, else AWS's defaults. Raises FieldError."""
    return {**DEFAULT_UPDATE_POLICY, **current, **_policy(value)}


def is_linked_role(role: str) -> bool:
    """Whether this is AWS's service-linked role: nothing else was named, or just that."""
    return not role or role.endswith(LINKED_ROLE)


def changed_role(current: str, role: str) -> str:
    """The role after an update of a managed environment. Raises FieldError."""
    if is_linked_role(role) != is_linked_role(current):
        raise FieldError(KEEPS_ITS_KIND_OF_ROLE)
    return role


def is_fargate(resources: Mapping[str, Any]) -> bool:
    """Whether it is of the kind that needs no instances. Nothing at all (UNMANAGED) is not."""
    return resources.get("type") in FARGATE_TYPES


def _refuse(problems: Any) -> None:
    found = list(problems)
    if found:
        raise FieldError(problems=found)


def _type(value: object) -> str:
    text = read_text(value)
    if text == "ECS_MANAGED_INSTANCES":
        raise FieldError(NO_MANAGED_INSTANCES)
    return str(one_of(TYPES)(text))


def _scale_down_minutes(value: object) -> int:
    minutes: int = a_number(0, MAX_SCALE_DOWN_MINUTES, "minutes")(value)
    if 0 < minutes < MIN_SCALE_DOWN_MINUTES:
        raise FieldError(
            f"This is 0 (no delay), or {MIN_SCALE_DOWN_MINUTES} to {MAX_SCALE_DOWN_MINUTES} minutes."
        )
    return minutes


def _template(readers: Mapping[str, Reader], required: Collection[str] = ()) -> Reader:
    members: dict[str, Reader] = {
        "launchTemplateId": a_text,
        "launchTemplateName": a_text,
        "version": a_text,
        "userdataType": a_text,
        **readers,
    }
    read_members = an_object(members, required=required)

    def read(value: object) -> dict[str, Any]:
        clean: dict[str, Any] = read_members(value)
        if "launchTemplateId" in clean and "launchTemplateName" in clean:
            raise FieldError("Give launchTemplateId or launchTemplateName, not both.")
        return clean

    return read


_instance_types = a_list(
    text_like(
        INSTANCE_TYPE_PATTERN,
        "This is an instance type or family, such as m5.large or c5, or optimal.",
    )
)
_texts = a_list(a_text)
_MEMBERS: dict[str, Reader] = {
    "type": _type,
    "allocationStrategy": one_of(STRATEGIES),
    "minvCpus": a_number(0, MAX_VCPUS, "vCPUs"),
    "maxvCpus": a_number(0, MAX_VCPUS, "vCPUs"),
    "desiredvCpus": a_number(0, MAX_VCPUS, "vCPUs"),
    "instanceTypes": _instance_types,
    "imageId": a_text,
    "subnets": _texts,
    "securityGroupIds": _texts,
    "ec2KeyPair": a_text,
    "instanceRole": a_text,
    "tags": a_map_of_texts,
    "placementGroup": a_text,
    "bidPercentage": a_number(0, 100, "percent"),
    "spotIamFleetRole": a_text,
    "launchTemplate": _template(
        {
            "overrides": a_list(
                _template({"targetInstanceTypes": _instance_types}, ("targetInstanceTypes",)),
                at_most=10,
            )
        }
    ),
    "ec2Configuration": a_list(
        an_object(
            {
                "imageType": a_text,
                "imageIdOverride": a_text,
                "batchImageStatus": a_text,
                "imageKubernetesVersion": a_text,
            },
            required=("imageType",),
        ),
        at_most=2,
    ),
    "scalingPolicy": an_object({"minScaleDownDelayMinutes": _scale_down_minutes}),
}
_MANAGED_INSTANCES = {
    "managedInstancesProvider": NO_MANAGED_INSTANCES,
    "capacityTags": NO_MANAGED_INSTANCES,
}
_new = an_object(_MEMBERS, required=("type", "maxvCpus"), refused=_MANAGED_INSTANCES)
_update = an_object({**_MEMBERS, "updateToLatestImageVersion": a_flag}, refused=_MANAGED_INSTANCES)

_policy = an_object(
    {
        "terminateJobsOnUpdate": a_flag,
        "jobExecutionTimeoutMinutes": a_number(1, MAX_UPDATE_MINUTES, "minutes"),
    },
    false_counts=("terminateJobsOnUpdate",),
)
# What AWS keeps of a request and has no effect here.
extra_members = an_object(
    {
        "context": a_text,
        "ecsSettings": an_object(
            {"containerInsights": one_of(("ENABLED", "ENHANCED", "DISABLED"))}
        ),
    }
)

Problems = Iterator[tuple[str, str]]


def _problems(clean: Mapping[str, Any], *, required: bool) -> Problems:
    if clean["maxvCpus"] < 1:
        yield "maxvCpus", "Give at least 1 vCPU."
    if is_fargate(clean):
        yield from _fargate_problems(clean)
    else:
        yield from _ec2_problems(clean, required=required)
        yield from _vcpu_problems(clean)
        yield from _strategy_problems(clean)


def _fargate_problems(clean: Mapping[str, Any]) -> Problems:
    for member in clean:
        if member not in FARGATE_MEMBERS:
            yield member, NOT_FOR_FARGATE
    for member, most in (
        ("subnets", MAX_FARGATE_SUBNETS),
        ("securityGroupIds", MAX_FARGATE_SECURITY_GROUPS),
    ):
        if member not in clean:
            yield member, REQUIRED
        elif len(clean[member]) > most:
            yield member, f"Fargate resources have at most {most}."


def _ec2_problems(clean: Mapping[str, Any], *, required: bool) -> Problems:
    if not required:
        return
    for member in ("subnets", "instanceTypes", "instanceRole"):
        if member not in clean:
            yield member, REQUIRED
    if "securityGroupIds" not in clean and "launchTemplate" not in clean:
        yield "securityGroupIds", "Give at least one here, or in a launchTemplate."


def _vcpu_problems(clean: Mapping[str, Any]) -> Problems:
    least, most = clean.get("minvCpus", 0), clean["maxvCpus"]
    if least > most:
        yield "minvCpus", f"This is at most maxvCpus, which is {most}."
    elif not least <= clean.get("desiredvCpus", least) <= max(least, most):
        yield "desiredvCpus", f"This is between minvCpus and maxvCpus: {least} to {most}."


def _strategy_problems(clean: Mapping[str, Any]) -> Problems:
    strategy = clean.get("allocationStrategy", BEST_FIT)
    if strategy in SPOT_STRATEGIES and clean["type"] != SPOT:
        yield "allocationStrategy", f"{strategy} is only available for Spot Instances (type SPOT)."
    if strategy in EC2_STRATEGIES and clean["type"] != EC2:
        yield (
            "allocationStrategy",
            f"{strategy} is only available for On-Demand Instances (type EC2).",
        )
    if clean["type"] == SPOT and strategy == BEST_FIT and "spotIamFleetRole" not in clean:
        yield (
            "spotIamFleetRole",
            "This is required where the allocationStrategy is BEST_FIT, as it is when left out.",
        )


def _removed(value: object) -> list[str]:
    """What an update gives as empty: AWS takes that away."""
    assert isinstance(value, Mapping)
    return [member for member in REMOVABLE if member in value and _is_empty(value[member])]


def _is_empty(value: object) -> bool:
    if isinstance(value, Mapping):
        names = ("launchTemplateId", "launchTemplateName")
        named = [name for name in names if name in value]
        return not value or bool(named and not any(is_given(value[name]) for name in named))
    return value is not None and not is_given(value)


def _fixed(current: Mapping[str, Any], given: Mapping[str, Any]) -> Problems:
    new_type = given.get("type", current["type"])
    if new_type == current["type"]:
        return
    if is_fargate(current) or new_type in FARGATE_TYPES:
        yield "type", f"This cannot be changed from {current['type']} to {new_type}."


def _infrastructure(
    current: Mapping[str, Any], merged: Mapping[str, Any], *, service_linked: bool
) -> Problems:
    touched = [member for member in INFRASTRUCTURE if merged.get(member) != current.get(member)]
    for member in touched:
        if merged.get("allocationStrategy", BEST_FIT) == BEST_FIT:
            yield member, NO_BEST_FIT_UPDATE
        elif not service_linked:
            yield member, ONLY_WITH_LINKED_ROLE


def _scaling_down(current: Mapping[str, Any], given: Mapping[str, Any]) -> Problems:
    if given.get("desiredvCpus", MAX_VCPUS) < current.get("desiredvCpus", 0):
        yield "desiredvCpus", NO_SCALING_DOWN


def _with_defaults(clean: Mapping[str, Any]) -> dict[str, Any]:
    if is_fargate(clean):
        return dict(clean)
    least = clean.get("minvCpus", 0)
    defaults = {
        "allocationStrategy": BEST_FIT,
        "minvCpus": least,
        "desiredvCpus": least,
        "ec2Configuration": [{"imageType": DEFAULT_IMAGE_TYPE}],
    }
    return {**defaults, **clean}


def defaulted(clean: Mapping[str, Any]) -> frozenset[str]:
    """The members of canonical compute resources that say what they would say had they been left out."""
    plain = _with_defaults({"type": clean["type"]})
    least = {"minvCpus": clean["minvCpus"]} if "minvCpus" in clean else {}
    filled = {**_with_defaults({"type": clean["type"], **least}), "minvCpus": plain.get("minvCpus")}
    return frozenset(
        member for member in filled if member != "type" and clean.get(member) == filled[member]
    )


def _scaled(merged: dict[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Desired vCPUs that were not given follow new bounds."""
    if "desiredvCpus" not in merged or "desiredvCpus" in given:
        return merged
    desired = min(max(merged["desiredvCpus"], merged["minvCpus"]), merged["maxvCpus"])
    return {**merged, "desiredvCpus": desired}
