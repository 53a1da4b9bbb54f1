"""The nodes of a multi-node parallel job, as ListJobs gives them."""

from collections.abc import Sequence
from typing import Any

from jobs.domain.definitions.node_properties import MAX_NODES
from jobs.selectors.job_details import JobRows, read_details

from ...calls import Caller, Request
from ...paging import ListPage, page
from ..names import job_named
from ..shapes.jobs import node_detail
from ..shapes.summaries import asked_to_end, capacity
from ..shapes.tries import Shape

MOST = 1000
# What a summary has of the description, by the same names.
AS_DESCRIBED = (
    "jobArn",
    "jobId",
    "jobName",
    "jobDefinition",
    "createdAt",
    "status",
    "statusReason",
    "shareIdentifier",
    "stoppedAt",
)


def nodes_page(caller: Caller, request: Request, operation: str, status: str) -> ListPage[Shape]:
    """The nodes of a visible job that have this status, in their order; none of a job that has no nodes.

    Three queries. Raises ApiError for a bad token or size.
    """
    named = job_named(caller, request["multiNodeJobId"])
    found = _nodes_of(caller, named.job_id) if named and named.node_index is None else []
    nodes = [each for each in found if each["status"] == status]

    def read(after: Any, limit: int) -> Sequence[Shape]:
        later = [each for each in nodes if after is None or _index(each) > after]
        return later[:limit]

    return page(request, operation, read, key=_index, default=MOST, most=MOST)


def _nodes_of(caller: Caller, job_id: Any) -> list[Shape]:
    rows = read_details(user=caller.user, job_ids=[job_id], nodes=range(MAX_NODES)).get(job_id)
    if rows is None or not rows.job.spec.node_properties:
        return []
    return [_summary(caller, rows, index) for index in range(rows.job.node_count)]


def _summary(caller: Caller, rows: JobRows, index: int) -> Shape:
    detail = node_detail(caller.arns, rows, index)
    newest = [
        each
        for each in rows.attempts
        if each.node_index == index and each.number == rows.job.attempts_made
    ]
    ended = detail.get("container") or {}
    return {
        **{name: detail.get(name) for name in AS_DESCRIBED},
        "startedAt": detail["startedAt"] or None,
        "container": {"exitCode": ended.get("exitCode"), "reason": ended.get("reason")},
        "capacityUsage": capacity(sum(each.milli_vcpus for each in newest)) if newest else None,
        "nodeProperties": {
            "isMainNode": detail["nodeDetails"]["isMainNode"],
            "numNodes": rows.job.node_count,
            "nodeIndex": index,
        },
        **asked_to_end(rows.job),
    }


def _index(node: Shape) -> int:
    index: int = node["nodeProperties"]["nodeIndex"]
    return index
