"""`script/server` as a newcomer runs it: from nothing to a page that answers, and no trace afterwards."""

import os
import signal
import socket
import stat
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.processes

ROOT = Path(__file__).resolve().parents[2]


class Server:
    """One `script/server` with a `var` and a port of its own; its output, line by line."""

    def __init__(self, var: Path, port: int) -> None:
        self.var, self.port = var, port
        environment = {
            name: value
            for name, value in os.environ.items()
            if name not in {"REDIS_URL", "DATABASE_URL", "DJANGO_SETTINGS_MODULE"}
        }
        self.process = subprocess.Popen(
            [ROOT / "script" / "server", "--port", str(port)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment | {"BATCHWEB_VAR": str(var), "CI": ""},
            start_new_session=True,
        )
        self.said: list[str] = []

    def wait_for(self, words: str) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.said.append(line)
            if words in line:
                return
        pytest.fail(f"never said {words!r}:\n{''.join(self.said)}")

    def rest(self) -> str:
        """What else it says, until nothing that it started is left to say something."""
        assert self.process.stdout
        return self.process.stdout.read()

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        self.process.wait(60)
        assert self.process.stdout
        self.process.stdout.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path / "var", _free_port())
    yield server
    server.close()


def test_it_says_how_to_log_in_and_answers_there(server: Server) -> None:
    server.wait_for("Stop:")

    env_file = server.var / "dev.env"
    env = dict(line.split("=", 1) for line in env_file.read_text().splitlines())
    said = "".join(server.said)
    assert stat.S_IMODE(env_file.stat().st_mode) == 0o600
    assert env["BATCHWEB_URL"] == f"http://127.0.0.1:{server.port}"
    for name in ("BATCHWEB_URL", "BATCHWEB_USER", "BATCHWEB_PASSWORD", "BATCHWEB_TOKEN"):
        assert env[name].strip("'\"") in said
    with urllib.request.urlopen(f"{env['BATCHWEB_URL']}/login/", timeout=10) as page:
        assert page.status == 200


def test_the_aws_cli_works_in_the_next_terminal(server: Server) -> None:
    server.wait_for("Stop:")
    commands = "set -a; . var/dev.env; aws batch describe-job-queues --output text"
    answer = subprocess.run(
        ["/bin/bash", "-c", commands],
        cwd=server.var.parent,
        # A terminal that has been used with AWS itself.
        env={"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "AWS_SESSION_TOKEN": "AWS's"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (answer.returncode, answer.stderr) == (0, "")
    assert "arn:aws:batch:us-east-1:123456789012:job-queue/default" in answer.stdout
    assert "aws batch describe-job-queues" in "".join(server.said)


def test_an_interrupt_stops_every_process(server: Server) -> None:
    server.wait_for("Stop:")

    server.process.send_signal(signal.SIGINT)

    assert "Traceback" not in server.rest()
    assert server.process.wait(60) == 130


def test_nothing_is_left_when_the_server_itself_is_killed(server: Server) -> None:
    server.wait_for("Stop:")

    server.process.kill()

    # Every process holds the other end of its output: it ends when the last one has ended.
    server.rest()
    assert not (server.var / "redis" / "redis.sock").exists()


def test_a_second_server_on_the_same_place_is_refused(server: Server) -> None:
    server.wait_for("Stop:")

    second = Server(server.var, _free_port())

    assert second.process.wait(60) == 1
    assert "a server already runs" in second.rest()
    second.close()


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        server = Server(tmp_path / "var", taken.getsockname()[1])

        assert server.process.wait(60) == 1
        assert f"cannot listen on 127.0.0.1 port {server.port}" in server.rest()
        server.close()
