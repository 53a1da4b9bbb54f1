"""Taking up what was submitted: a step of the scheduler, in portions."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction

from jobs.domain import ids
from jobs.domain.states import TERMINAL, JobStatus
from jobs.models import DependencyType, Job, JobDependency
from jobs.services.writing.locks import lock_ids, lock_jobs
from jobs.services.writing.transition import transition

from .lease import Lease, fence
from .statuses import end_strays

# A submission burst is taken up in portions, so that one transaction stays short.
PORTION = 1000


def accept_submitted(*, lease: Lease, now: datetime) -> int:
    """Makes new jobs RUNNABLE in order of submission, or PENDING; how many.

    PENDING are arrays, whose children `services.passes.settle` lets go, and jobs that depend on others. An array's
    children are never SUBMITTED, so however many they are, they hold up nobody here.
    """
    rows = list(
        Job.objects.filter(status=JobStatus.SUBMITTED)
        .order_by("id")
        .values_list("id", "array_size", "queue_id")[:PORTION]
    )
    if not rows:
        return 0
    end_strays(jobs=[(id_, queue_id) for id_, _, queue_id in rows], lease=lease, now=now)
    unmet = list(
        JobDependency.objects.filter(job__in=[id_ for id_, _, _ in rows], met=False)
        .order_by()
        .values_list("job_id", "on_id", "type")
    )
    if unmet:
        _settle_what_has_ended(unmet, lease)
    arrays = [id_ for id_, array_size, _ in rows if array_size is not None]
    waiting = {job_id for job_id, _, _ in unmet}.difference(arrays)
    ready = [id_ for id_, array_size, _ in rows if array_size is None and id_ not in waiting]
    with transaction.atomic():
        fence(lease)
        if arrays or waiting:
            lock_ids(id_ for id_, _, _ in rows)
        submitted = JobStatus.SUBMITTED
        transition(job_ids=ready, old=submitted, new=JobStatus.RUNNABLE, now=now)
        transition(job_ids=sorted(waiting), old=submitted, new=JobStatus.PENDING, now=now)
        transition(
            job_ids=arrays, old=submitted, new=JobStatus.PENDING, now=now, needs_settling=True
        )
    return len(rows)


def _settle_what_has_ended(unmet: Sequence[tuple[UUID, UUID, str]], lease: Lease) -> None:
    """What had ended before somebody came to depend on it is settled (once more) for his sake.

    What ends from now on settles itself: its end sees the mark that the submission has left on it.
    """
    on_ids = {on_id for _, on_id, _ in unmet}
    n_to_n = {on_id for _, on_id, type_ in unmet if type_ == DependencyType.N_TO_N}
    children = {on_id for on_id in on_ids if ids.child_index(on_id) is not None}
    with transaction.atomic():
        fence(lease)
        # Children that have succeeded are found when those that wait for them are let go.
        for jobs in (
            Job.objects.filter(parent__in=n_to_n, status=JobStatus.FAILED, needs_settling=False),
            Job.objects.filter(id__in=children, status__in=TERMINAL),
            Job.objects.filter(id__in=on_ids - children, status__in=TERMINAL),
        ):
            lock_jobs(jobs)
            jobs.update(needs_settling=True)
