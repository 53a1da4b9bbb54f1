"""AWS behind one address, as its clients expect it: what Batchweb has, and a moto server for all else.

Which service a request is for stands in the scope of its signature. Requests and answers go through as they
are (but that each has a connection of its own), so that a signature, which covers the host, stays good.
"""

import re
import socket
import socketserver
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self
from urllib.parse import unquote, urlsplit

OURS = frozenset({"batch", "logs", "sts", "ecs", "ec2"})
OUR_PATHS = ("/v1/", "/job-credentials/")
MOST_HEAD_BYTES = 64 * 1024
PIECE_BYTES = 64 * 1024
_SCOPE = re.compile(r"Credential=[^/&\s]+/[0-9]+/[^/]+/(?P<service>[a-z0-9-]+)/aws4_request")

Address = tuple[str, int]


class OneAddress:
    """Listens from entry to exit, at every address of this machine: containers come from elsewhere."""

    def __init__(self, *, batchweb: str, others: str) -> None:
        self.services: set[str] = set()
        self._batchweb, self._others = _address(batchweb), _address(others)
        self._server = _Server(("0.0.0.0", 0), self._relay)
        self.port = int(self._server.server_address[1])

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _relay(self, client: socket.socket) -> None:
        received = _until_blank_line(client)
        head, separator, body = received.partition(b"\r\n\r\n")
        if not separator:
            return
        lines = head.split(b"\r\n")
        # One request a connection: whoever answers says so to whoever asks.
        kept = [line for line in lines if not line.lower().startswith(b"connection:")]
        head = b"\r\n".join([*kept, b"Connection: close"])
        with socket.create_connection(self._target(head.decode("latin-1"))) as server:
            server.sendall(head + b"\r\n\r\n" + body)
            threading.Thread(target=_pump, args=(client, server), daemon=True).start()
            _pump(server, client)

    def _target(self, head: str) -> Address:
        found = _SCOPE.search(unquote(head))
        if found:
            self.services.add(found["service"])
            return self._batchweb if found["service"] in OURS else self._others
        path = head.split(" ", 2)[1]
        return self._batchweb if path.startswith(OUR_PATHS) else self._others


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, address: Address, relay: Callable[[socket.socket], None]) -> None:
        super().__init__(address, _Handler)
        self.relay = relay


class _Handler(socketserver.BaseRequestHandler):
    server: _Server
    request: socket.socket

    def handle(self) -> None:
        # Whoever goes away in between has its reasons.
        with suppress(ConnectionError):
            self.server.relay(self.request)


def _address(url: str) -> Address:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or 80


def _until_blank_line(client: socket.socket) -> bytes:
    received = b""
    while b"\r\n\r\n" not in received and len(received) < MOST_HEAD_BYTES:
        piece = client.recv(PIECE_BYTES)
        if not piece:
            break
        received += piece
    return received


def _pump(source: socket.socket, target: socket.socket) -> None:
    """Hands on what comes, then that nothing more comes."""
    with suppress(OSError):
        while piece := source.recv(PIECE_BYTES):
            target.sendall(piece)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
