"""DescribeJobs."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from jobs.selectors.job_details import read_details

from ...calls import Caller, Operation, Request
from ..names import check_count, job_named
from ..shapes.jobs import job_detail, node_detail


def describe_jobs(caller: Caller, request: Request, now: datetime) -> Mapping[str, Any]:
    """Jobs in the order asked for; those that there are not, or not for the caller, are left out."""
    texts = request["jobs"]
    check_count(texts, "jobs")
    # A dict, for the order: each once.
    named = dict.fromkeys(name for text in texts if (name := job_named(caller, text)))
    found = read_details(
        user=caller.user,
        job_ids={each.job_id for each in named},
        nodes={each.node_index for each in named if each.node_index is not None},
    )
    described = []
    for name in named:
        rows = found.get(name.job_id)
        if rows is None:
            continue
        if name.node_index is None:
            described.append(job_detail(caller.arns, rows, now))
        elif name.node_index < rows.job.node_count and rows.job.spec.node_properties:
            described.append(node_detail(caller.arns, rows, name.node_index))
    return {"jobs": described}


OPERATIONS = {
    "DescribeJobs": Operation(
        describe_jobs,
        "Jobs stay for as long as they are kept, not for 7 days; those of others are left out unless you are an "
        "administrator. `statusReason` of a job that waits says in detail why.",
    )
}
