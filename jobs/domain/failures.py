"""The kinds of failures that jobs are counted by, for charts: from what is recorded of a job's end."""

from dataclasses import dataclass

from . import reasons

OUT_OF_MEMORY = "out_of_memory"
TIME_LIMIT = "time_limit"
TERMINATED = "terminated"
CANCELLED = "cancelled"
HOST_LOSS = "host_loss"
SPOT_INTERRUPTION = "spot_interruption"
IMAGE = "image"
DEPENDENCY = "dependency"
NOT_STARTED = "not_started"
WAITED_TOO_LONG = "waited_too_long"
OTHER = "other"
EXIT_PREFIX = "exit:"

# These were ended by somebody, so nothing is wrong with them; their status is FAILED, as AWS Batch has it.
ON_REQUEST = frozenset({TERMINATED, CANCELLED})

LABELS = {
    OUT_OF_MEMORY: "Out of memory",
    TIME_LIMIT: "Time limit",
    TERMINATED: "Terminated",
    CANCELLED: "Cancelled",
    HOST_LOSS: "Machine lost",
    SPOT_INTERRUPTION: "Spot interruption",
    IMAGE: "Image could not be pulled",
    DEPENDENCY: "Dependency failed",
    NOT_STARTED: "Could not be started",
    WAITED_TOO_LONG: "Waited too long",
    OTHER: "Other",
}
# `StopKind`s of jobs that were made to end.
_OF_STOPS = {
    "CANCEL": CANCELLED,
    "TERMINATE": TERMINATED,
    "DEPENDENCY": DEPENDENCY,
    "QUEUE_RULE": WAITED_TOO_LONG,
}
# How status reasons begin: they are made in `reasons`.
_OF_REASONS = {
    reasons.DEPENDENT_FAILED: DEPENDENCY,
    reasons.CANNOT_PULL: IMAGE,
    "CannotStartContainerError": NOT_STARTED,
    "ResourceInitializationError": NOT_STARTED,
    reasons.TIMED_OUT: TIME_LIMIT,
    reasons.HOST_LOST: HOST_LOSS,
}


@dataclass(frozen=True, slots=True)
class End:
    """What is recorded of a job's failure.

    `stop_kind` and `stop_reason` are what was asked of it. The last three are of its last try, of the container
    that decided.
    """

    status_reason: str
    stop_kind: str = ""
    stop_reason: str = ""
    exit_code: int | None = None
    oom_killed: bool = False
    timed_out: bool = False
    interrupted: bool = False


def kind_of(end: End) -> str:
    """The kind of a failure: one of those above, or `exit:<code>`.

    What the engine saw goes before what was asked: a job that ran out of memory while it was being stopped ran
    out of memory. The reason of who stopped it may say anything, so that is looked at before other reasons.
    """
    if end.oom_killed:
        return OUT_OF_MEMORY
    if end.stop_kind in _OF_STOPS and end.status_reason == end.stop_reason:
        return _OF_STOPS[end.stop_kind]
    kind = _kind_of_reason(end.status_reason)
    if kind == HOST_LOSS and end.interrupted:
        return SPOT_INTERRUPTION
    if kind is not None:
        return kind
    if end.timed_out:
        return TIME_LIMIT
    return f"{EXIT_PREFIX}{end.exit_code}" if end.exit_code else OTHER


def label_of(kind: str) -> str:
    """A kind in words."""
    if kind.startswith(EXIT_PREFIX):
        return f"Exit code {kind.removeprefix(EXIT_PREFIX)}"
    return LABELS.get(kind, LABELS[OTHER])


def _kind_of_reason(status_reason: str) -> str | None:
    for beginning, kind in _OF_REASONS.items():
        if status_reason.startswith(beginning):
            return kind
    return None
