"""A moto server, the emulator of AWS that most tests use, in an environment and a process of its own."""

import json
import socket
import subprocess
import time
import urllib.error
import urllib.request
from types import TracebackType
from typing import Self

from tests.uv import find_uv

# Beside, not within our environment: it brings some forty packages of its own.
MOTO = "moto[server]==5.2.5"
START_SECONDS = 180


class MotoServer:
    """Runs from entry to exit. Its Batch keeps jobs in memory and runs none (`use_docker` off)."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [
                find_uv(),
                "tool",
                "run",
                "--quiet",
                "--from",
                MOTO,
                "moto_server",
                "-H",
                "127.0.0.1",
                "-p",
                str(self.port),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._wait_until_it_answers()
        self._configure({"batch": {"use_docker": False}})
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(30)

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                urllib.request.urlopen(f"{self.url}/moto-api/", timeout=5).close()
                return
            except (urllib.error.URLError, ConnectionError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def _configure(self, config: dict[str, object]) -> None:
        request = urllib.request.Request(
            f"{self.url}/moto-api/config",
            data=json.dumps(config).encode(),
            headers={"Content-Type": "application/json"},
        )
        urllib.request.urlopen(request, timeout=10).close()
