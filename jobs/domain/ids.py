"""Ids of jobs: they grow with time, and an array's children have theirs from their parent.

A job's id is a UUID of version 7 whose low 14 bits are zero. Child `i` of an array has its parent's id
plus `1 + i`, so that a child's parent, and a parent's children, are known from an id alone, and
10,000 children stand behind each other in every index. 48 random bits and the counter of
version 7 are left to keep two jobs of one millisecond apart.
"""

import re
from datetime import UTC, datetime
from uuid import UUID

import uuid6

CHILD_BITS = 14
MAX_CHILDREN = 10_000
_CHILD_MASK = (1 << CHILD_BITS) - 1
# Below the milliseconds since 1970, with which a UUID of version 7 begins.
_TIME_SHIFT = 80
# A job's id, with a child's index after a colon.
TEXT_PATTERN = re.compile(
    r"(?P<job>[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})(?::(?P<index>[0-9]{1,4}))?"
)


def new_job_id() -> UUID:
    """An id for a job that is submitted now; later ones are larger."""
    return UUID(int=uuid6.uuid7().int & ~_CHILD_MASK)


def first_id_of(moment: datetime) -> UUID:
    """No id that was made at this moment or later is smaller, none that was made before is larger."""
    milliseconds = max(int(moment.timestamp() * 1000), 0)
    return UUID(int=milliseconds << _TIME_SHIFT)


def made_at(job: UUID) -> datetime:
    """When an id was made, by the clock of who made it."""
    return datetime.fromtimestamp((job.int >> _TIME_SHIFT) / 1000, UTC)


def child_id(parent: UUID, index: int) -> UUID:
    """The id of an array's child. Raises ValueError for an index that no array can have."""
    if not 0 <= index < MAX_CHILDREN:
        raise ValueError(f"an array has no index {index}")
    return UUID(int=parent_id(parent).int + 1 + index)


def parent_id(job: UUID) -> UUID:
    """The id of the array that a child belongs to; a parent's own id, or that of a job without one."""
    return UUID(int=job.int & ~_CHILD_MASK)


def behind(job: UUID) -> UUID:
    """An id that is larger than a job's own and its children's, and smaller than those of later jobs."""
    return UUID(int=job.int | _CHILD_MASK)


def child_index(job: UUID) -> int | None:
    """A child's index in its array, from its id alone; None for an id that is not a child's."""
    low = job.int & _CHILD_MASK
    return low - 1 if low else None


def text_of(job: UUID) -> str:
    """An id as AWS Batch writes it: `<parent>:<index>` for an array's child, else the UUID."""
    index = child_index(job)
    if index is None or index >= MAX_CHILDREN:
        return str(job)
    return f"{parent_id(job)}:{index}"


def id_of(text: str) -> UUID:
    """The id that `text_of` writes, or any job's plain UUID. Raises ValueError for anything else."""
    found = TEXT_PATTERN.fullmatch(text.strip().lower())
    if found is None:
        raise ValueError(f"{text!r} is no job's id")
    job = UUID(found["job"])
    if found["index"] is None:
        return job
    if child_index(job) is not None:
        raise ValueError(f"{text!r}: a child has no children")
    return child_id(job, int(found["index"]))
