"""Hands on what jobs send to their machine's SERVICE_ADDRESS to the web server, which may listen on localhost alone.

Bytes are handed on as they are, so jobs reach all of the web server, not the API alone. That is meant: it is the server
that users reach, and asks whoever comes for a login, a token or a signature. To let some paths through and
others not would take an understanding of HTTP that is the same as the server's in every case, or protect nothing.

What is handed on comes from SERVICE_ADDRESS itself where the web server is on this machine: it is nobody whose headers
say who asks (BATCHWEB_TRUSTED_PROXIES), whatever a job writes there.
"""

import asyncio
import contextlib
import errno
import logging
import socket
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from jobs.engines.base import SERVICE_ADDRESS

from .background import start_thread

logger = logging.getLogger("batchweb.forwarder")

BLOCK_BYTES = 64 * 1024
BACKLOG = 128
# So often the web server may not be there yet.
UNANSWERED_TOLD = 30


@dataclass(frozen=True, slots=True)
class Limits:
    """How many connections at a time, and how long; what takes time is in seconds."""

    connections: int = 256
    # Of one container (or pod, or whatever has one address). An SDK's client keeps 10 at most.
    connections_per_peer: int = 16
    connect_within: float = 5.0
    # The whole head of a connection's first request.
    head: float = 15.0
    # Without a byte of an answer. Longer than the web server keeps an idle connection, and than it waits for a body.
    idle: float = 120.0
    # After that, it ends with the first answer that nothing follows for a moment: an SDK connects anew, and
    # would send again what was cut off in its midst.
    life: float = 600.0
    pause: float = 1.0
    # The address may appear at any time, with the first job that has a role.
    look_every: float = 1.0
    look_again_every: float = 10.0


DEFAULT_LIMITS = Limits()


def is_here(address: str = SERVICE_ADDRESS) -> bool:
    """Whether this machine has the address: not where the engine runs elsewhere, or this process in a container."""
    with socket.socket() as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True


@dataclass(slots=True, eq=False)
class _Connection:
    """A job's connection. Times are the loop's; what a job sends keeps it no longer, only what it is answered."""

    peer: str
    limits: Limits
    began: float
    answered: float
    ends: asyncio.Timeout
    task: asyncio.Task[None] | None = None
    is_asking: bool = True
    _head: bytes | None = b""

    def sent(self, block: bytes, now: float) -> None:
        """The job has sent this."""
        if self._head is not None:
            head = self._head + block
            if b"\r\n\r\n" not in head:
                self._head = head[-3:]
                return
            self._head = None
            self._wait(now, self.limits.idle)
        elif not self.is_asking:
            self.is_asking = True
            self._wait(now, self.limits.idle)

    def got(self, now: float) -> None:
        """The web server has sent something."""
        self._head, self.is_asking, self.answered = None, False, now
        is_old = now > self.began + self.limits.life
        self._wait(now, self.limits.pause if is_old else self.limits.idle)

    def _wait(self, now: float, seconds: float) -> None:
        if not self.ends.expired():
            self.ends.reschedule(now + seconds)

    def end(self) -> None:
        """Ends it soon."""
        if self.task is not None:
            self.task.cancel()


