"""Posting events to a receiver, one after the other, without ever waiting for him for long.

`http.client` of the standard library does all that is needed, and nothing that is not: no redirects, no proxies, no
cookies. It reads no rows, so that it can run in a thread.
"""

import http.client
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import urlsplit

from .outcomes import Outcome
from .signing import signed_headers

# For a connection, and for all of a request.
CONNECT_SECONDS = 5.0
TIMEOUT_SECONDS = 10.0
READ_BYTES = 4096
# Answers that say that the receiver is not well, and nothing of the event.
# Source: EventBridge User Guide, "Amazon EventBridge API destinations", which errors are tried again.
NOT_WELL = frozenset({401, 407, 408, 409, 425, 429})
# After so many that the receiver did not want, one after the other, nobody asks about more.
REFUSED_AT_MOST = 3

BROKE_OFF = "The connection to the receiver broke off."
NO_HTTP = "The receiver did not answer in HTTP."

Clock = Callable[[], datetime]


class Letter(NamedTuple):
    """What is posted of a delivery."""

    delivery_id: int
    event_id: str
    body: bytes


def post_all(
    *,
    url: str,
    letters: Sequence[Letter],
    rule_name: str,
    secret: str,
    until: Callable[[], bool],
    clock: Clock,
) -> Iterator[Outcome]:
    """Posts in order while `until` says so, and tells of each; stops where the receiver is not well."""
    refused = 0
    with _Line(url) as line:
        for letter in letters:
            if not until():
                return
            headers = {
                "Content-Type": "application/json",
                "User-Agent": "Batchweb",
                "Batchweb-Rule": rule_name,
                **signed_headers(
                    secret=secret, event_id=letter.event_id, body=letter.body, now=clock()
                ),
            }
            outcome = _outcome(letter.delivery_id, line.post(letter.body, headers))
            yield outcome
            refused = refused + 1 if outcome.error else 0
            if outcome.error and (not outcome.is_of_event or refused == REFUSED_AT_MOST):
                return


class _Line:
    """A connection to a receiver, used again as long as it lasts."""

    def __init__(self, url: str) -> None:
        self._url = urlsplit(url)
        self._path = (self._url.path or "/") + (f"?{self._url.query}" if self._url.query else "")
        self._connection: http.client.HTTPConnection | None = None

    def __enter__(self) -> "_Line":
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def post(self, body: bytes, headers: Mapping[str, str]) -> int | str:
        """The status of the answer, or in words why there is none."""
        is_new = self._connection is None
        answer = self._posted(body, headers)
        if not is_new and answer in (BROKE_OFF, NO_HTTP):
            # The receiver may just have closed what was left open.
            answer = self._posted(body, headers)
        return answer

    def _posted(self, body: bytes, headers: Mapping[str, str]) -> int | str:
        connection = self._connection = self._connection or self._open()
        late = threading.Event()
        try:
            with _ended_after(TIMEOUT_SECONDS, connection, late):
                connection.request("POST", self._path, body=body, headers=dict(headers))
                if connection.sock is not None:
                    connection.sock.settimeout(TIMEOUT_SECONDS)
                answer = connection.getresponse()
                answer.read(READ_BYTES)
                if not answer.isclosed():
                    # Whatever else he has to say, nobody reads.
                    self._close()
                return answer.status
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._close()
            return _in_words(error, late=late.is_set())

    def _open(self) -> http.client.HTTPConnection:
        host, port = self._url.hostname or "", self._url.port
        if self._url.scheme == "https":
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(host, port, timeout=CONNECT_SECONDS, context=context)
        return http.client.HTTPConnection(host, port, timeout=CONNECT_SECONDS)

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


@contextmanager
def _ended_after(
    seconds: float, connection: http.client.HTTPConnection, late: threading.Event
) -> Iterator[None]:
    """Cuts the connection then: a socket's own time-out begins anew with each byte."""

    def cut() -> None:
        late.set()
        if connection.sock is not None:
            try:
                connection.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                # It has ended by itself.
                return

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _outcome(delivery_id: int, answer: int | str) -> Outcome:
    if isinstance(answer, str):
        return Outcome((delivery_id,), error=answer)
    if 200 <= answer < 300:
        return Outcome((delivery_id,), answer)
    return Outcome(
        (delivery_id,),
        answer,
        error=_told(answer),
        is_of_event=answer < 500 and answer not in NOT_WELL,
    )


def _told(status: int) -> str:
    try:
        phrase = f" {HTTPStatus(status).phrase}"
    except ValueError:
        phrase = ""
    said = f"The receiver answered {status}{phrase}."
    if 300 <= status < 400:
        said += " Redirects are not followed: name the address that it leads to."
    return said


def _in_words(error: Exception, *, late: bool) -> str:
    if late or isinstance(error, TimeoutError):
        return f"The receiver did not answer within {TIMEOUT_SECONDS:.0f} seconds."
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"The receiver’s certificate cannot be trusted: {error.verify_message}."
    if isinstance(error, ssl.SSLError):
        return "The receiver does not speak TLS as it should."
    if isinstance(error, socket.gaierror):
        return "The receiver’s name is not known: there is no address for it."
    if isinstance(error, ConnectionRefusedError):
        return "The receiver refused the connection: nothing listens there."
    if isinstance(error, OSError):
        return BROKE_OFF
    return NO_HTTP
