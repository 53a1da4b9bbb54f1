"""Consumable resources: taken when a job is placed, given back at the end of the try.

Source: AWS Batch User Guide, "Resource-aware scheduling": resources are locked once the job moves to STARTING,
and unlocked when it ends. What is taken of a NON_REPLENISHABLE one leaves its total for good, with every try.

Who calls these holds the jobs' rows; resources are locked after them, in the order of their ids.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import F

from jobs.models import ConsumableHold, ConsumableResource, ConsumableType


@dataclass(frozen=True, slots=True)
class Want:
    """What one try of a job needs: (name of the resource, quantity), each name once."""

    job_id: UUID
    attempt_number: int
    quantities: tuple[tuple[str, int], ...]


def take(*, wants: Sequence[Want], now: datetime) -> set[UUID]:
    """Takes what the jobs want, in their order, all of it or nothing for each; the jobs that got it.

    A job that gets nothing must not start: since the scheduler looked, somebody lowered a total or
    deleted a resource. Inside the transaction that places the jobs.
    """
    names = {name for want in wants for name, _ in want.quantities}
    if not names:
        return {want.job_id for want in wants}
    resources = {
        row.name: row
        for row in ConsumableResource.objects.select_for_update(no_key=True)
        .filter(name__in=names)
        .order_by("id")
    }
    left = {name: row.available_quantity for name, row in resources.items()}
    taken: dict[str, int] = defaultdict(int)
    holds: list[ConsumableHold] = []
    winners: set[UUID] = set()
    for want in wants:
        if any(left.get(name, 0) < quantity for name, quantity in want.quantities):
            continue
        winners.add(want.job_id)
        for name, quantity in want.quantities:
            left[name] -= quantity
            taken[name] += quantity
            holds.append(_hold(want, resources[name], quantity, now))
    for name, quantity in taken.items():
        _move(resources[name], quantity)
    ConsumableHold.objects.bulk_create(holds)
    return winners


def release(*, job_id: UUID, attempt_number: int, now: datetime) -> None:
    """Ends what a try holds: REPLENISHABLE resources get it back, of others it is gone. Once only.

    Inside the transaction that ends the try; waking the scheduler is the caller's to do.
    """
    holds = list(
        ConsumableHold.objects.filter(
            job_id=job_id, attempt_number=attempt_number, released_at__isnull=True
        ).order_by("resource_id")
    )
    for hold in holds:
        ended = ConsumableHold.objects.filter(id=hold.id, released_at__isnull=True).update(
            released_at=max(now, hold.taken_at)
        )
        if ended:
            ConsumableResource.objects.filter(
                id=hold.resource_id, type=ConsumableType.REPLENISHABLE
            ).update(in_use_quantity=F("in_use_quantity") - hold.quantity)


def _hold(want: Want, resource: ConsumableResource, quantity: int, now: datetime) -> ConsumableHold:
    return ConsumableHold(
        job_id=want.job_id,
        attempt_number=want.attempt_number,
        resource=resource,
        quantity=quantity,
        taken_at=now,
    )


def _move(resource: ConsumableResource, quantity: int) -> None:
    enough = ConsumableResource.objects.filter(
        id=resource.id, total_quantity__gte=F("in_use_quantity") + quantity
    )
    if resource.type == ConsumableType.REPLENISHABLE:
        moved = enough.update(in_use_quantity=F("in_use_quantity") + quantity)
    else:
        moved = enough.update(total_quantity=F("total_quantity") - quantity)
    # The row is locked since it was read, so it still has what it had.
    assert moved == 1
