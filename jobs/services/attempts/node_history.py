"""The history of the nodes of jobs of several nodes: each goes its own way once its job is placed."""

from collections.abc import Sequence
from datetime import datetime

from jobs.domain.groups import Member, Place, node_status
from jobs.domain.plans import JobPlan
from jobs.domain.reasons import is_host_loss
from jobs.domain.states import TERMINAL, JobStatus
from jobs.models import Attempt, Job, NodeTransition
from jobs.scheduling.plan import Placement


def record_placed(placements: Sequence[Placement], now: datetime) -> None:
    """All nodes of jobs of several become STARTING. In the transaction that places them."""
    rows = [
        NodeTransition(
            job_id=placement.job.id,
            attempt_number=placement.job.attempts_made + 1,
            node_index=index,
            to_status=JobStatus.STARTING,
            at=now,
        )
        for placement in placements
        if placement.job.gang
        for index in range(len(placement.node_ids))
    ]
    if rows:
        NodeTransition.objects.bulk_create(rows)


def record_nodes(*, job: Job, plan: JobPlan, rows: Sequence[Attempt], now: datetime) -> None:
    """Writes which nodes run, and which have ended, since the last call. `job` is locked.

    `rows` are all containers of its newest try, as they are now.
    """
    number = rows[0].number
    told = set(
        NodeTransition.objects.filter(job_id=job.id, attempt_number=number).values_list(
            "node_index", "to_status"
        )
    )
    new = []
    for index in sorted({row.node_index for row in rows}):
        own = [row for row in rows if row.node_index == index]
        for status in _statuses(plan, own):
            if (index, status) not in told:
                reason = _reason(own) if status in TERMINAL else ""
                new.append(
                    NodeTransition(
                        job_id=job.id,
                        attempt_number=number,
                        node_index=index,
                        to_status=status,
                        reason=reason,
                        at=now,
                    )
                )
    NodeTransition.objects.bulk_create(new)


def _statuses(plan: JobPlan, rows: Sequence[Attempt]) -> list[JobStatus]:
    """Those that a node has been through since it was placed, in order."""
    found = [JobStatus.RUNNING] if any(row.started_at for row in rows) else []
    status = node_status(plan, [_member(row) for row in rows])
    return [*found, status] if status in TERMINAL else found


def _member(row: Attempt) -> Member:
    return Member(
        place=Place(row.node_index, row.container_index),
        started=row.started_at is not None,
        ended=row.ended_at is not None,
        exit_code=row.exit_code,
        lost=is_host_loss(row.status_reason),
    )


def _reason(rows: Sequence[Attempt]) -> str:
    """That of the essential container that ended first, or was never started."""
    ended = sorted(rows, key=lambda row: (not row.essential, row.stopped_at or row.ended_at))
    return ended[0].status_reason
