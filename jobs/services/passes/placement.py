"""Writes what a scheduling pass decided. Each write first proves that the lease is still held."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import F

from jobs import changes, queueing
from jobs.domain.states import JobStatus
from jobs.models import Attempt, ComputeEnvironment, SpotPressure
from jobs.scheduling.plan import Placement, Plan
from jobs.services.attempts.consumables import Want, take
from jobs.services.attempts.node_history import record_placed
from jobs.services.writing.locks import lock_ids, lock_summaries
from jobs.services.writing.transition import transition

from .instances import (
    changed_pressures,
    end_and_drain,
    interrupted_jobs,
    launch_instances,
    note_busy,
)
from .lease import Lease, fence
from .queue_blocks import newly_blocked, record_blocks
from .try_rows import Gpus, Places, rows_of, specs_of
from .wait_reasons import changed_waits, record_waits


class _Refused(Exception):
    """These jobs did not get their consumable resources: what was written for all is rolled back."""

    def __init__(self, job_ids: set[UUID]) -> None:
        super().__init__(job_ids)
        self.job_ids = job_ids


def apply_plan(*, plan: Plan, lease: Lease, with_waits: bool = True) -> int:
    """Writes the plan's instances, and its placements as attempts, which go to the launchers; how many jobs.

    A job that was cancelled since the snapshot is no longer RUNNABLE and is left alone, and so is one whose
    environment, GPUs or consumable resources went away meanwhile. Raises LostLease before anything is written.
    """
    changed = changed_waits(plan.waits) if with_waits else []
    blocked = newly_blocked(plan=plan, lease=lease) if with_waits else []
    pressures = changed_pressures(plan)
    scaled = plan.launches or plan.ends or plan.drains or plan.interruptions
    if not (plan.placements or changed or blocked or pressures or scaled):
        return 0
    with transaction.atomic():
        fence(lease)
        interrupted = interrupted_jobs(plan)
        if changed or blocked or interrupted or plan.ends:
            # All in one order, or two that write several jobs might wait for each other; and before the
            # attempts that instances' ends charge with idle time.
            lock_ids(
                [
                    *(placement.job.id for placement in plan.placements),
                    *(wait.job_id for wait, _ in changed),
                    *(wait.job_id for wait in blocked),
                    *interrupted,
                ]
            )
        SpotPressure.objects.bulk_create(pressures)
        end_and_drain(plan=plan)
        launched = launch_instances(launches=plan.launches, now=plan.at)
        placed = _place_all(plan.placements, Places(plan.placements, launched), plan.at)
        record_waits(changed, plan.at)
        record_blocks(blocked=blocked, plan=plan)
    return placed


def _place_all(placements: Sequence[Placement], places: Places, now: datetime) -> int:
    while placements:
        try:
            with transaction.atomic(savepoint=any(place.job.consumables for place in placements)):
                return _place(placements, places, now)
        except _Refused as refused:
            placements = [place for place in placements if place.job.id not in refused.job_ids]
    return 0


def _place(placements: Sequence[Placement], places: Places, now: datetime) -> int:
    environments = ComputeEnvironment.objects.in_bulk()
    specs = specs_of(placement.job.id for placement in placements)
    gpus = Gpus(placements, places)
    possible = [
        placement
        for placement in placements
        if placement.environment_id in environments and placement.job.id in specs
    ]
    winners = _move([placement for placement in possible if gpus.promise(placement)], now)
    _take_consumables(winners, now)
    rows = [
        row
        for placement in winners
        for row in rows_of(
            placement,
            specs[placement.job.id],
            environments[placement.environment_id],
            places,
            gpus,
            now,
        )
    ]
    # Many at once, so Django's own: PostgreSQL takes them column by column, quicker than row by row.
    written = Attempt.objects.bulk_create(rows)
    note_busy({row.instance_id for row in rows if row.instance_id is not None})
    record_placed(winners, now)
    ready = [attempt.id for attempt in written if not attempt.waits_for_others]
    queueing.enqueue_after_commit(queueing.LAUNCH, ready)
    if written:
        changes.publish([changes.ENVIRONMENTS])
    return len(winners)


def _move(placements: Sequence[Placement], now: datetime) -> list[Placement]:
    """Makes the jobs STARTING; those that still were RUNNABLE."""
    # An attempt's number goes into its history, so jobs are moved together by number.
    by_number: dict[int, list[Placement]] = defaultdict(list)
    for placement in placements:
        by_number[placement.job.attempts_made + 1].append(placement)
    if len(by_number) > 1:
        job_ids = [placement.job.id for placement in placements]
        lock_ids(job_ids)
        lock_summaries(job_ids)
    won: set[UUID] = set()
    for number, group in sorted(by_number.items()):
        won.update(
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
    return [placement for placement in placements if placement.job.id in won]


def _take_consumables(placements: Sequence[Placement], now: datetime) -> None:
    wants = [
        Want(placement.job.id, placement.job.attempts_made + 1, placement.job.consumables)
        for placement in placements
        if placement.job.consumables
    ]
    if not wants:
        return
    got = take(wants=wants, now=now)
    refused = {want.job_id for want in wants} - got
    if refused:
        raise _Refused(refused)
