"""GetJobQueueSnapshot."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from jobs.domain import arns, ids
from jobs.models import JobQueue
from jobs.selectors.jobs import visible_jobs
from jobs.selectors.utilization import Utilization, utilization_of
from jobs.selectors.waiting.front import front_of

from ...calls import Caller, Operation, Request
from ..lookup import queue_named
from ..shapes.summaries import capacity
from ..shapes.tries import Shape, millis

# As many as AWS gives.
TOP_SHARES = 20


def get_job_queue_snapshot(caller: Caller, request: Request, now: datetime) -> Mapping[str, Any]:
    """The first RUNNABLE jobs of a queue in the order of their turns, and what its placed jobs use."""
    queue = queue_named(caller, request["jobQueue"])
    policy = queue.scheduling_policy
    has_quota_shares = policy is not None and bool(policy.quota_share_policy)
    answer: Shape = {
        "frontOfQueue": {"jobs": _front(caller, queue, now), "lastUpdatedAt": millis(now)},
        "queueUtilization": _utilization(queue, has_quota_shares, now),
    }
    if has_quota_shares:
        # Nothing can be submitted to a quota share here.
        answer["frontOfQuotaShares"] = {"quotaShares": {}, "lastUpdatedAt": millis(now)}
    return answer


def _front(caller: Caller, queue: JobQueue, now: datetime) -> list[Shape]:
    front = front_of(queue=queue, now=now)
    own = visible_jobs(caller.user).filter(pk__in=[each.job_id for each in front])
    seen = set(own.values_list("pk", flat=True))
    return [
        {
            # Of others' jobs it is told that they are there, as on the queue's page.
            "jobArn": (
                caller.arns.of(arns.JOB, ids.text_of(each.job_id)) if each.job_id in seen else None
            ),
            "earliestTimeAtPosition": millis(each.earliest_time_at_position),
        }
        for each in front
    ]


def _utilization(queue: JobQueue, has_quota_shares: bool, now: datetime) -> Shape:
    found = utilization_of(queue=queue)
    told: Shape = {
        "totalCapacityUsage": capacity(found.milli_vcpus),
        "lastUpdatedAt": millis(now),
    }
    if has_quota_shares:
        told["quotaShareUtilization"] = {"topCapacityUtilization": []}
    elif queue.scheduling_policy_id is not None:
        told["fairshareUtilization"] = _by_share(found)
    return told


def _by_share(found: Utilization) -> Shape:
    top = sorted(found.by_share.items(), key=lambda each: (-each[1], each[0]))[:TOP_SHARES]
    return {
        "activeShareCount": len(found.by_share),
        "topCapacityUtilization": [
            {"shareIdentifier": share, "capacityUsage": capacity(milli_vcpus)}
            for share, milli_vcpus in top
        ],
    }


OPERATIONS: dict[str, Operation] = {
    "GetJobQueueSnapshot": Operation(
        get_job_queue_snapshot,
        "Jobs of others have no `jobArn` unless you are an administrator. The snapshot is worked out when you "
        "ask; `earliestTimeAtPosition` is since when the job is RUNNABLE. `queueUtilization` counts everybody's use.",
    ),
}
