"""Names that the outside sees: containers, instances, log streams.

They are derived, never stored twice: the same job and attempt always give the same container name,
so that a second launch is refused by the engine itself.
"""

import re
from hashlib import sha256
from typing import NamedTuple
from uuid import UUID

CONTAINER_PREFIX = "batchweb"
LABEL_JOB = "batchweb.job"
LABEL_ATTEMPT = "batchweb.attempt"
LABEL_INSTALLATION = "batchweb.installation"
# Before the key of a tag that a job hands on to its containers.
LABEL_TAG = "batchweb.tag."
# On the container that holds a pod's network; its value is the pod's name.
LABEL_POD = "batchweb.pod"

_OF_A_TRY = re.compile(
    rf"{CONTAINER_PREFIX}-(?:[^/]*-job-)?"
    r"(?P<job>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})-(?P<number>[0-9]{1,5})(?:-.*)?"
)


class Try(NamedTuple):
    """One try at running a job."""

    job_id: UUID
    number: int


def container_name(
    job_id: UUID, attempt_number: int, node_index: int = 0, container_index: int = 0
) -> str:
    """The one name that a container of a job's try can have on an engine."""
    name = f"{CONTAINER_PREFIX}-{job_id}-{attempt_number}"
    if node_index or container_index:
        name += f"-{node_index}-{container_index}"
    return name


def pod_name(job_id: UUID, attempt_number: int, node_index: int = 0) -> str:
    """The network namespace that the containers of one node of a try share."""
    return f"{CONTAINER_PREFIX}-{job_id}-{attempt_number}-{node_index}-pod"


def volume_name(job_id: UUID, attempt_number: int, node_index: int, name: str) -> str:
    """The volume that the containers of one node of a try know as `name`, whatever characters it has."""
    digest = sha256(name.encode()).hexdigest()[:16]
    return f"{CONTAINER_PREFIX}-{job_id}-{attempt_number}-{node_index}-{digest}"


def try_of(name: str) -> Try | None:
    """The try that a container, pod, volume or job's network of that name belongs to."""
    found = _OF_A_TRY.fullmatch(name)
    return Try(UUID(found["job"]), int(found["number"])) if found else None


def instance_id(engine_name: str, node_name: str) -> str:
    """A stable id in EC2's form (`i-` and 17 hexadecimal digits) for a node."""
    return "i-" + sha256(f"{engine_name}/{node_name}".encode()).hexdigest()[:17]


def log_stream_name(
    definition_name: str,
    job_id: UUID,
    attempt_number: int,
    *,
    container: str = "default",
    node_index: int = 0,
) -> str:
    """`<definition>/<container>/<task id>`, as AWS Batch names it; at most 200 characters of definition.

    The containers of one node of a try share a task id.
    """
    task = f"{job_id}/{attempt_number}" + (f"/{node_index}" if node_index else "")
    return f"{definition_name[:200]}/{container}/{sha256(task.encode()).hexdigest()[:32]}"


def network_name(installation: str, environment_id: int) -> str:
    """The bridge network of an environment's containers; of no other installation's on the engine."""
    return f"{CONTAINER_PREFIX}-{installation}-env-{environment_id}"


def job_network_name(installation: str, job_id: UUID, attempt_number: int) -> str:
    """The bridge network of the nodes of one try at a multi-node job."""
    return f"{CONTAINER_PREFIX}-{installation}-job-{job_id}-{attempt_number}"
