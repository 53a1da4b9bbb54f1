"""One action on many jobs: accepted at once, carried out by workers in portions, with progress.

A portion and the count of what is done are one transaction, so a worker that dies leaves nothing half done
and nothing done twice; the sweep hands over what nobody goes on with.
"""

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import transaction

from jobs import changes, queueing
from jobs.domain import bulk, reasons
from jobs.domain.access_actions import CANCEL_JOB, TERMINATE_JOB
from jobs.domain.access_policies import NOT_AUTHORIZED, Context
from jobs.domain.errors import Conflict
from jobs.domain.ids import text_of
from jobs.domain.states import TERMINAL
from jobs.domain.validation import Checker, FieldError
from jobs.models import (
    REFUSED_STATUS,
    AuditDoor,
    BulkAction,
    BulkKind,
    BulkOutcome,
    BulkResult,
    Job,
    StopKind,
)
from jobs.models.audit import ADDRESS_CHARACTERS
from jobs.selectors.access.policies import authorize, base_context, policies_of
from jobs.selectors.access.resources import of_jobs
from jobs.selectors.bulk import changed_ids, reruns_by
from jobs.selectors.jobs import visible_jobs
from jobs.services.access import audit

from .rerun import rerun_job
from .stop import check_reason, stop_jobs

# A rerun may write an array of thousands.
PORTION = {BulkKind.CANCEL: 100, BulkKind.TERMINATE: 100, BulkKind.RERUN: 1}
STOP_KIND = {BulkKind.CANCEL: StopKind.CANCEL, BulkKind.TERMINATE: StopKind.TERMINATE}
# A worker does no more at a time: it has other tasks, too.
SECONDS = 2.0
NEWS_SECONDS = 0.5
MAX_PROBLEMS = 1000
MAX_UNTOUCHED = 20


@dataclass(slots=True)
class _Outcome:
    """What became of a portion."""

    changed: int = 0
    problems: list[dict[str, str]] = field(default_factory=list)
    untouched: list[dict[str, str]] = field(default_factory=list)
    # Of each job that something was done to, what runs it again, if that is it.
    again: dict[UUID, UUID | None] = field(default_factory=dict)
    why: dict[UUID, str] = field(default_factory=dict)


def start_bulk(
    *,
    owner: User,
    kind: str,
    job_ids: Sequence[object],
    reason: str = "",
    now: datetime,
    address: str = "",
) -> BulkAction:
    """Accepts the action and hands it to a worker. Raises InvalidInput; then nothing changed.

    `job_ids` are UUIDs or texts, at most `bulk.MAX_JOBS`. A job that the owner cannot see is one of
    the action's problems, like one that cannot be run again, and one that his access policies deny.
    """
    checker = Checker()
    kind = checker.check("kind", _kind, kind, "")
    nothing: list[UUID] = []
    wanted = checker.check("job_ids", bulk.job_ids, job_ids, nothing)
    checker.done()
    return _started(owner, kind, wanted, check_reason(reason), now, by=owner, address=address)


def _started(
    owner: User,
    kind: str,
    wanted: Sequence[UUID],
    reason: str,
    now: datetime,
    *,
    by: User,
    undoes: BulkAction | None = None,
    address: str = "",
) -> BulkAction:
    # Jobs that others wait for come before those: of a rerun, the new ones wait in their turn.
    in_order = sorted(wanted) if kind == BulkKind.RERUN else wanted
    with transaction.atomic():
        action = BulkAction.objects.create(
            kind=kind,
            reason=reason,
            owner=owner,
            asked_by=by,
            total=len(in_order),
            job_ids=[str(job_id) for job_id in in_order],
            undoes=undoes,
            address=address[:ADDRESS_CHARACTERS],
            created_at=now,
            updated_at=now,
        )
        queueing.enqueue_after_commit(queueing.BULK, [action.id])
        _tell(action)
    return action


def _tell(action: BulkAction) -> None:
    """Lets the pages know that show it: its own, and its owner's lists."""
    topics = [changes.bulk_topic(action.id), changes.bulk_of_topic(action.owner_id)]
    changes.publish(topics)


def stop_bulk(*, action_id: int, now: datetime) -> bool:
    """Ends an action where it stands: the rest of its jobs is left as it is. Whether there was a rest."""
    with transaction.atomic():
        return _stopped(action_id, now)


def _stopped(action_id: int, now: datetime) -> bool:
    # Under the lock that each portion holds: it is done, or not begun.
    row = BulkAction.objects.select_for_update(no_key=True).defer("job_ids").get(id=action_id)
    if row.finished_at is not None:
        return False
    BulkAction.objects.filter(id=action_id).update(finished_at=now, updated_at=now)
    _note_denied_later(action_id, now)
    _tell(row)
    return True


