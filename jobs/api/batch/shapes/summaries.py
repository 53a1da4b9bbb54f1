"""Jobs as AWS Batch lists them (`JobSummary`). Pure, but for one query for all of a page's tries."""

from collections.abc import Sequence

from jobs.domain import arns, ids
from jobs.domain.arns import Arns
from jobs.domain.states import PLACED, TERMINAL
from jobs.models import ConsumableResource, Job, StopKind
from jobs.selectors.listing.list_jobs import LastTry, last_tries

from .definitions import definition_arn
from .tries import MAX_REASON_CHARACTERS, Shape, millis


def summaries_of(realm: Arns, jobs: Sequence[Job]) -> list[Shape]:
    """`JobSummary` of each of these jobs, which were read with their definitions and array summaries."""
    tries = last_tries(jobs)
    return [job_summary(realm, job, tries.get(job.pk)) for job in jobs]


def job_summary(realm: Arns, job: Job, last: LastTry | None) -> Shape:
    """`JobSummary` of a job, an array's parent or child, or a multi-node job as a whole."""
    text = ids.text_of(job.id)
    return {
        "jobArn": realm.of(arns.JOB, text),
        "jobId": text,
        "jobName": job.name,
        "jobDefinition": definition_arn(realm, job.definition),
        "createdAt": millis(job.created_at),
        "status": job.status,
        "statusReason": job.status_reason or None,
        "shareIdentifier": job.share_identifier or None,
        "startedAt": millis(job.started_at),
        "stoppedAt": millis(job.stopped_at),
        **_placed(job, last),
        **_kind(job),
        **asked_to_end(job),
    }


def asked_to_end(job: Job) -> Shape:
    """AWS has these members only where they are true."""
    return {
        "isCancelled": job.stop_kind in {StopKind.CANCEL, StopKind.QUEUE_RULE} or None,
        "isTerminated": job.stop_kind == StopKind.TERMINATE or None,
    }


def capacity(milli_vcpus: int) -> list[Shape]:
    """vCPUs as AWS counts capacity."""
    return [{"capacityUnit": "VCPU", "quantity": milli_vcpus / 1000}]


def consumer_summary(realm: Arns, job: Job, resource: ConsumableResource) -> Shape:
    """A job that needs a consumable resource; it was read with its queue, definition and spec."""
    needs = job.spec.consumables
    mine = [each["quantity"] for each in needs if each["consumableResource"] == resource.name]
    return {
        "jobArn": realm.of(arns.JOB, ids.text_of(job.id)),
        "jobQueueArn": realm.of(arns.JOB_QUEUE, job.queue.name),
        "jobName": job.name,
        "jobDefinitionArn": definition_arn(realm, job.definition),
        "shareIdentifier": job.share_identifier or None,
        "jobStatus": job.status,
        "quantity": sum(mine),
        "statusReason": job.status_reason or None,
        "startedAt": millis(job.started_at),
        "createdAt": millis(job.created_at),
        "consumableResourceProperties": {"consumableResourceList": needs},
    }


def _placed(job: Job, last: LastTry | None) -> Shape:
    """What there is to tell since the newest try was placed. A job that waits again has none."""
    if last is None or job.status not in PLACED | TERMINAL:
        return {}
    told = {"scheduledAt": millis(last.placed_at)}
    if job.node_count > 1:
        return told
    ended = {
        "exitCode": last.exit_code,
        "reason": last.reason[:MAX_REASON_CHARACTERS] or None,
    }
    return {**told, "container": ended}


def _kind(job: Job) -> Shape:
    if job.array_index is not None:
        return {
            "arrayProperties": {"index": job.array_index},
            "capacityUsage": capacity(job.milli_vcpus),
        }
    if job.is_array:
        counts = job.array_summary.counts()
        summary = {status.value: count for status, count in counts.items()}
        return {"arrayProperties": {"size": job.array_size, "statusSummary": summary}}
    if job.node_count > 1:
        return {"nodeProperties": {"numNodes": job.node_count}}
    return {"capacityUsage": capacity(job.milli_vcpus)}
