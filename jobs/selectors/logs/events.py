"""Log lines as CloudWatch Logs' events: pages of one stream, and a search over many in the order of time.

An event is a line. Lines without any text are no events: the agent that ships logs to CloudWatch leaves them out.
What a page costs is bounded by what it may hold, not by how long the logs are or how many there are.
"""

import heapq
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django.contrib.auth.models import User
from django.db.models import F, Q, QuerySet, Subquery

from jobs.models import LogChunk, LogStream

from .lines import LogLine, lines_of_chunk

NS_PER_MS = 1_000_000
NS_PER_MINUTE = 60_000 * NS_PER_MS
LAST_CHARACTER = chr(0x10FFFF)
MAX_NS = 2**63 - 1
# CloudWatch Logs' own limits of a page: so much text, with an overhead for each event.
PAGE_BYTES = 1024 * 1024
EVENT_OVERHEAD_BYTES = 26
# What is read for one page at most; what then is missing comes with the next one.
PAGE_CHUNKS = 32
SEARCH_CHUNKS = 400
SEARCH_BYTES = 16 * 1024 * 1024
SEARCH_STREAMS = 200
SEARCH_SECONDS = 1.0
# What is looked through however long that takes, so that each call gets on.
LEAST_BYTES = 64 * 1024
# CloudWatch Logs has no events of more than this: of a longer line no more is searched.
SEARCHED_BYTES_OF_LINE = 256 * 1024

Matches = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class LogEvent:
    """A line with text; what is not UTF-8 in it is replaced."""

    stream_id: int
    number: int
    ns: int
    message: str

    @property
    def timestamp_ms(self) -> int:
        return self.ns // NS_PER_MS

    @property
    def id(self) -> str:
        """Of all events there are only its own: 56 digits that sort by time."""
        return f"{self.ns:020d}{self.stream_id:018d}{self.number:018d}"

    @property
    def searched(self) -> str:
        """The part of the message that patterns are held against."""
        if len(self.message) <= SEARCHED_BYTES_OF_LINE // 4:
            return self.message
        return self.message.encode()[:SEARCHED_BYTES_OF_LINE].decode(errors="ignore")


class Budget:
    """The time that a search may take: `seconds`, from when it is first asked for. `clock` tells seconds."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._end: float | None = None

    def is_spent(self) -> bool:
        """Whether it is time to stop."""
        now = self._clock()
        if self._end is None:
            self._end = now + self._seconds
        return now >= self._end


@dataclass(frozen=True, slots=True)
class Window:
    """From `start_ns` on, and before `end_ns`."""

    start_ns: int = 0
    end_ns: int = MAX_NS

    @classmethod
    def of_ms(cls, start: int | None, end: int | None) -> "Window":
        """Of milliseconds since the epoch, with `end` no more in it. Anything beyond the end of time is that."""
        return cls(
            min((start or 0) * NS_PER_MS, MAX_NS),
            MAX_NS if end is None else min(end * NS_PER_MS, MAX_NS),
        )

    def chunks(self, rows: QuerySet[LogChunk]) -> QuerySet[LogChunk]:
        """Those that may hold events of it."""
        return rows.filter(last_ns__gte=self.start_ns, first_ns__lt=self.end_ns)


@dataclass(slots=True)
class EventPage:
    """Events of one stream, oldest first, and the numbers of the lines between which they stand."""

    before: int
    after: int
    events: list[LogEvent] = field(default_factory=list)


def streams_of(*, user: User, group: str) -> QuerySet[LogStream]:
    """The streams of a group that belong to jobs which this user may see."""
    streams = LogStream.objects.filter(group=group)
    # By the stream's own column: along its indexes, whatever others' streams there are.
    return streams if user.is_staff else streams.filter(owner=user)


def some_streams_of(
    *, user: User, group: str, names: list[str] | None, prefixes: list[str] | None
) -> QuerySet[LogStream]:
    """Of `streams_of` those with these names, or else those that begin so; all of them if both are None."""
    streams = streams_of(user=user, group=group)
    if names is not None:
        return streams.filter(name__in=[name for name in names if "\0" not in name])
    return begin_with(streams, prefixes) if prefixes is not None else streams


def page_after(*, stream: LogStream, start: int, window: Window, limit: int) -> EventPage:
    """The oldest events from line `start` on. One query. Raises LogUnreadable."""
    holder = stream.chunks.filter(first_line__lte=start).order_by("-first_line")
    rows = window.chunks(stream.chunks.all()).filter(
        first_line__gte=Subquery(holder.values("first_line")[:1])
    )
    page = EventPage(before=start, after=start)
    room = _Room(limit)
    for row in rows.order_by("first_line")[:PAGE_CHUNKS]:
        for line in lines_of_chunk(row, skip=max(start - row.first_line, 0)):
            if _is_event(line, window):
                event = _event(stream.id, line)
                if not room.take(event):
                    return page
                page.events.append(event)
            page.after = line.number + 1
    return page


def page_before(*, stream: LogStream, end: int, window: Window, limit: int) -> EventPage:
    """The newest events before line `end`. One query. Raises LogUnreadable."""
    rows = window.chunks(stream.chunks.filter(first_line__lt=end))
    page = EventPage(before=end, after=end)
    room = _Room(limit)
    found: list[LogEvent] = []
    for row in rows.order_by("-first_line")[:PAGE_CHUNKS]:
        for line in reversed(lines_of_chunk(row, limit=end - row.first_line)):
            if _is_event(line, window):
                event = _event(stream.id, line)
                if not room.take(event):
                    return _turned(page, found)
                found.append(event)
            page.before = line.number
    return _turned(page, found)


def _turned(page: EventPage, found: list[LogEvent]) -> EventPage:
    page.events = found[::-1]
    return page


class Place(NamedTuple):
    """An event's place in the order of time. What is equal in time is ordered by stream and line."""

    ns: int
    stream_id: int
    number: int


