"""When jobs waited, started and ran: for drawing them over time."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import NamedTuple
from uuid import UUID

from jobs.domain.states import TERMINAL, JobStatus
from jobs.models import Attempt, Job, Transition
from jobs.models.expressions import EpochSeconds

# Of one job: one that is tried ten times has some thirty lines of history.
LINES_A_JOB = 60
# All children of an array that has no more than so many; else pages of fewer.
SMALL_ARRAY = 50
CHILDREN_SHOWN = 25
ENDED_OR_RUNS = (JobStatus.RUNNING, *sorted(TERMINAL))


class Run(NamedTuple):
    """When a child of an array ran, in seconds since the epoch; `stopped` is None while it runs."""

    # First, so that runs are in the order of their starts by themselves.
    started: float
    array_index: int
    status: str
    stopped: float | None


class Phase(NamedTuple):
    """From when on a job was in a status."""

    status: str
    since: float


def runs_of_array(array: Job) -> list[Run]:
    """The newest run of each child that has started, the earliest first. One query, whatever the size."""
    # A child that is to be tried again does not run now.
    rows = Job.objects.filter(parent=array, started_at__isnull=False, status__in=ENDED_OR_RUNS)
    values = rows.order_by().values_list(
        EpochSeconds("started_at"), "array_index", "status", EpochSeconds("stopped_at")
    )
    return sorted(map(Run._make, values))


def children_of(array: Job, *, after: int | None = None) -> tuple[list[Job], bool]:
    """Children by index, from behind `after` on, and whether more follow. One query."""
    size = SMALL_ARRAY if (array.array_size or 0) <= SMALL_ARRAY else CHILDREN_SHOWN
    rows = Job.objects.filter(parent=array)
    if after is not None:
        rows = rows.filter(array_index__gt=after)
    found = list(rows.order_by("array_index")[: size + 1])
    return found[:size], len(found) > size


def phases_of(job_ids: Collection[UUID]) -> Mapping[UUID, list[Phase]]:
    """Each job's way through its statuses, oldest first. One query."""
    found: defaultdict[UUID, list[Phase]] = defaultdict(list)
    if not job_ids:
        return found
    rows = Transition.objects.filter(job__in=job_ids).order_by("id")
    for job_id, status, since in rows.values_list("job_id", "to_status", EpochSeconds("at"))[
        : LINES_A_JOB * len(job_ids)
    ]:
        found[job_id].append(Phase(status, since))
    return found


def containers_of(job: Job, *, limit: int) -> list[Attempt]:
    """The first containers of the newest try of a job of several; none of a plain job. One query or none."""
    if not job.attempts_made or not (job.spec.ecs_properties or job.spec.node_properties):
        return []
    newest = Attempt.objects.filter(job=job, number=job.attempts_made)
    return list(newest.order_by("node_index", "container_index")[:limit])
