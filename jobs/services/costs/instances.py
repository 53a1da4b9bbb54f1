"""What an instance has cost, at its end, and whose its idle time is.

    sum(attempt.cost_usd + attempt.idle_usd) + instance.uncharged_idle_usd == instance.usd

holds for each instance that has ended, from the transaction of its end on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.db.models import Count, QuerySet, prefetch_related_objects

from jobs.domain.resources import Resources
from jobs.models import Attempt, Instance
from jobs.pricing.instances import part_of, rounded_down, share_out
from jobs.selectors.costs.exact import UsdSum
from jobs.selectors.costs.prices import prices_of
from jobs.services.writing.rows import update_rows

from .stale_hours import note_end

# Idle time of an instance on which more attempts ran is shared out later, in portions.
AT_ONCE = 2000
LATER_AT_ONCE = 20_000


@dataclass(frozen=True, slots=True)
class _Used:
    """What the attempts that ran on an instance cost together, and how many there are."""

    usd: Decimal = Decimal(0)
    attempts: int = 0


def price_instances(*, instances: Sequence[Instance], now: datetime) -> None:
    """Sets `usd` and `idle_usd` of instances that end, and charges their attempts with the idle time.

    In the transaction that ends them; their rows are locked, `ended_at` is set on them but not written yet. What an
    attempt that still lives on one has cost by then is settled: its end, whenever that is recorded,
    adds nothing (`services.costs.attempts`). The jobs of those that live were locked before the instances, and no
    job is locked for the first time afterwards (see `locks`): here attempts are locked, in the order of their
    ids; who ends an attempt locks it without asking for the instance's lock.
    """
    prefetch_related_objects(list(instances), "node")
    _settle_living(instances, now)
    used = _used_of(instances)
    prices = prices_of([], now=now, instances=instances)
    for instance in instances:
        part = used.get(instance.pk, _Used())
        whole = prices.of_instance(instance, until=instance.ended_at or now)
        # The parts are more only where an engine's clock was set back or runs ahead of ours.
        instance.usd = max(whole, part.usd)
        instance.idle_usd = instance.uncharged_idle_usd = instance.usd - part.usd
        if part.attempts <= AT_ONCE:
            _share_out_idle(instance, portion=AT_ONCE, now=now)
        else:
            _write_idle(instance)
    if instances:
        note_end(now)


def charge_waiting_idle(*, now: datetime) -> bool:
    """Goes on with sharing out the idle time of instances on which many attempts ran; whether some is left.

    One portion a call. Safe to repeat: shares follow from what is written, and come out the same.
    """
    if not _waiting().exists():
        return False
    with transaction.atomic():
        instance = _waiting().select_for_update(of=("self",)).order_by("id").first()
        if instance is None:
            return False
        _share_out_idle(instance, portion=LATER_AT_ONCE, now=now)
        if instance.ended_at is not None:
            note_end(instance.ended_at)
    return _waiting().exists()


def _waiting() -> QuerySet[Instance]:
    return Instance.objects.filter(ended_at__isnull=False, idle_charged_at__isnull=True)


def _settle_living(instances: Sequence[Instance], now: datetime) -> None:
    by_id = {instance.pk: instance for instance in instances}
    living = list(
        Attempt.objects.select_for_update(of=("self",), no_key=True)
        .filter(instance__in=list(by_id), ended_at__isnull=True)
        .select_related("node")
        .order_by("id")
    )
    for attempt in living:
        assert attempt.instance_id is not None
        attempt.instance = by_id[attempt.instance_id]
    prices = prices_of(living, now=now)
    settled: dict[int, dict[str, object]] = {}
    for attempt in living:
        if attempt.started_at is not None:
            end = min(attempt.stopped_at or now, now)
            money = prices.of_attempt(attempt, start=attempt.started_at, end=end)
            settled[attempt.pk] = {"cost_usd": money.usd, "on_demand_usd": money.on_demand_usd}
    if settled:
        update_rows(Attempt, settled)


def _used_of(instances: Sequence[Instance]) -> dict[int | None, _Used]:
    on_them = Attempt.objects.filter(instance__in=[each.pk for each in instances])
    sums = on_them.values_list("instance_id").annotate(usd=UsdSum("cost_usd"), count=Count("pk"))
    return {pk: _Used(usd, count) for pk, usd, count in sums.order_by()}


def _share_out_idle(instance: Instance, *, portion: int, now: datetime) -> None:
    """Writes up to `portion` shares that are not written yet; with the last of them all is charged.

    What is not written yet stays the instance's, so that nothing counts twice or not at all in between.
    """
    rows = list(
        Attempt.objects.filter(instance=instance)
        .order_by("id")
        .only("cost_usd", "idle_usd", "started_at", "milli_vcpus", "memory_mib", "gpus")
    )
    shares = share_out(instance.idle_usd, _weights(instance, rows))
    due = [
        (row.pk, share) for row, share in zip(rows, shares, strict=True) if share != row.idle_usd
    ]
    if due:
        update_rows(Attempt, {id_: {"idle_usd": share} for id_, share in due[:portion]})
    left = sum((share for _, share in due[portion:]), Decimal(0))
    instance.uncharged_idle_usd = left if any(shares) else instance.idle_usd
    if not due[portion:]:
        instance.idle_charged_at = now
    _write_idle(instance)


def _weights(instance: Instance, attempts: Sequence[Attempt]) -> list[Decimal]:
    """What idle time is shared out by: what the attempts cost, or the parts that they held if all ran for too
    short a time to cost anything."""
    costs = [each.cost_usd for each in attempts]
    if any(costs):
        return costs
    size = Resources(instance.milli_vcpus, instance.memory_mib, instance.gpus)
    return [
        Decimal(0) if each.started_at is None else rounded_down(part_of(_held_by(each), size))
        for each in attempts
    ]


def _held_by(attempt: Attempt) -> Resources:
    return Resources(attempt.milli_vcpus, attempt.memory_mib, len(attempt.gpus))


def _write_idle(instance: Instance) -> None:
    Instance.objects.filter(pk=instance.pk).update(
        uncharged_idle_usd=instance.uncharged_idle_usd, idle_charged_at=instance.idle_charged_at
    )
