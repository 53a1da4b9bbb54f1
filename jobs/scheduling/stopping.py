"""What is not to be placed, because its array was asked to stop and not all children were told yet."""

from collections.abc import Collection
from dataclasses import replace
from uuid import UUID

from jobs.domain.ids import parent_id

from .snapshot import Snapshot


def without_children_of(snapshot: Snapshot, arrays: Collection[UUID]) -> Snapshot:
    """The snapshot without the children of these arrays: they hold no place in their queues any more."""
    if not arrays:
        return snapshot
    jobs = tuple(job for job in snapshot.jobs if parent_id(job.id) not in arrays)
    return replace(snapshot, jobs=jobs)
