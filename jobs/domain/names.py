"""Names that the outside sees: containers, instances, log streams.

They are derived, never stored twice: the same job and attempt always give the same container name,
so that a second launch is refused by the engine itself.
"""

from hashlib import sha256
from uuid import UUID

CONTAINER_PREFIX = "batchweb"
LABEL_JOB = "batchweb.job"
LABEL_ATTEMPT = "batchweb.attempt"
LABEL_INSTALLATION = "batchweb.installation"


def container_name(job_id: UUID, attempt_number: int) -> str:
    """The one name that a job's attempt can have on an engine."""
    return f"{CONTAINER_PREFIX}-{job_id}-{attempt_number}"


def instance_id(engine_name: str, node_name: str) -> str:
    """A stable id in EC2's form (`i-` and 17 hexadecimal digits) for a node."""
    return "i-" + sha256(f"{engine_name}/{node_name}".encode()).hexdigest()[:17]


def log_stream_name(definition_name: str, job_id: UUID, attempt_number: int) -> str:
    """`<definition>/default/<task id>`, as AWS Batch names it; at most 200 characters of definition."""
    task = sha256(f"{job_id}/{attempt_number}".encode()).hexdigest()[:32]
    return f"{definition_name[:200]}/default/{task}"


def network_name(installation: str, environment_id: int) -> str:
    """The bridge network of an environment's containers; of no other installation's on the engine."""
    return f"{CONTAINER_PREFIX}-{installation}-env-{environment_id}"
