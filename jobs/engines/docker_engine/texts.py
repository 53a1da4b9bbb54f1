"""Turns what Docker, runc and the network say into one short line for people."""

import requests

_RUNC_NOISE = (
    "failed to create shim task: ",
    "failed to create task for container: ",
    "failed to create shim: ",
    "OCI runtime create failed: ",
    "runc create failed: ",
    "container_linux.go",
    "unable to start container process: ",
    "starting container process caused: ",
)
_START_FAILURES = ("OCI runtime", "exec:", "executable file not found")


def is_command_failure(message: str) -> bool:
    """Whether a refused start is the command's or the image's fault, so that no retry would help."""
    return any(mark in message for mark in _START_FAILURES)


def short_start_error(message: str) -> str:
    """`exec: "nosuch": executable file not found in $PATH` out of runc's chain of prefixes."""
    text = message.strip().removesuffix(": unknown")
    at = text.rfind("exec: ")
    if at >= 0:
        return text[at:]
    for noise in _RUNC_NOISE:
        head, found, tail = text.partition(noise)
        # `container_linux.go:380: starting ...`: the line number goes with it.
        if found and noise.endswith(".go"):
            text = head + tail.partition(": ")[2]
        elif found:
            text = head + tail
    return text


def connection_failure(error: BaseException) -> str:
    """The operating system's own words at the bottom of a chain of library errors."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    return str(error)
