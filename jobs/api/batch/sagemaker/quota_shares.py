"""Quota shares."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from jobs.domain import arns
from jobs.models import QuotaShare
from jobs.selectors.service import list_quota_shares as read_quota_shares
from jobs.services.setup import quota_shares as services

from ...calls import Caller, Operation, Request
from ...paging import page
from ..lookup import queue_named, quota_share_named, require_staff
from . import NOTHING_RUNS

LIST = "ListQuotaShares"
# AWS's names of our fields.
NAMES = {
    "queue": "jobQueue",
    "name": "quotaShareName",
    "capacity_limits": "capacityLimits",
    "resource_sharing": "resourceSharingConfiguration",
    "preemption": "preemptionConfiguration",
}
SETTINGS = {
    "capacityLimits": "capacity_limits",
    "resourceSharingConfiguration": "resource_sharing",
    "preemptionConfiguration": "preemption",
    "state": "state",
}


def create_quota_share(caller: Caller, request: Request, now: datetime) -> Mapping[str, Any]:
    """Writes a new share of a queue, which nothing is ever scheduled by."""
    require_staff(caller)
    queue = queue_named(caller, request["jobQueue"])
    fields = {"name": request["quotaShareName"], "tags": request.get("tags"), **_settings(request)}
    row = services.create_quota_share(queue=queue, fields=fields, now=now)
    return _named(caller, row)


def describe_quota_share(caller: Caller, request: Request, now: datetime) -> Mapping[str, Any]:
    """One quota share."""
    row = quota_share_named(caller, request["quotaShareArn"])
    return {**_detail(caller, row), "tags": row.tags}


def list_quota_shares(caller: Caller, request: Request, now: datetime) -> Mapping[str, Any]:
    """The quota shares of a queue, by name."""
    queue = queue_named(caller, request["jobQueue"])

    def read(after: str | None, limit: int) -> list[QuotaShare]:
        return read_quota_shares(queue=queue, after=after or "", limit=limit)

    found = page(request, LIST, read, key=lambda row: row.name)
    return {"quotaShares": [_detail(caller, row) for row in found.rows], **found.more}


def update_quota_share(caller: Caller, request: Request, now: datetime) -> Mapping[str, Any]:
    """Changes what is given of a quota share."""
    require_staff(caller)
    row = quota_share_named(caller, request["quotaShareArn"])
    services.update_quota_share(share=row, fields=_settings(request))
    return _named(caller, row)


def delete_quota_share(caller: Caller, request: Request, now: datetime) -> Mapping[str, Any]:
    """Deletes a quota share that is disabled."""
    require_staff(caller)
    services.delete_quota_share(share=quota_share_named(caller, request["quotaShareArn"]))
    return {}


def _settings(request: Request) -> dict[str, object]:
    return {SETTINGS[name]: request[name] for name in SETTINGS if name in request}


def _named(caller: Caller, row: QuotaShare) -> dict[str, Any]:
    return {
        "quotaShareName": row.name,
        "quotaShareArn": caller.arns.quota_share(row.queue.name, row.name),
    }


def _detail(caller: Caller, row: QuotaShare) -> dict[str, Any]:
    return {
        **_named(caller, row),
        "jobQueueArn": caller.arns.of(arns.JOB_QUEUE, row.queue.name),
        "capacityLimits": row.capacity_limits,
        "resourceSharingConfiguration": row.resource_sharing,
        "preemptionConfiguration": row.preemption,
        "state": row.state,
        # There is nothing to set up, so it is ready as soon as it is written.
        "status": "VALID",
    }


OPERATIONS: dict[str, Operation] = {
    "CreateQuotaShare": Operation(create_quota_share, NOTHING_RUNS, names=NAMES),
    "DescribeQuotaShare": Operation(describe_quota_share),
    LIST: Operation(list_quota_shares),
    "UpdateQuotaShare": Operation(update_quota_share, NOTHING_RUNS, names=NAMES),
    "DeleteQuotaShare": Operation(delete_quota_share),
}
