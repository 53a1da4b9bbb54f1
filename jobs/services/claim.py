"""Who may start an attempt's container.

Several launchers can hold the same attempt: a hand-over is repeated when it seems lost, and a worker
may stall for minutes and wake up. So a launcher claims the attempt with a token of his own; another may
take the claim over once it is old. All that a launcher records is guarded by his token, and who takes
over discards what the one before created but never started: a stalled launcher finds his container
gone and can start nothing.
"""

import uuid
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from jobs.domain.states import PLACED
from jobs.models import Attempt

# Longer than a launch takes on a busy machine. Shorter is still safe, only wasteful.
CLAIM_SECONDS = 15


def unlaunched() -> QuerySet[Attempt]:
    """Attempts whose containers are still to be started, and may be."""
    return Attempt.objects.filter(
        ended_at__isnull=True,
        started_at__isnull=True,
        waits_for_others=False,
        job__status__in=PLACED,
    )


def claim(*, attempt_id: int, now: datetime) -> str:
    """A token if the attempt may be launched and nobody else is at it; else an empty text."""
    token = uuid.uuid4().hex
    stale = Q(launch_claimed_at__lt=now - timedelta(seconds=CLAIM_SECONDS))
    taken = (
        unlaunched()
        .filter(id=attempt_id)
        .filter(Q(launch_token="") | stale)
        .update(launch_token=token, launch_claimed_at=now)
    )
    return token if taken else ""


def is_claimed(attempt: Attempt, now: datetime) -> bool:
    """Whether a launcher was at it a moment ago."""
    claimed_at = attempt.launch_claimed_at
    return claimed_at is not None and now - claimed_at < timedelta(seconds=CLAIM_SECONDS)


def release_claim(*, attempt_id: int, token: str) -> None:
    """Lets the next launcher go ahead at once; one who has been replaced changes nothing."""
    Attempt.objects.filter(id=attempt_id, launch_token=token).update(
        launch_token="", launch_claimed_at=None
    )


def record_container(*, attempt_id: int, token: str, container_id: str) -> bool:
    """Records the container that the holder of `token` is about to start; False if he was replaced."""
    return bool(
        Attempt.objects.filter(id=attempt_id, launch_token=token, ended_at__isnull=True).update(
            container_id=container_id
        )
    )
