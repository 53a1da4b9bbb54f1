"""Writes down when a queue is newly blocked: the job at its head cannot start, for a reason it had not before.

Source: AWS Batch User Guide, "Job queue blocked events".
"""

from collections.abc import Iterable
from functools import partial

from django.db import transaction

from jobs import changes
from jobs.domain.states import JobStatus
from jobs.models import Job, QueueBlock
from jobs.scheduling.plan import Plan, Wait, WaitCode
from jobs.scheduling.reasons import split_reason

from .lease import Lease

# What this process knows to be written, by queue, under the lease of that token: so a pass in which nothing
# is new asks nothing. Forgotten with the process, it is read again.
_known: dict[int, Wait] = {}
_known_under: list[int] = [0]


def newly_blocked(*, plan: Plan, lease: Lease) -> list[Wait]:
    """The heads of queues whose block is not recorded yet.

    A new text of the same code is nothing new. One query for each queue whose head, or its code, has
    changed since the pass before; none if nothing has. Who only waits his turn blocks nobody.
    """
    if _known_under[0] != lease.token:
        _known.clear()
        _known_under[0] = lease.token
    heads = _heads(plan.waits)
    for queue_id in _known.keys() - heads.keys():
        del _known[queue_id]
    found = []
    for queue_id, wait in sorted(heads.items()):
        if _is_same(_known.get(queue_id), wait):
            continue
        if _is_recorded(wait):
            _known[queue_id] = wait
        else:
            found.append(wait)
    return found


def record_blocks(*, blocked: Iterable[Wait], plan: Plan) -> None:
    """Writes them, but for jobs that do not wait any more.

    Inside the transaction that writes the reasons, holds the lease, and has locked the jobs.
    """
    waits = {wait.job_id: wait for wait in blocked}
    if not waits:
        return
    runnable = set(
        Job.objects.filter(id__in=list(waits), status=JobStatus.RUNNABLE).values_list(
            "id", flat=True
        )
    )
    new = [wait for job_id, wait in waits.items() if job_id in runnable]
    QueueBlock.objects.bulk_create(
        QueueBlock(queue_id=wait.queue_id, job_id=wait.job_id, reason=wait.reason, at=plan.at)
        for wait in new
    )
    transaction.on_commit(partial(_known.update, {wait.queue_id: wait for wait in new}))
    changes.publish([changes.JOBS])


def _heads(waits: Iterable[Wait]) -> dict[int, Wait]:
    """The first job of each queue that waits for more than its turn: a plan has them in the order of turns."""
    heads: dict[int, Wait] = {}
    for wait in waits:
        heads.setdefault(wait.queue_id, wait)
    return {id_: wait for id_, wait in heads.items() if wait.code is not WaitCode.TURN}


def _is_same(known: Wait | None, wait: Wait) -> bool:
    return known is not None and (known.job_id, known.code) == (wait.job_id, wait.code)


def _is_recorded(wait: Wait) -> bool:
    newest = (
        QueueBlock.objects.filter(queue=wait.queue_id)
        .order_by("-id")
        .values_list("job_id", "reason", "at", "job__status_changed_at")
        .first()
    )
    if newest is None:
        return False
    job_id, reason, at, changed_at = newest
    # A job that was elsewhere meanwhile (a retry) blocks its queue anew.
    return job_id == wait.job_id and split_reason(reason)[0] == wait.code and at >= changed_at
