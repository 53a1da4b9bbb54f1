"""Interruptions: a Spot instance, or Fargate Spot capacity, is taken away from the attempts that run on it.

Source: Amazon EC2 User Guide, "Spot Instance interruptions". An interrupted attempt is given a notice and
SIGTERM at once, and SIGKILL at `interruption_kill_at` (`stopping`). However it ends then, other than with
exit code 0, it ends with its host, and the retry rules decide. Whoever stopped it before was first, and keeps
his reason.
"""

import json
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime

from jobs import queueing
from jobs.domain import reasons
from jobs.models import Attempt, Capacity
from jobs.services.writing.locks import lock_ids
from jobs.services.writing.transition import announce

from .finish import stopped_unlaunched
from .tries import AttemptOutcome

INTERRUPTIBLE = frozenset({Capacity.SPOT, Capacity.FARGATE_SPOT})


def interrupt_attempts(
    *, attempts: Sequence[Attempt], reason: str, kill_at: datetime, now: datetime
) -> list[int]:
    """Tells those that live that their capacity goes at `kill_at`; the ids of whom it told.

    In the caller's transaction, which has locked the attempts' jobs if it locks others as well (see `locks`).
    One that was told before keeps its first time. Their stop is handed over after the commit.
    """
    lock_ids({attempt.job_id for attempt in attempts})
    untold = Attempt.objects.filter(
        id__in=[attempt.id for attempt in attempts],
        ended_at__isnull=True,
        interrupted_at__isnull=True,
    )
    rows = dict(untold.values_list("id", "job_id"))
    Attempt.objects.filter(id__in=rows).update(
        interrupted_at=now, interruption_kill_at=kill_at, interruption_reason=reason
    )
    if rows:
        announce(sorted(set(rows.values())))
        queueing.enqueue_after_commit(queueing.STOP, sorted(rows))
    return sorted(rows)


def was_interrupted_first(attempt: Attempt) -> bool:
    """Whether it was interrupted, and nobody had stopped it before. It was read with its job."""
    if attempt.interrupted_at is None:
        return False
    stops = (attempt.job.stop_requested_at, attempt.stop_asked_at, attempt.timed_out_at)
    return all(at is None or at >= attempt.interrupted_at for at in stops)


def interrupted_meanwhile(attempts: Iterable[Attempt], among: Collection[int]) -> list[int]:
    """Which of the attempts with these ids were interrupted since they were read.

    No query where none of them is of capacity that can be interrupted.
    """
    ids = [each.id for each in attempts if each.id in among and each.capacity in INTERRUPTIBLE]
    if not ids:
        return []
    interrupted = Attempt.objects.filter(id__in=ids, interrupted_at__isnull=False)
    return sorted(interrupted.values_list("id", flat=True))


def ended_unlaunched(attempt: Attempt) -> AttemptOutcome:
    """The end of an attempt that was stopped, or whose capacity was taken away, before its container was started."""
    if not was_interrupted_first(attempt):
        return stopped_unlaunched(attempt)
    return AttemptOutcome(
        status_reason=reasons.host_lost(attempt.host_id),
        explanation=reasons.explain_interruption(attempt.interruption_reason, has_run=False),
    )


def notice_of(kill_at: datetime) -> bytes:
    """What an interrupted container reads, as EC2's `spot/instance-action` has it."""
    time = kill_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return json.dumps({"action": "terminate", "time": time}).encode() + b"\n"
