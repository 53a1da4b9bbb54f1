"""The engine protocol over a fake engine's server (`server.py`). For tests and benchmarks only."""

import os
import socket
import threading
from collections.abc import Callable, Generator, Iterator
from itertools import chain
from typing import Any, TypeVar
from weakref import WeakSet

from ..base import (
    Belonging,
    ContainerSpec,
    ContainerStatus,
    EngineEvent,
    EngineInfo,
    EngineUnreachable,
    HostMount,
    LogFrame,
    NodeCapacity,
    PullProgress,
    RegistryLogin,
    Usage,
    VolumeMount,
)
from .wire import END, FAILED, PULL, SCHEME, Wire

_Item = TypeVar("_Item")


class FakeEngineClient:
    """For tests and benchmarks only: speaks to the server that "fake+unix:///path" names.

    Safe to share between threads, and to inherit across a fork.
    """

    def __init__(self, url: str, *, installation: str) -> None:
        self._path = url.removeprefix(SCHEME)
        self._installation = installation
        self.closed = False
        self._forget()

    def info(self) -> EngineInfo:
        found: EngineInfo = self._call("info")
        return found

    def nodes(self) -> list[NodeCapacity]:
        found: list[NodeCapacity] = self._call("nodes")
        return found

    def has_image(self, image: str) -> bool:
        return bool(self._call("has_image", image))

    def pull(
        self,
        image: str,
        on_progress: Callable[[PullProgress], None],
        login: RegistryLogin | None = None,
    ) -> None:
        for progress in self._call(PULL, image, login):
            on_progress(progress)

    def check_login(self, login: RegistryLogin) -> None:
        self._call("check_login", login)

    def create(self, spec: ContainerSpec) -> str:
        return str(self._call("create", spec))

    def start(self, container_id: str) -> None:
        self._call("start", container_id)

    def discard(self, container_id: str) -> None:
        self._call("discard", container_id)

    def remove(self, container_id: str) -> None:
        self._call("remove", container_id)

    def inspect(self, name_or_id: str) -> ContainerStatus | None:
        found: ContainerStatus | None = self._call("inspect", name_or_id)
        return found

    def signal(self, container_id: str, name: str) -> bool:
        return bool(self._call("signal", container_id, name))

    def containers(self) -> list[ContainerStatus]:
        found: list[ContainerStatus] = self._call("containers")
        return found

    def pods(self) -> list[Belonging]:
        found: list[Belonging] = self._call("pods")
        return found

    def volumes(self) -> list[Belonging]:
        found: list[Belonging] = self._call("volumes")
        return found

    def networks(self) -> list[Belonging]:
        found: list[Belonging] = self._call("networks")
        return found

    def remove_pod(self, name: str) -> None:
        self._call("remove_pod", name)

    def remove_volume(self, name: str) -> None:
        self._call("remove_volume", name)

    def remove_network(self, name: str) -> None:
        self._call("remove_network", name)

    def put_file(self, container_id: str, path: str, data: bytes) -> None:
        self._call("put_file", container_id, path, data)

    def read_files(self, mount: HostMount | VolumeMount, path: str) -> Generator[bytes, None, None]:
        blocks: list[bytes] = self._call("read_archive", mount, path)
        return (block for block in blocks)

    def remove_readers(self) -> int:
        return int(self._call("remove_readers"))

    def make_service_address(self) -> None:
        self._call("make_service_address")

    def has_service_address(self) -> bool:
        return bool(self._call("has_service_address"))

    def events(self, since_ns: int) -> Iterator[EngineEvent]:
        batches: Iterator[list[EngineEvent]] = self._stream("event_batches", since_ns)
        return chain.from_iterable(batches)

    def logs(self, container_id: str, *, since_ns: int, follow: bool) -> Iterator[LogFrame]:
        batches: Iterator[list[LogFrame]] = self._stream(
            "log_batches", container_id, since_ns=since_ns, follow=follow
        )
        return chain.from_iterable(batches)

    def usage(self, container_id: str) -> Usage | None:
        found: Usage | None = self._call("usage", container_id)
        return found

    def close(self) -> None:
        with self._lock:
            self.closed = True
            idle, streams = self._take_idle(), list(self._streams)
        for wire in idle:
            wire.close()
        for wire in streams:
            wire.interrupt()

    def _forget(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._idle: list[Wire] = []
        self._streams: WeakSet[Wire] = WeakSet()

    def _take_idle(self) -> list[Wire]:
        idle, self._idle = self._idle, []
        return idle

    def _call(self, method: str, *arguments: object, **named: object) -> Any:
        kind, value = self._exchange(method, arguments, named)
        if kind == FAILED:
            raise value
        return value

    def _exchange(
        self, method: str, arguments: tuple[object, ...], named: dict[str, object]
    ) -> tuple[str, Any]:
        """A call over a connection that is kept for the next one.

        Apart from `_call`: an error that is raised holds on to its frame, and so to what lies there.
        """
        wire = self._wire()
        answer = self._ask(wire, method, arguments, named)
        with self._lock:
            keep = not self.closed
            if keep:
                self._idle.append(wire)
        if not keep:
            wire.close()
        return answer

    def _stream(self, method: str, *arguments: object, **named: object) -> Iterator[Any]:
        wire = self._wire()
        kind, value = self._ask(wire, method, arguments, named)
        if kind == FAILED:
            wire.close()
            raise value
        with self._lock:
            self._streams.add(wire)
            if self.closed:
                wire.interrupt()
        return self._items(wire)

    def _items(self, wire: Wire) -> Iterator[Any]:
        try:
            while True:
                kind, value = wire.receive()
                if kind == FAILED:
                    raise value
                if kind == END:
                    return
                yield value
        except (EOFError, OSError) as error:
            if not self.closed:
                raise EngineUnreachable(
                    "The fake engine broke off: the connection ended"
                ) from error
        finally:
            wire.close()

    def _ask(
        self, wire: Wire, method: str, arguments: tuple[object, ...], named: dict[str, object]
    ) -> tuple[str, Any]:
        """What the server answers, whether it is a result or an error."""
        try:
            wire.send((self._installation, method, arguments, named))
            kind, value = wire.receive()
        except (EOFError, OSError) as error:
            wire.close()
            raise self._unreachable(error) from error
        return kind, value

    def _wire(self) -> Wire:
        if self.closed:
            raise EngineUnreachable("The connection to the fake engine was closed")
        if self._pid != os.getpid():
            # A forked child: the connections are its parent's.
            self._forget()
        with self._lock:
            if self._idle:
                return self._idle.pop()
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.connect(self._path)
        except OSError as error:
            sock.close()
            raise self._unreachable(error) from error
        return Wire(sock)

    def _unreachable(self, error: Exception) -> EngineUnreachable:
        return EngineUnreachable(f"The fake engine at {self._path} does not answer: {error}")
