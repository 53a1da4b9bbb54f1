"""Which children wait for which: N_TO_N between two arrays, SEQUENTIAL within one."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from jobs.domain import ids
from jobs.models import DependencyType, Job, JobDependency

# At most so many children are looked at for one portion of what has ended.
PORTION = 5000


@dataclass(frozen=True, slots=True)
class Counterparts:
    """Children of other arrays that wait for one of the jobs `looked_at`: each with the one that it waits for."""

    looked_at: list[Job]
    children: dict[UUID, UUID] = field(default_factory=dict)


def counterparts_of(ended: Sequence[Job]) -> Counterparts:
    """What waits N_TO_N for these jobs, whether it exists or not; for some of them, if that is too much."""
    waiting: dict[UUID, list[UUID]] = defaultdict(list)
    for on_id, job_id in JobDependency.objects.filter(
        on__in=_arrays_of(ended), type=DependencyType.N_TO_N
    ).values_list("on_id", "job_id"):
        waiting[on_id].append(job_id)
    found = Counterparts(looked_at=[])
    for job in ended:
        arrays = waiting.get(job.parent_id, []) if job.parent_id else []
        if found.looked_at and len(found.children) + len(arrays) > PORTION:
            break
        found.looked_at.append(job)
        index = ids.child_index(job.id)
        if index is not None:
            found.children.update((ids.child_id(array, index), job.id) for array in arrays)
    return found


def sequential_arrays(ended: Sequence[Job]) -> set[UUID]:
    """Those of the arrays that these jobs are children of whose children run one after the other."""
    return set(
        Job.objects.filter(id__in=_arrays_of(ended), spec__sequential=True).values_list(
            "id", flat=True
        )
    )


def _arrays_of(ended: Sequence[Job]) -> set[UUID]:
    return {job.parent_id for job in ended if job.parent_id}
