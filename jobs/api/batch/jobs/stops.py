"""CancelJob, TerminateJob, and both for many jobs at once."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied

from jobs.domain.access_actions import CANCEL_JOB, TERMINATE_JOB
from jobs.models import REFUSED_STATUS, AuditDoor, StopKind
from jobs.selectors.jobs import visible_jobs
from jobs.services.access import audit
from jobs.services.requests.stop import stop_jobs

from ...calls import Caller, Operation, Request
from ...errors import client_error, shown
from ...permissions import refused_jobs
from ..names import JobName, job_named

MAX_JOBS = 50
NO_ID = (
    "{text} is no job's id, such as 0197a3c4-5b6d-7e8f-9a0b-1c2d3e4f4000, or <array's id>:<index>."
)
A_NODE = "{text} is one node of a multi-node parallel job. Its nodes end together: give the id of the job."


def cancel_job(caller: Caller, request: Request, now: datetime) -> Mapping[str, Any]:
    """Fails a job that is not placed yet; for any other it does nothing, and answers the same."""
    return _stop_one(caller, request, StopKind.CANCEL, now)


def terminate_job(caller: Caller, request: Request, now: datetime) -> Mapping[str, Any]:
    """Ends a job in whatever state; for one that has ended it does nothing, and answers the same."""
    return _stop_one(caller, request, StopKind.TERMINATE, now)


def cancel_jobs(caller: Caller, request: Request, now: datetime) -> Mapping[str, Any]:
    """CancelJob of up to 50 jobs, all in one transaction."""
    return _stop_many(caller, request, StopKind.CANCEL, now)


def terminate_jobs(caller: Caller, request: Request, now: datetime) -> Mapping[str, Any]:
    """TerminateJob of up to 50 jobs, all in one transaction."""
    return _stop_many(caller, request, StopKind.TERMINATE, now)


def check_ids(given: Sequence[str]) -> list[str]:
    """The ids of a request for many jobs, each once. Raises ApiError if there are none, or too many."""
    if not 1 <= len(given) <= MAX_JOBS:
        raise client_error(f"jobs: Give 1 to {MAX_JOBS} ids, not {len(given)}.")
    # A dict, for the order.
    return list(dict.fromkeys(given))


def _stop_one(caller: Caller, request: Request, kind: StopKind, now: datetime) -> Mapping[str, Any]:
    name = job_named(caller, request["jobId"])
    wrong = _problem(request["jobId"], name)
    if wrong:
        raise client_error(f"jobId: {wrong}")
    assert name is not None
    for why in _stop(caller, [name], kind, request["reason"], now).values():
        raise PermissionDenied(why)
    return {}


def _stop_many(
    caller: Caller, request: Request, kind: StopKind, now: datetime
) -> Mapping[str, Any]:
    texts = check_ids(request["jobs"])
    named = {text: job_named(caller, text) for text in texts}
    wrong = {text: _problem(text, name) for text, name in named.items()}
    right = {text: name for text, name in named.items() if name is not None and not wrong[text]}
    refused = _stop(caller, list(right.values()), kind, request["reason"], now)
    denied = {text: refused[name.job_id] for text, name in right.items() if name.job_id in refused}
    if denied:
        # The answer is 200.
        audit.note(
            user=caller.user,
            door=AuditDoor.API,
            action="TerminateJobs" if kind is StopKind.TERMINATE else "CancelJobs",
            target=", ".join(denied),
            status=REFUSED_STATUS,
            address=caller.address,
            now=now,
        )
    return {
        # One that is not found is nobody's to end any more: AWS counts it as done.
        "successful": [text for text in texts if not wrong[text] and text not in denied],
        "errors": [
            {"job": text, "code": "ValidationException", "message": wrong[text]}
            for text in texts
            if wrong[text]
        ]
        + [
            {"job": text, "code": "AccessDeniedException", "message": why}
            for text, why in denied.items()
        ],
    }


def _stop(
    caller: Caller, names: Sequence[JobName], kind: StopKind, reason: str, now: datetime
) -> dict[UUID, str]:
    """Ends those that the caller sees and may end; of those that he may not, why."""
    found = visible_jobs(caller.user).filter(pk__in=[name.job_id for name in names])
    jobs = list(found.order_by("pk"))
    action = TERMINATE_JOB if kind is StopKind.TERMINATE else CANCEL_JOB
    refused = {job.pk: why for job, why in refused_jobs(caller, jobs, action, now).items()}
    allowed = [job for job in jobs if job.pk not in refused]
    stop_jobs(jobs=allowed, kind=kind, reason=reason, now=now)
    return refused


def _problem(text: str, name: JobName | None) -> str:
    """Why this cannot be ended; empty if it can, or if there is no such job (any more)."""
    told = shown(text) or "An empty text"
    if name is None:
        return NO_ID.format(text=told)
    return A_NODE.format(text=told) if name.node_index is not None else ""


_AT_ONCE = (
    "A PENDING job is cancelled at once, also while it waits for others. Others' jobs are as if they did not "
    "exist. The nodes of a multi-node parallel job cannot be ended one by one."
)

OPERATIONS: dict[str, Operation] = {
    "CancelJob": Operation(cancel_job, _AT_ONCE),
    "CancelJobs": Operation(cancel_jobs, _AT_ONCE),
    "TerminateJob": Operation(terminate_job, _AT_ONCE),
    "TerminateJobs": Operation(terminate_jobs, _AT_ONCE),
}
