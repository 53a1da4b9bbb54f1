"""How a failure travels: what waits for a failed job, directly or through others, fails as well.

Chains and diamonds of thousands are found by one query and failed in portions, each with a reason that
names the job that failed first. A portion that dies is found again by the mark on what it
failed before, or on the job itself.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from jobs.domain import reasons
from jobs.domain.ids import text_of
from jobs.domain.states import JobStatus
from jobs.models import DependencyType, Job, JobDependency, StopKind
from jobs.services.writing.locks import lock_ids, lock_summaries
from jobs.services.writing.transition import transition

from .array_stop import request_array_stop
from .counterparts import counterparts_of, sequential_arrays
from .lease import Lease, fence
from .marks import take_marks_off

PORTION = 1000
# What waits for another job is in one of these; children are never SUBMITTED.
WAITING = (JobStatus.SUBMITTED, JobStatus.PENDING)


@dataclass(slots=True)
class _Doomed:
    """Jobs, children and arrays that fail, each with its reason. `is_all`: there are no more of them."""

    reasons: dict[UUID, str] = field(default_factory=dict)
    arrays: dict[UUID, str] = field(default_factory=dict)
    is_all: bool = True


def settle_failed(*, failed: Sequence[Job], lease: Lease, now: datetime) -> None:
    """Fails a portion of what waits for these jobs; their marks go when nothing is left."""
    # The earliest first: who waits for two is told of the one that failed first.
    failed = sorted(failed, key=lambda job: (job.stopped_at or now, job.id))
    found = counterparts_of(failed)
    causes = _causes(found.looked_at)
    doomed = _Doomed()
    _add_counterparts(doomed, found.children, causes)
    _add_later_children(doomed, found.looked_at, causes)
    _add_dependents(doomed, causes)
    with transaction.atomic():
        fence(lease)
        _fail(doomed, now)
    if doomed.is_all:
        take_marks_off(job_ids=list(causes), lease=lease)


def _causes(failed: Sequence[Job]) -> dict[UUID, str]:
    """For each failed job the reason that those that wait for it are given."""
    causes = {}
    for job in failed:
        first = job
        if job.is_array and not job.stop_kind:
            # An array says only that a child has failed: the child says why.
            children = Job.objects.filter(parent=job, status=JobStatus.FAILED)
            first = children.order_by("stopped_at", "array_index").first() or job
        causes[job.id] = reasons.dependent_failed(
            name=first.name,
            job=text_of(first.id),
            why=reasons.brief(status_reason=first.status_reason, exit_code=first.exit_code),
        )
    return causes


def _add_counterparts(
    doomed: _Doomed, children: Mapping[UUID, UUID], causes: Mapping[UUID, str]
) -> None:
    waiting: list[UUID] = []
    wanted = sorted(children)
    for at in range(0, len(wanted), PORTION):
        portion = Job.objects.filter(id__in=wanted[at : at + PORTION], status=JobStatus.PENDING)
        waiting += portion.values_list("id", flat=True)
    doomed.reasons.update((child, causes[children[child]]) for child in waiting)


def _add_later_children(doomed: _Doomed, failed: Sequence[Job], causes: Mapping[UUID, str]) -> None:
    """In a SEQUENTIAL array no child after a failed one can start."""
    first: dict[UUID, Job] = {}
    for job in failed:
        if job.parent_id and job.array_index is not None:
            known = first.setdefault(job.parent_id, job)
            if job.array_index < (known.array_index or 0):
                first[job.parent_id] = job
    for array in sorted(sequential_arrays(failed)):
        job = first[array]
        later = Job.objects.filter(
            parent=array, status=JobStatus.PENDING, array_index__gt=job.array_index
        ).order_by("array_index")
        children = list(later.values_list("id", flat=True)[:PORTION])
        doomed.is_all &= len(children) < PORTION
        doomed.reasons.update((child, causes[job.id]) for child in children)


def _add_dependents(doomed: _Doomed, causes: Mapping[UUID, str]) -> None:
    found = _closure(list(causes))
    doomed.is_all &= len(found) < PORTION
    told = _pass_on(found, causes)
    arrays = set(
        Job.objects.filter(id__in=found, array_size__isnull=False).values_list("id", flat=True)
    )
    for job_id, reason in told.items():
        (doomed.arrays if job_id in arrays else doomed.reasons)[job_id] = reason


def _pass_on(found: Sequence[UUID], causes: Mapping[UUID, str]) -> dict[UUID, str]:
    """Each found job's reason: that of the first failed job from which a way leads to it."""
    waiting: dict[UUID, list[UUID]] = defaultdict(list)
    for job_id, on_id in JobDependency.objects.filter(
        job__in=found, type=DependencyType.PLAIN, met=False
    ).values_list("job_id", "on_id"):
        waiting[on_id].append(job_id)
    told: dict[UUID, str] = {}
    ahead = deque(causes.items())
    while ahead:
        on_id, reason = ahead.popleft()
        for job_id in waiting.pop(on_id, []):
            if job_id not in told:
                told[job_id] = reason
                ahead.append((job_id, reason))
    return told


