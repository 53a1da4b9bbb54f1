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
# What Docker or the kernel refuses only when the container starts, and always will; and whose fault it is.
_REFUSALS = {
    "unable to find user": "user",
    "unable to find group": "user",
    "uids and gids must be in range": "user",
    "invalid tmpfs option": "tmpfs",
    "wrong rlimit value": "ulimits",
    "setting rlimit": "ulimits",
    "network-scoped alias": "aliases",
    "unable to apply caps": "privileged",
}
# Of Docker 19.03 to 28, and of those that look for GPUs by CDI first.
_NO_GPUS = ("could not select device driver", "discover GPU vendor")


def is_command_failure(message: str) -> bool:
    """Whether a refused start is the command's or the image's fault, so that no retry would help."""
    return any(mark in message for mark in _START_FAILURES)


def refusal(message: str) -> str:
    """What a refused start says about the container's spec, with the name of the member; else empty."""
    for mark, member in _REFUSALS.items():
        if mark in message:
            return f"{member}: {short_start_error(message)}"
    return ""


def missing_gpus(message: str) -> str:
    """What to do, if a start was refused for want of GPUs; else empty."""
    if not any(mark in message for mark in _NO_GPUS):
        return ""
    return (
        "The job needs GPUs, and this machine's Docker has none to give. Install the NVIDIA Container "
        f"Toolkit there, or set the node's GPUs to 0. Docker says: {message}"
    )


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