def undo_bulk(*, action_id: int, by: User, now: datetime, address: str = "") -> BulkAction | None:
    """Takes an action back, as far as it has come: stops the rest, submits again what it cancelled, and
    terminates what it submitted.

    The action that does so, its owner's whoever asks, and the same one however often, unless all of it was refused;
    None if there is nothing to take back. Each job is asked for by the access policies of `by`, at his `address`.
    Raises Conflict for a terminate: what ran is lost, and for an action of before results were kept.
    """
    with transaction.atomic():
        _stopped(action_id, now)
        action = BulkAction.objects.select_related("owner").defer("job_ids").get(id=action_id)
        before = BulkAction.objects.defer("job_ids").filter(undoes=action).first()
        if before is not None and not _was_refused(before):
            return before
        if action.kind == BulkKind.TERMINATE:
            raise Conflict("What was terminated cannot be taken back. Rerun it.")
        is_cancel = action.kind == BulkKind.CANCEL
        wanted = changed_ids(action) if is_cancel else reruns_by(action)
        if not wanted and action.changed:
            raise Conflict(reasons.TOO_OLD_TO_UNDO)
        if not wanted:
            return None
        kind = BulkKind.RERUN if is_cancel else BulkKind.TERMINATE
        reason = "" if is_cancel else reasons.RERUN_TAKEN_BACK
        if before is not None:
            # Who may not take it back must not keep others from it.
            BulkAction.objects.filter(id=before.id).update(undoes=None)
        undo = _started(
            action.owner, kind, wanted, reason, now, by=by, undoes=action, address=address
        )
    _tell(action)
    return undo


def _was_refused(undo: BulkAction) -> bool:
    """Whether an action has ended, and of all its jobs each was refused."""
    return undo.finished_at is not None and undo.refused == undo.total


def go_on_with_bulk(*, action_id: int, now: datetime, seconds: float = SECONDS) -> None:
    """Does the next part of an action, and hands over the rest. Safe to repeat, and beside another."""
    action = (
        BulkAction.objects.select_related("owner", "asked_by")
        .filter(id=action_id, finished_at__isnull=True)
        .first()
    )
    if action is None:
        return
    begun = told = time.monotonic()
    while _portion(action, now):
        passed = time.monotonic()
        if passed - begun >= seconds:
            queueing.enqueue_after_commit(queueing.BULK, [action_id])
            break
        if passed - told >= NEWS_SECONDS:
            _tell(action)
            told = passed
    _tell(action)


def _portion(action: BulkAction, now: datetime) -> bool:
    """Whether there is more to do. The list of jobs never changes, so it is read once."""
    with transaction.atomic():
        row = BulkAction.objects.select_for_update(no_key=True).defer("job_ids").get(id=action.id)
        if row.finished_at is not None:
            return False
        kind = BulkKind(action.kind)
        portion = action.job_ids[row.done : row.done + PORTION[kind]]
        outcome = _carry_out(action, kind, [UUID(job_id) for job_id in portion], now)
        done = row.done + len(portion)
        is_last = done >= len(action.job_ids)
        fields: dict[str, Any] = {}
        if outcome.problems and len(row.problems) < MAX_PROBLEMS:
            fields["problems"] = (row.problems + outcome.problems)[:MAX_PROBLEMS]
        if outcome.untouched and len(row.untouched) < MAX_UNTOUCHED:
            fields["untouched"] = (row.untouched + outcome.untouched)[:MAX_UNTOUCHED]
        BulkResult.objects.bulk_create(_results(action, row.done, portion, outcome))
        BulkAction.objects.filter(id=action.id).update(
            **fields,
            done=done,
            changed=row.changed + outcome.changed,
            refused=row.refused + len(outcome.problems),
            updated_at=now,
            finished_at=now if is_last else None,
        )
        if is_last:
            _note_denied_later(action.id, now)
        return not is_last


def _note_denied_later(action_id: int, now: datetime) -> None:
    """One line of the audit trail for all jobs of an action that policies denied, as soon as its end is stored."""
    transaction.on_commit(partial(_note_denied, action_id, now))


