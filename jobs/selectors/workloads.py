"""This installation's jobs of the last days, as a workload that can be replayed."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import F, Min

from jobs.domain.resources import Resources
from jobs.models import Attempt, Job, JobQueue, Transition
from jobs.models.job import JobStatus
from jobs.scheduling.simulation.workload import QueueModel, Task, Workload, a_workload

from .passes.snapshot import policy_view

# Rows that are held at once.
CHUNK = 2000


def recorded_workload(*, days: int, now: datetime) -> Workload:
    """The jobs that were submitted within the last days and have run: plain ones, children and those of several nodes.

    They come when they became RUNNABLE: what they waited for before that is not replayed. Each takes as long as all its
    attempts took, but for those that an interruption cut off. Consumable resources are left out.
    """
    since = now - timedelta(days=days)
    seconds = _seconds_run(since)
    ready = _ready_at(since)
    tasks = [
        (ready.get(id_, task_at), task._replace(run_seconds=round(seconds[id_], 3)))
        for id_, task_at, task in _tasks(since)
        if id_ in seconds
    ]
    if not tasks:
        return Workload((), ())
    first = min(moment for moment, _ in tasks)
    return a_workload(
        (
            task._replace(submitted=round((moment - first).total_seconds(), 3))
            for moment, task in tasks
        ),
        queues=_queues({task.queue for _, task in tasks}),
        starts_at=first,
    )


def _tasks(since: datetime) -> Iterator[tuple[UUID, datetime, Task]]:
    """A parent of an array has no container of its own."""
    rows = (
        Job.objects.filter(created_at__gte=since)
        .exclude(array_size__isnull=False, array_index=None)
        .order_by("id")
        .values_list(
            "id",
            "created_at",
            "queue__name",
            "definition__name",
            "milli_vcpus",
            "memory_mib",
            "gpus",
            "node_count",
            "attempts_allowed",
            "timeout_seconds",
            "share_identifier",
            "scheduling_priority",
        )
    )
    sizes: dict[tuple[int, int, int], Resources] = {}
    for (
        id_,
        created_at,
        queue,
        definition,
        milli_vcpus,
        memory_mib,
        gpus,
        nodes,
        attempts,
        limit,
        share,
        priority,
    ) in rows.iterator(chunk_size=CHUNK):
        # One object for all jobs of a size.
        size = (milli_vcpus, memory_mib, gpus)
        needs = sizes.setdefault(size, Resources(*size))
        yield (
            id_,
            created_at,
            Task(0.0, needs, 0.0, queue, definition, attempts, share, priority, limit, nodes),
        )


def _seconds_run(since: datetime) -> dict[UUID, float]:
    """By job: the sum over its tries of the longest container of each."""
    rows = Attempt.objects.filter(
        job__created_at__gte=since,
        started_at__isnull=False,
        stopped_at__gt=F("started_at"),
        interrupted_at=None,
    ).values_list("job_id", "number", "started_at", "stopped_at")
    longest: dict[tuple[UUID, int], float] = defaultdict(float)
    for job_id, number, started_at, stopped_at in rows.iterator(chunk_size=CHUNK):
        assert started_at is not None
        assert stopped_at is not None
        key = (job_id, number)
        longest[key] = max(longest[key], (stopped_at - started_at).total_seconds())
    total: dict[UUID, float] = defaultdict(float)
    for (job_id, _), seconds in longest.items():
        total[job_id] += seconds
    return total


def _ready_at(since: datetime) -> dict[UUID, datetime]:
    """By job, when it first became RUNNABLE."""
    rows = (
        Transition.objects.filter(job__created_at__gte=since, to_status=JobStatus.RUNNABLE)
        .order_by()
        .values_list("job_id")
        .annotate(first=Min("at"))
    )
    return dict(rows.iterator(chunk_size=CHUNK))


def _queues(names: set[str]) -> list[QueueModel]:
    rows = JobQueue.objects.filter(name__in=names).select_related("scheduling_policy")
    return [_queue(row) for row in rows.order_by("id")]


def _queue(row: JobQueue) -> QueueModel:
    policy = None if row.scheduling_policy is None else policy_view(row.scheduling_policy)
    return QueueModel(row.name, row.priority, row.backfill, policy)
