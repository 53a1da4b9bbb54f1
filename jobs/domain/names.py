"""Names that the outside sees: containers, instances, log streams.

They are derived, never stored twice: the same job and attempt always give the same container name,
so that a second launch is refused by the engine itself.
"""

import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, NamedTuple
from uuid import UUID

from .ecs_arns import task_id

CONTAINER_PREFIX = "batchweb"
LABEL_JOB = "batchweb.job"
LABEL_ATTEMPT = "batchweb.attempt"
LABEL_INSTALLATION = "batchweb.installation"
# Before the key of a tag that a job hands on to its containers.
LABEL_TAG = "batchweb.tag."
# Where AWS Batch writes what containers print.
DEFAULT_LOG_GROUP = "/aws/batch/job"
MAX_LOG_NAME_CHARACTERS = 512
# On the container that holds a pod's network; its value is the pod's name.
LABEL_POD = "batchweb.pod"
# On a container that is never started: through it a volume's files are read.
LABEL_READER = "batchweb.reader"

# CloudWatch Logs' own rules of names; a prefix leaves room for the longest name of a container.
LOG_GROUP = re.compile(rf"[.\-_/#A-Za-z0-9]{{1,{MAX_LOG_NAME_CHARACTERS}}}")
LOG_STREAM_PREFIX = re.compile(r"[^:*]{1,200}")

_OF_A_TRY = re.compile(
    rf"{CONTAINER_PREFIX}-(?:[^/]*-job-)?"
    r"(?P<job>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})-(?P<number>[0-9]{1,5})(?:-.*)?"
)
_OF_A_CHECKPOINT = re.compile(
    rf"{CONTAINER_PREFIX}-(?P<job>[0-9a-f]{{8}}(?:-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}})-checkpoint-[0-9]{{1,5}}"
)
_OF_AN_ENVIRONMENT = re.compile(rf"{CONTAINER_PREFIX}-.*-env-(?P<id>[0-9]{{1,18}})")


class LogStreamName(NamedTuple):
    """A log stream: its group's name, and its own."""

    group: str
    name: str


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


def checkpoint_volume(job_id: UUID, node_index: int = 0) -> str:
    """The volume that all attempts of a job, of several nodes at that one, keep their progress in."""
    return f"{CONTAINER_PREFIX}-{job_id}-checkpoint-{node_index}"


def checkpoint_of(name: str) -> UUID | None:
    """The job that a volume of `checkpoint_volume` is of; None for any other volume."""
    found = _OF_A_CHECKPOINT.fullmatch(name)
    return UUID(found["job"]) if found else None


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
    task = task_id(job_id, attempt_number, node_index)
    return f"{definition_name[:200]}/{container}/{task}"


def log_stream(
    definition_name: str,
    job_id: UUID,
    attempt_number: int,
    *,
    container: str = "default",
    node_index: int = 0,
    log_configuration: Mapping[str, Any] | None = None,
) -> LogStreamName:
    """Where a container's log goes: to AWS Batch's own group, under `log_stream_name`.

    A canonical `logConfiguration` of the driver awslogs may name another group (`awslogs-group`), and what the
    stream's name starts with (`awslogs-stream-prefix`) instead of the definition; names that CloudWatch Logs
    would not take do not count.
    """
    given = log_configuration or {}
    options = given.get("options", {}) if given.get("logDriver") == "awslogs" else {}
    name = log_stream_name(
        definition_name, job_id, attempt_number, container=container, node_index=node_index
    )
    prefix = options.get("awslogs-stream-prefix", "")
    if LOG_STREAM_PREFIX.fullmatch(prefix):
        name = f"{prefix}/{container}/{task_id(job_id, attempt_number, node_index)}"
    group = options.get("awslogs-group", "")
    return LogStreamName(group if LOG_GROUP.fullmatch(group) else DEFAULT_LOG_GROUP, name)


def network_name(installation: str, environment_id: int) -> str:
    """The bridge network of an environment's containers; of no other installation's on the engine."""
    return f"{CONTAINER_PREFIX}-{installation}-env-{environment_id}"


def environment_id_of(network: str) -> int | None:
    """The environment that a network of `network_name` is of; None for any other network."""
    found = _OF_AN_ENVIRONMENT.fullmatch(network)
    return int(found["id"]) if found else None


def job_network_name(installation: str, job_id: UUID, attempt_number: int) -> str:
    """The bridge network of the nodes of one try at a multi-node job."""
    return f"{CONTAINER_PREFIX}-{installation}-job-{job_id}-{attempt_number}"