class Cursor(NamedTuple):
    """Where a search goes on: with the streams behind `after_id` (and up to `until_id`, if not 0), at `place`."""

    after_id: int = 0
    until_id: int = 0
    place: Place = Place(0, 0, 0)


@dataclass(frozen=True, slots=True)
class Found:
    """Events with their streams' names, and where to go on; None: that was all."""

    events: list[tuple[str, LogEvent]]
    cursor: Cursor | None


def search(
    *,
    streams: QuerySet[LogStream],
    window: Window,
    matches: Matches,
    cursor: Cursor,
    limit: int,
    weight: int = 1,
    budget: Budget | None = None,
) -> Found:
    """Events that match, in the order of time over 200 streams at once; then come the next 200.

    `weight`: how many times as long as reading a text `matches` may take; of so much less is read.
    `budget`: for how long it looks; what overlaps with the cursor's place is read first.
    Two queries. It may find nothing and still give a cursor: then it has looked through as much as one call may.
    Raises LogUnreadable.
    """
    rows = _since(streams, window.start_ns).filter(first_ns__lt=window.end_ns, line_count__gt=0)
    rows = rows.filter(id__gt=cursor.after_id)
    if cursor.until_id:
        rows = rows.filter(id__lte=cursor.until_id)
    names = dict(rows.order_by("id").values_list("id", "name")[: SEARCH_STREAMS + 1])
    more = len(names) > SEARCH_STREAMS
    if more:
        names.popitem()
    if not names:
        return Found([], _next_portion(cursor.until_id) if cursor.until_id else None)
    look = _Look(window, matches, cursor.place, limit, budget or Budget(SEARCH_SECONDS))
    place = _merge(list(names), look, SEARCH_BYTES // weight)
    named = [(names[event.stream_id], event) for event in look.found]
    until_id = max(names)
    if place is not None:
        return Found(named, Cursor(cursor.after_id, cursor.until_id or until_id, place))
    return Found(
        named, _next_portion(cursor.until_id or until_id) if more or cursor.until_id else None
    )


def _next_portion(after_id: int) -> Cursor:
    return Cursor(after_id)


def _merge(ids: Sequence[int], look: "_Look", most_bytes: int) -> Place | None:
    """Looks through these streams, and tells where to go on; None: they have no more."""
    rows, horizon = _chunks_from(ids, look.window, look.start)
    read = 0
    for row in rows:
        place = _place_of(row)
        if place > look.start and (read >= most_bytes or look.budget.is_spent()):
            horizon = place
            break
        # What is yet to be opened has no event before its own place.
        stopped = look.through(place)
        if stopped is not None:
            return stopped
        read += row.byte_count
        look.add(row)
    return look.through(horizon) or horizon


class _Look:
    """Holds lines against a pattern in the order of time, whatever order they are read in."""

    def __init__(
        self, window: Window, matches: Matches, start: Place, limit: int, budget: Budget
    ) -> None:
        self.window = window
        self.start = start
        self.budget = budget
        self.found: list[LogEvent] = []
        self._matches = matches
        self._room = _Room(limit)
        self._waiting: list[tuple[Place, LogLine]] = []
        self._seen_bytes = 0

    def add(self, row: LogChunk) -> None:
        """Lines that are yet to be looked at."""
        for line in lines_of_chunk(row):
            place = Place(line.ns, row.stream_id, line.number)
            if place >= self.start and _is_event(line, self.window):
                heapq.heappush(self._waiting, (place, line))

    def through(self, until: Place | None) -> Place | None:
        """Looks at lines before a place (None: at all).

        Returns the place of the first one that it came to and that is still to be looked at, because the page is
        full or the time is over; None if there is none.
        """
        while self._waiting and (until is None or self._waiting[0][0] < until):
            place, line = self._waiting[0]
            # As long as it takes for so much, that searches get on though reading be slow.
            if self._seen_bytes >= LEAST_BYTES and self.budget.is_spent():
                return place
            event = _event(place.stream_id, line)
            if self._matches(event.searched):
                if not self._room.take(event):
                    return place
                self.found.append(event)
            heapq.heappop(self._waiting)
            self._seen_bytes += len(line.data)
        return None


def _chunks_from(
    ids: Sequence[int], window: Window, start: Place
) -> tuple[list[LogChunk], Place | None]:
    """Chunks in the order of their first events, and the place of the first one that is left out."""
    rows = window.chunks(LogChunk.objects.filter(stream__in=ids, last_ns__gte=start.ns))
    # The pieces of one long line have one time, and fill many chunks: leave out those that were read.
    passed = Q(stream__lt=start.stream_id) | Q(
        stream=start.stream_id, first_line__lte=start.number - F("line_count")
    )
    rows = rows.exclude(Q(last_ns=start.ns) & passed).order_by("first_ns", "stream", "first_line")
    found = list(rows[: SEARCH_CHUNKS + 1])
    if len(found) <= SEARCH_CHUNKS:
        return found, None
    horizon = _place_of(found.pop())
    if horizon > start:
        return found, horizon
    # A clock that jumps can have more of them overlap: then all that do are read, so that it goes on.
    return list(rows.filter(first_ns__lte=start.ns)), Place(start.ns + 1, 0, 0)


def _place_of(row: LogChunk) -> Place:
    return Place(row.first_ns, row.stream_id, row.first_line)


def _is_event(line: LogLine, window: Window) -> bool:
    return bool(line.data) and window.start_ns <= line.ns < window.end_ns


def _event(stream_id: int, line: LogLine) -> LogEvent:
    return LogEvent(stream_id, line.number, line.ns, line.data.decode("utf-8", "replace"))


class _Room:
    """What of a page is still free."""

    def __init__(self, limit: int) -> None:
        self._events = limit
        self._bytes = PAGE_BYTES
        self._is_empty = True

    def take(self, event: LogEvent) -> bool:
        """Whether it fits; the first one always does."""
        size = len(event.message.encode()) + EVENT_OVERHEAD_BYTES
        if not self._is_empty and (self._events <= 0 or size > self._bytes):
            return False
        self._is_empty = False
        self._events -= 1
        self._bytes -= size
        return True


def newest_streams(streams: QuerySet[LogStream], *, since_ns: int, limit: int) -> list[LogStream]:
    """At most `limit` streams with lines of that time or later, the newest ones. One query."""
    rows = _since(streams, since_ns).filter(line_count__gt=0)
    return list(rows.order_by("-last_minute", "-last_ns", "-id")[:limit])


def _since(streams: QuerySet[LogStream], ns: int) -> QuerySet[LogStream]:
    """Those with lines of that time or later, along the index by minutes."""
    return streams.filter(last_minute__gte=ns // NS_PER_MINUTE, last_ns__gte=ns)


def begin_with(streams: QuerySet[LogStream], prefixes: Iterable[str]) -> QuerySet[LogStream]:
    """Those whose names begin with one of these, in just that spelling."""
    any_of = Q(pk__in=[])
    for prefix in prefixes:
        # No name has a NUL, and PostgreSQL refuses it in a text.
        if "\0" in prefix:
            continue
        # Between two names, as names are in the order of their characters: so it goes along their index.
        any_of |= Q(name__gte=prefix, name__lt=prefix + LAST_CHARACTER)
    return streams.filter(any_of)


def list_streams(
    streams: QuerySet[LogStream],
    *,
    prefix: str | None,
    by_time: bool,
    descending: bool,
    after: list[Any] | None,
    limit: int,
) -> list[LogStream]:
    """At most `limit` streams with their attempts, by name or by the time of their newest line.

    `after`: the name, or time and id, of the one before. One query.
    """
    rows = begin_with(streams, [prefix]) if prefix is not None else streams
    if after is not None:
        rows = rows.filter(_behind(after, by_time, "lt" if descending else "gt"))
    order = ["last_minute", "last_ns", "id"] if by_time else ["name"]
    order = [f"-{name}" for name in order] if descending else order
    return list(rows.select_related("attempt").order_by(*order)[:limit])


def _behind(after: list[Any], by_time: bool, step: str) -> Q:
    if not by_time:
        return Q(**{f"name__{step}": after[0]})
    ns, stream_id = after
    behind = Q(**{f"last_ns__{step}": ns}) | Q(**{"last_ns": ns, f"id__{step}": stream_id})
    return Q(**{f"last_minute__{step}e": ns // NS_PER_MINUTE}) & behind
