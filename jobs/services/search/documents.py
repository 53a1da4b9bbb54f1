"""What jobs are found by: the text of each one's document, read in three queries however many there are."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from uuid import UUID

from django.db.models import Q

from jobs.models import Attempt, Job, JobDocument, JobStatus
from jobs.selectors.search import document_of

from .blocks import keep_blocks

# Of a job's tries and containers, so many ways in which they ended: many end alike.
ENDS_AT_MOST = 50


def write_documents(job_ids: Collection[UUID]) -> int:
    """Writes those jobs' documents as the jobs are now, and sees to the index; how many.

    Of an array's children only the failed ones get one. The caller holds the lock of the index (`follow`).
    """
    jobs = Job.objects.filter(pk__in=job_ids).filter(Q(parent=None) | Q(status=JobStatus.FAILED))
    rows = list(jobs.select_related("queue", "definition", "owner", "spec").order_by("pk"))
    ends = _ends_of(job.pk for job in rows if job.attempts_made)
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


def _ends_of(job_ids: Iterable[UUID]) -> defaultdict[UUID, list[str]]:
    """What is told of how jobs' tries failed."""
    ends: defaultdict[UUID, list[str]] = defaultdict(list)
    rows = Attempt.objects.filter(job__in=list(job_ids), ended_at__isnull=False).order_by()
    # What succeeded has nothing to tell, and its job is not written again for it.
    rows = rows.filter(~Q(exit_code=0) | Q(exit_code=None))
    columns = ("job_id", "exit_code", "reason", "status_reason", "explanation")
    for job_id, *told in rows.values_list(*columns).distinct().iterator(chunk_size=2000):
        if len(ends[job_id]) < ENDS_AT_MOST:
            ends[job_id].append(" ".join(_in_words(*told)))
    return ends


def _in_words(exit_code: int | None, *reasons: str) -> Iterator[str]:
    yield from dict.fromkeys(filter(None, reasons))
    if exit_code is not None:
        yield f"exit code {exit_code}"