@dataclass(slots=True)
class Forwarder:
    """Listens at `address`, as soon as this machine has it, and hands on to `to`. Use it once."""

    port: int
    to: tuple[str, int]
    address: str = SERVICE_ADDRESS
    limits: Limits = DEFAULT_LIMITS
    _loop: asyncio.AbstractEventLoop | None = None
    _stopped: asyncio.Event = field(default_factory=asyncio.Event)
    _from: tuple[str, int] | None = None
    _told: str = ""
    _unanswered: int = 0
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    # Those that count: one that is to end does not.
    _open: set[_Connection] = field(default_factory=set)

    def start(self) -> None:
        """Runs in a thread of its own until `stop`."""
        self._loop = asyncio.new_event_loop()
        start_thread("forwarder", self._run)

    def stop(self) -> None:
        """Ends it soon. Safe from any thread and from a signal handler."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stopped.set)

    def _run(self) -> None:
        assert self._loop is not None
        try:
            self._loop.run_until_complete(self._listen_and_serve())
        finally:
            self._loop.close()

    async def _listen_and_serve(self) -> None:
        while not self._stopped.is_set():
            listener = await self._listen()
            if listener is not None:
                with listener:
                    await self._serve(listener)
                return
            pause = self.limits.look_again_every if self._told else self.limits.look_every
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopped.wait(), pause)

    async def _listen(self) -> socket.socket | None:
        """A socket at the address; None if it is not to be had now."""
        if not is_here(self.address):
            return None
        if not await self._answers(self.to):
            # Its turn first: a web server that is to listen on all addresses could not, after this one.
            self._unanswered += 1
            if self._unanswered == UNANSWERED_TOLD:
                self._tell(
                    logging.WARNING,
                    f"jobs with a role cannot be handed on to {_text(self.to)}: no web server answers there. Set "
                    "BATCHWEB_WEB_ADDRESS to where it does",
                )
            return None
        try:
            listener = socket.create_server((self.address, self.port), backlog=BACKLOG)
        except OSError as error:
            await self._tell_why(error)
            return None
        listener.setblocking(False)
        # An address of this machine is no way to another.
        self._from = (self.address, 0) if is_here(self.to[0]) else None
        here = _text((self.address, self.port))
        logger.info("jobs with a role reach %s at %s", _text(self.to), here)
        return listener

    async def _tell_why(self, error: OSError) -> None:
        where = _text((self.address, self.port))
        if error.errno == errno.EADDRINUSE and await self._answers((self.address, self.port)):
            # The web server itself listens on all addresses, or another supervisor does this already.
            self._tell(logging.INFO, f"jobs with a role reach {where}, which is served already")
            return
        self._tell(
            logging.ERROR,
            f"jobs with a role cannot reach {where}: {error.strerror}. Give the web server another port, or set "
            "BATCHWEB_JOBS_API_URL",
        )

    def _tell(self, level: int, text: str) -> None:
        """Once, not each time that it is looked."""
        if text != self._told:
            logger.log(level, text)
            self._told = text

    async def _answers(self, address: tuple[str, int]) -> bool:
        try:
            async with asyncio.timeout(self.limits.connect_within):
                _, writer = await asyncio.open_connection(*address)
        except OSError:
            return False
        writer.transport.abort()
        return True

    async def _serve(self, listener: socket.socket) -> None:
        """Until it is stopped; then all connections end."""
        accepting = asyncio.create_task(self._accept(listener))
        stopping = asyncio.create_task(self._stopped.wait())
        try:
            await asyncio.wait({accepting, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if accepting.done():
                accepting.result()
        finally:
            tasks = {accepting, stopping, *self._tasks}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connected, peer = await loop.sock_accept(listener)
            except OSError as error:
                # Of too many open files, say: others will be closed.
                logger.warning("a job's connection was not accepted: %s", error)
                await asyncio.sleep(self.limits.look_every)
                continue
            self._begin(connected, peer[0])
            # However many come, those that are open have their turn, too.
            await asyncio.sleep(0)

    def _begin(self, connected: socket.socket, peer: str) -> None:
        self._make_room(peer)
        loop = asyncio.get_running_loop()
        now = loop.time()
        ends = asyncio.timeout_at(now + self.limits.head)
        connection = _Connection(peer, self.limits, began=now, answered=now, ends=ends)
        task = connection.task = asyncio.create_task(self._hand_on(connected, connection))
        self._open.add(connection)
        self._tasks.add(task)

        def end(_: object) -> None:
            connected.close()
            self._tasks.discard(task)
            self._open.discard(connection)

        task.add_done_callback(end)

    def _make_room(self, peer: str) -> None:
        """Ends a connection where there are too many: who came first must not keep out who comes later."""
        peers = Counter(each.peer for each in self._open)
        if peers[peer] < self.limits.connections_per_peer:
            if len(self._open) < self.limits.connections:
                return
            peer = peers.most_common(1)[0][0]
        # Who holds one for nothing is not answered.
        least = min(
            (each for each in self._open if each.peer == peer), key=lambda each: each.answered
        )
        self._open.discard(least)
        least.end()

    async def _hand_on(self, connected: socket.socket, connection: _Connection) -> None:
        """One connection, until both sides have ended or its time is over. Never raises OSError."""
        writers: list[asyncio.StreamWriter] = []
        try:
            async with connection.ends:
                job_reads, job_writes = await asyncio.open_connection(sock=connected)
                writers.append(job_writes)
                async with asyncio.timeout(self.limits.connect_within):
                    web_reads, web_writes = await asyncio.open_connection(
                        *self.to, local_addr=self._from
                    )
                writers.append(web_writes)
                async with asyncio.TaskGroup() as both:
                    both.create_task(_pump(job_reads, web_writes, connection.sent))
                    both.create_task(
                        _pump(web_reads, job_writes, lambda _, now: connection.got(now))
                    )
                for writer in writers:
                    writer.close()
                    await writer.wait_closed()
        except* OSError as errors:
            logger.debug("a connection from %s ended: %s", connection.peer, errors.exceptions)
        finally:
            for writer in writers:
                writer.transport.abort()


async def _pump(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    note: Callable[[bytes, float], None],
) -> None:
    loop = asyncio.get_running_loop()
    while block := await reader.read(BLOCK_BYTES):
        writer.write(block)
        # Who sends faster than the other side reads must wait.
        await writer.drain()
        note(block, loop.time())
    writer.write_eof()


def _text(address: tuple[str, int]) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
