"""Reads a long answer of the Docker Engine as it comes, in big blocks, until it is complete.

Docker flushes each log record on its own, so each is an HTTP chunk; taking them one by one through
http.client and urllib3 costs more than everything else. Here one read takes what the socket holds,
up to `BLOCK_BYTES`, and the chunks are taken apart from memory. The end mark of the chunked encoding
also tells a complete answer from one that broke off.
"""

from collections.abc import Iterator

import requests
import urllib3

from ..base import EngineUnreachable
from .texts import connection_failure

BLOCK_BYTES = 256 * 1024


class Dechunker:
    """Takes HTTP's chunked encoding off (RFC 9112, section 7.1; Docker sends neither extensions nor trailers)."""

    def __init__(self) -> None:
        self.complete = False
        self._rest = b""

    def feed(self, data: bytes) -> bytes:
        """The payload of the chunks that `data` completes; what is left over waits for more."""
        buffer = self._rest + data if self._rest else data
        payload: list[bytes] = []
        at = 0
        while (line_end := buffer.find(b"\r\n", at)) >= 0:
            start = line_end + 2
            end = start + int(buffer[at:line_end], 16)
            if len(buffer) < end + 2:
                break
            at = end + 2
            if start == end:
                self.complete = True
                break
            payload.append(buffer[start:end])
        self._rest = buffer[at:]
        return b"".join(payload)


class Stream:
    """One streamed answer. `interrupt` may be called from any thread, and ends `blocks`."""

    def __init__(self, response: requests.Response, engine: str) -> None:
        self._response = response
        self._raw: urllib3.HTTPResponse = response.raw
        self._engine = engine
        self._interrupted = False

    def blocks(self) -> Iterator[bytes]:
        """The body in blocks as they arrive. Ends when it is complete or was interrupted; raises
        EngineUnreachable if the connection broke off before."""
        try:
            yield from self._chunked() if self._raw.chunked else self._raw.stream(BLOCK_BYTES)
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            # ValueError: read from a file object that `close` closed meanwhile.
            if not self._interrupted:
                raise EngineUnreachable(
                    f"{self._engine} broke off: {connection_failure(error)}"
                ) from error
        finally:
            self.close()

    def interrupt(self) -> None:
        """Wakes and ends whoever reads."""
        self._interrupted = True
        try:
            self._raw.shutdown()
        except (RuntimeError, ValueError, OSError):
            # It has ended by itself: there is no socket any more.
            return

    def close(self) -> None:
        """Gives the connection up (by whoever reads, or before anyone does)."""
        self._interrupted = True
        self._response.close()

    def _chunked(self) -> Iterator[bytes]:
        # docker-py reaches its raw sockets the same way; neither library has a public one.
        file = self._raw._fp.fp  # type: ignore[union-attr]  # noqa: SLF001
        chunks = Dechunker()
        while not chunks.complete:
            data = file.read1(BLOCK_BYTES)
            if not data:
                if self._interrupted:
                    return
                raise EngineUnreachable(f"{self._engine} broke off: the connection ended")
            yield chunks.feed(data)