def _note_denied(action_id: int, now: datetime) -> None:
    rows = BulkAction.objects.select_related("owner", "asked_by").defer("job_ids")
    action = rows.filter(id=action_id, refused__gt=0).first()
    denied = BulkResult.objects.filter(action=action_id, why__contains=NOT_AUTHORIZED)
    if action is None or not (number := denied.count()):
        return
    audit.note(
        user=_who_asked(action),
        door=AuditDoor.PAGE,
        action="bulk_undo" if action.undoes_id else "jobs_bulk",
        target=f"{action.kind.lower()}: {number} of {action.total} jobs",
        status=REFUSED_STATUS,
        address=action.address,
        now=now,
    )


def _results(
    action: BulkAction, start: int, job_ids: Sequence[str], outcome: _Outcome
) -> list[BulkResult]:
    """What became of each job of a portion that begins at this position."""
    refused = {each["job"]: each["why"] for each in outcome.problems}
    rows = []
    for position, job_id in enumerate(map(UUID, job_ids), start):
        row = BulkResult(action=action, position=position, job=job_id)
        if job_id in outcome.again:
            row.outcome, row.again = BulkOutcome.CHANGED, outcome.again[job_id]
        elif (text := text_of(job_id)) in refused:
            row.outcome, row.why = BulkOutcome.REFUSED, refused[text]
        else:
            row.outcome, row.why = BulkOutcome.UNTOUCHED, outcome.why.get(job_id, "")
        rows.append(row)
    return rows


def _carry_out(
    action: BulkAction, kind: BulkKind, job_ids: Sequence[UUID], now: datetime
) -> _Outcome:
    jobs = visible_jobs(action.owner).in_bulk(job_ids)
    outcome = _Outcome()
    for job_id in job_ids:
        if job_id not in jobs:
            outcome.problems.append(_problem(job_id, f"There is no job {text_of(job_id)}."))
    if kind is not BulkKind.RERUN:
        _leave_out_denied(action, kind, jobs, outcome, now)
    found = list(jobs.values())
    if kind is BulkKind.RERUN:
        for job in found:
            _rerun(action, job, outcome, now)
    else:
        changed = stop_jobs(jobs=found, kind=STOP_KIND[kind], reason=action.reason, now=now)
        outcome.changed = len(changed)
        outcome.again = dict.fromkeys(changed)
        outcome.untouched, outcome.why = _untouched(jobs.keys() - changed)
    return outcome


def _leave_out_denied(
    action: BulkAction, kind: BulkKind, jobs: dict[UUID, Job], outcome: _Outcome, now: datetime
) -> None:
    """Takes those from the jobs that the access policies of who asked deny; each is a problem."""
    by = _who_asked(action)
    policies = policies_of(by)
    if not policies:
        return
    context = Context(base_context(user=by, now=now, address=action.address))
    action_name = TERMINATE_JOB if kind is BulkKind.TERMINATE else CANCEL_JOB
    for job_id, resource in zip(list(jobs), of_jobs(list(jobs)), strict=True):
        try:
            authorize(
                user=by,
                action=action_name,
                resources=[resource],
                context=context,
                policies=policies,
            )
        except PermissionDenied as refused:
            del jobs[job_id]
            outcome.problems.append(_problem(job_id, str(refused)))


def _untouched(job_ids: Collection[UUID]) -> tuple[list[dict[str, str]], dict[UUID, str]]:
    """The first jobs that there was nothing to end of, as they are now, and of all of them why."""
    if not job_ids:
        return [], {}
    rows = list(Job.objects.filter(id__in=job_ids).order_by("id"))
    why = {
        job.id: reasons.not_ended(
            "It",
            has_ended=job.status in TERMINAL,
            was_asked=job.stop_requested_at is not None,
        )
        for job in rows
    }
    first = [
        {"job": text_of(job.id), "name": job.name, "status": job.status, "why": why[job.id]}
        for job in rows[:MAX_UNTOUCHED]
    ]
    return first, why


def _rerun(action: BulkAction, job: Job, outcome: _Outcome, now: datetime) -> None:
    # What is taken back is for whose it was, also where an administrator had cancelled it.
    owner = action.owner if action.undoes_id is None else job.owner
    try:
        again = rerun_job(
            owner=owner, job=job, now=now, by=_who_asked(action), address=action.address
        )
        outcome.changed += 1
        outcome.again[job.id] = again.id
    except (Conflict, PermissionDenied) as refused:
        outcome.problems.append(_problem(job.id, str(refused)))


def _who_asked(action: BulkAction) -> User:
    return action.asked_by or action.owner


def _problem(job_id: UUID, why: str) -> dict[str, str]:
    return {"job": text_of(job_id), "why": why}


def _kind(value: object) -> str:
    if value not in BulkKind.values:
        raise FieldError(f"An action is one of {', '.join(BulkKind.values)}.")
    return str(value)
