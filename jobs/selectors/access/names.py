"""Names of what access policies are about, to choose from, and to know a name by."""

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet

from jobs.domain import arns as kinds
from jobs.models import Alarm, ComputeEnvironment, JobDefinition, JobQueue, SchedulingPolicy

from ..choices import definition_names, queue_names

# Of each kind: a list with more is of no use.
MAX_NAMES = 100
_OTHERS: tuple[tuple[str, Callable[[], QuerySet[Any]]], ...] = (
    (kinds.COMPUTE_ENVIRONMENT, ComputeEnvironment.objects.all),
    (kinds.SCHEDULING_POLICY, SchedulingPolicy.objects.all),
    ("alarm", Alarm.objects.all),
)


def names_of_resources() -> list[str]:
    """Things that everybody sees, as kind/name; the first of each kind. A query for each kind."""
    found = [
        *(f"{kinds.JOB_QUEUE}/{name}" for name in queue_names()[:MAX_NAMES]),
        *(f"{kinds.JOB_DEFINITION}/{name}" for name in definition_names()[:MAX_NAMES]),
    ]
    for kind, rows in _OTHERS:
        names = rows().order_by("name").values_list("name", flat=True)
        found += [f"{kind}/{name}" for name in names[:MAX_NAMES]]
    return found


def is_queue(name: str) -> bool:
    """Whether there is a queue of that name."""
    return "\0" not in name and JobQueue.objects.filter(name=name).exists()


def is_definition(name: str) -> bool:
    """Whether there is a definition of that name, with or without a revision."""
    base = name.partition(":")[0]
    return "\0" not in name and JobDefinition.objects.filter(name=base).exists()
