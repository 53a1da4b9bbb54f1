"""Posting events to a receiver, one after the other, without ever waiting for him for long.

`http.client` of the standard library does all that is needed, and nothing that is not: no redirects, no proxies, no
cookies. It reads no rows, so that it can run in a thread.
"""

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import urlsplit

from .outcomes import Outcome
from .signing import signed_headers

# For each address of a receiver, and for all of a request, from the connection to the answer.
CONNECT_SECONDS = 5.0
TIMEOUT_SECONDS = 10.0
READ_BYTES = 4096
# Of the seconds that a receiver asks for; it is never waited for longer than after many failures.
MAX_DIGITS = 6
# Answers that say that the receiver is not well, and nothing of the event.
# Source: EventBridge User Guide, "Amazon EventBridge API destinations", which errors are tried again.
NOT_WELL = frozenset({401, 407, 408, 409, 425, 429})
# Who answers that wants to be sent nothing any more.
# Source: Standard Webhooks, "Delivery success and failure".
GONE = 410
# After so many that the receiver did not want, one after the other, nobody asks about more.
REFUSED_AT_MOST = 3

# What is seen where the receiver has closed a connection that was kept open for the next event.
_CLOSED_MEANWHILE = (ConnectionResetError, BrokenPipeError, ssl.SSLEOFError)
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
            if outcome.error and not outcome.is_of_event:
                outcome = replace(outcome, wait=_asked_to_wait(line.retry_after))
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
        self._is_new = True
        self.retry_after = ""

    def __enter__(self) -> "_Line":
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def post(self, body: bytes, headers: Mapping[str, str]) -> int | str:
        """The status of the answer, or in words why there is none."""
        self.retry_after = ""
        deadline = time.monotonic() + TIMEOUT_SECONDS
        late = threading.Event()
        try:
            try:
                return self._posted(body, headers, deadline, late)
            except _CLOSED_MEANWHILE:
                # The receiver may have closed what was left open: of a new connection that tells nothing.
                if self._is_new or late.is_set():
                    raise
            self._close()
            return self._posted(body, headers, deadline, late)
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._close()
            return _in_words(error, late=late.is_set())

    def _posted(
        self, body: bytes, headers: Mapping[str, str], deadline: float, late: threading.Event
    ) -> int:
        self._is_new = self._connection is None
        connection = self._connection = self._connection or self._open(deadline)
        connection.sock.settimeout(_left(deadline))
        with _ended_at(deadline, connection.sock, late):
            connection.request("POST", self._path, body=body, headers=dict(headers))
            answer = connection.getresponse()
            self.retry_after = answer.getheader("Retry-After", "")
            answer.read(READ_BYTES)
        if not answer.isclosed():
            # Whatever else he has to say, nobody reads.
            answer.close()
            self._close()
        elif connection.sock is None:
            self._connection = None
        return answer.status

    def _open(self, deadline: float) -> http.client.HTTPConnection:
        """A connection that is there already, so that there is a socket to cut off.

        All of it is bounded but the look-up of the name, which is the system's: who waits for the thread gives it up.
        """
        host, is_safe = self._url.hostname or "", self._url.scheme == "https"
        # Without a port, http.client looks for one in the host, and finds one in an IPv6 address.
        port = self._url.port or (443 if is_safe else 80)
        plain = _connected(host, port, deadline)
        if not is_safe:
            connection = http.client.HTTPConnection(host, port)
            connection.sock = plain
            return connection
        context = ssl.create_default_context()
        safe = http.client.HTTPSConnection(host, port, context=context)
        try:
            safe.sock = context.wrap_socket(plain, server_hostname=host)
        except BaseException:
            plain.close()
            raise
        return safe

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _connected(host: str, port: int, deadline: float) -> socket.socket:
    """A socket to the first of the host's addresses that answers. All of them together have until the deadline."""
    problem: OSError = socket.gaierror("no address")
    for family, kind, protocol, _, address in socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM
    ):
        found = socket.socket(family, kind, protocol)
        try:
            found.settimeout(min(CONNECT_SECONDS, _left(deadline)))
            found.connect(address)
            found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            found.settimeout(_left(deadline))
        except OSError as error:
            problem = error
            found.close()
        else:
            return found
    raise problem


def _left(deadline: float) -> float:
    """The seconds until then. Raises TimeoutError where none are left."""
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise TimeoutError
    return seconds


@contextmanager
def _ended_at(deadline: float, line: socket.socket, late: threading.Event) -> Iterator[None]:
    """Cuts the connection then: a socket's own time-out begins anew with each byte."""

    def cut() -> None:
        late.set()
        # An error says that it has ended by itself.
        with suppress(OSError):
            line.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(_left(deadline), cut)
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
        is_of_event=answer < 500 and answer not in NOT_WELL and answer != GONE,
        is_gone=answer == GONE,
    )


def _asked_to_wait(retry_after: str) -> timedelta:
    """What the header says in seconds; a date, or what is none of both, asks for nothing."""
    text = retry_after.strip()
    is_number = text.isascii() and text.isdigit()
    return timedelta(seconds=int(text[:MAX_DIGITS])) if is_number else timedelta(0)


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
    if isinstance(error, socket.gaierror | UnicodeError):
        return "The receiver’s name is not known: there is no address for it."
    if isinstance(error, ConnectionRefusedError):
        return "The receiver refused the connection: nothing listens there."
    if isinstance(error, OSError):
        return BROKE_OFF
    return NO_HTTP
