"""Bodies of requests, read whole: within a size, a time, and what there is room for."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

from django.conf import settings

from .calls import Call

Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]

# A body has to come within this time.
BODY_SECONDS = 30.0
# When so much is held of all bodies together, only small ones are still taken.
HELD_BYTES = 64 * 1024 * 1024
SMALL_BYTES = 64 * 1024


class Gone(Exception):
    """The client went away before its request was whole."""


class Unread(Exception):
    """A body that is not read to its end: with AWS's code, the text that tells why, and the status."""

    code: ClassVar[str]
    text: ClassVar[str]
    status: ClassVar[int]


class TooLarge(Unread):
    """More bytes than are read."""

    code = "RequestEntityTooLargeException"
    text = "The body of this request is too large."
    status = 413


class TooSlow(Unread):
    """It does not come."""

    code = "RequestTimeoutException"
    text = "The body of this request did not come in time. Try again."
    status = 408


class TooMany(Unread):
    """There is no room for it beside those of others."""

    code = "ServiceUnavailableException"
    text = "There are too many large requests at this moment. Try again."
    status = 503


class Bodies:
    """Counts the bytes of all bodies that are held. Of the event loop alone."""

    def __init__(self) -> None:
        self._held = 0

    @contextmanager
    def one(self) -> Iterator[Callable[[int], None]]:
        """For one body, as long as it is held: what to call with its size so far. That raises TooMany."""
        size = 0

        def grow(to: int) -> None:
            nonlocal size
            self._held += to - size
            size = to
            if size > SMALL_BYTES and self._held > HELD_BYTES:
                raise TooMany

        try:
            yield grow
        finally:
            self._held -= size


def check_length(head: Call) -> None:
    """Raises TooLarge if the head says so already."""
    told = head.headers.get("content-length", "0")
    if told.isdigit() and int(told[:20]) > settings.BATCHWEB_API_BODY_BYTES:
        raise TooLarge


def has_body(head: Call) -> bool:
    """Whether a body is to come, of any length."""
    return head.headers.get("content-length", "0") != "0" or "transfer-encoding" in head.headers


async def read_body(receive: Receive, grow: Callable[[int], None]) -> bytes:
    """The whole body. Raises Unread as soon as it is known not to be read, or Gone."""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await _read(receive, grow)
    except TimeoutError:
        raise TooSlow from None


async def _read(receive: Receive, grow: Callable[[int], None]) -> bytes:
    most = settings.BATCHWEB_API_BODY_BYTES
    parts: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Gone
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > most:
            raise TooLarge
        grow(size)
        more = message.get("more_body", False)
    return b"".join(parts)
