"""What an engine's supervisor reads of the database to compare it with what runs."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from jobs.models import Attempt, JobCredentials, LogStream


@dataclass(frozen=True, slots=True)
class LiveAttempt:
    """An attempt that has not ended. `starting`: it is not recorded that its container runs."""

    id: int
    container_id: str
    starting: bool
    launch_claimed_at: datetime | None
    log: LogStream | None


def live_attempts(*, engine_id: int) -> list[LiveAttempt]:
    """The attempts on the engine that have not ended. One query."""
    rows = (
        Attempt.objects.filter(node__engine_id=engine_id, ended_at__isnull=True)
        .select_related("log_stream")
        .only("container_id", "launch_claimed_at", "started_at", "log_stream")
    )
    return [
        LiveAttempt(
            id=row.id,
            container_id=row.container_id,
            starting=row.started_at is None,
            launch_claimed_at=row.launch_claimed_at,
            log=getattr(row, "log_stream", None),
        )
        for row in rows
    ]


def stored_attempts(*, ids: Iterable[int]) -> set[int]:
    """Those of the ids that are attempts, live or ended."""
    return set(Attempt.objects.filter(id__in=list(ids)).values_list("id", flat=True))


def has_live_credentials(*, engine_id: int) -> bool:
    """Whether a container that runs on the engine has fetched credentials of its job's role."""
    return JobCredentials.objects.filter(
        attempt__node__engine_id=engine_id, attempt__ended_at__isnull=True
    ).exists()
