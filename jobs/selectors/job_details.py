"""Jobs with all that a full description of them tells, in a constant number of queries."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import Model, Prefetch, Q, prefetch_related_objects

from jobs.domain.states import PLACED
from jobs.models import (
    Attempt,
    ComputeEnvironment,
    Instance,
    Job,
    JobDefinition,
    JobDependency,
    JobQueue,
    JobSpec,
    JobStatus,
    LogStream,
    Node,
    Transition,
)

from .jobs import visible_jobs
from .plans import is_group

_RELATED = ("queue", "definition", "spec", "array_summary")
_RELATED_TO_ATTEMPTS = ("node", "instance", "environment", "log_stream")


def _all_but(path: str, model: type[Model], needed: Collection[str]) -> list[str]:
    """The fields of a related row that a description does not need, and most of them are JSON."""
    names = [field.name for field in model._meta.concrete_fields if not field.primary_key]
    return [f"{path}__{name}" for name in names if name not in needed]


# Of rows that a job was read with, what a description does not need.
UNREAD = [
    *_all_but("queue", JobQueue, {"name"}),
    *_all_but("definition", JobDefinition, {"name", "revision", "extra"}),
]
_UNREAD_OF_ATTEMPTS = [
    *_all_but("node", Node, {"instance_id"}),
    *_all_but("instance", Instance, {"instance_id"}),
    *_all_but("environment", ComputeEnvironment, {"name", "uuid"}),
    *_all_but("log_stream", LogStream, {"name", "attempt"}),
]


@dataclass(frozen=True, slots=True)
class JobRows:
    """A job (with queue, definition, spec, and an array's summary), and what belongs to it.

    `attempts` are in the order of tries, nodes and containers, each with node, instance, environment and log
    stream; of a multi-node job those of the nodes that were asked for, the main one always. `dependencies` are the
    edges of the job, or of the array that it is a child of. `try_reasons` says, by number, how tries of several
    containers ended: one alone does not tell.
    """

    job: Job
    attempts: Sequence[Attempt] = ()
    dependencies: Sequence[JobDependency] = ()
    try_reasons: Mapping[int, str] = field(default_factory=dict)


def read_details(
    *, user: User, job_ids: Collection[UUID], nodes: Collection[int] = ()
) -> dict[UUID, JobRows]:
    """Those of the jobs that the user may see. At most four queries, however many jobs.

    `nodes`: which nodes of multi-node jobs are asked for beside the main ones.
    """
    rows = visible_jobs(user).filter(id__in=job_ids).select_related(*_RELATED)
    return details_of(list(rows.defer(*UNREAD).order_by()), nodes=nodes)


def details_of(jobs: Sequence[Job], *, nodes: Collection[int] = ()) -> dict[UUID, JobRows]:
    """The same of jobs that were read with queue, definition, spec and array summary."""
    attempts = _attempts(jobs, nodes)
    edges = _edges(jobs)
    reasons = _try_reasons(jobs)
    return {
        job.id: JobRows(
            job,
            attempts.get(job.id, ()),
            edges.get(job.parent_id or job.id, ()),
            reasons.get(job.id, {}),
        )
        for job in jobs
    }


def read_tags(jobs: Sequence[Job]) -> None:
    """Reads what `tags_of` needs for all of them with one query, without the rest of their specs."""
    prefetch_related_objects(jobs, Prefetch("spec", JobSpec.objects.only("tags")))


def tags_of(job: Job) -> dict[str, str]:
    """A job's tags as they are now. No query if the job was read with its spec."""
    tags: dict[str, str] = job.spec.tags if job.tags is None else job.tags
    return tags


def main_node_of(job: Job) -> int:
    """The index of the node that decides how the job ends. No query if it was read with its spec."""
    index: int = job.spec.node_properties.get("mainNode", 0)
    return index


def decider_of(attempts: Sequence[Attempt], *, node_index: int) -> Attempt:
    """Of one try's containers the one that tells how it, or the node alone, ended: an essential one there.

    Of several, the first that failed.
    """
    candidates = [each for each in attempts if each.node_index == node_index and each.essential]
    failed = [each for each in candidates if each.ended_at is not None and each.exit_code != 0]
    return (failed or candidates or list(attempts))[0]


def _attempts(jobs: Sequence[Job], nodes: Collection[int]) -> Mapping[UUID, list[Attempt]]:
    tried = [job for job in jobs if job.attempts_made]
    found: defaultdict[UUID, list[Attempt]] = defaultdict(list)
    if not tried:
        return found
    rows = Attempt.objects.filter(job__in=[job.id for job in tried])
    many = [job for job in tried if job.node_count > 1]
    if many:
        # A job of a thousand nodes has as many rows a try.
        wanted = {main_node_of(job) for job in many} | set(nodes)
        rows = rows.filter(Q(node_index__in=wanted) | ~Q(job__in=[job.id for job in many]))
    rows = rows.select_related(*_RELATED_TO_ATTEMPTS).defer(*_UNREAD_OF_ATTEMPTS)
    for row in rows.order_by("job_id", "number", "node_index", "container_index"):
        found[row.job_id].append(row)
    return found


def _try_reasons(jobs: Sequence[Job]) -> Mapping[UUID, dict[int, str]]:
    found: defaultdict[UUID, dict[int, str]] = defaultdict(dict)
    groups = [job.id for job in jobs if job.attempts_made and is_group(job)]
    if groups:
        ends = Transition.objects.filter(
            job__in=groups, attempt_number__gt=0, from_status__in=PLACED
        ).exclude(to_status=JobStatus.RUNNING)
        for job_id, number, reason in ends.values_list("job_id", "attempt_number", "reason"):
            found[job_id][number] = reason
    return found


def _edges(jobs: Sequence[Job]) -> Mapping[UUID, list[JobDependency]]:
    found: defaultdict[UUID, list[JobDependency]] = defaultdict(list)
    ids = {job.parent_id or job.id for job in jobs}
    if ids:
        for edge in JobDependency.objects.filter(job__in=ids).order_by("id"):
            found[edge.job_id].append(edge)
    return found
