"""The only writer of a job's status.

A change is a compare-and-swap: it happens where the job still has the old status, and nowhere else.
Who finds that somebody else was faster has made no error; he is told by what comes back.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction

from jobs import changes
from jobs.domain.states import PLACED, TERMINAL, JobStatus, is_allowed
from jobs.models import Job, Transition


class IllegalTransition(ValueError):
    """A caller asked for a step that the table of transitions does not have: a bug, never an input."""


def transition(
    *,
    job_ids: Iterable[UUID],
    old: JobStatus,
    new: JobStatus,
    now: datetime,
    reason: str = "",
    attempt_number: int = 0,
    **fields: object,
) -> list[UUID]:
    """Moves those of the jobs that are in `old` to `new` and gives back their ids.

    `fields` are further columns to set with the status; `reason` becomes the status reason and is kept
    in the history. After the commit, live pages hear of it, and the scheduler if room was given back.
    """
    if not is_allowed(old, new):
        raise IllegalTransition(f"{old} -> {new}")
    with transaction.atomic():
        winners = _swap(list(job_ids), old=old, new=new, now=now, reason=reason, fields=fields)
        Transition.objects.bulk_create(
            Transition(
                job_id=job_id,
                attempt_number=attempt_number,
                from_status=old,
                to_status=new,
                reason=reason,
                at=now,
            )
            for job_id in winners
        )
        if winners:
            announce(winners)
            # The scheduler's own steps give it nothing new to do.
            if old in PLACED and new not in PLACED:
                changes.wake_scheduler()
    return winners


def announce(job_ids: Sequence[UUID]) -> None:
    """Tells live pages that these jobs changed."""
    changes.publish([changes.JOBS, *(changes.job_topic(job_id) for job_id in job_ids)])


def _swap(
    job_ids: list[UUID],
    *,
    old: JobStatus,
    new: JobStatus,
    now: datetime,
    reason: str,
    fields: dict[str, object],
) -> list[UUID]:
    values: dict[str, object] = {
        **fields,
        "status": new,
        "status_reason": reason,
        "status_changed_at": now,
    }
    if new in TERMINAL:
        values.setdefault("stopped_at", now)
    if len(job_ids) == 1:
        swapped = Job.objects.filter(id=job_ids[0], status=old).update(**values)
        return job_ids if swapped else []
    # Several at once: the lock (on SQLite, the transaction's own) keeps the set that was read and
    # the set that is written the same.
    winners = list(
        Job.objects.select_for_update()
        .filter(id__in=job_ids, status=old)
        .order_by("id")
        .values_list("id", flat=True)
    )
    Job.objects.filter(id__in=winners, status=old).update(**values)
    return winners
