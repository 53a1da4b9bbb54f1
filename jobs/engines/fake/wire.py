"""How a fake engine's server and its clients speak: pickled tuples, each with its length before it.

Pickle, because both ends are processes of one test or one benchmark, started by the same user; a socket
that anybody else may write to must never be read like this.

A call: (installation, method, arguments, keyword arguments) there; (OK, result) or (FAILED, error) back.
A stream: (OK, None) first, then (ITEMS, list) as often as there is something, then END or FAILED.
"""

import pickle
import socket
import struct
from typing import Any

OK, ITEMS, END, FAILED = "ok", "items", "end", "failed"
SCHEME = "fake+unix://"

CALLS = frozenset(
    {
        "info",
        "nodes",
        "has_image",
        "check_login",
        "create",
        "start",
        "discard",
        "remove",
        "inspect",
        "signal",
        "containers",
        "pods",
        "volumes",
        "networks",
        "remove_pod",
        "remove_volume",
        "remove_network",
        "put_file",
        "read_archive",
        "remove_readers",
        "make_service_address",
        "has_service_address",
        "usage",
    }
)
STREAMS = frozenset({"event_batches", "log_batches"})
PULL = "pull"

_LENGTH = struct.Struct(">L")


class Wire:
    """One connection. One thread at a time sends and receives; any thread may `interrupt`."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._file = sock.makefile("rb")

    def send(self, message: tuple[Any, ...]) -> None:
        data = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
        self._socket.sendall(_LENGTH.pack(len(data)) + data)

    def receive(self) -> tuple[Any, ...]:
        """Raises EOFError when the other side has gone."""
        (length,) = _LENGTH.unpack(self._read(_LENGTH.size))
        message: tuple[Any, ...] = pickle.loads(self._read(length))  # noqa: S301 (see above)
        return message

    def interrupt(self) -> None:
        """Ends a `receive` that another thread waits in."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            # It has ended by itself.
            return

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    def __del__(self) -> None:
        # A stream that nobody began to read has nobody else to close it.
        self.close()

    def _read(self, size: int) -> bytes:
        data = self._file.read(size)
        if len(data) < size:
            raise EOFError
        return data
