"""StartLiveTail: lines as they are printed, for as long as somebody listens."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from django.db.models import QuerySet
from django.utils import timezone

from jobs.domain.filter_patterns import Matches
from jobs.models import LogStream
from jobs.selectors import log_events as selectors
from jobs.selectors.log_events import NS_PER_MS, LogEvent, Window
from jobs.selectors.log_groups import find_group
from jobs.selectors.logs import LogUnreadable, line_at
from jobs.services.setup.log_groups import NO_GROUP

from ..calls import Caller, Operation, Request
from ..threads import read_in_thread
from .common import group_name_in, in_logs_words, invalid, matcher, not_found
from .events import chosen_streams

SESSION = timedelta(hours=3)
TICK_SECONDS = 1.0
MAX_EVENTS = 500
MAX_STREAMS = 500
# What comes later than this after it was printed is not live any more.
PATIENCE_NS = 5 * 60 * 1_000_000_000

Update = tuple[str, Mapping[str, Any]]


def start_live_tail(caller: Caller, request: Request, now: datetime) -> dict[str, Any]:
    """What is printed from now on to the groups' streams."""
    identifiers = request["logGroupIdentifiers"]
    names, prefixes = request.get("logStreamNames"), request.get("logStreamNamePrefixes")
    if len(identifiers) > 1 and (names or prefixes):
        raise invalid("Streams can be chosen of a single log group only.")
    groups: list[QuerySet[LogStream]] = []
    for identifier in identifiers:
        group = group_name_in(caller, identifier)
        if find_group(group) is None:
            raise not_found(NO_GROUP)
        groups.append(chosen_streams(caller, group, names, prefixes))
    tail = _Tail(
        caller.arns.account, groups, matcher(request.get("logEventFilterPattern")), _ns_of(now)
    )
    start = {**request, "requestId": str(uuid4()), "sessionId": str(uuid4())}
    return {"responseStream": _updates(tail, start, now)}


async def _updates(
    tail: "_Tail", start: Mapping[str, Any], began_at: datetime
) -> AsyncIterator[Update]:
    yield "sessionStart", start
    while (now := timezone.now()) < began_at + SESSION:
        # Nothing is held meanwhile: neither a thread nor a connection to the database.
        await asyncio.sleep(TICK_SECONDS)
        yield await read_in_thread(tail.read, now)
    yield "SessionTimeoutException", {"message": "The session has been open for three hours."}


@dataclass(slots=True)
class _Tail:
    """What of which stream was told."""

    account: str
    groups: list[QuerySet[LogStream]]
    matches: Matches
    start_ns: int
    # By stream, the next line to tell; of those that were printed to lately.
    _next: dict[int, int] = field(default_factory=dict)

    def read(self, now: datetime) -> Update:
        """What is new. If that is too much for one update, the rest of it is left out, as AWS does."""
        window = Window(max(self.start_ns, _ns_of(now) - PATIENCE_NS))
        found: list[tuple[LogStream, LogEvent]] = []
        following: dict[int, int] = {}
        sampled = False
        try:
            for stream in self._streams(window):
                known = self._next.get(stream.id)
                following[stream.id] = stream.line_count
                if known == stream.line_count:
                    continue
                line = line_at(stream=stream, ns=window.start_ns) if known is None else known
                room = MAX_EVENTS - len(found)
                new, was_cut = self._new_events(stream, line, window, room)
                found += [(stream, event) for event in new]
                sampled |= was_cut
        except LogUnreadable as error:
            return "SessionStreamingException", {"message": str(error)}
        self._next = following
        found.sort(key=lambda each: each[1].id)
        results = [self._result(stream, event) for stream, event in found]
        return "sessionUpdate", {
            "sessionMetadata": {"sampled": sampled},
            "sessionResults": results,
        }

    def _streams(self, window: Window) -> list[LogStream]:
        return [
            stream
            for streams in self.groups
            for stream in selectors.newest_streams(
                streams, since_ns=window.start_ns, limit=MAX_STREAMS
            )
        ]

    def _new_events(
        self, stream: LogStream, line: int, window: Window, room: int
    ) -> tuple[list[LogEvent], bool]:
        """Events that match and fit, and whether there were more."""
        page = selectors.page_after(stream=stream, start=line, window=window, limit=10 * MAX_EVENTS)
        new = [event for event in page.events if self.matches(event.message)]
        return new[:room], len(new) > room or page.after < stream.line_count

    def _result(self, stream: LogStream, event: LogEvent) -> dict[str, Any]:
        return {
            "logStreamName": stream.name,
            "logGroupIdentifier": f"{self.account}:{stream.group}",
            "message": event.message,
            "timestamp": event.timestamp_ms,
            "ingestionTime": event.timestamp_ms,
        }


def _ns_of(at: datetime) -> int:
    return int(at.timestamp() * 1000) * NS_PER_MS


OPERATIONS = {
    "StartLiveTail": Operation(
        in_logs_words(start_live_tail),
        "SDKs put `stream-` before the endpoint's host: turn that off with "
        "`AWS_DISABLE_HOST_PREFIX_INJECTION=true`, or `inject_host_prefix=False` in boto3's `Config`. "
        "Where more than 500 lines come in a second, the first ones are told.",
    ),
}
