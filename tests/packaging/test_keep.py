"""`script/lib/keep`: a process of the Procfile comes back when it dies, and never outlives its server."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

KEEP = Path(__file__).resolve().parents[2] / "script" / "lib" / "keep"
# Says its number, then each SIGTERM that it gets; ends a moment later, so that a second one shows.
COMMAND = """
import os, signal, threading
over = threading.Event()
def stop(number, frame):
    print("TERM", flush=True)
    threading.Timer(0.3, over.set).start()
signal.signal(signal.SIGTERM, stop)
print("pid", os.getpid(), flush=True)
while not over.wait(0.05):
    pass
"""

Keep = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def keep() -> Iterator[Keep]:
    """Starts a keeper in a session of its own, as honcho does; ends what is left of it."""
    started: list[subprocess.Popen[str]] = []

    def start(
        *command: str, server: int | None = None, var: Path | None = None, last: bool = False
    ) -> "subprocess.Popen[str]":
        environment = dict(os.environ)
        environment.pop("BATCHWEB_SERVER_PID", None)
        environment["BATCHWEB_VAR"] = str(var or "")
        if server is not None:
            environment["BATCHWEB_SERVER_PID"] = str(server)
        keeper = subprocess.Popen(
            [
                KEEP,
                *(["--last"] if last else []),
                "part",
                *(command or (sys.executable, "-c", COMMAND)),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
            start_new_session=True,
        )
        started.append(keeper)
        return keeper

    yield start
    for keeper in started:
        keeper.terminate()
        keeper.wait(60)
        assert keeper.stdout
        keeper.stdout.close()


def _text_of(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        # The process has ended meanwhile.
        return ""


def _line(keeper: "subprocess.Popen[str]") -> str:
    assert keeper.stdout
    return keeper.stdout.readline().strip()


def _child(keeper: "subprocess.Popen[str]") -> int:
    word, number = _line(keeper).split()
    assert word == "pid"
    return int(number)


def _rest(keeper: "subprocess.Popen[str]") -> list[str]:
    """What else is said until the last process that can say something is gone."""
    assert keeper.stdout
    return keeper.stdout.read().split()


def test_a_killed_command_is_started_again(keep: Keep) -> None:
    keeper = keep()
    first = _child(keeper)

    os.kill(first, signal.SIGKILL)

    assert _line(keeper) == "part ended (status 137), starting it again in 200 ms"
    assert _child(keeper) != first


def test_only_the_command_itself_is_found_by_its_command_line(keep: Keep) -> None:
    mark = f"mark of {uuid4()}"
    keeper = keep(sys.executable, "-c", COMMAND, mark, server=os.getpid())
    child = _child(keeper)
    lines = {path.parent.name: _text_of(path) for path in Path("/proc").glob("[0-9]*/cmdline")}
    assert {int(pid) for pid, line in lines.items() if mark in line} == {child}
    assert "KEEP_COMMAND" not in _text_of(Path(f"/proc/{child}/environ"))


def test_a_command_that_keeps_ending_gets_longer_pauses(keep: Keep) -> None:
    keeper = keep("false")

    pauses = [re.findall(r"(\d+) ms", _line(keeper))[0] for _ in range(4)]

    assert pauses == ["200", "400", "800", "1600"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_the_whole_group_reaches_the_command_once(keep: Keep, number: int) -> None:
    keeper = keep()
    _child(keeper)

    os.killpg(keeper.pid, number)

    assert _rest(keeper) == ["TERM"]
    assert keeper.wait(60) == 0


def test_the_command_stops_when_its_keeper_is_killed(keep: Keep) -> None:
    keeper = keep()
    _child(keeper)

    keeper.kill()

    assert _rest(keeper) == ["TERM"]


def test_everything_stops_when_the_server_is_killed(keep: Keep) -> None:
    server = subprocess.Popen(["sleep", "1000"])
    keeper = keep(server=server.pid)
    _child(keeper)

    # Nobody asks about it yet: it is dead, and its number still taken.
    server.kill()

    assert _rest(keeper) == ["TERM"]
    assert keeper.wait(60) == 0
    server.wait()


def test_a_command_that_ignores_sigterm_is_killed(keep: Keep) -> None:
    keeper = keep("bash", "-c", "trap '' TERM; echo pid $$; while :; do read -t 60 <> <(:); done")
    _child(keeper)

    keeper.terminate()

    assert keeper.wait(60) == 0
    assert _rest(keeper) == []


def test_the_last_one_goes_on_until_the_others_have_ended(keep: Keep, tmp_path: Path) -> None:
    last = keep(var=tmp_path, last=True)
    other = keep(var=tmp_path)
    _child(last)
    _child(other)

    last.terminate()
    with pytest.raises(subprocess.TimeoutExpired):
        last.wait(0.5)
    other.terminate()

    assert _rest(last) == ["TERM"]
    assert other.wait(60) == last.wait(60) == 0
