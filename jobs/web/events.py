"""`/events/`: what happened to jobs and queues, as a page, page by page for scripts, or as a stream for who follows."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from typing import TypeVar

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from jobs import changes
from jobs.domain import numbers
from jobs.domain.errors import InvalidInput
from jobs.selectors.events.history import (
    EventFilters,
    EventPage,
    EventRow,
    Ids,
    check_reached,
    cursor_of,
    read_events,
    settled_ids,
)
from jobs.threads import read_in_thread

from . import answers
from .access import user_of
from .contexts import events as contexts
from .hub import hub
from .streaming import event_stream

DEFAULT_LIMIT = 100
MAX_LIMIT = 500
# Of what there is no parameter for, so much is told.
MAX_UNKNOWN = 10
MAX_UNKNOWN_CHARACTERS = 60
# What is read, and sent, between two looks at others: a burst of thousands goes out in as many steps.
STREAM_PAGE = 100
HEARTBEAT_SECONDS = 15.0
# Rows that are written but may not be told yet are asked for again so soon.
PENDING_SECONDS = 0.25
MIN_GAP_SECONDS = 0.25
# After that the client connects anew, and its right to listen is looked at again.
MAX_STREAM_SECONDS = 600.0
NOW = "now"
PARAMETERS = ("after", "limit", "queue", "name", "status", "detail-type")

# Makes the JSON text of each row's event.
Write = Callable[[Sequence[EventRow]], list[str]]
Reader = Callable[[Ids], tuple[EventPage, list[str]]]
T = TypeVar("T")


@answers.allow("GET")
def events(request: HttpRequest, write: Write) -> HttpResponseBase:
    """The newest as a page; for scripts as JSON (`events`, `cursor`, `more`); with `Accept: text/event-stream` all
    from now on.

    For scripts `after` is where to begin: a cursor, an event's id in the stream, or `now`; a stream's
    `Last-Event-ID` counts before it. JSON begins with the oldest event that is kept, a stream with the next.
    """
    streams = "text/event-stream" in request.headers.get("Accept", "")
    if not streams and not answers.wants_json(request):
        return _page(request)
    cursor, filters, limit = _asked(request, streams=streams)
    read = partial(
        _read, write, partial(read_events, user=user_of(request), filters=filters, limit=limit)
    )
    if streams:
        return event_stream(_follow(read, cursor))
    page, texts = read(cursor)
    body = f'{{"events":[{",".join(texts)}],"cursor":{json.dumps(page.cursor.as_text())},'
    response = HttpResponse(
        f'{body}"more":{json.dumps(page.more)}}}', content_type="application/json"
    )
    response["Cache-Control"] = "private, no-cache"
    return response


def _page(request: HttpRequest) -> HttpResponse:
    user = user_of(request)
    try:
        query = contexts.read_query(request.GET)
    except InvalidInput as error:
        context = contexts.build_refused(given=request.GET, errors=error.errors, user=user)
        return answers.page(request, "events/list.html", context, status=400)
    return answers.page(request, "events/list.html", contexts.build(query=query, user=user))


def _read(
    write: Write, rows_after: Callable[..., EventPage], after: Ids
) -> tuple[EventPage, list[str]]:
    page = rows_after(after=after)
    return page, write([row for _, row in page.rows])


async def _follow(read: Reader, cursor: Ids) -> AsyncIterator[str]:
    ends_at = time.monotonic() + MAX_STREAM_SECONDS
    async with hub().viewer([changes.JOBS]) as viewer:
        # At once, so that who loses the connection before the first event knows where he was.
        yield _place(cursor)
        while time.monotonic() < ends_at:
            page, texts = await read_in_thread(read, cursor)
            for (behind, _), text in zip(page.rows, texts, strict=True):
                yield f"id: {behind.as_text()}\ndata: {text}\n\n"
            if page.cursor != (page.rows[-1][0] if page.rows else cursor):
                yield _place(page.cursor)
            cursor = page.cursor
            if page.more:
                continue
            patience = PENDING_SECONDS if page.pending else HEARTBEAT_SECONDS
            news = await viewer.next_news(patience_seconds=patience)
            if news is None:
                return
            if not (page.pending or news.resync or news.topics):
                yield ": still here\n\n"
            # What comes meanwhile is told together.
            await asyncio.sleep(MIN_GAP_SECONDS)


def _place(cursor: Ids) -> str:
    """No event, but a client remembers its id: where to go on."""
    return f"id: {cursor.as_text()}\n\n"


def _asked(request: HttpRequest, *, streams: bool) -> tuple[Ids, EventFilters, int]:
    """From where, which, and how many at once. Raises InvalidInput with all that is wrong."""
    errors: dict[str, list[str]] = {}

    def read(part: Callable[[], T], default: T) -> T:
        try:
            return part()
        except InvalidInput as error:
            errors.update(error.errors)
            return default

    # A slip in a filter's name must not mean everything.
    unknown = [name for name in request.GET if name not in PARAMETERS and name != "format"]
    for name in unknown[:MAX_UNKNOWN]:
        errors[name[:MAX_UNKNOWN_CHARACTERS]] = [f"There are only {', '.join(PARAMETERS)}."]
    cursor = read(lambda: _cursor(request, streams=streams), Ids())
    filters = read(lambda: contexts.read_filters(request.GET), EventFilters())
    limit = STREAM_PAGE if streams else read(lambda: _limit(request), DEFAULT_LIMIT)
    if errors:
        raise InvalidInput(errors)
    return cursor, filters, limit


def _cursor(request: HttpRequest, *, streams: bool) -> Ids:
    after = request.GET.get("after", NOW if streams else "")
    if streams:
        after = request.headers.get("Last-Event-ID", after)
    if after == NOW:
        return settled_ids().ids
    cursor = cursor_of(after)
    check_reached(cursor)
    return cursor


def _limit(request: HttpRequest) -> int:
    return (
        numbers.whole("limit", request.GET.get("limit", ""), least=1, most=MAX_LIMIT)
        or DEFAULT_LIMIT
    )
