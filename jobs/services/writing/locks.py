"""The order in which rows are locked, so that no two transactions wait for each other.

Jobs without children (single ones and arrays' children) in the order of their ids, then the summaries
of arrays by the arrays' ids, then arrays' parents by their ids. A transaction that moves jobs in several
steps locks all of them first. A job goes before its attempts, and before the instances that they are on; an instance
goes before the attempts on it. Consumable resources, by their
ids, come after all of these, and the use of a share comes last.

Before all jobs come the token of a form (`SentForm`), then a `BulkAction`, then the mark of the search's index: a
portion of a bulk action stops and reruns jobs, and a change of tags waits for the index while it holds no job.
"""

from collections.abc import Iterable
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from jobs.domain import ids
from jobs.models import ArraySummary, Job


def lock_jobs(jobs: QuerySet[Job]) -> None:
    """Locks the jobs in the order of their ids until the transaction's end.

    SQLite has one writer at a time, and locks nothing else.
    """
    if connection.features.has_select_for_update:
        locked = jobs.select_for_update(no_key=True).order_by("id")
        list(locked.values_list("id", flat=True))


def lock_ids(job_ids: Iterable[UUID]) -> None:
    """`lock_jobs` of the jobs with these ids."""
    lock_jobs(Job.objects.filter(id__in=list(job_ids)))


def lock_summaries(job_ids: Iterable[UUID], *, arrays: Iterable[UUID] = ()) -> None:
    """Locks the summaries of all arrays that these jobs are children of, and of these arrays.

    For a transaction that moves children in several steps, right after it has locked them: each step
    touches the summaries in order, but the steps together do not.
    """
    parents = {ids.parent_id(job_id) for job_id in job_ids if ids.child_index(job_id) is not None}
    parents.update(arrays)
    if len(parents) > 1 and connection.features.has_select_for_update:
        rows = ArraySummary.objects.select_for_update(no_key=True).filter(job_id__in=parents)
        list(rows.order_by("job_id").values_list("job_id", flat=True))


def lock_array(parent_id: UUID) -> Job | None:
    """The array's parent, read anew; no child of it ends, and nobody asks it to stop, until the
    transaction's end. None if it is gone.
    """
    ArraySummary.objects.select_for_update(no_key=True).filter(job_id=parent_id).first()
    return Job.objects.select_for_update(no_key=True).filter(id=parent_id).first()
