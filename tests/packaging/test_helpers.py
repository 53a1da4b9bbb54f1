"""The private Redis's command line, the health check, and the line that sums up a test run."""

import http.server
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from batchweb.embedded import redis_command
from batchweb.healthcheck import accepted_host, healthy

TOTALS = Path(__file__).resolve().parents[2] / "script" / "lib" / "totals.py"


def test_the_private_redis_listens_on_a_socket_of_its_owner_only(tmp_path: Path) -> None:
    (tmp_path / "redis").mkdir(mode=0o755)

    command = redis_command(tmp_path)

    options = dict(zip(command[1::2], command[2::2], strict=True))
    assert options["--port"] == "0"
    assert options["--unixsocket"] == str(tmp_path / "redis" / "redis.sock")
    assert options["--unixsocketperm"] == "700"
    assert options["--appendonly"] == "yes"
    assert stat.S_IMODE((tmp_path / "redis").stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("allowed", "host"),
    [
        (["batch.example.com", "other"], "batch.example.com"),
        # A leading dot stands for a domain and all below it.
        ([".example.com"], "example.com"),
        (["*"], "localhost"),
        ([], "localhost"),
    ],
)
def test_the_health_check_names_a_host_that_is_accepted(allowed: list[str], host: str) -> None:
    assert accepted_host(allowed) == host


class _Answer(http.server.BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@pytest.fixture
def web() -> Iterator[http.server.HTTPServer]:
    server = http.server.HTTPServer(("127.0.0.1", 0), _Answer)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(("status", "expected"), [(200, True), (302, False), (500, False)])
def test_a_web_server_is_healthy_if_its_login_page_shows(
    web: http.server.HTTPServer, monkeypatch: pytest.MonkeyPatch, status: int, expected: bool
) -> None:
    monkeypatch.setattr(_Answer, "status", status)

    assert healthy(web.server_port) is expected


def test_a_web_server_that_does_not_answer_is_not_healthy(web: http.server.HTTPServer) -> None:
    port = web.server_port
    web.socket.close()

    assert healthy(port) is False


def _total(problem: str, *reports: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, TOTALS, problem, *reports], capture_output=True, text=True, check=False
    )


def _report(path: Path, *cases: str) -> Path:
    body = "".join(f"<testcase>{case}</testcase>" for case in cases)
    path.write_text(f"<testsuites><testsuite>{body}</testsuite></testsuites>")
    return path


def test_both_runs_are_summed_up_in_one_line(tmp_path: Path) -> None:
    first = _report(tmp_path / "first.xml", "", "", "<failure/>")
    second = _report(tmp_path / "second.xml", "", "<error/>")

    total = _total("", first, second)

    assert total.stdout == "batchweb: 3 passed, 2 failed\n"
    assert total.returncode == 1


@pytest.mark.parametrize(
    ("problem", "cases", "line", "status"),
    [
        ("", ["", ""], "batchweb: 2 passed, 0 failed", 0),
        ("", ["", "<skipped/>"], "batchweb: 1 passed, 0 failed, 1 skipped", 1),
        ("not green: lint", [""], "batchweb: 1 passed, 0 failed (not green: lint)", 1),
        # A run that broke off before its first test.
        ("", [], "batchweb: 0 passed, 0 failed", 1),
    ],
)
def test_only_a_run_without_any_problem_is_green(
    tmp_path: Path, problem: str, cases: list[str], line: str, status: int
) -> None:
    total = _total(problem, _report(tmp_path / "report.xml", *cases), tmp_path / "missing.xml")

    assert total.stdout.strip() == line
    assert total.returncode == status
