"""Who may start an attempt's container.

Several launchers can hold the same attempt: a hand-over is repeated when it seems lost, and a worker
may stall for minutes and wake up. So a launcher claims the attempt with a token of his own; another may
take the claim over once it is old. All that a launcher records is guarded by his token, and who takes
over discards what the one before created but never started: a stalled launcher finds his container
gone and can start nothing.
"""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet

from jobs.domain.states import PLACED
from jobs.models import Attempt
from jobs.services.writing.rows import update_rows

from .reading import with_job_and

# Longer than a launch takes on a busy machine. Shorter is still safe, only wasteful.
CLAIM_SECONDS = 15
NEEDED_TO_LAUNCH = (
    *("job__queue", "job__definition", "job__spec"),
    *("environment", "node__engine", "instance"),
)


def unlaunched() -> QuerySet[Attempt]:
    """Attempts whose containers are still to be started, and may be."""
    return Attempt.objects.filter(
        ended_at__isnull=True,
        started_at__isnull=True,
        waits_for_others=False,
        job__status__in=PLACED,
    )


def claim(*, attempt_ids: Sequence[int], now: datetime) -> tuple[str, list[Attempt]]:
    """A token, and those of the attempts that its holder may launch: nobody else is at them.

    They are read with all that their launch needs.
    """
    token = uuid.uuid4().hex
    stale = Q(launch_claimed_at__lt=now - timedelta(seconds=CLAIM_SECONDS))
    with transaction.atomic():
        # In one order, as two launchers may hold the same attempts.
        rows = unlaunched().filter(Q(launch_token="") | stale, id__in=attempt_ids).order_by("id")
        rows = with_job_and(rows, NEEDED_TO_LAUNCH, count=len(attempt_ids))
        claimed = list(rows.select_for_update(of=("self",), no_key=True))
        ids = [attempt.id for attempt in claimed]
        Attempt.objects.filter(id__in=ids).update(launch_token=token, launch_claimed_at=now)
    return token, claimed


def is_claimed(attempt: Attempt, now: datetime) -> bool:
    """Whether a launcher was at it a moment ago."""
    claimed_at = attempt.launch_claimed_at
    return claimed_at is not None and now - claimed_at < timedelta(seconds=CLAIM_SECONDS)


def release_claim(*, attempt_ids: Sequence[int], token: str) -> None:
    """Lets the next launcher go ahead at once; one who has been replaced changes nothing."""
    Attempt.objects.filter(id__in=attempt_ids, launch_token=token).update(
        launch_token="", launch_claimed_at=None
    )


def forget_container(*, attempt_id: int, token: str) -> bool:
    """Takes back the record of a container, before it is discarded because it was never started.

    So a container that is on record and gone from its engine was started, or lost: its attempt is not
    launched again. False if the holder of `token` was replaced.
    """
    held = Attempt.objects.filter(id=attempt_id, launch_token=token, ended_at__isnull=True)
    return bool(held.update(container_id=""))


def record_containers(*, token: str, container_ids: Mapping[int, str]) -> set[int]:
    """Records the containers that the holder of `token` is about to start, by attempt.

    Gives back whose were recorded; of the others he was replaced.
    """
    rows = {id_: {"container_id": container_ids[id_]} for id_ in sorted(container_ids)}
    return set(update_rows(Attempt, rows, only_if={"launch_token": token, "ended_at": None}))
