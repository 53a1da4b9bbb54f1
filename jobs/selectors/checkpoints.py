"""What is known of jobs' checkpoint directories without looking into them."""

from django.contrib.auth.models import AnonymousUser, User

from jobs.domain.errors import NotFound
from jobs.models import Checkpoint, Job

from .jobs import may_see


def checkpoint_of(job: Job) -> Checkpoint | None:
    """The job's, with its engine; also one that was removed. None where it never had one to keep."""
    return Checkpoint.objects.select_related("engine").filter(job_id=job.pk).first()


def find_checkpoint(*, job: Job, user: User | AnonymousUser) -> Checkpoint:
    """One that can be looked into. Raises NotFound, also if the job is not his."""
    found = checkpoint_of(job) if may_see(user, job) else None
    if found is None or found.removed_at is not None:
        raise NotFound("This job keeps nothing in a checkpoint directory.")
    found.job = job
    return found
