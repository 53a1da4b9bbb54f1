"""`/live/`: tells a page which of its topics changed, so that it asks for just those parts again."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Collection

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from jobs.domain.errors import InvalidInput

from . import answers
from .access import user_of, visible_topics
from .hub import News, hub
from .streaming import event, event_stream

MAX_TOPICS = 100
HEARTBEAT_SECONDS = 15.0
# At most four signals a second: more than that nobody can read.
MIN_GAP_SECONDS = 0.25
# After that the browser connects anew, and its right to listen is looked at again.
MAX_STREAM_SECONDS = 600.0


@answers.allow("GET")
def live(request: HttpRequest) -> HttpResponseBase:
    """A stream of `resync` (anything may have changed) and `change` (a JSON list of topics) events."""
    topics = request.GET.getlist("topic")
    if not topics or len(topics) > MAX_TOPICS:
        raise InvalidInput({"topic": [f"Name 1 to {MAX_TOPICS} topics: ?topic=jobs&topic=queues"]})
    return event_stream(_events(visible_topics(user_of(request), topics)))


async def _events(topics: Collection[str]) -> AsyncIterator[str]:
    ends_at = time.monotonic() + MAX_STREAM_SECONDS
    async with hub().viewer(topics) as viewer:
        # At once, so that the browser (and any proxy) knows that the stream stands.
        yield ": hello\n\n"
        while time.monotonic() < ends_at:
            news = await viewer.next_news(patience_seconds=HEARTBEAT_SECONDS)
            if news is None:
                return
            yield _as_text(news)
            # What comes meanwhile is told together.
            await asyncio.sleep(MIN_GAP_SECONDS)


def _as_text(news: News) -> str:
    if news.resync:
        return event("resync", "{}")
    if news.topics:
        return event("change", json.dumps(sorted(news.topics)))
    return ": still here\n\n"
