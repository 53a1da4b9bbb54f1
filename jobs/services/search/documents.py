"""Writing what jobs are found by, in three reads however many they are."""

from collections.abc import Collection
from uuid import UUID

from django.db.models import Q

from jobs.models import Job, JobDocument, JobStatus
from jobs.selectors.attempt_ends import ends_of
from jobs.selectors.search import document_of

from .blocks import keep_blocks


def write_documents(job_ids: Collection[UUID]) -> int:
    """Writes those jobs' documents as the jobs are now, and sees to the index; how many.

    Of an array's children only the failed ones get one. The caller holds the lock of the index (`follow`).
    """
    jobs = Job.objects.filter(pk__in=job_ids).filter(Q(parent=None) | Q(status=JobStatus.FAILED))
    rows = list(jobs.select_related("queue", "definition", "owner", "spec").order_by("pk"))
    ends = ends_of([job.pk for job in rows if job.attempts_made])
    documents = {job.pk: document_of(job, ends[job.pk]) for job in rows}
    JobDocument.objects.bulk_create(
        [JobDocument(job_id=job_id, text=text) for job_id, text in documents.items()],
        update_conflicts=True,
        unique_fields=["job"],
        update_fields=["text"],
        batch_size=200,
    )
    keep_blocks(documents)
    return len(rows)
