"""Prints whether Docker Engine answers: "ok", "denied" (this user may not use it) or "down"."""

import http.client
import os
import socket
from urllib.parse import urlsplit

TIMEOUT_SECONDS = 10


class _Connection(http.client.HTTPConnection):
    """HTTP over the engine's unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=TIMEOUT_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(TIMEOUT_SECONDS)
        self.sock.connect(self._path)


def state(url: str) -> str:
    if not url.startswith("unix:"):
        # TCP, TLS and SSH have settings of their own: leave them to the library that knows them.
        import docker

        try:
            docker.from_env(timeout=TIMEOUT_SECONDS).ping()
        except (docker.errors.DockerException, OSError):
            return "down"
        return "ok"
    connection = _Connection(urlsplit(url).path)
    try:
        connection.request("GET", "/_ping")
        return "ok" if connection.getresponse().status == http.HTTPStatus.OK else "down"
    except PermissionError:
        return "denied"
    except (OSError, http.client.HTTPException):
        return "down"
    finally:
        connection.close()


if __name__ == "__main__":
    print(state(os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"))
