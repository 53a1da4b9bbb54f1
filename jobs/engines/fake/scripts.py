"""What a fake container does: a list of steps in time, written out before it starts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from ..base import CannotStart, ContainerSpec, LogSource

NS_PER_SECOND = 1_000_000_000
# As Docker does, longer output is broken into records of this size.
FRAME_BYTES = 16 * 1024


@dataclass(frozen=True, slots=True)
class Output:
    """`data` is written `after_ns` after the start."""

    after_ns: int
    source: LogSource
    data: bytes


@dataclass(frozen=True, slots=True)
class Exit:
    """The container ends `after_ns` after the start."""

    after_ns: int
    code: int
    oom_killed: bool = False


@dataclass(frozen=True, slots=True)
class Script:
    """Steps in the order of their time. Without an Exit it runs until it is signalled."""

    steps: tuple[Output | Exit, ...] = ()
    heeds_sigterm: bool = True


# Writes the script for a container when it is started; may raise CannotStart.
ScriptWriter = Callable[[ContainerSpec], Script]


def run_command(spec: ContainerSpec) -> Script:
    """The scripts of the image "fake/sh", chosen by the command:

    `exit [CODE]`; `exit_after SECONDS CODE`; `sleep [SECONDS]` (none: until signalled); `wait`, the
    same after a line of output; `stubborn [SECONDS]`: a sleep that heeds no SIGTERM;
    `count LINES EVERY_SECONDS`; `say SOURCE:HEX ...` writes bytes and exits with 0; `env NAME`
    prints a variable; `oom`.
    """
    name, *arguments = spec.command or ["exit"]
    if name not in _COMMANDS:
        raise CannotStart(f'exec: "{name}": executable file not found in $PATH')
    return _COMMANDS[name](arguments, spec)


def records(data: bytes) -> list[bytes]:
    """Output as an engine records it: a record ends at a newline, or when it is full."""
    return [
        line[at : at + FRAME_BYTES]
        for line in data.splitlines(keepends=True)
        for at in range(0, len(line), FRAME_BYTES)
    ]


def _exit(arguments: list[str], spec: ContainerSpec) -> Script:
    return Script((Exit(0, int(arguments[0]) if arguments else 0),))


def _exit_after(arguments: list[str], spec: ContainerSpec) -> Script:
    seconds, code = arguments
    return Script((Exit(int(float(seconds) * NS_PER_SECOND), int(code)),))


def _stubborn(arguments: list[str], spec: ContainerSpec) -> Script:
    return replace(_sleep(arguments, spec), heeds_sigterm=False)


def _sleep(arguments: list[str], spec: ContainerSpec) -> Script:
    if not arguments:
        return Script()
    return Script((Exit(int(float(arguments[0]) * NS_PER_SECOND), 0),))


def _wait(arguments: list[str], spec: ContainerSpec) -> Script:
    return Script((Output(0, LogSource.STDOUT, b"ready\n"),))


def _count(arguments: list[str], spec: ContainerSpec) -> Script:
    lines, every_ns = int(arguments[0]), int(float(arguments[1]) * NS_PER_SECOND)
    outputs = [
        Output(number * every_ns, LogSource.STDOUT, b"%d\n" % number)
        for number in range(1, lines + 1)
    ]
    return Script((*outputs, Exit(lines * every_ns, 0)))


def _say(arguments: list[str], spec: ContainerSpec) -> Script:
    pieces = [piece.partition(":") for piece in arguments]
    outputs = [Output(0, LogSource(source), bytes.fromhex(data)) for source, _, data in pieces]
    return Script((*outputs, Exit(0, 0)))


def _env(arguments: list[str], spec: ContainerSpec) -> Script:
    value = spec.environment.get(arguments[0], "")
    return Script((Output(0, LogSource.STDOUT, f"{value}\n".encode()), Exit(0, 0)))


def _oom(arguments: list[str], spec: ContainerSpec) -> Script:
    return Script((Exit(0, 137, oom_killed=True),))


_COMMANDS: Mapping[str, Callable[[list[str], ContainerSpec], Script]] = {
    "exit": _exit,
    "exit_after": _exit_after,
    "sleep": _sleep,
    "stubborn": _stubborn,
    "wait": _wait,
    "count": _count,
    "say": _say,
    "env": _env,
    "oom": _oom,
}
