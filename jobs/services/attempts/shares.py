"""Charging the shares of a fair-share queue for what their jobs used."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from jobs.models import Attempt, Job, JobQueue, ShareUsage
from jobs.scheduling.shares import decayed, used_by_run
from jobs.services.writing.rows import update_rows

# A queue and one of its shares.
Share = tuple[int, str]


def charge(*, job: Job, attempt_number: int, now: datetime) -> None:
    """`charge_all` of one try."""
    charge_all(tries=[(job, attempt_number)], now=now)


def charge_all(*, tries: Sequence[tuple[Job, int]], now: datetime) -> None:
    """Adds the tries' vCPU-seconds to their shares: of each job the try of that number, all its containers.

    Nothing for a queue without a policy, or a job without a share. Once for each try, inside the
    transaction that ends it and as the last thing there, because all jobs of a share that end at the same
    time meet at one row.
    """
    numbers = {job.id: number for job, number in tries if job.share_identifier}
    if not numbers:
        return
    policies = JobQueue.objects.filter(
        id__in={job.queue_id for job, _ in tries}, scheduling_policy__isnull=False
    )
    decay = dict(policies.values_list("id", "scheduling_policy__share_decay_seconds"))
    shares = {
        job.id: (job.queue_id, job.share_identifier)
        for job, _ in tries
        if job.id in numbers and job.queue_id in decay
    }
    used = _used(shares, numbers, decay, now) if shares else {}
    if used:
        _add(used, decay, now)


def _used(
    shares: Mapping[UUID, Share],
    numbers: Mapping[UUID, int],
    decay: Mapping[int, int],
    now: datetime,
) -> dict[Share, float]:
    """vCPU-milliseconds, faded until now."""
    used: dict[Share, float] = defaultdict(float)
    runs = Attempt.objects.filter(
        job_id__in=list(shares), started_at__isnull=False, stopped_at__isnull=False
    )
    for job_id, number, milli_vcpus, started_at, stopped_at in runs.order_by().values_list(
        "job_id", "number", "milli_vcpus", "started_at", "stopped_at"
    ):
        if number != numbers[job_id]:
            continue
        assert started_at is not None
        assert stopped_at is not None
        share = shares[job_id]
        run = used_by_run(
            milli_vcpus=milli_vcpus,
            seconds=(stopped_at - started_at).total_seconds(),
            decay_seconds=decay[share[0]],
        )
        used[share] += decayed(run, as_of=stopped_at, now=now, decay_seconds=decay[share[0]])
    return {share: amount for share, amount in used.items() if amount}


def _add(used: Mapping[Share, float], decay: Mapping[int, int], now: datetime) -> None:
    values: dict[int, dict[str, object]] = {}
    for row in _locked(sorted(used), now):
        share = (row.queue_id, row.share_identifier)
        if share not in used:
            continue
        seconds = decay[row.queue_id]
        # Clocks of two workers differ: the later moment stays, and what is older has faded until then.
        as_of = max(row.as_of, now)
        before = decayed(row.milli_vcpu_seconds, as_of=row.as_of, now=as_of, decay_seconds=seconds)
        more = decayed(used[share], as_of=now, now=as_of, decay_seconds=seconds)
        values[row.id] = {"milli_vcpu_seconds": before + more, "as_of": as_of}
    update_rows(ShareUsage, values)


def _locked(shares: Sequence[Share], now: datetime) -> Iterable[ShareUsage]:
    """The rows of the shares (and perhaps others), locked in one order; made first where there are none."""
    rows = ShareUsage.objects.filter(
        queue_id__in={queue_id for queue_id, _ in shares},
        share_identifier__in={name for _, name in shares},
    )
    there = set(rows.values_list("queue_id", "share_identifier"))
    # New rows before locks: of two who make the same ones, one waits for the other and holds nothing.
    ShareUsage.objects.bulk_create(
        [
            ShareUsage(queue_id=queue_id, share_identifier=name, as_of=now)
            for queue_id, name in shares
            if (queue_id, name) not in there
        ],
        ignore_conflicts=True,
    )
    return rows.select_for_update(no_key=True).order_by("queue_id", "share_identifier")
