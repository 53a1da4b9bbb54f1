"""Writes down why jobs wait: the history of reasons, and each job's status reason."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from jobs import changes
from jobs.domain.states import JobStatus
from jobs.models import Job, WaitReason
from jobs.scheduling.plan import Wait
from jobs.selectors.jobs import Told, told_wait_reasons

# A reason that is to be written, and the job's newest one if its code is the same.
ChangedWait = tuple[Wait, Told | None]


def changed_waits(waits: Sequence[Wait]) -> list[ChangedWait]:
    """The reasons that are not recorded yet. One query, however long the histories are."""
    newest = told_wait_reasons([wait.job_id for wait in waits])
    changed: list[ChangedWait] = []
    for wait in waits:
        row = newest.get(wait.job_id)
        # A job that was elsewhere meanwhile (a retry) has another status reason: it waits anew.
        if row is None or row.code != wait.code or row.reason != row.status_reason:
            changed.append((wait, None))
        elif row.reason != wait.reason:
            changed.append((wait, row))
    return changed


def record_waits(changed: Sequence[ChangedWait], now: datetime) -> None:
    """A new code is a new line of history; new numbers of the same code replace the old ones.

    Inside a transaction that holds the lease.
    """
    if not changed:
        return
    WaitReason.objects.bulk_create(
        WaitReason(job_id=wait.job_id, code=wait.code, reason=wait.reason, since=now)
        for wait, row in changed
        if row is None
    )
    # Most jobs wait for the same reason: one statement for all of them.
    renewed: dict[str, list[int]] = defaultdict(list)
    told: dict[str, list[UUID]] = defaultdict(list)
    for wait, row in changed:
        told[wait.reason].append(wait.job_id)
        if row is not None:
            renewed[wait.reason].append(row.row_id)
    for reason, row_ids in renewed.items():
        WaitReason.objects.filter(id__in=row_ids).update(reason=reason)
    # The status reason is where the API and the page look for it.
    for reason, job_ids in told.items():
        Job.objects.filter(id__in=job_ids, status=JobStatus.RUNNABLE).update(status_reason=reason)
    changes.publish([changes.JOBS, *(changes.job_topic(wait.job_id) for wait, _ in changed)])
