"""Looking at queues and environments once a minute: how much waits, how much runs, how much is in use."""

from datetime import datetime

from django.db import transaction

from jobs.domain.metric_ranges import floor_to
from jobs.domain.states import JobStatus
from jobs.models import EnvironmentMetric, FollowMark, JobQueue, MetricSpan, QueueMetric
from jobs.models.metric import SAMPLES_MARK
from jobs.selectors.environments import NOTHING, capacity_of_engines, list_environments
from jobs.selectors.queues import kept_counts

from .rows import add_rows, locked_mark

# More are not looked at: so many rows a minute would be no small rows any more.
LOOKED_AT = 1000


def take_sample(*, now: datetime) -> bool:
    """Adds how things are to this minute's rows, unless that was done in this minute; whether it was.

    The mark of counting is there (`counting.begin`). All is read before the transaction.
    """
    minute = floor_to(now, MetricSpan.MINUTE)
    if _is_sampled(minute):
        return False
    queues, environments = _queues(minute), _environments(minute)
    with transaction.atomic():
        locked_mark()
        # Somebody else may have been faster.
        if _is_sampled(minute):
            return False
        add_rows(QueueMetric, queues)
        add_rows(EnvironmentMetric, environments)
        FollowMark.objects.update_or_create(name=SAMPLES_MARK, defaults={"until": minute})
    return True


def _is_sampled(minute: datetime) -> bool:
    # A clock that was set back takes no sample twice.
    return FollowMark.objects.filter(name=SAMPLES_MARK, until__gte=minute).exists()


def _queues(minute: datetime) -> list[QueueMetric]:
    ids = JobQueue.objects.order_by("id").values_list("id", flat=True)[:LOOKED_AT]
    counts = kept_counts.get(ids)
    rows = []
    for queue_id in ids:
        of_queue = counts.get(queue_id, {})
        waiting = of_queue.get(JobStatus.RUNNABLE, 0)
        running = of_queue.get(JobStatus.STARTING, 0) + of_queue.get(JobStatus.RUNNING, 0)
        rows.append(
            QueueMetric(
                start=minute,
                queue_id=queue_id,
                samples=1,
                waiting_sum=waiting,
                waiting_max=waiting,
                running_sum=running,
                running_max=running,
            )
        )
    return rows


def _environments(minute: datetime) -> list[EnvironmentMetric]:
    found = list_environments(size=LOOKED_AT).rows
    capacity = capacity_of_engines(row.environment.engine_id for row in found)
    rows = []
    for row in found:
        there, _ = capacity.get(row.environment.engine_id, (NOTHING, 0))
        rows.append(
            EnvironmentMetric(
                start=minute,
                environment=row.environment,
                samples=1,
                used_milli_vcpus_sum=row.used.milli_vcpus,
                used_milli_vcpus_max=row.used.milli_vcpus,
                total_milli_vcpus_sum=row.total.milli_vcpus,
                used_memory_mib_sum=row.used.memory_mib,
                used_memory_mib_max=row.used.memory_mib,
                total_memory_mib_sum=row.total.memory_mib,
                instances_sum=row.live_instances,
                engine_milli_vcpus_sum=there.milli_vcpus,
                engine_memory_mib_sum=there.memory_mib,
            )
        )
    return rows
