"""A queue's rules on jobs that stand at its head for too long.

Source: AWS Batch API, `JobStateTimeLimitAction`, and User Guide, "Jobs stuck in a RUNNABLE status": the job
at the head of the queue that has waited for longer than `maxTimeSeconds` for the reason that a rule names is
cancelled, so that the next one gets its turn.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction

from jobs.domain.reasons import time_limit_action
from jobs.domain.states import JobStatus
from jobs.models import Job, JobQueue, StopKind
from jobs.scheduling.plan import Plan, Wait
from jobs.selectors.jobs import newest_wait_reasons
from jobs.services.writing.transition import transition

from .lease import Lease, fence


def apply_time_limits(*, plan: Plan, lease: Lease, now: datetime) -> list[UUID]:
    """Cancels the heads of queues that waited too long; which. To be called after the plan was applied.

    Three queries at most, one if no queue has rules. Raises LostLease before anything is written.
    """
    rules = dict(
        JobQueue.objects.exclude(time_limit_actions=[]).values_list("id", "time_limit_actions")
    )
    if not rules:
        return []
    heads = _heads(plan.waits, rules)
    since = newest_wait_reasons([wait.job_id for wait in heads.values()])
    cancelled: list[UUID] = []
    for queue_id, wait in sorted(heads.items()):
        row = since.get(wait.job_id)
        # What is recorded is what the owner could see all the while.
        if row is None or row.code != wait.code:
            continue
        waited = now - max(row.since, row.job.status_changed_at)
        if _is_over(rules[queue_id], row.code, waited) and _cancel(row.job, row.code, lease, now):
            cancelled.append(wait.job_id)
    return cancelled


def _heads(waits: Iterable[Wait], rules: dict[int, list[dict[str, Any]]]) -> dict[int, Wait]:
    """The first job of each queue with rules that waits: a plan has them in the order of their turns."""
    heads: dict[int, Wait] = {}
    for wait in waits:
        if wait.queue_id in rules:
            heads.setdefault(wait.queue_id, wait)
    return heads


def _is_over(rules: Iterable[dict[str, Any]], code: str, waited: timedelta) -> bool:
    return any(
        rule["reason"] == code and waited > timedelta(seconds=rule["maxTimeSeconds"])
        for rule in rules
    )


def _cancel(job: Job, code: str, lease: Lease, now: datetime) -> bool:
    reason = time_limit_action(code)
    with transaction.atomic():
        fence(lease)
        return bool(
            transition(
                job_ids=[job.id],
                old=JobStatus.RUNNABLE,
                new=JobStatus.FAILED,
                now=now,
                reason=reason,
                stop_requested_at=now,
                stop_kind=StopKind.QUEUE_RULE,
                stop_reason=reason,
            )
        )
