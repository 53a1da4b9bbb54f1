"""A fake engine for several processes: one world behind a unix socket. For tests and benchmarks only.

    python -m jobs.engines.fake.server /path/to/socket --nodes 4 --vcpus 64 --memory-gib 256

It says "ready" on its standard output when it answers, and runs until SIGTERM or SIGINT. An engine of
kind "fake" with the URL fake+unix:///path/to/socket speaks to it.
"""

import argparse
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

from ..base import EngineError, NodeCapacity, PullProgress
from .engine import FakeEngine
from .wire import CALLS, END, FAILED, ITEMS, OK, PULL, STREAMS, Wire
from .world import World

_BACKLOG = 512


class FakeEngineServer:
    """Serves a world at `path`, a thread a connection. `stop` ends it and removes the socket."""

    def __init__(self, path: str, world: World) -> None:
        self._path = path
        self._world = world
        self._engines: dict[str, FakeEngine] = {}
        self._wires: set[Wire] = set()
        self._lock = threading.Lock()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.bind(path)
        self._socket.listen(_BACKLOG)
        self._thread = threading.Thread(target=self._accept, name="fake engine", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        # A thread that waits in `accept` is woken by this only, not by closing the socket.
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()
        Path(self._path).unlink(missing_ok=True)
        with self._lock:
            engines, wires = list(self._engines.values()), list(self._wires)
        # In this order: what a client hears is a connection that broke, not a stream that ended.
        for wire in wires:
            wire.interrupt()
        for engine in engines:
            engine.close()

    def _accept(self) -> None:
        while True:
            try:
                connected, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(
                target=self._serve,
                args=(Wire(connected),),
                name="fake engine's client",
                daemon=True,
            ).start()

    def _serve(self, wire: Wire) -> None:
        with self._lock:
            self._wires.add(wire)
        try:
            while True:
                self._answer(wire, *wire.receive())
        except (EOFError, OSError):
            # The client went away.
            return
        finally:
            with self._lock:
                self._wires.discard(wire)
            wire.close()

    def _answer(
        self,
        wire: Wire,
        installation: str,
        method: str,
        arguments: Sequence[Any],
        named: dict[str, Any],
    ) -> None:
        engine = self._engine(installation)
        try:
            if method in STREAMS:
                self._send_all(wire, getattr(engine, method)(*arguments, **named))
            elif method == PULL:
                progress: list[PullProgress] = []
                engine.pull(arguments[0], progress.append, arguments[1])
                wire.send((OK, progress))
            else:
                wire.send((OK, _call_of(engine, method)(*arguments, **named)))
        except EngineError as error:
            wire.send((FAILED, error))

    def _send_all(self, wire: Wire, batches: Iterator[list[Any]]) -> None:
        wire.send((OK, None))
        for batch in batches:
            wire.send((ITEMS, batch))
        wire.send((END, None))

    def _engine(self, installation: str) -> FakeEngine:
        with self._lock:
            engine = self._engines.get(installation)
            if engine is None:
                engine = FakeEngine("", installation=installation, here=self._world)
                self._engines[installation] = engine
            return engine


def _call_of(engine: FakeEngine, method: str) -> Callable[..., object]:
    if method not in CALLS:
        raise EngineError(f"A fake engine has no call {method!r}")
    found: Callable[..., object] = getattr(engine, method)
    return found


def main(arguments: Sequence[str]) -> None:
    """Serves until a signal ends it."""
    options = _parser().parse_args(arguments)
    world = World()
    world.boot_id = uuid4().hex
    world.gpus = options.gpus
    world.nodes = [
        NodeCapacity(f"fake-{number}", options.vcpus * 1000, options.memory_gib * 1024, "x86_64")
        for number in range(1, options.nodes + 1)
    ]
    over = {signal.SIGTERM, signal.SIGINT}
    # Blocked in all threads, so that the one that waits for them gets them.
    signal.pthread_sigmask(signal.SIG_BLOCK, over)
    server = FakeEngineServer(options.socket, world)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    signal.sigwait(over)
    server.stop()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="A fake engine, for tests and benchmarks only.")
    parser.add_argument("socket", help="the path of the unix socket to be made")
    parser.add_argument("--nodes", type=int, default=1)
    parser.add_argument("--vcpus", type=int, default=64, help="of each node")
    parser.add_argument("--memory-gib", type=int, default=256, help="of each node")
    parser.add_argument("--gpus", type=int, default=0, help="of each node")
    return parser


if __name__ == "__main__":
    main(sys.argv[1:])
