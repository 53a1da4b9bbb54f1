"""Reading attempts with the rows that they share: engines, queues, the spec of an array's children."""

from collections.abc import Sequence

from django.db.models import QuerySet

from jobs.models import Attempt

# Fewer rows are read faster in one statement, with what they share beside each of them.
FEW = 4


def with_job_and(
    attempts: QuerySet[Attempt], shared: Sequence[str], *, count: int
) -> QuerySet[Attempt]:
    """Also reads each attempt's job, and these relations of it. `count`: how many rows there may be."""
    if count <= FEW:
        return attempts.select_related("job", *shared)
    return attempts.select_related("job").prefetch_related(*shared)
