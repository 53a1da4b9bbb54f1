"""An attempt's log: as a page, rows for the viewer, a live stream, a download."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponse, HttpResponseBase
from django.template.defaultfilters import filesizeformat

from jobs.changes import log_topic
from jobs.domain.errors import InvalidInput
from jobs.domain.ids import text_of
from jobs.models import Attempt, LogStream
from jobs.selectors import jobs as job_selectors
from jobs.selectors import logs as selectors
from jobs.threads import read_in_thread

from . import answers
from .access import user_of
from .contexts.attempts import log_url, query_of
from .hub import hub
from .logtext import line_time, plain_text, render_lines
from .streaming import LastingResponse, event, event_stream

PAGE_LINES = 500
MAX_LINES = 2_000
MAX_LINE_NUMBER = 10**12
HEARTBEAT_SECONDS = 15.0
MIN_GAP_SECONDS = 0.1
# Who follows a log that grows faster than anybody reads is taken to its newest lines.
FAR_BEHIND_LINES = 2_000
NEWEST_LINES = 1_000
SKIP_GAP_SECONDS = 0.25


@answers.allow("GET")
def log(
    request: HttpRequest, job_id: UUID, number: int, node: int = 0, container: int = 0
) -> HttpResponse:
    """Some lines (`start`, from 1; `limit`). Without `start` the newest ones for people, the first for scripts."""
    attempt = _attempt(request, job_id, number, node, container)
    stream = job_selectors.log_stream_of(attempt)
    count = stream.line_count if stream else 0
    limit = _number(request, "limit", PAGE_LINES, least=1, most=MAX_LINES)
    newest = 1 if answers.wants_json(request) else max(1, count - limit + 1)
    start = _number(request, "start", newest, least=1, most=MAX_LINE_NUMBER)
    lines = _read(stream, start - 1, limit)
    if answers.wants_json(request):
        following = start + len(lines)
        more = following <= count
        return JsonResponse(
            {
                **_state(stream),
                "lines": [_line_as_json(line) for line in lines],
                "next": f"{request.path}?start={following}&limit={limit}" if more else None,
            }
        )
    context = {
        "attempt": attempt,
        "job": attempt.job,
        "download_url": log_url(attempt.job, attempt, "attempt_log_download"),
        "stream": stream,
        "rows": render_lines(lines),
        "start": start,
        "end": start + len(lines) - 1,
        "previous": max(1, start - limit) if start > 1 else None,
        "next": start + limit if start + limit <= count else None,
    }
    return answers.page(request, "jobs/log.html", context)


@answers.allow("GET")
def rows(
    request: HttpRequest, job_id: UUID, number: int, node: int = 0, container: int = 0
) -> HttpResponse:
    """What the viewer loads while somebody scrolls: rows as HTML, and how long the log is.

    `start` is the first line, from 1; left out, the newest `limit` lines come.
    """
    stream = job_selectors.log_stream_of(_attempt(request, job_id, number, node, container))
    limit = _number(request, "limit", PAGE_LINES, least=1, most=MAX_LINES)
    count = stream.line_count if stream else 0
    start = _number(request, "start", max(1, count - limit + 1), least=1, most=MAX_LINE_NUMBER)
    html, last = _render(stream, start - 1, limit)
    return JsonResponse({**_state(stream), "html": html, "first": start, "last": last})


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
    leaves out none. With `skip=1` a viewer who is far behind gets the newest lines instead: `first`
    then tells what was left out.
    """
    attempt = _attempt(request, job_id, number, node, container)
    after = _number(request, "after", 0, least=0, most=MAX_LINE_NUMBER)
    resumed = request.headers.get("Last-Event-ID", "")
    if resumed.isascii() and resumed.isdigit() and len(resumed) <= 13:
        after = int(resumed)
    may_skip = request.GET.get("skip") == "1"
    return event_stream(_events(attempt, after, may_skip=may_skip))


async def _events(attempt: Attempt, after: int, *, may_skip: bool) -> AsyncIterator[str]:
    topic = log_topic(attempt.pk)
    async with hub().viewer([topic]) as viewer:
        yield ": hello\n\n"
        while True:
            # What changes while it is read is signalled again, so nothing falls in between.
            batch = await read_in_thread(_next_batch, attempt, after, may_skip)
            if batch.html:
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


def _number(request: HttpRequest, name: str, default: int, *, least: int, most: int) -> int:
    text = request.GET.get(name, "").strip()
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 13):
        raise InvalidInput({name: [f"A whole number from {least} to {most}."]})
    return min(max(int(text), least), most)


def _read(stream: LogStream | None, start: int, limit: int) -> list[selectors.LogLine]:
    return selectors.read_lines(stream=stream, start=start, limit=limit) if stream else []


def _render(stream: LogStream | None, start: int, limit: int) -> tuple[str, int]:
    """Rows of `limit` lines from index `start` on, and the number (from 1) of the last of them."""
    # One line more, at the front, tells whether the first goes on with a line begun before.
    before = 1 if start > 0 else 0
    lines = _read(stream, start - before, limit + before)
    within = bool(before and lines and lines[0].continued)
    shown = lines[before:]
    last = shown[-1].number + 1 if shown else start
    return render_lines(shown, within_line=within), last


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


def _next_batch(attempt: Attempt, after: int, may_skip: bool) -> Batch:
    ended = Attempt.objects.filter(pk=attempt.pk, ended_at__isnull=False).exists()
    # The state first: if the log is complete before its lines are read, none can be missed.
    stream = job_selectors.log_stream_of(attempt)
    state = _state(stream)
    start, limit = _span(after, state["line_count"]) if may_skip else (after, PAGE_LINES)
    try:
        html, last = _render(stream, start, limit)
    except selectors.LogUnreadable as error:
        state["notice"] = str(error)
        return Batch(html="", first=after + 1, last=after, is_complete=True, state=state)
    complete = stream.completed_at is not None if stream else ended
    return Batch(html=html, first=start + 1, last=last, is_complete=complete, state=state)


def _span(after: int, line_count: int) -> tuple[int, int]:
    """Where to read on for a viewer who may be taken to the end, and how many lines.

    The span reaches the end of the log, so that the counter counts what is shown.
    """
    if line_count - after > FAR_BEHIND_LINES:
        return line_count - NEWEST_LINES, NEWEST_LINES
    return after, FAR_BEHIND_LINES


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
