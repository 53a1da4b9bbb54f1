"""The members of `computeResources`, each read by itself: see `compute_resources` for what they say together.

Source: AWS Batch API, `ComputeResource`, `ComputeResourceUpdate` and `UpdatePolicy`.
"""

import re
from collections.abc import Collection, Mapping
from typing import Any

from jobs.domain.members import (
    Reader,
    a_flag,
    a_list,
    a_map_of_texts,
    a_name,
    a_number,
    a_set,
    a_text,
    an_object,
    one_of,
    text_like,
)
from jobs.domain.validation import FieldError, read_integer, read_text

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
# Of ours, AWS names none: more types than there are, and more networks than a region has.
MAX_INSTANCE_TYPES = 1000
MAX_IDS = 200
MIN_SCALE_DOWN_MINUTES = 20
MAX_SCALE_DOWN_MINUTES = 10_080
INSTANCE_TYPE_PATTERN = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}(\.[a-z0-9-]{1,63})?")

MAX_UPDATE_MINUTES = 7200
NO_MANAGED_INSTANCES = (
    "ECS Managed Instances are not supported here. Use EC2, SPOT, FARGATE or FARGATE_SPOT."
)
BID_PERCENTAGE = "This is a whole number of percent, 1 to 100. Left out, or 0, it is 100."


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


def _bid_percentage(value: object) -> int:
    percent = read_integer(value, BID_PERCENTAGE)
    if not 0 <= percent <= 100:
        raise FieldError(BID_PERCENTAGE)
    return percent


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


_instance_types = a_set(
    text_like(
        INSTANCE_TYPE_PATTERN,
        "This is an instance type or family, such as m5.large or c5, or optimal.",
    ),
    at_most=MAX_INSTANCE_TYPES,
)
_ids = a_list(a_name, at_most=MAX_IDS)
_MEMBERS: dict[str, Reader] = {
    "type": _type,
    "allocationStrategy": one_of(STRATEGIES),
    "minvCpus": a_number(0, MAX_VCPUS, "vCPUs"),
    "maxvCpus": a_number(0, MAX_VCPUS, "vCPUs"),
    "desiredvCpus": a_number(0, MAX_VCPUS, "vCPUs"),
    "instanceTypes": _instance_types,
    "imageId": a_text,
    "subnets": _ids,
    "securityGroupIds": _ids,
    "ec2KeyPair": a_text,
    "instanceRole": a_text,
    "tags": a_map_of_texts,
    "placementGroup": a_text,
    "bidPercentage": _bid_percentage,
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
new_members = an_object(_MEMBERS, required=("type", "maxvCpus"), refused=_MANAGED_INSTANCES)
update_members = an_object(
    {**_MEMBERS, "updateToLatestImageVersion": a_flag}, refused=_MANAGED_INSTANCES
)

policy_members = an_object(
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
