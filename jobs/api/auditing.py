"""What of the API's calls goes into the audit trail."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from jobs.models import REFUSED_STATUS, AuditDoor
from jobs.services.access import audit

from .calls import Call, Caller

# What only reads, as AWS calls it.
READS = ("Describe", "Filter", "Get", "List", "Start")
# Each job tells who submitted it; of one that was refused nothing else does.
SUBMISSIONS = frozenset({"SubmitJob", "SubmitServiceJob"})
# What says which thing an operation is on; the first of these that it was sent.
NAMING = (
    "jobId",
    "jobs",
    "quotaShareName",
    "jobQueue",
    "jobQueueName",
    "computeEnvironment",
    "computeEnvironmentName",
    "jobDefinition",
    "jobDefinitionName",
    "consumableResource",
    "consumableResourceName",
    "serviceEnvironment",
    "serviceEnvironmentName",
    "quotaShareArn",
    "resourceArn",
    "arn",
    "logGroupName",
    "name",
)


@dataclass(slots=True)
class Heard:
    """What is known of a call so far: whoever answers it fills this in."""

    caller: Caller | None = None
    operation: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)


def note_of(heard: Heard, call: Call, status: int, now: datetime) -> list[Callable[[], None]]:
    """What writes a line of the audit trail, if this call is to have one: it changed something, or was refused."""
    if heard.caller is None or not _is_change(heard.operation):
        return []
    if status >= 300 and status != REFUSED_STATUS:
        return []
    if heard.operation in SUBMISSIONS and status != REFUSED_STATUS:
        return []
    line = partial(
        audit.note,
        user=heard.caller.user,
        door=AuditDoor.API,
        action=heard.operation,
        target=_target(heard.params),
        status=status,
        address=call.address,
        now=now,
    )
    return [line]


def _is_change(operation: str) -> bool:
    return bool(operation) and not operation.startswith(READS)


def _target(params: Mapping[str, Any]) -> str:
    found = next((params[name] for name in NAMING if params.get(name)), "")
    return ", ".join(map(str, found)) if isinstance(found, list) else str(found)
