"""Names to choose from in forms."""

from collections import Counter
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import QuerySet

from jobs.domain.numbers import is_revision
from jobs.models import (
    ComputeEnvironment,
    DefinitionStatus,
    EnvironmentState,
    Job,
    JobDefinition,
    JobQueue,
    JobQueueEnvironment,
    JobStatus,
    QueueState,
    QueueType,
    SchedulingPolicy,
)

# A select with more is of no use; the field takes typed names as well.
MAX_CHOICES = 500


def queue_names(*, enabled_only: bool = False) -> list[str]:
    """Queues by name; with `enabled_only` those that take jobs."""
    rows = (_taking_jobs() if enabled_only else JobQueue.objects.all()).order_by("name")
    return list(rows.values_list("name", flat=True)[:MAX_CHOICES])


def _taking_jobs() -> QuerySet[JobQueue]:
    return JobQueue.objects.filter(state=QueueState.ENABLED).exclude(
        type=QueueType.SAGEMAKER_TRAINING
    )


def usual_queue_name(user: User) -> str:
    """The enabled queue that the user's newest job went to; before his first job the only one there is.

    Empty if there is no such queue.
    """
    enabled = _taking_jobs()
    # Of no array's children: there is an index of the others by owner.
    jobs = Job.objects.filter(owner=user, parent__isnull=True).order_by("-pk")
    queue = enabled.filter(pk__in=list(jobs.values_list("queue_id", flat=True)[:1])).first()
    if queue is None:
        few = list(enabled.order_by("name")[:2])
        queue = few[0] if len(few) == 1 else None
    return queue.name if queue else ""


def policy_of_queue(name: str) -> SchedulingPolicy | None:
    """The fair-share policy of a queue; None if it has none, or there is no such queue."""
    if "\0" in name:
        return None
    queue = JobQueue.objects.select_related("scheduling_policy").filter(name=name.strip()).first()
    return queue.scheduling_policy if queue else None


def recent_jobs(user: User, *, limit: int = 50) -> list[Job]:
    """The user's newest jobs that another could wait for, newest first; an array is one job."""
    rows = Job.objects.filter(owner=user, parent=None).exclude(status=JobStatus.FAILED)
    return list(rows.order_by("-pk")[:limit])


def ids_by_name(user: User) -> dict[str, UUID]:
    """The ids of `recent_jobs` by name, of names that only one of them has."""
    found = recent_jobs(user)
    counts = Counter(job.name for job in found)
    return {job.name: job.pk for job in found if counts[job.name] == 1}


def definition_names() -> list[str]:
    """The names of definitions with an active revision."""
    rows = JobDefinition.objects.filter(status=DefinitionStatus.ACTIVE).order_by("name")
    return list(rows.values_list("name", flat=True).distinct()[:MAX_CHOICES])


def newest_definition(name: str) -> JobDefinition | None:
    """The revision that `name` (its newest active one) or `name:revision` stands for; None if there is none."""
    if "\0" in name:
        return None
    base, colon, revision = name.strip().partition(":")
    rows = JobDefinition.objects.filter(name=base)
    if not colon:
        return rows.filter(status=DefinitionStatus.ACTIVE).order_by("-revision").first()
    if not is_revision(revision):
        return None
    return rows.filter(revision=int(revision)).first()


def environments_in_order(queue_name: str) -> list[ComputeEnvironment]:
    """The enabled environments that a queue tries, first choice first."""
    if "\0" in queue_name:
        return []
    places = JobQueueEnvironment.objects.filter(
        queue__name=queue_name.strip(), environment__state=EnvironmentState.ENABLED
    ).select_related("environment")
    return [place.environment for place in places.order_by("order")]
