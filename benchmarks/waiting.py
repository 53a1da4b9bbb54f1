"""Many RUNNABLE jobs, written by SQL alone, and a scheduler that makes its passes over them."""

import sys
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.utils import timezone

from benchmarks.fresh import seconds_of
from jobs.models import Attempt, Job, JobQueue, JobStatus
from jobs.processes.scheduler import schedule_once
from jobs.services.attempts.finish import AttemptOutcome, finish_attempt
from jobs.services.attempts.running import mark_running
from jobs.services.passes.lease import Lease, Standby
from tests.builders import a_definition, a_job, a_user

# So many jobs end before each measured pass, and leave room for others.
ENDING = 3
_NUMBERS = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < %s)"


def a_template(queue: JobQueue) -> Job:
    """The job whose columns all waiting ones copy. It waits for ever itself."""
    job = a_job(
        name="template", queue=queue, definition=a_definition(), owner=a_user(), status="PENDING"
    )
    Job.objects.filter(id=job.id).update(status_changed_at=timezone.now())
    return job


def add_waiting(*, template: Job, queue: JobQueue, count: int, shares: int = 0) -> None:
    """`count` more RUNNABLE jobs in the queue, spread over so many shares (0: it has none)."""
    if count <= 0:
        return
    columns = [field.column for field in Job._meta.concrete_fields if field.column]
    is_sqlite = connection.vendor == "sqlite"
    # In the form of an id, in the order of their making, and none of them a child's.
    number = f"{Job.objects.count() << 4} + n.i"
    hexadecimal = f"printf('%020x', {number})" if is_sqlite else f"lpad(to_hex({number}), 20, '0')"
    identifier = f"'0190' || {hexadecimal} || '00000000'"
    values = {
        "id": identifier if is_sqlite else f"({identifier})::uuid",
        "queue_id": str(queue.id),
        "status": "'RUNNABLE'",
        "name": "'waiting'",
        "share_identifier": f"'share' || (n.i %% {shares})" if shares else "''",
    }
    listed = ", ".join(values.get(column, f't."{column}"') for column in columns)
    sql = (
        f"{_NUMBERS} INSERT INTO jobs_job ({', '.join(columns)}) "
        f"SELECT {listed} FROM jobs_job t CROSS JOIN n WHERE t.id = %s"
    )
    key = template.id.hex if is_sqlite else str(template.id)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, [count, key])


def a_lease() -> Lease:
    """The right to decide: there is no other scheduler."""
    lease = Standby(holder="benchmark").try_acquire(monotonic=0.0)
    if lease is None:
        sys.exit("another scheduler holds the lease of this database")
    return lease


def seconds_of_passes(lease: Lease, passes: int) -> list[float]:
    """How long whole passes take, as the scheduler makes them; before each, a few running jobs end.

    What is free at the beginning is filled first.
    """
    now = timezone.now()
    while schedule_once(lease=lease, now=now):
        now += timedelta(seconds=1)
    times = []
    for number in range(1, passes + 1):
        at = now + timedelta(seconds=number)
        _end_some(at)
        times.append(seconds_of(lambda at=at: schedule_once(lease=lease, now=at)))  # type: ignore[misc]
    return times


def _end_some(now: datetime) -> None:
    live = Attempt.objects.filter(ended_at__isnull=True).select_related("job").order_by("id")
    for attempt in live[:ENDING]:
        if attempt.job.status == JobStatus.STARTING:
            mark_running(attempt=attempt, now=now)
        outcome = AttemptOutcome(
            status_reason="", explanation="", started_at=now, stopped_at=now, succeeded=True
        )
        finish_attempt(attempt=attempt, outcome=outcome, now=now)
