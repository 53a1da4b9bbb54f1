"""HTTP to one Docker Engine: docker-py's client with one shared pool, and its errors as ours."""

import json
import os
import socket
import threading
from collections.abc import Mapping
from typing import Any
from weakref import WeakSet

import docker
import requests
from docker.errors import DockerException
from docker.transport import UnixHTTPAdapter
from docker.utils import kwargs_from_env
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool

from ..base import EngineError, EngineUnreachable
from .stream import Stream
from .texts import connection_failure

DEFAULT_URL = "unix:///var/run/docker.sock"
TIMEOUT_SECONDS = 60.0
# Connections kept for reuse; more threads than this still work, on connections of their own.
POOL_SIZE = 32
# Docker 20.10. What we speak is the newest that the engine offers.
OLDEST_API = "1.41"


class _UnixConnection(HTTPConnection):
    """docker-py's own forgets to close its socket where no engine listens."""

    def __init__(self, socket_path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._socket_path = socket_path

    def connect(self) -> None:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.settimeout(TIMEOUT_SECONDS)
            sock.connect(self._socket_path)
        except OSError:
            sock.close()
            raise
        self.sock = sock


class _UnixPool(HTTPConnectionPool):
    def __init__(self, socket_path: str) -> None:
        super().__init__("localhost", timeout=TIMEOUT_SECONDS, maxsize=POOL_SIZE)
        self._socket_path = socket_path

    def _new_conn(self) -> _UnixConnection:
        return _UnixConnection(self._socket_path, TIMEOUT_SECONDS)


class _UnixAdapter(UnixHTTPAdapter):
    """docker-py keeps a pool per URL *path*, so a call on a new container never finds an open
    connection. All paths lead to the same socket: one pool halves the cost of a call."""

    def __init__(self, socket_path: str) -> None:
        super().__init__(f"http+unix://{socket_path}", int(TIMEOUT_SECONDS))
        self._pool = _UnixPool(socket_path)

    def get_connection(self, url: bytes | str, proxies: Mapping[str, str] | None = None) -> Any:
        return self._pool

    def close(self) -> None:
        super().close()
        self._pool.close()


class Connection:
    """Safe to share between threads, and to inherit across a fork: the child connects anew."""

    def __init__(self, url: str) -> None:
        self._options = _client_options(url)
        self.url: str = self._options["base_url"]
        self._lock = threading.Lock()
        self._pid = 0
        self._client: docker.APIClient | None = None
        self._streams: WeakSet[Stream] = WeakSet()
        self.closed = False

    @property
    def socket_path(self) -> str:
        """The unix socket's path; empty if the engine is elsewhere."""
        return self.url.removeprefix("unix://") if self.url.startswith("unix://") else ""

    def client(self) -> docker.APIClient:
        """docker-py's client, connected (its making asks the engine for its API version once)."""
        if self.closed:
            raise EngineUnreachable(f"The connection to {self._name()} was closed")
        client = self._client
        if client is not None and self._pid == os.getpid():
            return client
        with self._lock:
            if self._client is None or self._pid != os.getpid():
                # After a fork the parent's sockets are dropped, not shut down: it still uses them.
                self._streams = WeakSet()
                self._client, self._pid = self._connect(), os.getpid()
            return self._client

    def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = TIMEOUT_SECONDS,
    ) -> requests.Response:
        """One request and its whole answer, whatever its status. Raises EngineUnreachable."""
        return self._send(method, path, params=params, body=body, headers=headers, timeout=timeout)

    def send_archive(self, container_id: str, folder: str, archive: bytes) -> requests.Response:
        """Has a tar archive unpacked in a container's directory. Raises EngineUnreachable."""
        return self._send(
            "PUT",
            f"/containers/{container_id}/archive",
            params={"path": folder},
            data=archive,
            headers={"Content-Type": "application/x-tar"},
            timeout=TIMEOUT_SECONDS,
        )

    def stream(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[requests.Response, Stream]:
        """A request whose answer is read as it comes; `close` ends it. Raises EngineUnreachable."""
        response = self._send(
            method,
            path,
            params=params,
            headers=headers,
            timeout=(TIMEOUT_SECONDS, None),
            stream=True,
        )
        stream = Stream(response, self._name())
        with self._lock:
            self._streams.add(stream)
        if self.closed:
            stream.close()
        return response, stream

    def close(self) -> None:
        """Ends all streams, also those that other threads wait on. Later calls are refused."""
        self.closed = True
        with self._lock:
            streams = list(self._streams) if self._pid == os.getpid() else []
            client, self._client = self._client, None
        for stream in streams:
            stream.interrupt()
        if client is not None:
            client.close()

    def unreachable(self, error: BaseException) -> EngineUnreachable:
        return EngineUnreachable(f"{self._name()} does not answer: {connection_failure(error)}")

    def _send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None,
        timeout: float | tuple[float, float | None],
        body: object = None,
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        stream: bool = False,
    ) -> requests.Response:
        client = self.client()
        url = f"{client.base_url}/v{client.api_version}{path}"
        try:
            return client.request(
                method,
                url,
                params=params,
                json=body,
                data=data,
                headers=dict(headers or {}),
                timeout=timeout,
                stream=stream,
            )
        except requests.RequestException as error:
            raise self.unreachable(error) from error

    def _connect(self) -> docker.APIClient:
        first = self._make_client(OLDEST_API)
        try:
            found = first.get(f"{first.base_url}/version", timeout=TIMEOUT_SECONDS)
        except requests.RequestException as error:
            raise self.unreachable(error) from error
        finally:
            first.close()
        return self._make_client(str(answer(found)["ApiVersion"]))

    def _make_client(self, api_version: str) -> docker.APIClient:
        try:
            client = docker.APIClient(
                version=api_version, timeout=int(TIMEOUT_SECONDS), **self._options
            )
        except DockerException as error:
            raise EngineError(f"{self._name()} cannot be used: {error}") from error
        if self.socket_path:
            # Proxies and .netrc do not concern a local socket, but cost a look at each request.
            client.trust_env = False
            client.mount("http+docker://", _UnixAdapter(self.socket_path))
        return client

    def _name(self) -> str:
        return f"Docker Engine at {self.url}"


