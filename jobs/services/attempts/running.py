"""Writing that containers run."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime

from django.db import transaction

from jobs import queueing
from jobs.domain.states import JobStatus
from jobs.models import Attempt, Job
from jobs.selectors.plans import is_group
from jobs.services.supervision import logs
from jobs.services.writing.locks import lock_summaries
from jobs.services.writing.rows import update_rows
from jobs.services.writing.transition import announce, transition

from . import groups
from .interruptions import interrupted_meanwhile
from .last_tries import lock_jobs_of
from .tries import begin_try, deadline_of, lock_job


def mark_all_running(*, addresses: Mapping[Attempt, str], now: datetime) -> None:
    """`mark_running` of attempts whose containers started just now: all in one transaction.

    Several containers of one try affect each other, and take one each.
    """
    plain = {attempt.id: attempt for attempt in addresses if not is_group(attempt.job)}
    if plain:
        _mark_plain(plain, now)
    for attempt, address in addresses.items():
        if attempt.id not in plain:
            mark_running(attempt=attempt, now=now, address=address)


def _mark_plain(attempts: Mapping[int, Attempt], now: datetime) -> None:
    with transaction.atomic():
        jobs = lock_jobs_of(attempt.job_id for attempt in attempts.values())
        lock_summaries(jobs)
        live = update_rows(
            Attempt,
            {
                id_: {"started_at": now, "deadline_at": deadline_of(jobs[attempt.job_id], now)}
                for id_, attempt in attempts.items()
                if attempt.job_id in jobs
            },
            only_if={"ended_at": None, "started_at": None},
        )
        _open_logs([attempts[id_] for id_ in live], now)
        # What runs now was placed as its job's first try, its second, ...
        by_number: dict[int, list[Job]] = defaultdict(list)
        for id_ in live:
            by_number[attempts[id_].number].append(jobs[attempts[id_].job_id])
        for number, begun in sorted(by_number.items()):
            transition(
                job_ids=[job.id for job in begun],
                old=JobStatus.STARTING,
                new=JobStatus.RUNNING,
                now=now,
                attempt_number=number,
                started_at=now,
            )
        asked = [id_ for id_ in live if jobs[attempts[id_].job_id].stop_requested_at]
        asked += interrupted_meanwhile(attempts.values(), among=live)
        queueing.enqueue_after_commit(queueing.STOP, sorted(set(asked)))


def mark_running(
    *, attempt: Attempt, now: datetime, started_at: datetime | None = None, address: str = ""
) -> None:
    """Writes that the container runs, and from when to when it may. If a stop was asked for meanwhile, it
    is handed over now. `started_at` is the container's start, if that was not just now.

    Nothing is written if the attempt has ended meanwhile: its job may be STARTING again, but then that
    is another attempt's start.
    """
    started_at = started_at or now
    with transaction.atomic():
        job = lock_job(attempt.job_id)
        job.spec = attempt.job.spec
        grouped = is_group(job)
        values: dict[str, object] = {"started_at": started_at, "address": address or None}
        if not grouped:
            values["deadline_at"] = deadline_of(job, started_at)
        live = Attempt.objects.filter(
            id=attempt.id, ended_at__isnull=True, started_at__isnull=True
        ).update(**values)
        if not live:
            return
        _open_logs([attempt], started_at)
        if job.stop_requested_at or interrupted_meanwhile([attempt], among=[attempt.id]):
            queueing.enqueue_after_commit(queueing.STOP, [attempt.id])
        if grouped:
            _mark_one_of_several(job, attempt, started_at, now)
        else:
            begin_try(job=job, number=attempt.number, started_at=started_at, now=now)


def _open_logs(attempts: Iterable[Attempt], started_at: datetime) -> None:
    """Whoever sees RUNNING finds a log stream by the name that he is told, before anything is printed."""
    for attempt in attempts:
        attempt.started_at = started_at
    logs.open_streams(attempts=attempts)


def _mark_one_of_several(job: Job, attempt: Attempt, started_at: datetime, now: datetime) -> None:
    if job.status == JobStatus.STARTING:
        groups.begin(job=job, attempt=attempt, started_at=started_at, now=now)
    else:
        announce([job.id])
    groups.advance(job=job, number=attempt.number, now=now)
    if Attempt.objects.filter(id=attempt.id, stop_asked_at__isnull=False).exists():
        queueing.enqueue_after_commit(queueing.STOP, [attempt.id])
