"""The API behind a real web server: uvicorn on a free port, and clients that write HTTP by hand."""

import socket
import threading
from collections.abc import Mapping
from http.client import parse_headers
from types import TracebackType
from typing import Any, Self

import uvicorn

from jobs.api.asgi import with_api
from jobs.api.calls import Answer, Call

TIMEOUT_SECONDS = 20.0


class Server:
    """Serves the API in a thread; every other request is answered with `a page`.

    `read` has the bytes of a body that each request took from the server, in the order of their ends.
    """

    def __init__(self) -> None:
        self.read: list[int] = []
        self._ended = threading.Semaphore(0)
        self._api: Any = with_api(_page, _never)
        self._socket = socket.create_server(("127.0.0.1", 0))
        config = uvicorn.Config(
            self._application,
            interface="asgi3",
            lifespan="off",
            ws="none",
            log_config=None,
            access_log=False,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.should_exit = True
        self._thread.join(TIMEOUT_SECONDS)
        assert not self._thread.is_alive()

    def connect(self) -> "Connection":
        """A new connection to it."""
        return Connection(self._socket.getsockname())

    def wait_for_end(self) -> None:
        """Waits until one more request has ended, well or not."""
        assert self._ended.acquire(timeout=TIMEOUT_SECONDS)

    async def _application(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        size = 0

        async def counted() -> Mapping[str, Any]:
            nonlocal size
            message: Mapping[str, Any] = await receive()
            size += len(message.get("body", b""))
            return message

        try:
            await self._api(scope, counted, send)
        finally:
            self.read.append(size)
            self._ended.release()


class Connection:
    """A connection of a client that sends what it is told to, right or not."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._socket = socket.create_connection(address, timeout=TIMEOUT_SECONDS)
        self._file = self._socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Goes away."""
        self._file.close()
        self._socket.close()

    def send(self, *parts: bytes) -> None:
        """Sends all of it at once."""
        self._socket.sendall(b"".join(parts))

    def answer(self, *, has_body: bool = True) -> Answer:
        """The next answer; one to HEAD has no body, whatever its length says."""
        status = int(self._file.readline().split()[1])
        headers = {name.lower(): value for name, value in parse_headers(self._file).items()}
        length = int(headers["content-length"]) if has_body else 0
        return Answer(status, headers, self._file.read(length))

    def is_at_its_end(self) -> bool:
        """Waits for the server to say more, or to end the connection."""
        try:
            return self._file.read(1) == b""
        except ConnectionResetError:
            # So it is if it was ended while this side was still sending.
            return True


def head(call: Call, **more: object) -> bytes:
    """The first lines of a request, to the empty one; `more` are headers, with `_` for `-`."""
    target = f"{call.path}?{call.query}" if call.query else call.path
    added = {name.replace("_", "-"): str(value) for name, value in more.items()}
    lines = [f"{name}: {value}" for name, value in {**call.headers, **added}.items()]
    return "\r\n".join([f"{call.method} {target} HTTP/1.1", *lines, "", ""]).encode()


def whole(call: Call) -> bytes:
    """A request with its body, as clients send it."""
    return head(call, content_length=len(call.body)) + call.body


def chunk(part: bytes) -> bytes:
    """A part of a chunked body; an empty one is its end."""
    return f"{len(part):x}\r\n".encode() + part + b"\r\n"


async def _page(scope: dict[str, Any], receive: Any, send: Any) -> None:
    headers = [(b"content-length", b"6")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"a page"})


async def _never() -> None:
    raise AssertionError("No answer of these tests lasts.")
