"""Writing what jobs are found by, in a few reads however many they are."""

from collections.abc import Collection, Mapping
from uuid import UUID

from django.db.models import Q

from jobs.models import Job, JobDocument, JobStatus
from jobs.selectors.attempt_ends import ends_of
from jobs.selectors.logs.ends import log_ends_of
from jobs.selectors.search import document_of

from .blocks import keep_blocks


def last_lines_of(job_ids: Collection[UUID]) -> dict[UUID, str]:
    """What those of the jobs that have failed printed last. It stays as it is: a log is stored before its job fails.

    To be read before the lock of the index: logs lie in files, and take a while.
    """
    failed = Job.objects.filter(pk__in=job_ids, status=JobStatus.FAILED, attempts_made__gt=0)
    ends = log_ends_of(failed.select_related("spec"))
    return {job_id: "\n".join(line.text for line in lines) for job_id, lines in ends.items()}


def write_documents(job_ids: Collection[UUID], last_lines: Mapping[UUID, str]) -> int:
    """Writes those jobs' documents as the jobs are now, and sees to the index; how many.

    Of an array's children only the failed ones get one. `last_lines` is what `last_lines_of` gave for them. The
    caller holds the lock of the index (`follow`).
    """
    jobs = Job.objects.filter(pk__in=job_ids).filter(Q(parent=None) | Q(status=JobStatus.FAILED))
    rows = list(jobs.select_related("queue", "definition", "owner", "spec").order_by("pk"))
    ends = ends_of([job.pk for job in rows if job.attempts_made])
    documents = {
        job.pk: document_of(job, [*ends[job.pk], last_lines.get(job.pk, "")]) for job in rows
    }
    JobDocument.objects.bulk_create(
        [JobDocument(job_id=job_id, text=text) for job_id, text in documents.items()],
        update_conflicts=True,
        unique_fields=["job"],
        update_fields=["text"],
        batch_size=200,
    )
    keep_blocks(documents)
    return len(rows)
