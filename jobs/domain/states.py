"""A job's states and the one table of transitions between them.

Source: AWS Batch User Guide, "Job states"; a failed attempt with attempts left goes back to RUNNABLE.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class JobStatus(StrEnum):
    """The seven states of a job, by the names that AWS Batch gives them."""

    SUBMITTED = "SUBMITTED"
    PENDING = "PENDING"
    RUNNABLE = "RUNNABLE"
    STARTING = "STARTING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"


TERMINAL = frozenset({JobStatus.SUCCEEDED, JobStatus.FAILED})
LIVE = frozenset(JobStatus) - TERMINAL
# A job in one of these holds resources of a node.
PLACED = frozenset({JobStatus.STARTING, JobStatus.RUNNING})
# CancelJob acts on these alone; for a job that is placed it does nothing.
CANCELLABLE = frozenset({JobStatus.SUBMITTED, JobStatus.PENDING, JobStatus.RUNNABLE})

TRANSITIONS: Mapping[JobStatus, frozenset[JobStatus]] = MappingProxyType(
    {
        JobStatus.SUBMITTED: frozenset({JobStatus.PENDING, JobStatus.RUNNABLE, JobStatus.FAILED}),
        # SUCCEEDED from PENDING is an array's parent: it has no container of its own.
        JobStatus.PENDING: frozenset({JobStatus.RUNNABLE, JobStatus.SUCCEEDED, JobStatus.FAILED}),
        JobStatus.RUNNABLE: frozenset({JobStatus.STARTING, JobStatus.FAILED}),
        # RUNNABLE from STARTING or RUNNING is a retry.
        JobStatus.STARTING: frozenset({JobStatus.RUNNING, JobStatus.RUNNABLE, JobStatus.FAILED}),
        JobStatus.RUNNING: frozenset({JobStatus.SUCCEEDED, JobStatus.RUNNABLE, JobStatus.FAILED}),
        JobStatus.SUCCEEDED: frozenset(),
        JobStatus.FAILED: frozenset(),
    }
)


def is_allowed(old: JobStatus, new: JobStatus) -> bool:
    """Whether a job may go from `old` to `new`."""
    return new in TRANSITIONS[old]