def answer(response: requests.Response) -> Any:
    """The body as JSON; raises EngineError with the daemon's words if the status is an error.

    Also for what is no JSON: `/stats` of a container that is just ending may be an empty body.
    """
    if not response.ok:
        raise EngineError(message(response))
    try:
        return json.loads(response.content)
    except ValueError as error:
        raise EngineError(f"Docker Engine answered with what is no JSON: {error}") from error


def expect(response: requests.Response) -> None:
    """Raises EngineError with the daemon's words if the status is an error."""
    if not response.ok:
        raise EngineError(message(response))


def message(response: requests.Response) -> str:
    """What the daemon said about an error."""
    try:
        said = json.loads(response.content)["message"]
    except (ValueError, KeyError, TypeError):
        said = response.text.strip()
    return str(said) or f"Docker Engine answered with status {response.status_code}"


def _client_options(url: str) -> dict[str, Any]:
    """docker-py's options for `url`; empty: as DOCKER_HOST says, or this machine's socket.

    DOCKER_TLS_VERIFY and DOCKER_CERT_PATH count for both.
    """
    options: dict[str, Any] = dict(kwargs_from_env())
    address = str(url or options.get("base_url") or DEFAULT_URL)
    options["base_url"] = address
    scheme = address.partition("://")[0]
    if scheme not in {"unix", "tcp", "http", "https"}:
        raise EngineError(
            f"{address!r} is no address of a Docker Engine: "
            "use unix:///path/to/socket or tcp://host:port"
        )
    if scheme == "unix":
        options.pop("tls", None)
    return options
