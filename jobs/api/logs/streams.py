"""Log streams: what there is to be read."""

from datetime import datetime
from typing import Any

from jobs.models import LogStream
from jobs.selectors.logs import events as selectors
from jobs.selectors.logs.events import NS_PER_MS

from ..calls import Caller, Operation, Request
from .common import content_of, group_arn, group_of, in_logs_words, invalid, token_of

MAX_STREAMS = 50
BY_TIME = "LastEventTime"


def describe_log_streams(caller: Caller, request: Request, now: datetime) -> dict[str, Any]:
    """The streams of a group, by name or by the time of their newest event."""
    group = group_of(caller, request)
    by_time = request.get("orderBy") == BY_TIME
    descending = bool(request.get("descending"))
    prefix, token = request.get("logStreamNamePrefix"), request.get("nextToken")
    if by_time and prefix is not None:
        raise invalid("Cannot order by LastEventTime with a logStreamNamePrefix.")
    limit = request.get("limit", MAX_STREAMS)
    rows = selectors.list_streams(
        selectors.streams_of(user=caller.user, group=group),
        prefix=prefix,
        by_time=by_time,
        descending=descending,
        after=_after(token, by_time, descending) if token is not None else None,
        limit=limit + 1,
    )
    shown = rows[:limit]
    more = len(rows) > limit
    return {
        "logStreams": [_shape(caller, row) for row in shown],
        "nextToken": _token(shown[-1], by_time, descending) if more else None,
    }


def _token(row: LogStream, by_time: bool, descending: bool) -> str:
    key = [row.last_ns, row.id] if by_time else [row.name]
    return token_of("DescribeLogStreams", by_time, descending, key)


def _after(token: str, by_time: bool, descending: bool) -> list[Any]:
    *order, key = content_of("DescribeLogStreams", token)
    if order != [by_time, descending]:
        raise invalid("The specified nextToken is of another order.")
    return list(key)


def _shape(caller: Caller, row: LogStream) -> dict[str, Any]:
    made = row.created_at or row.attempt.started_at or row.attempt.placed_at
    times = {}
    if row.line_count:
        last = row.last_ns // NS_PER_MS
        times = {
            "firstEventTimestamp": row.first_ns // NS_PER_MS,
            "lastEventTimestamp": last,
            "lastIngestionTime": last,
        }
    return {
        "logStreamName": row.name,
        "creationTime": int(made.timestamp() * 1000),
        **times,
        "arn": f"{group_arn(caller, row.group)}:log-stream:{row.name}",
        # As AWS gives it, for every stream, since 2019.
        "storedBytes": 0,
    }


OPERATIONS = {
    "DescribeLogStreams": Operation(
        in_logs_words(describe_log_streams),
        "Streams of jobs that the caller may see. `uploadSequenceToken` is left out: nobody else writes.",
    ),
}
