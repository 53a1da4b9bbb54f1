"""StartLiveTail: lines as they are printed, for as long as somebody listens."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from django.contrib.auth.models import User
from django.utils import timezone

from jobs.domain.filters.patterns import Pattern
from jobs.models import LogStream
from jobs.selectors.logs import events as selectors
from jobs.selectors.logs.events import NS_PER_MS, LogEvent, Window
from jobs.selectors.logs.groups import find_group
from jobs.selectors.logs.lines import LogUnreadable, line_at
from jobs.services.setup.log_groups import NO_GROUP
from jobs.threads import read_in_thread

from ..calls import Caller, Operation, Request
from ..errors import ApiError
from .common import group_name_in, in_logs_words, invalid, not_found, pattern_of
from .events import SEARCHED, chosen_streams
from .sessions import MAX_SESSIONS, check_room, session, user_now

SESSION = timedelta(hours=3)
TICK_SECONDS = 1.0
MAX_EVENTS = 500
MAX_STREAMS = 500
# What is searched for one update at most; of that a pattern's weight is a divisor.
TICK_BYTES = 4 * 1024 * 1024
# What comes later than this after it was printed is not live any more.
PATIENCE_NS = 5 * 60 * 1_000_000_000

END = "SessionTimeoutException"
Update = tuple[str, Mapping[str, Any]]


def start_live_tail(caller: Caller, request: Request, now: datetime) -> dict[str, Any]:
    """What is printed from now on to the groups' streams."""
    identifiers = request["logGroupIdentifiers"]
    names, prefixes = request.get("logStreamNames"), request.get("logStreamNamePrefixes")
    if len(identifiers) > 1 and (names or prefixes):
        raise invalid("Streams can be chosen of a single log group only.")
    check_room(caller.user)
    groups = [group_name_in(caller, each) for each in identifiers]
    for group in groups:
        if find_group(group) is None:
            raise not_found(NO_GROUP)
        chosen_streams(caller, group, names, prefixes)
    pattern = pattern_of(request.get("logEventFilterPattern"))
    tail = _Tail(caller, groups, names, prefixes, pattern, _ns_of(now))
    start = {**request, "requestId": str(uuid4()), "sessionId": str(uuid4())}
    return {"responseStream": _updates(tail, start, now)}


async def _updates(
    tail: "_Tail", start: Mapping[str, Any], began_at: datetime
) -> AsyncIterator[Update]:
    try:
        # Not before it is sent, so that it ends whatever becomes of the request.
        with session(tail.caller.user):
            yield "sessionStart", start
            while (now := timezone.now()) < began_at + SESSION:
                # Nothing is held meanwhile: neither a thread nor a connection to the database.
                await asyncio.sleep(TICK_SECONDS)
                update = await read_in_thread(tail.read, now)
                yield update
                if update[0] == END:
                    return
            yield _ended("The session has been open for three hours.")
    except ApiError as error:
        yield "SessionStreamingException", {"message": error.message}


def _ended(why: str) -> Update:
    return END, {"message": why}


@dataclass(slots=True)
class _Tail:
    """What of which stream was told."""

    caller: Caller
    groups: list[str]
    names: list[str] | None
    prefixes: list[str] | None
    pattern: Pattern
    start_ns: int
    # By stream, the next line to tell; of those that were printed to lately.
    _next: dict[int, int] = field(default_factory=dict)

    def read(self, now: datetime) -> Update:
        """What is new. If that is too much for one update, the rest of it is left out, as AWS does."""
        user = user_now(self.caller, now)
        if user is None:
            return _ended("The credentials of this session are not valid any more.")
        window = Window(max(self.start_ns, _ns_of(now) - PATIENCE_NS))
        try:
            found, sampled = self._new(self._streams(user, window), window)
        except LogUnreadable as error:
            return "SessionStreamingException", {"message": str(error)}
        found.sort(key=lambda each: each[1].id)
        results = [self._result(stream, event) for stream, event in found]
        return "sessionUpdate", {"sessionMetadata": {"sampled": sampled}, "sessionResults": results}

    def _streams(self, user: User, window: Window) -> list[LogStream]:
        return [
            stream
            for group in self.groups
            for stream in selectors.newest_streams(
                selectors.some_streams_of(
                    user=user, group=group, names=self.names, prefixes=self.prefixes
                ),
                since_ns=window.start_ns,
                limit=MAX_STREAMS,
            )
        ]

    def _new(
        self, streams: list[LogStream], window: Window
    ) -> tuple[list[tuple[LogStream, LogEvent]], bool]:
        """New events, and whether any were left out."""
        found: list[tuple[LogStream, LogEvent]] = []
        following: dict[int, int] = {}
        room = TICK_BYTES // self.pattern.weight
        sampled = False
        budget = selectors.Budget(selectors.SEARCH_SECONDS)
        for stream in streams:
            known = self._next.get(stream.id)
            following[stream.id] = stream.line_count
            if known == stream.line_count:
                continue
            if room <= 0 or len(found) >= MAX_EVENTS or budget.is_spent():
                sampled = True
                continue
            line = line_at(stream=stream, ns=window.start_ns) if known is None else known
            page = selectors.page_after(
                stream=stream, start=line, window=window, limit=10 * MAX_EVENTS
            )
            room -= sum(len(event.message) for event in page.events)
            new, is_all = self._selected(page.events, MAX_EVENTS - len(found), budget)
            found += [(stream, event) for event in new]
            sampled |= not is_all or page.after < stream.line_count
        self._next = following
        return found, sampled

    def _selected(
        self, events: list[LogEvent], most: int, budget: selectors.Budget
    ) -> tuple[list[LogEvent], bool]:
        """Events that match, and whether those are all of them: neither too many nor too late to look."""
        new: list[LogEvent] = []
        for event in events:
            if budget.is_spent():
                return new, False
            if self.pattern.selects(event.searched):
                if len(new) == most:
                    return new, False
                new.append(event)
        return new, True

    def _result(self, stream: LogStream, event: LogEvent) -> dict[str, Any]:
        return {
            "logStreamName": stream.name,
            "logGroupIdentifier": f"{self.caller.arns.account}:{stream.group}",
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
        "Where more than 500 lines come in a second, or it would take longer than that to search them, the first "
        f"ones are told. {SEARCHED} "
        f"A user, not an account, has at most {MAX_SESSIONS} sessions, and one ends when its credentials do.",
    ),
}
