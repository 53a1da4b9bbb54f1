"""Log events: of one stream, in both directions, and a search over the streams of a group."""

from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from jobs.domain.filters.expressions import MAX_EXPRESSIONS
from jobs.models import LogStream
from jobs.selectors.logs import events as selectors
from jobs.selectors.logs.events import Cursor, EventPage, LogEvent, Place, Window

from ..calls import Caller, Operation, Request
from .common import (
    content_of,
    group_of,
    in_logs_words,
    invalid,
    pattern_of,
    stream_of,
    token_of,
)

MAX_EVENTS = 10_000
FORWARD, BACKWARD = "f", "b"


def get_log_events(caller: Caller, request: Request, now: datetime) -> dict[str, Any]:
    """A page of a stream. At either end its token in that direction is the one that was given."""
    stream = stream_of(caller, group_of(caller, request), request["logStreamName"])
    window = Window.of_ms(request.get("startTime"), request.get("endTime"))
    limit = request.get("limit", MAX_EVENTS)
    page = _page(stream, request, window, limit)
    return {
        "events": [
            {
                "timestamp": event.timestamp_ms,
                "message": event.message,
                "ingestionTime": event.timestamp_ms,
            }
            for event in page.events
        ],
        "nextForwardToken": _place_token(FORWARD, stream, page.after),
        "nextBackwardToken": _place_token(BACKWARD, stream, page.before),
    }


def _page(stream: LogStream, request: Request, window: Window, limit: int) -> EventPage:
    token = request.get("nextToken")
    direction = FORWARD if request.get("startFromHead") else BACKWARD
    line = 0 if direction == FORWARD else stream.line_count
    if token is not None:
        direction, line = _place_in(token, stream)
    if direction == FORWARD:
        return selectors.page_after(stream=stream, start=line, window=window, limit=limit)
    return selectors.page_before(stream=stream, end=line, window=window, limit=limit)


def _place_token(direction: str, stream: LogStream, line: int) -> str:
    return f"{direction}/{token_of('GetLogEvents', direction, stream.id, line)}"


def _place_in(token: str, stream: LogStream) -> tuple[str, int]:
    """Direction and line. Raises ApiError for a token of anything but this stream."""
    given, _, text = token.partition("/")
    direction, stream_id, line = content_of("GetLogEvents", text)
    if (direction, stream_id) != (given, stream.id):
        raise invalid("The specified nextToken is invalid.")
    return direction, line


def filter_log_events(caller: Caller, request: Request, now: datetime) -> dict[str, Any]:
    """Events of a group's streams that match, oldest first."""
    if request.get("startFromHead") is False:
        raise invalid("startFromHead: Batchweb gives the oldest events first. Leave it out.")
    group = group_of(caller, request)
    end = request.get("endTime")
    pattern = pattern_of(request.get("filterPattern"))
    found = selectors.search(
        streams=_chosen(caller, request, group),
        # What is of the very end is in it, unlike GetLogEvents'.
        window=Window.of_ms(request.get("startTime"), None if end is None else end + 1),
        matches=pattern.selects,
        weight=pattern.weight,
        cursor=_cursor_in(request),
        limit=request.get("limit", MAX_EVENTS),
    )
    cursor = found.cursor
    return {
        "events": [_filtered(name, event) for name, event in found.events],
        "searchedLogStreams": [],
        "nextToken": cursor and token_of("FilterLogEvents", *cursor[:2], *cursor.place),
    }


def _chosen(caller: Caller, request: Request, group: str) -> QuerySet[LogStream]:
    names, prefix = request.get("logStreamNames"), request.get("logStreamNamePrefix")
    return chosen_streams(caller, group, names, [prefix] if prefix else None)


def chosen_streams(
    caller: Caller, group: str, names: list[str] | None, prefixes: list[str] | None
) -> QuerySet[LogStream]:
    """Those of a group's streams that have these names, or begin so. Raises ApiError."""
    if names is not None and prefixes is not None:
        raise invalid("Give names of log streams or prefixes of them, and not both.")
    if names is not None and len(names) == 1:
        # AWS, too, refuses the whole search for one stream that there is not.
        stream_of(caller, group, names[0])
    return selectors.some_streams_of(user=caller.user, group=group, names=names, prefixes=prefixes)


def _filtered(name: str, event: LogEvent) -> dict[str, Any]:
    return {
        "logStreamName": name,
        "timestamp": event.timestamp_ms,
        "message": event.message,
        "ingestionTime": event.timestamp_ms,
        "eventId": event.id,
    }


def _cursor_in(request: Request) -> Cursor:
    token = request.get("nextToken")
    if token is None:
        return Cursor()
    after_id, until_id, *place = content_of("FilterLogEvents", token)
    return Cursor(after_id, until_id, Place(*place))


_LINES = (
    "An event is a line as the container printed it; the engine cuts lines of more than 16 KiB. "
    "`ingestionTime` is the line's own time."
)
SEARCHED = (
    f"Of a line, its first {selectors.SEARCHED_BYTES_OF_LINE // 1024} KiB are searched. "
    f"A pattern has at most {MAX_EXPRESSIONS} regular expressions."
)
OPERATIONS = {
    "GetLogEvents": Operation(in_logs_words(get_log_events), _LINES),
    "FilterLogEvents": Operation(
        in_logs_words(filter_log_events),
        f"{_LINES} {SEARCHED} A page ends after a second of searching, with a `nextToken` that goes on there. "
        f"Always oldest first; over more than {selectors.SEARCH_STREAMS} streams, in the order "
        "of time within each so many of them. `?` terms do not count beside others.",
    ),
}
