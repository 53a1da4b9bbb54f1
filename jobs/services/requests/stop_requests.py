"""Asking jobs that are on a node to stop: the wish is written here, `services.attempts.stopping` carries it out."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from jobs import changes, queueing
from jobs.domain.states import PLACED
from jobs.models import Attempt, Job, StopKind
from jobs.services.writing.transition import announce


def ask_to_stop(
    *, job_ids: Iterable[UUID], kind: StopKind, reason: str, now: datetime
) -> set[UUID]:
    """Asks those of the jobs that are on a node, and were not asked before; which these are.

    The caller has locked them.
    """
    unasked = Job.objects.filter(
        id__in=list(job_ids), status__in=PLACED, stop_requested_at__isnull=True
    )
    found = list(unasked.order_by("id").values_list("id", flat=True))
    if not found:
        return set()
    Job.objects.filter(id__in=found).update(
        stop_requested_at=now, stop_kind=kind, stop_reason=reason
    )
    attempts = Attempt.objects.filter(job__in=found, ended_at__isnull=True)
    queueing.enqueue_after_commit(
        queueing.STOP, list(attempts.order_by("id").values_list("id", flat=True))
    )
    announce(found)
    changes.wake_scheduler()
    return set(found)
