"""What a scheduling pass decides. Nothing has happened until `services.passes.placement` applies it."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from .snapshot import JobView, TypeView


class WaitCode(StrEnum):
    """The kinds of reasons why a job waits; AWS's own codes where it has one.

    Source: AWS Batch User Guide, "Jobs stuck in a RUNNABLE status".
    """

    NO_ENVIRONMENT = "MISCONFIGURATION:NO_ENABLED_COMPUTE_ENVIRONMENT"
    ENVIRONMENT_INVALID = "ACTION_REQUIRED"
    MAX_RESOURCE = "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE"
    JOB_REQUIREMENT = "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT"
    CONSUMABLE_REQUIREMENT = "MISCONFIGURATION:CONSUMABLE_RESOURCE_REQUIREMENT"
    CAPACITY = "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY"
    ENVIRONMENT_FULL = "CAPACITY:COMPUTE_ENVIRONMENT_AT_MAX_VCPUS"
    SHARE_RESERVE = "CAPACITY:RESERVED_FOR_INACTIVE_SHARES"
    CONSUMABLE = "CAPACITY:INSUFFICIENT_CONSUMABLE_RESOURCE"
    TURN = "QUEUED:BEHIND_EARLIER_JOBS"

    @property
    def is_misconfiguration(self) -> bool:
        """Whether waiting alone does not help: somebody has to change the job or the environments."""
        return self is WaitCode.ENVIRONMENT_INVALID or self.value.startswith("MISCONFIGURATION:")


@dataclass(frozen=True, slots=True)
class Launch:
    """A new instance on the machine `node_id`. Placements of the same plan name it by `place_id`."""

    place_id: int
    environment_id: int
    node_id: int
    type: TypeView
    is_spot: bool
    bid_percentage: int
    reason: str


class EndCause(StrEnum):
    """Why an instance is ended or interrupted; `jobs.models.InstanceEndCause` has the same."""

    IDLE = "IDLE"
    ROOM_NEEDED = "ROOM_NEEDED"
    INTERRUPTED_FOR_ROOM = "INTERRUPTED_FOR_ROOM"
    INTERRUPTED_BY_PRICE = "INTERRUPTED_BY_PRICE"
    REPLACED = "REPLACED"
    ENVIRONMENT_OFF = "ENVIRONMENT_OFF"


@dataclass(frozen=True, slots=True)
class End:
    """An instance on which nothing runs gives its room back now."""

    instance_id: int
    cause: EndCause
    reason: str


@dataclass(frozen=True, slots=True)
class Drain:
    """An instance takes no more jobs, and ends with the last on it.

    `kill_at`: when what then still runs on it is killed; None: it may end by itself.
    """

    instance_id: int
    cause: EndCause
    reason: str
    kill_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Interruption:
    """A Fargate Spot attempt that must give way: killed at `kill_at` if it still runs then."""

    attempt_id: int
    cause: EndCause
    reason: str
    kill_at: datetime


@dataclass(frozen=True, slots=True)
class Placement:
    """A job starts now: each of its nodes on one of `node_ids`, all on the account of one environment.

    Each is a machine's id, an instance's (negative), or the `place_id` of a launch of the same plan.
    """

    job: JobView
    environment_id: int
    node_ids: tuple[int, ...]

    @property
    def node_id(self) -> int:
        """Where its first node runs: the only one of a plain job."""
        return self.node_ids[0]


@dataclass(frozen=True, slots=True)
class Wait:
    """Why a job does not start: a code, and a text with the numbers."""

    job_id: UUID
    queue_id: int
    code: WaitCode
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What a pass decided at `at`, in the order of turns.

    Every job of its snapshot has a placement or a wait. Except scouted jobs (see `scouts`), which are told
    nothing, and those of a fair-share queue whose next job the snapshot does not hold: it is left there.
    `more`: another pass has more to do at once.
    """

    at: datetime
    placements: tuple[Placement, ...]
    waits: tuple[Wait, ...]
    more: bool = False
    launches: tuple[Launch, ...] = ()
    ends: tuple[End, ...] = ()
    drains: tuple[Drain, ...] = ()
    interruptions: tuple[Interruption, ...] = ()
    # (engine id, how much of it is asked for): what the going Spot price follows from now on.
    pressures: tuple[tuple[int, Decimal], ...] = ()
