"""Events in the shape of EventBridge, made of the rows that tell what happened.

An event is not stored: its row is, and the job. So its `detail`, which is DescribeJobs' `JobDetail`, is written of
the job's rows as they were then. Sources: AWS Batch User Guide, "Job state change events" and "Job queue
blocked events"; EventBridge User Guide, "AWS service event metadata".
"""

import copy
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

from jobs.domain import arns
from jobs.domain.arns import Arns
from jobs.domain.events import DetailType
from jobs.domain.states import PLACED, TERMINAL, JobStatus
from jobs.models import Attempt, Job, NodeTransition, QueueBlock, StopKind, Transition
from jobs.selectors.events.history import EventRow
from jobs.selectors.job_details import JobRows, details_of
from jobs.selectors.realm import arns as realm_of_settings

from .batch.shapes.jobs import job_detail, node_detail
from .protocols.json_body import Readable, write_object

# Of names that start with what an event is about: a UUID of our own, so that no other's can be the same.
EVENT_IDS = UUID("5b0f7a52-0d0c-4a39-9d5b-6c1f9c5a3a11")
_LOG_STREAM = Attempt._meta.get_field("log_stream")


@dataclass(frozen=True, slots=True)
class _Moment:
    """How a job was at some time: in its try number `current` (0: in none), with so many tries behind it."""

    at: datetime
    status: str
    reason: str
    current: int
    ended: int


def events_as_json(rows: Sequence[EventRow]) -> list[str]:
    """Each row's event as JSON text. A constant number of queries for all of them.

    The rows were read with their jobs, and these with queue, definition, spec and array summary.
    """
    written = _writer(rows)
    return [write_object(written(row)).decode() for row in rows]


def events_to_read(rows: Sequence[EventRow]) -> Callable[[EventRow], dict[str, Any]]:
    """What gives the event of each of these rows as who reads its JSON has it, to be looked at and not changed.

    Long lists that jobs of one submission share, such as their variables, are one list. As many queries as above.
    """
    written, readable = _writer(rows), Readable()
    return lambda row: readable.object(written(row))


def _writer(rows: Sequence[EventRow]) -> Callable[[EventRow], dict[str, Any]]:
    realm = realm_of_settings()
    jobs = {row.job.pk: row.job for row in rows}
    nodes = {row.node_index for row in rows if isinstance(row, NodeTransition)}
    details = details_of(list(jobs.values()), nodes=nodes)
    return lambda row: _event(realm, row, details[row.job_id])


def _event(realm: Arns, row: EventRow, rows: JobRows) -> dict[str, Any]:
    detail = _detail(realm, row, rows)
    resources = [detail["jobArn"]]
    if isinstance(row, QueueBlock):
        resources.append(realm.of(arns.JOB_QUEUE, row.queue.name))
    table = type(row).__name__
    return {
        "version": "0",
        "id": str(
            uuid5(EVENT_IDS, f"{realm.account}/{realm.region}/{table}/{row.pk}/{row.job_id}")
        ),
        "detail-type": DetailType.QUEUE_BLOCKED
        if isinstance(row, QueueBlock)
        else DetailType.STATE_CHANGE,
        "source": "aws.batch",
        "account": realm.account,
        "time": row.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": realm.region,
        "resources": resources,
        "detail": detail,
    }


def _detail(realm: Arns, row: EventRow, rows: JobRows) -> dict[str, Any]:
    if isinstance(row, NodeTransition):
        own = [each for each in rows.attempts if each.node_index == row.node_index]
        then = _as_then(replace(rows, attempts=own), _of_node(row))
        # Of a node that has not ended, whatever its job came to later.
        detail = node_detail(realm, then, row.node_index)
        return {**detail, "status": row.to_status, "statusReason": row.reason or None}
    moment = _of_block(row, rows) if isinstance(row, QueueBlock) else _of_transition(row, rows)
    return job_detail(realm, _as_then(rows, moment), row.at)


def _of_transition(row: Transition, rows: JobRows) -> _Moment:
    number = row.attempt_number
    if row.to_status in PLACED:
        current, ended = number, number - 1
    elif row.to_status in TERMINAL:
        # Nothing comes after it.
        current = ended = rows.job.attempts_made
    else:
        current = ended = number if row.from_status in PLACED else 0
    return _Moment(row.at, row.to_status, row.reason, current, ended)


def _of_node(row: NodeTransition) -> _Moment:
    number = row.attempt_number
    ended = number if row.to_status in TERMINAL else number - 1
    return _Moment(row.at, row.to_status, row.reason, number, ended)


def _of_block(row: QueueBlock, rows: JobRows) -> _Moment:
    tries = {each.number for each in rows.attempts if each.ended_at and each.ended_at <= row.at}
    ended = max(tries, default=0)
    return _Moment(row.at, JobStatus.RUNNABLE, row.reason, ended, ended)


def _as_then(rows: JobRows, moment: _Moment) -> JobRows:
    attempts = list(_attempts_then(rows.attempts, moment))
    return replace(rows, job=_job_then(rows.job, moment, attempts), attempts=attempts)


def _job_then(job: Job, moment: _Moment, attempts: Sequence[Attempt]) -> Job:
    then = copy.copy(job)
    then.status, then.status_reason = moment.status, moment.reason
    then.attempts_made = moment.current
    newest = [each for each in attempts if each.number == moment.current]
    in_try = moment.status in PLACED | TERMINAL
    starts = [each.started_at for each in newest if each.started_at and in_try]
    then.started_at = min(starts, default=None)
    if moment.status not in TERMINAL:
        then.stopped_at = None
    if job.stop_requested_at is None or job.stop_requested_at > moment.at:
        then.stop_kind = StopKind.NONE
    return then


def _attempts_then(attempts: Iterable[Attempt], moment: _Moment) -> Iterable[Attempt]:
    for attempt in attempts:
        if attempt.number <= moment.ended:
            yield attempt
        elif attempt.number == moment.current:
            yield _live(attempt, moment)


def _live(attempt: Attempt, moment: _Moment) -> Attempt:
    """A container of a try that was not over yet."""
    then = copy.copy(attempt)
    then.ended_at = then.stopped_at = then.exit_code = None
    then.reason = then.status_reason = ""
    started = moment.status == JobStatus.RUNNING and then.started_at is not None
    if not started or (then.started_at or moment.at) > moment.at:
        then.started_at = then.address = None
        # Its log begins with it.
        _LOG_STREAM.set_cached_value(then, None)
    return then
