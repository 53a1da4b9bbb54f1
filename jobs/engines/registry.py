"""Connections to engines by kind and address."""

import os
import threading

from .base import Engine, EngineError


class _Connected:
    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Also in a forked child: the parent's connections are not its own, nor is its lock."""
        self.lock = threading.Lock()
        self.engines: dict[tuple[str, str, str], Engine] = {}


_connected = _Connected()
os.register_at_fork(after_in_child=_connected.forget)


def connect(kind: str, url: str, *, installation: str) -> Engine:
    """This process's one connection to the engine at `url` ("": as DOCKER_HOST says).

    Nothing is sent yet. `installation` is a short id; the connection sees only containers made
    under the same one. Raises EngineError for an unknown kind or an impossible address.
    """
    key = (kind, url, installation)
    with _connected.lock:
        engine = _connected.engines.get(key)
        if engine is None or engine.closed:
            engine = _connected.engines[key] = _make(kind, url, installation)
        return engine


def _make(kind: str, url: str, installation: str) -> Engine:
    # Imported here: processes that never speak to an engine do without its library's memory.
    if kind == "docker":
        from .docker_engine import DockerEngine

        return DockerEngine(url, installation=installation)
    if kind == "fake":
        from .fake import FakeEngine, FakeEngineClient

        if url.startswith("fake+unix://"):
            return FakeEngineClient(url, installation=installation)
        return FakeEngine(url, installation=installation)
    raise EngineError(f"There is no engine of kind {kind!r}: use 'docker' or 'fake'")
