"""Jobs as AWS Batch describes them (`JobDetail`). Pure: of rows that were read.

Answers of DescribeJobs and the `detail` of events are made here.
"""

from collections.abc import Sequence
from datetime import datetime

from jobs.domain import arns, ids
from jobs.domain.arns import Arns
from jobs.domain.states import PLACED, TERMINAL
from jobs.models import Attempt, DependencyType, Job, JobDependency, JobStatus, StopKind
from jobs.selectors.job_details import JobRows, decider_of, main_node_of, tags_of

from .definitions import definition_arn
from .tries import (
    Shape,
    attempt_details,
    millis,
    newest_try,
    started_at,
    stopped_at,
    work_detail,
)

# Statuses in which the newest try is the one that counts: a job that waits again has none.
WITH_TRY = PLACED | TERMINAL


def job_detail(realm: Arns, rows: JobRows, now: datetime) -> Shape:
    """`JobDetail` of a job, an array's parent or child, or a multi-node job as a whole.

    `now` is when its array's children were counted.
    """
    job = rows.job
    newest = newest_try(rows.attempts) if job.status in WITH_TRY else []
    return {
        **_head(realm, job, ids.text_of(job.id)),
        "status": job.status,
        "statusReason": job.status_reason or None,
        "attempts": attempt_details(realm, job, rows.attempts, rows.try_reasons),
        # AWS's model has it in every answer; nothing has started at the epoch.
        "startedAt": millis(job.started_at) or 0,
        "stoppedAt": millis(job.stopped_at),
        "dependsOn": _depends_on(job, rows.dependencies),
        **_work(realm, job, newest),
        **_array(job, now),
    }


def node_detail(realm: Arns, rows: JobRows, index: int) -> Shape:
    """`JobDetail` of one node of a multi-node job, `<id>#<index>`."""
    job = rows.job
    attempts = [each for each in rows.attempts if each.node_index == index]
    newest = newest_try(attempts) if job.status in WITH_TRY else []
    return {
        **_head(realm, job, f"{ids.text_of(job.id)}#{index}"),
        "status": _status_of_node(job, newest),
        "statusReason": (newest and _decider(newest).status_reason) or job.status_reason or None,
        "attempts": attempt_details(realm, job, attempts),
        "startedAt": millis(started_at(newest)) or 0,
        "stoppedAt": millis(stopped_at(newest)) or millis(job.stopped_at),
        "dependsOn": _depends_on(job, rows.dependencies),
        **work_detail(realm, job, newest, node_index=index),
        "nodeDetails": {"nodeIndex": index, "isMainNode": index == main_node_of(job)},
    }


def _head(realm: Arns, job: Job, text: str) -> Shape:
    """What is so from the start."""
    spec, definition = job.spec, job.definition
    return {
        "jobArn": realm.of(arns.JOB, text),
        "jobId": text,
        "jobName": job.name,
        "jobQueue": realm.of(arns.JOB_QUEUE, job.queue.name),
        "jobDefinition": definition_arn(realm, definition),
        "shareIdentifier": job.share_identifier or None,
        "schedulingPriority": job.scheduling_priority if job.share_identifier else None,
        "createdAt": millis(job.created_at),
        "retryStrategy": {
            "attempts": job.attempts_allowed,
            "evaluateOnExit": spec.evaluate_on_exit,
        },
        "timeout": (
            {"attemptDurationSeconds": job.timeout_seconds} if job.timeout_seconds else None
        ),
        "parameters": spec.parameters,
        "tags": tags_of(job),
        "propagateTags": spec.propagate_tags,
        "platformCapabilities": definition.extra.get("platformCapabilities", []),
        "consumableResourceProperties": (
            {"consumableResourceList": spec.consumables} if spec.consumables else None
        ),
        "isCancelled": job.stop_kind in {StopKind.CANCEL, StopKind.QUEUE_RULE},
        "isTerminated": job.stop_kind == StopKind.TERMINATE,
    }


def _work(realm: Arns, job: Job, newest: Sequence[Attempt]) -> Shape:
    if job.spec.node_properties:
        return {"nodeProperties": job.spec.node_properties}
    return work_detail(realm, job, newest)


def _array(job: Job, now: datetime) -> Shape:
    if job.array_index is not None:
        return {"arrayProperties": {"index": job.array_index, "statusSummary": {}}}
    if job.array_size is None:
        return {}
    counts = job.array_summary.counts()
    return {
        "arrayProperties": {
            "size": job.array_size,
            "statusSummary": {status.value: count for status, count in counts.items()},
            "statusSummaryLastUpdatedAt": millis(job.stopped_at or now),
        }
    }


def _depends_on(job: Job, edges: Sequence[JobDependency]) -> list[Shape]:
    """As it was given; a child of an array waits for its counterpart, or for the child before it."""
    index = job.array_index
    found: list[Shape] = []
    for edge in edges:
        if edge.type == DependencyType.N_TO_N and index is not None:
            found.append({"jobId": ids.text_of(ids.child_id(edge.on_id, index))})
        else:
            found.append({"jobId": ids.text_of(edge.on_id), "type": edge.type or None})
    if job.spec.sequential and index is None:
        found.append({"type": "SEQUENTIAL"})
    elif job.spec.sequential and index:
        found.append({"jobId": ids.text_of(ids.child_id(ids.parent_id(job.id), index - 1))})
    return found


def _status_of_node(job: Job, newest: Sequence[Attempt]) -> str:
    if not newest:
        return job.status
    if any(each.ended_at is None for each in newest):
        runs = any(each.started_at is not None for each in newest)
        return JobStatus.RUNNING if runs else JobStatus.STARTING
    return JobStatus.SUCCEEDED if _decider(newest).exit_code == 0 else JobStatus.FAILED


def _decider(node: Sequence[Attempt]) -> Attempt:
    return decider_of(node, node_index=node[0].node_index)
