"""A try of several containers or nodes: carries out what `domain.groups` decides.

Every decision is made from the rows of the try under the lock of the job's row, in the transaction that
starts or ends one of its containers, and what it comes to is written in the same transaction. So nobody
who dies can leave half of it behind, and the sweep needs to repeat hand-overs only.
"""

from collections.abc import Sequence
from datetime import datetime

from jobs import queueing
from jobs.domain import reasons
from jobs.domain.groups import Member, Place, Result, next_step, verdict_of
from jobs.domain.plans import JobPlan
from jobs.models import Attempt, Job
from jobs.selectors.plans import plan_of_job
from jobs.services.costs.stale_hours import note_end

from .node_history import record_nodes
from .tries import AttemptOutcome, begin_try, deadline_of


def begin(*, job: Job, attempt: Attempt, started_at: datetime, now: datetime) -> None:
    """The first start of a try: RUNNING, and the time limit, which all of its containers share.

    `job` is locked and STARTING.
    """
    begin_try(job=job, number=attempt.number, started_at=started_at, now=max(now, started_at))
    Attempt.objects.filter(job_id=job.id, number=attempt.number, ended_at__isnull=True).update(
        deadline_at=deadline_of(job, started_at)
    )


def advance(*, job: Job, number: int, now: datetime) -> AttemptOutcome | None:
    """Lets go what may start now, and stops what others' ends have ended; the end of the try, if that is it.

    To be called after each start and end of a container. `job` is locked, with its spec.
    """
    rows = list(Attempt.objects.filter(job_id=job.id, number=number))
    places = {Place(row.node_index, row.container_index): row for row in rows}
    plan = plan_of_job(job)
    step = next_step(
        plan,
        [_member(place, row) for place, row in places.items()],
        stopping=job.stop_requested_at is not None,
    )
    _let_go([places[place].id for place in step.start])
    _ask_to_stop([places[place].id for place in step.stop], now)
    for place, why in step.drop:
        _drop(job, places[place], why, now)
    if job.node_count > 1:
        record_nodes(job=job, plan=plan, rows=rows, now=now)
    if any(row.ended_at is None for row in rows):
        return None
    return _outcome(job, plan, rows)


def _let_go(ids: list[int]) -> None:
    if ids:
        Attempt.objects.filter(id__in=ids).update(waits_for_others=False)
        queueing.enqueue_after_commit(queueing.LAUNCH, ids)


def _ask_to_stop(ids: list[int], now: datetime) -> None:
    if ids:
        Attempt.objects.filter(id__in=ids).update(stop_asked_at=now)
        queueing.enqueue_after_commit(queueing.STOP, ids)


def _drop(job: Job, row: Attempt, why: str, now: datetime) -> None:
    """Ends one that waited: no launcher was ever let near it, so it has no container."""
    row.ended_at = row.removed_at = now
    if why:
        row.status_reason = row.reason = why
        row.explanation = reasons.NOT_STARTED
    else:
        row.was_stopped, row.may_retry = True, False
        row.status_reason = job.stop_reason or reasons.ESSENTIAL_EXITED
        row.explanation = reasons.STOPPED_UNLAUNCHED
    row.save(
        update_fields=[
            *("ended_at", "removed_at", "was_stopped", "may_retry"),
            *("status_reason", "reason", "explanation"),
        ]
    )
    note_end(now)


def _member(place: Place, row: Attempt) -> Member:
    return Member(
        place=place,
        waits=row.waits_for_others,
        started=row.started_at is not None,
        ended=row.ended_at is not None,
        exit_code=row.exit_code,
        asked_to_stop=row.stop_asked_at is not None,
        was_stopped=row.was_stopped,
        lost=reasons.is_host_loss(row.status_reason),
    )


def _outcome(job: Job, plan: JobPlan, rows: Sequence[Attempt]) -> AttemptOutcome:
    """The end of the whole try, as its deciding container gives it."""
    by_end = sorted(
        rows, key=lambda row: (row.stopped_at or row.ended_at, row.node_index, row.container_index)
    )
    verdict = verdict_of(
        plan, [_member(Place(row.node_index, row.container_index), row) for row in by_end]
    )
    decider = next(row for row in rows if (row.node_index, row.container_index) == verdict.decider)
    starts = [row.started_at for row in rows if row.started_at]
    return AttemptOutcome(
        status_reason=decider.status_reason,
        reason=decider.reason,
        explanation=decider.explanation,
        exit_code=decider.exit_code,
        started_at=min(starts, default=None),
        succeeded=verdict.result is Result.SUCCEEDED,
        was_stopped=verdict.result is Result.STOPPED,
        may_retry=verdict.result is Result.FAILED and decider.may_retry,
    )
