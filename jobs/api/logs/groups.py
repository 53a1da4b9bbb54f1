"""Log groups."""

from datetime import datetime
from typing import Any

from jobs.models import LogGroup
from jobs.selectors.logs import groups as selectors
from jobs.services.setup import log_groups as services

from ..calls import Caller, Operation, Request
from .common import (
    content_of,
    group_arn,
    group_name_in,
    in_logs_words,
    invalid,
    not_found,
    token_of,
)

MAX_GROUPS = 50
MAX_TAG_KEY_CHARACTERS = 128


def describe_log_groups(caller: Caller, request: Request, now: datetime) -> dict[str, Any]:
    """The groups, by name."""
    prefix, pattern = request.get("logGroupNamePrefix"), request.get("logGroupNamePattern")
    identifiers = request.get("logGroupIdentifiers")
    if sum(each is not None for each in (prefix, pattern, identifiers)) > 1:
        raise invalid(
            "Give one of logGroupNamePrefix, logGroupNamePattern and logGroupIdentifiers only."
        )
    if request.get("logGroupClass", "STANDARD") != "STANDARD":
        return {"logGroups": []}
    limit, token = request.get("limit", MAX_GROUPS), request.get("nextToken")
    rows = selectors.list_groups(
        after=content_of("DescribeLogGroups", token)[0] if token is not None else "",
        limit=limit + 1,
        prefix=prefix or "",
        holding=pattern or "",
        names=None
        if identifiers is None
        else [group_name_in(caller, each) for each in identifiers],
    )
    shown = rows[:limit]
    return {
        "logGroups": [_shape(caller, row) for row in shown],
        "nextToken": token_of("DescribeLogGroups", shown[-1].name) if len(rows) > limit else None,
    }


def _shape(caller: Caller, row: LogGroup) -> dict[str, Any]:
    arn = group_arn(caller, row.name)
    return {
        "logGroupName": row.name,
        "creationTime": int(row.created_at.timestamp() * 1000) if row.pk else None,
        "retentionInDays": row.retention_days,
        "metricFilterCount": 0,
        "arn": f"{arn}:*",
        "logGroupArn": arn,
        "logGroupClass": "STANDARD",
    }


def create_log_group(caller: Caller, request: Request, now: datetime) -> dict[str, Any]:
    """Makes a group."""
    if request.get("logGroupClass", "STANDARD") != "STANDARD":
        raise invalid("logGroupClass: Batchweb has the class STANDARD only.")
    for name in ("kmsKeyId", "deletionProtectionEnabled"):
        if request.get(name):
            raise invalid(f"{name}: Batchweb does not have this. Leave it out.")
    services.create_log_group(
        user=caller.user,
        name=request["logGroupName"],
        tags=dict(request.get("tags", {})),
        now=now,
    )
    return {}


def delete_log_group(caller: Caller, request: Request, now: datetime) -> dict[str, Any]:
    """Deletes a group that nothing logs to."""
    services.delete_log_group(user=caller.user, name=request["logGroupName"])
    return {}


def put_retention_policy(caller: Caller, request: Request, now: datetime) -> dict[str, Any]:
    """Notes how long logs are to be kept."""
    days = request["retentionInDays"]
    services.set_retention(user=caller.user, name=request["logGroupName"], days=days, now=now)
    return {}


def delete_retention_policy(caller: Caller, request: Request, now: datetime) -> dict[str, Any]:
    """Notes that logs are to be kept for ever."""
    services.set_retention(user=caller.user, name=request["logGroupName"], days=None, now=now)
    return {}


def tag_resource(caller: Caller, request: Request, now: datetime) -> dict[str, Any]:
    """Adds tags to a group."""
    name = _tagged(caller, request)
    services.tag_log_group(user=caller.user, name=name, tags=dict(request["tags"]), now=now)
    return {}


def untag_resource(caller: Caller, request: Request, now: datetime) -> dict[str, Any]:
    """Takes tags from a group."""
    name = _tagged(caller, request)
    services.untag_log_group(user=caller.user, name=name, keys=list(request["tagKeys"]), now=now)
    return {}


def list_tags_for_resource(caller: Caller, request: Request, now: datetime) -> dict[str, Any]:
    """The tags of a group."""
    group = selectors.find_group(_tagged(caller, request))
    if group is None:
        raise not_found(services.NO_GROUP)
    return {"tags": group.tags or None}


def _tagged(caller: Caller, request: Request) -> str:
    arn = request["resourceArn"]
    if not arn.startswith("arn:"):
        raise invalid("resourceArn: Give the ARN of a log group.")
    return group_name_in(caller, arn)


_ADMINISTRATORS = "Administrators only."
OPERATIONS = {
    "CreateLogGroup": Operation(
        in_logs_words(create_log_group, conflict="ResourceAlreadyExistsException"),
        "Jobs log to a group whether or not it was made before: this never has to be called. "
        "Only the class `STANDARD`, without a key and without deletion protection. Above "
        f"{services.MAX_GROUPS} groups only administrators make more.",
    ),
    "DeleteLogGroup": Operation(
        in_logs_words(delete_log_group),
        f"{_ADMINISTRATORS} Logs are kept as long as their jobs: only a group that nothing was logged to "
        "is deleted.",
    ),
    "DeleteRetentionPolicy": Operation(in_logs_words(delete_retention_policy), _ADMINISTRATORS),
    "DescribeLogGroups": Operation(
        in_logs_words(describe_log_groups),
        "`storedBytes` is left out. Linked accounts are not looked at: there are none.",
    ),
    "ListTagsForResource": Operation(in_logs_words(list_tags_for_resource)),
    "PutRetentionPolicy": Operation(
        in_logs_words(put_retention_policy),
        f"{_ADMINISTRATORS} The period is noted and shown; nothing is deleted because of it.",
    ),
    "TagResource": Operation(in_logs_words(tag_resource), _ADMINISTRATORS),
    "UntagResource": Operation(in_logs_words(untag_resource), _ADMINISTRATORS),
}
