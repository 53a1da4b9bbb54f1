"""Writes what a scheduling pass decided. Each write first proves that the lease is still held."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import F

from jobs import changes, queueing
from jobs.domain.states import JobStatus
from jobs.models import Attempt, ComputeEnvironment, Job, WaitReason
from jobs.scheduling.plan import Placement, Plan, Wait
from jobs.selectors.jobs import newest_wait_reasons

from .lease import Lease, fence
from .transition import transition


def apply_plan(*, plan: Plan, lease: Lease, with_waits: bool = True) -> int:
    """Writes the plan's placements as attempts and hands them to the launchers; how many.

    A job that was cancelled since the snapshot is no longer RUNNABLE and is left alone. Raises
    LostLease before anything is written.
    """
    changed_waits = _changed_waits(plan.waits) if with_waits else []
    if not plan.placements and not changed_waits:
        return 0
    with transaction.atomic():
        fence(lease)
        placed = _place(plan.placements, plan.at)
        _record_waits(changed_waits, plan.at)
    return placed


def _place(placements: Sequence[Placement], now: datetime) -> int:
    # An attempt's number goes into its history, so jobs are moved together by number.
    by_number: dict[int, list[Placement]] = defaultdict(list)
    environments = ComputeEnvironment.objects.in_bulk()
    for placement in placements:
        # One that was deleted since the snapshot takes nothing.
        if placement.environment_id in environments:
            by_number[placement.job.attempts_made + 1].append(placement)
    attempts: list[Attempt] = []
    images = dict(
        Job.objects.filter(id__in=[placement.job.id for placement in placements]).values_list(
            "id", "spec__image"
        )
    )
    for number, group in sorted(by_number.items()):
        winners = set(
            transition(
                job_ids=[placement.job.id for placement in group],
                old=JobStatus.RUNNABLE,
                new=JobStatus.STARTING,
                now=now,
                attempt_number=number,
                attempts_made=F("attempts_made") + 1,
                started_at=None,
                exit_code=None,
            )
        )
        attempts.extend(
            _attempt(
                placement,
                number,
                environments[placement.environment_id],
                images[placement.job.id],
                now,
            )
            for placement in group
            if placement.job.id in winners
        )
    written = Attempt.objects.bulk_create(attempts)
    queueing.enqueue_after_commit(queueing.LAUNCH, [attempt.id for attempt in written])
    if written:
        changes.publish([changes.ENVIRONMENTS])
    return len(written)


def _attempt(
    placement: Placement,
    number: int,
    environment: ComputeEnvironment,
    image: str,
    now: datetime,
) -> Attempt:
    return Attempt(
        job_id=placement.job.id,
        number=number,
        environment=environment,
        node_id=placement.node_id,
        image=image,
        milli_vcpus=placement.job.needs.milli_vcpus,
        memory_mib=placement.job.needs.memory_mib,
        # The price of an attempt is the one at its start, whatever the owner changes later.
        usd_per_vcpu_hour=environment.usd_per_vcpu_hour,
        usd_per_gib_hour=environment.usd_per_gib_hour,
        placed_at=now,
    )


def _changed_waits(waits: tuple[Wait, ...]) -> list[tuple[Wait, WaitReason | None]]:
    """The reasons that are not recorded yet, each with the job's newest one if its code is the same."""
    newest = newest_wait_reasons([wait.job_id for wait in waits])
    changed: list[tuple[Wait, WaitReason | None]] = []
    for wait in waits:
        row = newest.get(wait.job_id)
        # A job that was elsewhere meanwhile (a retry) has another status reason: it waits anew.
        if row is None or row.code != wait.code or row.reason != row.job.status_reason:
            changed.append((wait, None))
        elif row.reason != wait.reason:
            changed.append((wait, row))
    return changed


def _record_waits(changed: list[tuple[Wait, WaitReason | None]], now: datetime) -> None:
    """A new code is a new line of history; new numbers of the same code replace the old ones."""
    new = [
        WaitReason(job_id=wait.job_id, code=wait.code, reason=wait.reason, since=now)
        for wait, row in changed
        if row is None
    ]
    renewed = []
    for wait, row in changed:
        if row is not None:
            row.reason = wait.reason
            renewed.append(row)
    WaitReason.objects.bulk_create(new)
    WaitReason.objects.bulk_update(renewed, ["reason"])
    # The status reason is where the API and the page look for it. Most jobs wait for the same reason.
    job_ids: dict[str, list[UUID]] = defaultdict(list)
    for wait, _ in changed:
        job_ids[wait.reason].append(wait.job_id)
    for reason, ids in job_ids.items():
        Job.objects.filter(id__in=ids, status=JobStatus.RUNNABLE).update(status_reason=reason)
    if changed:
        changes.publish([changes.JOBS, *(changes.job_topic(wait.job_id) for wait, _ in changed)])
