"""What a scheduling pass decides. Nothing has happened until `services.placement` applies it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from .snapshot import JobView


class WaitCode(StrEnum):
    """The kinds of reasons why a job waits; AWS's own codes where it has one."""

    NO_ENVIRONMENT = "MISCONFIGURATION:NO_ENABLED_COMPUTE_ENVIRONMENT"
    ENVIRONMENT_INVALID = "MISCONFIGURATION:COMPUTE_ENVIRONMENT_INVALID"
    MAX_RESOURCE = "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE"
    JOB_REQUIREMENT = "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT"
    CAPACITY = "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY"
    ENVIRONMENT_FULL = "CAPACITY:COMPUTE_ENVIRONMENT_AT_MAX_VCPUS"
    TURN = "QUEUED:BEHIND_EARLIER_JOBS"

    @property
    def is_misconfiguration(self) -> bool:
        """Whether waiting alone does not help: somebody has to change the job or the environments."""
        return self.value.startswith("MISCONFIGURATION:")


@dataclass(frozen=True, slots=True)
class Placement:
    """A job starts now, on this node and on the account of this environment."""

    job: JobView
    environment_id: int
    node_id: int


@dataclass(frozen=True, slots=True)
class Wait:
    """Why a job does not start: a code, and a text with the numbers."""

    job_id: UUID
    code: WaitCode
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What a pass decided at `at`. Every job of its snapshot has a placement or a wait."""

    at: datetime
    placements: tuple[Placement, ...]
    waits: tuple[Wait, ...]