def _closure(failed: Sequence[UUID]) -> list[UUID]:
    """A portion of the jobs that wait for these, directly or through others, by plain dependencies."""
    if not failed:
        return []
    edge, job = (connection.ops.quote_name(model._meta.db_table) for model in (JobDependency, Job))
    waits = (
        "job.id = edge.job_id AND edge.type = %s AND edge.met = %s "
        "AND job.status IN (%s, %s) AND job.stop_requested_at IS NULL"
    )
    own: list[Any] = [DependencyType.PLAIN.value, False, *(status.value for status in WAITING)]
    # CROSS JOIN: read in this order, from what is known along the edges to the jobs at their other end.
    sql = (
        "WITH RECURSIVE doomed(id) AS ("  # noqa: S608
        f"SELECT edge.job_id FROM {edge} AS edge CROSS JOIN {job} AS job "
        f"WHERE edge.on_id IN ({', '.join(['%s'] * len(failed))}) AND {waits} "
        f"UNION SELECT edge.job_id FROM doomed CROSS JOIN {edge} AS edge CROSS JOIN {job} AS job "
        f"WHERE edge.on_id = doomed.id AND {waits}"
        ") SELECT id FROM doomed LIMIT %s"
    )
    field_ = Job._meta.pk
    keys = [field_.get_db_prep_value(job_id, connection) for job_id in failed]
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # It cannot know how few rows each round brings, and would read whole tables in every one.
            for plan in (
                "join_collapse_limit = 1",
                "enable_hashjoin = off",
                "enable_mergejoin = off",
            ):
                cursor.execute(f"SET LOCAL {plan}")
        cursor.execute(sql, [*keys, *own, *own, PORTION])
        return [field_.to_python(id_) for (id_,) in cursor.fetchall()]


def _fail(doomed: _Doomed, now: datetime) -> None:
    lock_ids(doomed.reasons)
    lock_summaries(doomed.reasons, arrays=doomed.arrays)
    for old in WAITING:
        transition(
            job_ids=_in_status(doomed.reasons, old),
            old=old,
            new=JobStatus.FAILED,
            now=now,
            reason=doomed.reasons,
        )
    for array, reason in sorted(doomed.arrays.items()):
        parent = Job.objects.get(id=array)
        request_array_stop(parent=parent, kind=StopKind.DEPENDENCY, reason=reason, now=now)


def _in_status(job_ids: Iterable[UUID], status: JobStatus) -> list[UUID]:
    wanted = sorted(job_ids)
    found: list[UUID] = []
    for at in range(0, len(wanted), PORTION):
        portion = Job.objects.filter(id__in=wanted[at : at + PORTION], status=status)
        found += portion.values_list("id", flat=True)
    return found
