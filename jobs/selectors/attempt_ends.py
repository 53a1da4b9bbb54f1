"""How jobs' tries failed, in words: for finding them, and for saying why one was found."""

from collections import defaultdict
from collections.abc import Collection, Iterator
from uuid import UUID

from django.db.models import Q

from jobs.models import Attempt

# Of a job's tries and containers, so many ways in which they ended: many end alike.
ENDS_AT_MOST = 50


def ends_of(job_ids: Collection[UUID]) -> defaultdict[UUID, list[str]]:
    """What is told of how these jobs' tries failed, each way once. One query, none without jobs."""
    ends: defaultdict[UUID, list[str]] = defaultdict(list)
    if not job_ids:
        return ends
    rows = Attempt.objects.filter(job__in=list(job_ids), ended_at__isnull=False).order_by()
    # What succeeded has nothing to tell.
    rows = rows.filter(~Q(exit_code=0) | Q(exit_code=None))
    columns = ("job_id", "exit_code", "reason", "status_reason", "explanation")
    for job_id, *told in rows.values_list(*columns).distinct().iterator(chunk_size=2000):
        if len(ends[job_id]) < ENDS_AT_MOST:
            ends[job_id].append(". ".join(_in_words(*told)))
    return ends


def _in_words(exit_code: int | None, *reasons: str) -> Iterator[str]:
    yield from dict.fromkeys(reason.rstrip(".") for reason in reasons if reason)
    if exit_code is not None:
        yield f"exit code {exit_code}"
