"""Running again what has failed: a job, or of an array the children that did."""

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from jobs.domain.errors import Conflict
from jobs.domain.ids import new_job_id, text_of
from jobs.domain.states import TERMINAL, JobStatus
from jobs.models import Job, QueueState

from .submit import write_job

# What a rerun has of the job that it runs again; all else is new.
SAME = (
    *("name", "queue", "definition", "spec", "array_size", "node_count"),
    *("milli_vcpus", "memory_mib", "gpus", "has_consumables"),
    *("share_identifier", "scheduling_priority", "attempts_allowed", "timeout_seconds"),
)


def rerun_job(*, owner: User, job: Job, now: datetime) -> Job:
    """Submits a failed job again as it was, for `owner`; of an array only the children that failed.

    The new array has the same size, so each child is given the index that it had; a child that is run again
    alone is an array of one. Dependencies are not repeated: they have all ended. Raises Conflict if there is
    nothing to run again, or its queue takes no jobs.
    """
    with transaction.atomic():
        job = Job.objects.select_related("queue", "spec").get(id=job.id)
        _check(job)
        again = Job(
            id=new_job_id(),
            owner=owner,
            rerun_of=job,
            **{field: getattr(job, field) for field in SAME},
        )
        write_job(
            job=again,
            depends_on=[],
            now=now,
            failed_of=job if job.array_size is not None else None,
        )
    return again


def _check(job: Job) -> None:
    if job.status not in TERMINAL:
        raise Conflict(f"{job.name} ({text_of(job.id)}) has not ended yet. Wait, or terminate it.")
    if job.status != JobStatus.FAILED:
        raise Conflict(
            f"{job.name} ({text_of(job.id)}) has succeeded: there is nothing to run again. "
            "Clone it to run it once more."
        )
    if job.queue.state == QueueState.DISABLED:
        raise Conflict(
            f"The job queue {job.queue.name} is disabled and takes no jobs. Enable it first."
        )
