"""Taking the mark off jobs whose end is settled."""

from collections.abc import Sequence
from uuid import UUID

from django.db import transaction

from jobs.models import Job
from jobs.services.writing.locks import lock_jobs

from .lease import Lease, fence


def take_marks_off(*, job_ids: Sequence[UUID], lease: Lease) -> None:
    """Nobody is left who waits for these ended jobs. Who dies before this settles them once more, in vain.

    A transaction of its own: with others locked before these, two could wait for each other.
    """
    marked = Job.objects.filter(id__in=job_ids, needs_settling=True)
    with transaction.atomic():
        fence(lease)
        lock_jobs(marked)
        marked.update(needs_settling=False)
