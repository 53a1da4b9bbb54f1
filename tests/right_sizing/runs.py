"""Ended runs of a definition, with what they used."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from jobs.domain.states import JobStatus
from jobs.models import Attempt, JobDefinition, RightSizing, UsageSample
from jobs.services.costs.right_sizing import refresh
from tests.builders import NOW, a_job, an_attempt


def a_run(
    definition: JobDefinition,
    samples: Sequence[tuple[int, int]] = ((900, 400),),
    *,
    ended_at: datetime = NOW - timedelta(hours=1),
    job: dict[str, Any] | None = None,
    **fields: Any,
) -> Attempt:
    """A run that ended, with samples of (thousandths of vCPUs, MiB), one every five seconds."""
    values = {"stopped_at": ended_at, "attempts_made": 1, "definition": definition, **(job or {})}
    run = a_job(status=JobStatus.SUCCEEDED, **values)
    attempt = an_attempt(
        job=run,
        **{
            "started_at": ended_at - timedelta(minutes=10),
            "stopped_at": ended_at,
            "ended_at": ended_at,
            "exit_code": 0,
            "cost_usd": Decimal("0.10"),
            **fields,
        },
    )
    UsageSample.objects.bulk_create(
        UsageSample(
            attempt=attempt,
            at=ended_at - timedelta(seconds=5 * (len(samples) - at)),
            milli_vcpus=milli_vcpus,
            memory_mib=memory_mib,
        )
        for at, (milli_vcpus, memory_mib) in enumerate(samples)
    )
    return attempt


def looked_at(definition: JobDefinition, *, now: datetime = NOW) -> RightSizing:
    """What a worker finds of the definition."""
    row, _ = RightSizing.objects.update_or_create(
        definition_name=definition.name, defaults={"stale_at": now}
    )
    refresh(row_id=row.pk, now=now)
    row.refresh_from_db()
    return row
