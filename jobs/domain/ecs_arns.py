"""What of Amazon ECS stands behind a job: clusters, tasks and container instances, by name and ARN.

AWS Batch hands these out with each try of a job, and clients look them up. All can be read backwards, so nothing
of them is stored: a cluster has its environment's uuid in its name, a container instance its node's instance id,
and a task's id is its job's with the number of the try in place of the UUID's version.
"""

import re
from typing import NamedTuple
from uuid import UUID

from .arns import Arns
from .ids import CHILD_BITS

SERVICE = "ecs"
CLUSTER = "cluster"
TASK = "task"
CONTAINER_INSTANCE = "container-instance"

_BATCH = "_Batch_"
_CLUSTER_NAME = re.compile(
    rf".+{_BATCH}(?P<uuid>[0-9a-f]{{8}}(?:-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}})", re.DOTALL
)
_ID = re.compile(r"[0-9a-f]{32}")
_INSTANCE_DIGITS = 17
# Where a UUID has its version (7 in all of ours) and its variant (binary 10).
_VERSION_SHIFT, _VARIANT_SHIFT = 76, 62
_VERSION, _VARIANT = 7, 0b10
# The variant in the id of a task that is not its job's first node.
_OTHER_NODE = 0b11
_LOW = (1 << CHILD_BITS) - 1


class TaskKey(NamedTuple):
    """What a task is here: the containers of one node of a try."""

    job_id: UUID
    attempt_number: int
    node_index: int


def cluster_name(environment: str, uuid: UUID) -> str:
    """The cluster of an environment, `<environment>_Batch_<uuid>` as AWS Batch names it."""
    return f"{environment}{_BATCH}{uuid}"


def environment_uuid_in(cluster: str) -> UUID | None:
    """The uuid of the environment that a cluster's name tells; None for other names."""
    found = _CLUSTER_NAME.fullmatch(cluster)
    return UUID(found["uuid"]) if found else None


def task_id(job_id: UUID, attempt_number: int, node_index: int = 0) -> str:
    """32 hexadecimal digits, for each node of each try others.

    Nodes stand where an array's child has its index: a multi-node job cannot be an array.
    """
    value = _with(job_id.int, _VERSION_SHIFT, 4, attempt_number)
    if node_index:
        value = _with(value, _VARIANT_SHIFT, 2, _OTHER_NODE) | node_index
    return f"{value:032x}"


def task_of(text: str) -> TaskKey | None:
    """What `task_id` was given; None for texts that it does not give."""
    if not _ID.fullmatch(text):
        return None
    value = int(text, 16)
    number = (value >> _VERSION_SHIFT) & 0xF
    variant = (value >> _VARIANT_SHIFT) & 0b11
    if not number or variant not in (_VARIANT, _OTHER_NODE):
        return None
    node_index = value & _LOW if variant == _OTHER_NODE else 0
    job = _with(_with(value - node_index, _VERSION_SHIFT, 4, _VERSION), _VARIANT_SHIFT, 2, _VARIANT)
    return TaskKey(UUID(int=job), number, node_index)


def task_arn(arns: Arns, cluster: str, task: str) -> str:
    """A task's ARN, which names its cluster."""
    return arns.of(TASK, f"{cluster}/{task}", service=SERVICE)


def container_instance_id(instance_id: str) -> str:
    """32 hexadecimal digits that start with those of the instance, `i-` and 17 of them."""
    return instance_id.removeprefix("i-").ljust(32, "0")


def instance_id_of(container_instance: str) -> str | None:
    """The instance of a container instance's id; None for texts that are no such id."""
    if not _ID.fullmatch(container_instance) or container_instance[_INSTANCE_DIGITS:].strip("0"):
        return None
    return f"i-{container_instance[:_INSTANCE_DIGITS]}"


def container_instance_arn(arns: Arns, cluster: str, instance_id: str) -> str:
    """The ARN of a machine as a part of a cluster."""
    return arns.of(
        CONTAINER_INSTANCE, f"{cluster}/{container_instance_id(instance_id)}", service=SERVICE
    )


def _with(value: int, shift: int, bits: int, part: int) -> int:
    """The number with some of its bits replaced."""
    mask = ((1 << bits) - 1) << shift
    return (value & ~mask) | (part << shift)
