"""The only writer of a job's status.

A change is a compare-and-swap: it happens where the job still has the old status, and nowhere else.
Who finds that somebody else was faster has made no error; he is told by what comes back.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F

from jobs import changes
from jobs.domain import ids
from jobs.domain.states import LIVE, PLACED, TERMINAL, JobStatus, is_allowed
from jobs.models import ArraySummary, Job, Transition
from jobs.models.array import column_of

from .locks import lock_ids

# So many columns of their own fit into one statement of any database.
PORTION_OF_REASONS = 200


class IllegalTransition(ValueError):
    """A caller asked for a step that the table of transitions does not have: a bug, never an input."""


def transition(
    *,
    job_ids: Iterable[UUID],
    old: JobStatus,
    new: JobStatus,
    now: datetime,
    reason: str | Mapping[UUID, str] = "",
    attempt_number: int = 0,
    **fields: object,
) -> list[UUID]:
    """Moves those of the jobs that are in `old` to `new` and gives back their ids.

    `fields` are further columns to set with the status; `reason` becomes the status reason and is kept
    in the history: one for all, or each job's own. After the commit, live pages hear of it, and
    the scheduler if room was given back, or others may have waited for the end.
    """
    if not is_allowed(old, new):
        raise IllegalTransition(f"{old} -> {new}")
    # Mostly a part of a larger step, which stands or falls as a whole.
    with transaction.atomic(savepoint=False):
        said = reason if isinstance(reason, str) else ""
        winners = _swap(list(job_ids), old=old, new=new, now=now, reason=said, fields=fields)
        own = {} if isinstance(reason, str) else reason
        _give_reasons({job_id: own[job_id] for job_id in winners if job_id in own})
        _write_history(winners, old=old, attempt_number=attempt_number)
        if winners:
            announce(winners)
            count_children(winners, old=old, new=new)
            # Other steps are the scheduler's own, and give it nothing new to do.
            if new in TERMINAL or (old in PLACED and new not in PLACED):
                changes.wake_scheduler()
    return winners


def count_children(job_ids: Iterable[UUID], *, old: JobStatus | None, new: JobStatus) -> None:
    """Moves the summaries of the arrays that these jobs are children of: one update an array.

    `old` is None for children that are new. When the last child has ended, its array is to be settled.
    """
    # A child is known by its id, so a plain job costs nothing here.
    children = Counter(
        ids.parent_id(job_id) for job_id in job_ids if ids.child_index(job_id) is not None
    )
    known = []
    # All summaries before any parent: see `locks`.
    for parent_id, count in sorted(children.items()):
        moved = {column_of(new): F(column_of(new)) + count}
        if old is not None:
            moved[column_of(old)] = F(column_of(old)) - count
        if ArraySummary.objects.filter(job_id=parent_id).update(**moved):
            known.append(parent_id)
    if known and new in TERMINAL:
        _mark_ended_arrays(known)


def _mark_ended_arrays(parent_ids: Sequence[UUID]) -> None:
    """Those of which no child is left. Their summaries are locked, as they were just written."""
    nothing_left = {column_of(status): 0 for status in LIVE}
    ended = list(
        ArraySummary.objects.filter(job_id__in=parent_ids, **nothing_left).values_list(
            "job_id", flat=True
        )
    )
    if len(ended) > 1:
        lock_ids(ended)
    if ended:
        Job.objects.filter(id__in=ended, status__in=LIVE).update(needs_settling=True)


def announce(job_ids: Sequence[UUID]) -> None:
    """Tells live pages that these jobs changed; of an array, its page, not each child's alone."""
    topics = {changes.job_topic(job_id) for job_id in job_ids}
    topics |= {changes.job_topic(ids.parent_id(job_id)) for job_id in job_ids}
    changes.publish([changes.JOBS, *topics])


def _swap(
    job_ids: list[UUID],
    *,
    old: JobStatus,
    new: JobStatus,
    now: datetime,
    reason: str,
    fields: dict[str, object],
) -> list[UUID]:
    values: dict[str, object] = {
        **fields,
        "status": new,
        "status_reason": reason,
        "status_changed_at": now,
    }
    if new in TERMINAL:
        values.setdefault("stopped_at", now)
        # In the same statement: whoever waits for this end is told by `services.passes.settle`, whatever dies now.
        values.setdefault("needs_settling", F("has_dependents"))
    if len(job_ids) == 1:
        swapped = Job.objects.filter(id=job_ids[0], status=old).update(**values)
        return job_ids if swapped else []
    # Several at once: the lock (on SQLite, the transaction's own) keeps the set that was read and
    # the set that is written the same.
    winners = list(
        Job.objects.select_for_update(no_key=True)
        .filter(id__in=job_ids, status=old)
        .order_by("id")
        .values_list("id", flat=True)
    )
    Job.objects.filter(id__in=winners, status=old).update(**values)
    return winners


def _write_history(job_ids: Sequence[UUID], *, old: JobStatus, attempt_number: int) -> None:
    """A line for each job, as it stands now: one statement, made of the jobs' own rows."""
    if not job_ids:
        return
    history, jobs = (connection.ops.quote_name(model._meta.db_table) for model in (Transition, Job))
    sql = (
        f"INSERT INTO {history} "  # noqa: S608
        "(job_id, attempt_number, from_status, to_status, reason, at) "
        "SELECT id, %s, %s, status, status_reason, status_changed_at "
        f"FROM {jobs} WHERE id IN ({', '.join(['%s'] * len(job_ids))}) ORDER BY id"
    )
    key = Job._meta.pk
    keys = [key.get_db_prep_value(job_id, connection) for job_id in job_ids]
    with connection.cursor() as cursor:
        cursor.execute(sql, [attempt_number, str(old), *keys])


def _give_reasons(reasons: Mapping[UUID, str]) -> None:
    """Writes each job's own status reason: one statement for all that share one, or for many that differ."""
    job_ids: dict[str, list[UUID]] = defaultdict(list)
    for job_id, reason in reasons.items():
        job_ids[reason].append(job_id)
    if len(job_ids) * 4 < len(reasons):
        for reason, same in job_ids.items():
            Job.objects.filter(id__in=same).update(status_reason=reason)
        return
    rows = [Job(id=job_id, status_reason=reason) for job_id, reason in reasons.items()]
    Job.objects.bulk_update(rows, ["status_reason"], batch_size=PORTION_OF_REASONS)
