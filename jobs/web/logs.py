"""An attempt's log: as a page, rows for the viewer, a live stream, a download."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponse, HttpResponseBase
from django.template.defaultfilters import filesizeformat

from jobs.changes import log_topic
from jobs.domain.errors import InvalidInput
from jobs.domain.ids import text_of
from jobs.domain.numbers import is_whole
from jobs.joblogs import chunk
from jobs.models import Attempt, LogStream
from jobs.selectors import jobs as job_selectors
from jobs.selectors.logs import lines as selectors
from jobs.selectors.logs.search import Found
from jobs.threads import read_in_thread

from . import answers, logspans
from .access import user_of
from .contexts import logs as contexts
from .contexts.attempts import query_of
from .hub import hub
from .logspans import PAGE_LINES
from .logtext import line_time, plain_text
from .streaming import LastingResponse, event, event_stream

HEARTBEAT_SECONDS = 15.0
MIN_GAP_SECONDS = 0.1
# Who follows a log that grows faster than anybody reads is taken to its newest lines.
FAR_BEHIND_LINES = 2_000
# Of lines that match fewer are shown, and somebody looks for them: he is taken there from farther off.
FAR_BEHIND_WITH_TEXT = 20_000
NEWEST_LINES = 1_000
SKIP_GAP_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Follower:
    """Who follows an attempt's log: all of it, or the lines with `text`.

    `may_skip`: when far behind, the newest lines will do.
    """

    attempt: Attempt
    text: str = ""
    may_skip: bool = False


@answers.allow("GET")
def log(
    request: HttpRequest, job_id: UUID, number: int, node: int = 0, container: int = 0
) -> HttpResponse:
    """Some lines (`start`, from 1, or those before line `before`; `limit`), or of them those with `q`.

    With neither `start` nor `before` the newest come for people, the first for scripts.
    """
    attempt = _attempt(request, job_id, number, node, container)
    stream = job_selectors.log_stream_of(attempt)
    asked = logspans.wanted(request)
    if answers.wants_json(request):
        return JsonResponse(_as_json(request, stream, asked))
    span = logspans.span(stream, asked)
    count = stream.line_count if stream else 0
    context = {
        **contexts.page(attempt),
        "stream": stream,
        "log_notice": notice(stream) if stream else "",
        "rows": span.html,
        "first": span.first,
        "last": span.last,
        "text": asked.text,
        "previous": span.first if span.first > 1 else None,
        "next": span.last + 1 if span.last < count else None,
    }
    return answers.page(request, "jobs/log.html", context)


@answers.allow("GET")
def rows(
    request: HttpRequest, job_id: UUID, number: int, node: int = 0, container: int = 0
) -> HttpResponse:
    """What the viewer loads while somebody scrolls: rows as HTML, and how long the log is.

    It takes what `log` takes. `first` and `last` say which lines were looked at: with `q` all of them may
    have been in vain, and who wants more asks for the lines before or after these.
    """
    stream = job_selectors.log_stream_of(_attempt(request, job_id, number, node, container))
    span = logspans.span(stream, logspans.wanted(request))
    return JsonResponse(
        {**_state(stream), "html": span.html, "first": span.first, "last": span.last}
    )


@answers.allow("GET")
def search(
    request: HttpRequest, job_id: UUID, number: int, node: int = 0, container: int = 0
) -> HttpResponse:
    """The numbers of lines with `q`, from `start` on or before `before`: at most `limit`, one step's way.

    With `source=stderr` of those on standard error alone, with or without `q`.

    Lines `first` to `last` were looked at; the next step begins beyond them.
    """
    stream = job_selectors.log_stream_of(_attempt(request, job_id, number, node, container))
    asked = replace(
        logspans.from_first(logspans.wanted(request)),
        on_stderr=request.GET.get("source") == chunk.STDERR,
    )
    if not asked.text and not asked.on_stderr:
        raise InvalidInput({"q": ["Say what to look for."]})
    found = logspans.found(stream, asked) if stream else Found([], 0, 0)
    return JsonResponse(
        {
            **_state(stream),
            "lines": [each.line.number + 1 for each in found.lines],
            "first": found.first + 1,
            "last": found.end,
        }
    )


@answers.allow("GET")
def download(
    request: HttpRequest, job_id: UUID, number: int, node: int = 0, container: int = 0
) -> HttpResponseBase:
    """The whole log, byte for byte, as a text file."""
    attempt = _attempt(request, job_id, number, node, container)
    stream = job_selectors.log_stream_of(attempt)
    parts = [attempt.job.name, text_of(job_id).replace(":", "-"), query_of(attempt)]
    name = f"{'-'.join(parts)}.log"
    response = LastingResponse(
        _raw(stream),
        content_type="text/plain; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
    response["X-Content-Type-Options"] = "nosniff"
    return response


@answers.allow("GET")
def live(
    request: HttpRequest, job_id: UUID, number: int, node: int = 0, container: int = 0
) -> HttpResponseBase:
    """New lines as they come: events `lines` (`{"html", "first", "last"}`), then `end` when no more can come.

    It goes on after the line that `Last-Event-ID` (a browser that reconnects) or `after` names, and
    leaves out none. With `skip=1`, as viewers have it, who is far behind gets the newest lines instead: `first`
    then tells what was left out. With `q` the rows are of lines with that text alone; `last` counts all lines.
    """
    attempt = _attempt(request, job_id, number, node, container)
    after = logspans.number(request, "after", least=0) or 0
    resumed = request.headers.get("Last-Event-ID", "")
    if is_whole(resumed):
        after = int(resumed)
    follower = Follower(
        attempt, text=logspans.text_of(request), may_skip=request.GET.get("skip") == "1"
    )
    return event_stream(_events(follower, after))


async def _events(follower: Follower, after: int) -> AsyncIterator[str]:
    async with hub().viewer([log_topic(follower.attempt.pk)]) as viewer:
        yield ": hello\n\n"
        while True:
            # What changes while it is read is signalled again, so nothing falls in between.
            batch = await read_in_thread(_next_batch, follower, after)
            if batch.last > after:
                skipped = batch.first > after + 1
                after = batch.last
                yield event("lines", batch.as_json(), event_id=after)
                if skipped:
                    # More of it a second would only keep the browser busy.
                    await asyncio.sleep(SKIP_GAP_SECONDS)
                continue
            if batch.is_complete:
                yield event("end", batch.as_json(), event_id=after)
                return
            news = await viewer.next_news(patience_seconds=HEARTBEAT_SECONDS)
            if news is None:
                return
            if not news.topics and not news.resync:
                yield ": still here\n\n"
            # What comes in quick succession is sent together.
            await asyncio.sleep(MIN_GAP_SECONDS)


def _attempt(request: HttpRequest, job_id: UUID, number: int, node: int, container: int) -> Attempt:
    return job_selectors.find_attempt(
        user=user_of(request),
        job_id=job_id,
        number=number,
        node_index=node,
        container_index=container,
    )


def _as_json(
    request: HttpRequest, stream: LogStream | None, asked: logspans.Wanted
) -> dict[str, Any]:
    """The lines themselves, oldest first, and the URL to go on with."""
    asked = logspans.from_first(asked)
    count = stream.line_count if stream else 0
    lines: list[selectors.LogLine] = []
    following = 1
    if stream is not None and asked.text:
        found = logspans.found(stream, asked)
        lines, following = [each.line for each in found.lines], found.end + 1
    elif stream is not None:
        start, limit = logspans.bounds(asked, line_count=count)
        lines = selectors.read_lines(stream=stream, start=start - 1, limit=limit)
        following = start + len(lines)
    query = {"start": following, "limit": asked.limit, **({"q": asked.text} if asked.text else {})}
    return {
        **_state(stream),
        "lines": [_line_as_json(line) for line in lines],
        "next": f"{request.path}?{urlencode(query)}" if following <= count else None,
    }


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows to send, the numbers of the first and the last of them, and the log's state as of before
    they were read."""

    html: str
    first: int
    last: int
    is_complete: bool
    state: dict[str, Any]

    def as_json(self) -> str:
        return json.dumps({**self.state, "html": self.html, "first": self.first, "last": self.last})


