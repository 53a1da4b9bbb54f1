"""Shared by all tests: a Redis of their own, started here, and a place for files."""

import atexit
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
import redis

from batchweb.embedded import find_redis_server

# Before Django reads its settings: tests touch neither the developer's database nor his Redis.
_var = Path(tempfile.mkdtemp(prefix="batchweb-test-"))
_socket = _var / "redis.sock"
os.environ["BATCHWEB_VAR"] = str(_var)
os.environ["REDIS_URL"] = f"unix://{_socket}?db=0"


def _start_redis() -> None:
    server = subprocess.Popen(
        [find_redis_server(), "--port", "0", "--unixsocket", str(_socket), "--save", ""],
        stdout=subprocess.DEVNULL,
        cwd=_var,
    )

    def stop() -> None:
        server.terminate()
        server.wait(10)
        shutil.rmtree(_var, ignore_errors=True)

    atexit.register(stop)
    client = redis.Redis(unix_socket_path=str(_socket))
    deadline = time.monotonic() + 20
    while True:
        try:
            client.ping()
            break
        except redis.ConnectionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
    client.close()


def pytest_configure(config: pytest.Config) -> None:
    _start_redis()
