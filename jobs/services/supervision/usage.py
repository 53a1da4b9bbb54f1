"""Records what running attempts use."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from jobs import changes
from jobs.models import Attempt, UsageSample


@dataclass(frozen=True, slots=True)
class MeasuredUsage:
    """`milli_vcpus` is the mean since the sample before, or since the container's start."""

    attempt_id: int
    milli_vcpus: int
    memory_mib: int


def record_samples(*, samples: Sequence[MeasuredUsage], now: datetime) -> int:
    """Stores one sample for each attempt, all in one statement; how many it stored.

    Attempts whose rows are gone are left out; a second sample of the same moment is, too.
    """
    job_ids = dict(
        Attempt.objects.filter(id__in=[sample.attempt_id for sample in samples]).values_list(
            "id", "job_id"
        )
    )
    rows = [
        UsageSample(
            attempt_id=sample.attempt_id,
            at=now,
            milli_vcpus=sample.milli_vcpus,
            memory_mib=sample.memory_mib,
        )
        for sample in samples
        if sample.attempt_id in job_ids
    ]
    UsageSample.objects.bulk_create(rows, ignore_conflicts=True)
    if rows:
        changes.publish(changes.job_topic(job_id) for job_id in job_ids.values())
    return len(rows)
