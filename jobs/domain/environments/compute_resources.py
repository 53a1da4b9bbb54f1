"""`computeResources` of MANAGED compute environments: what may stand there, and what may be changed.

Source: AWS Batch API, `ComputeResource`, `ComputeResourceUpdate` and `CreateComputeEnvironment`; and, on what
may be changed when, "Updating compute environments" in the user guide. Members are read one by one in
`compute_resource_members`; what instance types there are is looked at in `instance_choice`.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from jobs.domain.members import REQUIRED, is_given
from jobs.domain.resources import MILLI, format_vcpus
from jobs.domain.validation import FieldError

from .compute_resource_members import (
    BEST_FIT,
    EC2,
    EC2_STRATEGIES,
    FARGATE_TYPES,
    MAX_VCPUS,
    SPOT,
    SPOT_STRATEGIES,
    new_members,
    policy_members,
    update_members,
)

MAX_FARGATE_SUBNETS = 16
MAX_FARGATE_SECURITY_GROUPS = 5
DEFAULT_BID_PERCENTAGE = 100
# For what means something to AWS alone.
STAND_IN = "local"
DEFAULT_IMAGE_TYPE = "ECS_AL2023"

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

Problems = Iterator[tuple[str, str]]


def new_resources(value: object) -> dict[str, Any]:
    """`computeResources` of a new environment, with AWS's defaults. Raises FieldError."""
    clean: dict[str, Any] = new_members(value)
    _refuse(_problems(clean, required=True))
    return _with_defaults(clean)


def changed_resources(
    current: Mapping[str, Any], value: object, *, service_linked: bool
) -> dict[str, Any]:
    """`computeResources` after an update with those members. Raises FieldError.

    `service_linked`: whether the environment has AWS's service-linked role, as it has unless another was named.
    """
    given: dict[str, Any] = update_members(value)
    given.pop("updateToLatestImageVersion", None)
    merged = {**current, **given}
    if current["type"] not in FARGATE_TYPES:
        for member in _removed(value):
            merged.pop(member, None)
    merged = _scaled(_with_defaults(merged), given)
    problems = [*_fixed(current, given), *_problems(merged, required=False)]
    if not is_fargate(current) and isinstance(value, Mapping) and value.get("instanceTypes") == []:
        problems.append(("instanceTypes", REQUIRED))
    if current["type"] not in FARGATE_TYPES:
        problems += _infrastructure(current, merged, service_linked=service_linked)
        problems += _scaling_down(current, given)
    _refuse(problems)
    return merged


def update_policy(value: object, current: Mapping[str, Any]) -> dict[str, Any]:
    """`updatePolicy`: what is given, else what there is, else AWS's defaults. Raises FieldError."""
    return {**DEFAULT_UPDATE_POLICY, **current, **policy_members(value)}


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


def bid_percentage(resources: Mapping[str, Any]) -> int:
    """The most that is paid for Spot, in percent of the On-Demand price; 100 unless another was given."""
    return int(resources.get("bidPercentage") or DEFAULT_BID_PERCENTAGE)


def with_stand_ins(resources: Mapping[str, Any]) -> dict[str, Any]:
    """New resources with what AWS requires and nothing here needs: networks and roles, each by a name that says so."""
    names: dict[str, Any] = {"subnets": [STAND_IN], "securityGroupIds": [STAND_IN]}
    if not is_fargate(resources):
        names["instanceRole"] = STAND_IN
    if resources.get("type") == SPOT and resources.get("allocationStrategy") == BEST_FIT:
        names["spotIamFleetRole"] = STAND_IN
    return {**names, **resources}


def idle_seconds(resources: Mapping[str, Any], *, own: int | None, usual: int) -> int:
    """How long an instance may be idle before it ends: the environment's own setting, else the usual time, and
    never less than `scalingPolicy` asks for."""
    minutes: int = resources.get("scalingPolicy", {}).get("minScaleDownDelayMinutes", 0)
    return max(usual if own is None else own, minutes * 60)


def stranding_problems(
    before: Mapping[str, Any], after: Mapping[str, Any], *, busy_milli_vcpus: int
) -> Problems:
    """Whether a lower maximum would leave jobs without the room that they have."""
    least = -(-busy_milli_vcpus // MILLI)
    if not after or not least > after["maxvCpus"] < before["maxvCpus"]:
        return
    held = f"{format_vcpus(busy_milli_vcpus)} vCPUs"
    what = (
        f"Jobs that run now hold {held}"
        if is_fargate(before)
        else f"Jobs run on {held} of instances now"
    )
    yield (
        "maxvCpus",
        f"{what}. Give at least {least}, or wait until they have ended, or terminate them.",
    )


def _refuse(problems: Any) -> None:
    found = list(problems)
    if found:
        raise FieldError(problems=found)


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
