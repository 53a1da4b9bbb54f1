"""Writing documents of jobs behind the history: a worker reads each line once, and what it changed is written anew.

`FollowMark` says up to where. Its row is the lock of the index as well: who writes documents holds it from before
he reads their jobs, so of two the later one has read what is newer. Whoever dies has written nothing, or a portion
and the mark behind it.
"""

import time
from collections.abc import Collection
from typing import NamedTuple
from uuid import UUID

from django.db import transaction

from jobs import changes, queueing
from jobs.domain import ids
from jobs.domain.states import PLACED, JobStatus
from jobs.models import FollowMark, Transition
from jobs.selectors.events.history import settled_ids
from jobs.selectors.search import MARK, is_behind

from .documents import last_lines_of, write_documents

# Lines that are read together, and the documents of one transaction: others wait for it, on SQLite.
LINES = 2000
DOCUMENTS = 200
SECONDS_AT_ONCE = 3.0
# A task takes ids, and this one needs none.
EVERYTHING = 0


class _Line(NamedTuple):
    id: int
    job_id: UUID
    from_status: str
    to_status: str


def hand_over_search() -> None:
    """Has a worker see to what is new in the history, if anything is. For the scheduler's loop, or to go on."""
    if is_behind() and queueing.is_idle(queueing.SEARCH):
        queueing.enqueue_after_commit(queueing.SEARCH, [EVERYTHING])


def index_history() -> bool:
    """Goes on writing documents for a moment; whether some are left."""
    until = time.monotonic() + SECONDS_AT_ONCE
    while _index_portion():
        if time.monotonic() > until:
            return True
    return False


def index_again(job_ids: Collection[UUID]) -> None:
    """Writes these jobs' documents in the present transaction, which changes what is in them."""
    last_lines = last_lines_of(job_ids)
    lock_index()
    if write_documents(job_ids, last_lines):
        changes.publish([changes.SEARCH])


def lock_index() -> FollowMark:
    """The mark, locked until the transaction ends."""
    FollowMark.objects.get_or_create(name=MARK)
    return FollowMark.objects.select_for_update(no_key=True).get(name=MARK)


def _index_portion() -> bool:
    """Some more lines, in one transaction; whether there were any that may be read."""
    mark = FollowMark.objects.filter(name=MARK).first()
    read = mark.transition_id if mark else 0
    end = settled_ids().ids.transitions
    if read >= end:
        return False
    found = Transition.objects.filter(id__gt=read, id__lte=end).order_by("id")
    columns = ("id", "job_id", "from_status", "to_status")
    lines = [_Line(*row) for row in found.values_list(*columns)[:LINES]]
    job_ids: set[UUID] = set()
    last = lines[-1].id if len(lines) == LINES else end
    for line in lines:
        if _changes_document(line):
            if len(job_ids) == DOCUMENTS and line.job_id not in job_ids:
                last = line.id - 1
                break
            job_ids.add(line.job_id)
    # Who fails from here on is written again for that line of the history.
    last_lines = last_lines_of(job_ids)
    with transaction.atomic():
        locked = lock_index()
        if locked.transition_id != read:
            # Another worker has read them meanwhile.
            return True
        if write_documents(job_ids, last_lines):
            changes.publish([changes.SEARCH])
        locked.transition_id = last
        locked.save(update_fields=["transition_id"])
    return True


def _changes_document(line: _Line) -> bool:
    """Whether it says that a job is new, or that a try failed. Of children, only that they did for good."""
    if ids.child_index(line.job_id) is not None:
        return line.to_status == JobStatus.FAILED
    is_retry = line.to_status == JobStatus.RUNNABLE and line.from_status in PLACED
    return is_retry or line.to_status in {JobStatus.SUBMITTED, JobStatus.FAILED}
