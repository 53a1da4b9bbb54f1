"""Charging the shares of a fair-share queue for what their jobs used."""

from datetime import datetime

from jobs.models import Attempt, Job, JobQueue, ShareUsage
from jobs.scheduling.shares import decayed, used_by_run


def charge(*, job: Job, attempt_number: int, now: datetime) -> None:
    """Adds a try's vCPU-seconds to its share; nothing for a queue without a policy, or a job without a share.

    Once for each try, inside the transaction that ends it and as the last thing there, because all jobs of
    the share that end at the same time meet at one row.
    """
    if not job.share_identifier:
        return
    decay_seconds = (
        JobQueue.objects.filter(id=job.queue_id)
        .values_list("scheduling_policy__share_decay_seconds", flat=True)
        .first()
    )
    if decay_seconds is None:
        return
    used = _used_by_try(job, attempt_number, decay_seconds, now)
    if not used:
        return
    row, _ = ShareUsage.objects.select_for_update(no_key=True).get_or_create(
        queue_id=job.queue_id,
        share_identifier=job.share_identifier,
        defaults={"milli_vcpu_seconds": 0.0, "as_of": now},
    )
    # Clocks of two workers differ: the later moment stays, and what is older has faded until then.
    as_of = max(row.as_of, now)
    row.milli_vcpu_seconds = decayed(
        row.milli_vcpu_seconds, as_of=row.as_of, now=as_of, decay_seconds=decay_seconds
    ) + decayed(used, as_of=now, now=as_of, decay_seconds=decay_seconds)
    row.as_of = as_of
    row.save(update_fields=["milli_vcpu_seconds", "as_of"])


def _used_by_try(job: Job, number: int, decay_seconds: int, now: datetime) -> float:
    """The vCPU-milliseconds of all its containers, faded until now."""
    rows = Attempt.objects.filter(
        job_id=job.id, number=number, started_at__isnull=False, stopped_at__isnull=False
    ).values_list("milli_vcpus", "started_at", "stopped_at")
    used = 0.0
    for milli_vcpus, started_at, stopped_at in rows:
        assert started_at is not None
        assert stopped_at is not None
        run = used_by_run(
            milli_vcpus=milli_vcpus,
            seconds=(stopped_at - started_at).total_seconds(),
            decay_seconds=decay_seconds,
        )
        used += decayed(run, as_of=stopped_at, now=now, decay_seconds=decay_seconds)
    return used