def _next_batch(follower: Follower, after: int) -> Batch:
    attempt = follower.attempt
    ended = Attempt.objects.filter(pk=attempt.pk, ended_at__isnull=False).exists()
    # The state first: if the log is complete before its lines are read, none can be missed.
    stream = job_selectors.log_stream_of(attempt)
    state = _state(stream)
    try:
        span = logspans.span(stream, _following(follower, after, state["line_count"]))
    except selectors.LogUnreadable as error:
        state["notice"] = str(error)
        return Batch(html="", first=after + 1, last=after, is_complete=True, state=state)
    complete = stream.completed_at is not None if stream else ended
    return Batch(
        html=span.html, first=span.first, last=span.last, is_complete=complete, state=state
    )


def _following(follower: Follower, after: int, line_count: int) -> logspans.Wanted:
    """What to read on for a follower. Who may be taken to the end gets all up to it, so that the counter
    counts what is shown."""
    text, behind = follower.text, line_count - after
    if follower.may_skip and behind > (FAR_BEHIND_WITH_TEXT if text else FAR_BEHIND_LINES):
        return logspans.Wanted(start=None, before=None, limit=NEWEST_LINES, text=text)
    limit = FAR_BEHIND_LINES if follower.may_skip and not text else PAGE_LINES
    return logspans.Wanted(start=after + 1, before=None, limit=limit, text=text)


def _state(stream: LogStream | None) -> dict[str, Any]:
    if stream is None:
        return {"line_count": 0, "byte_count": 0, "complete": False, "notice": ""}
    return {
        "line_count": stream.line_count,
        "byte_count": stream.byte_count,
        "complete": stream.completed_at is not None,
        "notice": notice(stream),
    }


def notice(stream: LogStream) -> str:
    """What a reader must know about the log: cut off, or lines missing; else empty."""
    texts = []
    if stream.truncated_at_bytes is not None:
        texts.append(
            f"Cut off at the limit of {filesizeformat(stream.truncated_at_bytes)}: "
            "what the job wrote after that was not kept."
        )
    if stream.problem:
        texts.append(stream.problem)
    return " ".join(texts)


def _line_as_json(line: selectors.LogLine) -> dict[str, Any]:
    return {
        "line": line.number + 1,
        "at": line_time(line),
        "stream": line.source,
        "text": plain_text(line),
        "continued": line.continued,
    }


async def _raw(stream: LogStream | None) -> AsyncIterator[bytes]:
    if stream is None:
        return
    portions: Iterator[bytes] = selectors.iter_raw(stream=stream)
    while True:
        portion = await read_in_thread(next, portions, None)
        if portion is None:
            return
        yield portion
