"""Waits until the server answers, then says where it is and how to get in."""

import os
import shlex
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

PATIENCE_SECONDS = 60


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except urllib.error.HTTPError:
        # It answers; that its answer is an error shows in its log.
        return True
    except OSError:
        return False


def read_env(path: Path) -> dict[str, str]:
    """The `NAME=value` lines of a shell file of simple assignments."""
    pairs = (line.split("=", 1) for line in path.read_text().splitlines() if "=" in line)
    return {
        name.removeprefix("export ").strip(): value.strip().strip("'\"") for name, value in pairs
    }


def announcement(env: dict[str, str], path: Path) -> str:
    rule = "─" * 74
    return "\n".join(
        [
            rule,
            f"  Batchweb runs:  {env['BATCHWEB_URL']}",
            f"  Login:          {env['BATCHWEB_USER']}",
            f"  Password:       {env['BATCHWEB_PASSWORD']}",
            f"  Access token:   {env['BATCHWEB_TOKEN']}",
            f"  For scripts:    {path}",
            "  With AWS's CLI: in another terminal, with the aws command (1.29, 2.13 or newer;",
            "                  older ones need --endpoint-url):",
            f"                  set -a; . {shlex.quote(str(path))}; aws batch describe-job-queues",
            "  Stop:           Ctrl-C (jobs that run go on; the next start takes them up again)",
            rule,
        ]
    )


def main() -> int:
    path = Path(os.environ["BATCHWEB_VAR"]) / "dev.env"
    env = read_env(path)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not answers(f"{env['BATCHWEB_URL']}/login/"):
        if time.monotonic() > deadline:
            print(f"Nothing answers at {env['BATCHWEB_URL']} yet: see the messages above.")
            return 1
        time.sleep(0.1)
    print(announcement(env, path), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
