"""Reads what a scheduling pass needs: a handful of queries, each over live rows only."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from django.conf import settings
from django.utils import timezone

from jobs.models import (
    ConsumableResource,
    ConsumableType,
    JobQueue,
    JobQueueEnvironment,
    QueueStatus,
    SchedulingPolicy,
    ShareUsage,
)
from jobs.scheduling.scouts import Scouts
from jobs.scheduling.shares import usage_by_share, weight_of
from jobs.scheduling.snapshot import (
    ConsumableView,
    FairShareView,
    JobView,
    QueueView,
    RunningView,
    ShareUsageView,
    Snapshot,
)

from .capacity import instance_views, live_instances, needs_a_look
from .fronts import Front, WaitingShare, load_fronts, scout, waiting_shares
from .machines import load_environments, load_nodes, load_running


def load_snapshot(
    *,
    front: int,
    even_if_idle: bool = False,
    only: Collection[int] | None = None,
    now: datetime | None = None,
    scouts: Scouts | None = None,
) -> Snapshot:
    """The snapshot with the first `front` RUNNABLE jobs of each queue, or of those with the ids in `only`.

    If none waits and there are no instances to look after it is empty, unless `even_if_idle` asks for the
    machines all the same. `now` (None: the clock's) orders the shares of fair-share queues.
    With `scouts`, queues with backfill that are longer than `front` are looked at further behind, too.
    """
    now = now or timezone.now()
    queues = [
        queue
        # What a queue that is being deleted still has is terminated, and not placed meanwhile.
        for queue in JobQueue.objects.exclude(status=QueueStatus.DELETING)
        .select_related("scheduling_policy")
        .order_by("id")
        if only is None or queue.id in only
    ]
    instances = live_instances()
    live_ids = {instance.id for instance in instances}
    shares = waiting_shares() if any(queue.scheduling_policy_id for queue in queues) else {}
    # Whose turn comes first in a fair-share queue depends on what runs.
    running = load_running(instance_ids=live_ids, now=now) if shares else None
    policies = _policies(queues, shares)
    fronts = load_fronts(
        fifo=[queue.id for queue in queues if queue.id not in policies],
        by_turn=_by_turn(policies, shares, running or (), now),
        front=front,
    )
    jobs = tuple(job for queue in queues for job in fronts[queue.id].jobs)
    if scouts is not None:
        backfilled = {queue.id: fronts[queue.id] for queue in queues if queue.backfill}
        jobs += tuple(scout(backfilled, behind=scouts.behind))
    if not (jobs or instances or even_if_idle or needs_a_look()):
        return Snapshot(nodes=(), environments=(), queues=(), jobs=())
    if running is None:
        running = load_running(instance_ids=live_ids, now=now)
    nodes, node_ids_by_engine = load_nodes(running, instances)
    environments = load_environments(node_ids_by_engine, running)
    return Snapshot(
        nodes=nodes,
        environments=environments,
        queues=_queues(queues, policies, fronts),
        jobs=jobs,
        running=running,
        consumables=_consumables(jobs),
        grace_seconds=settings.BATCHWEB_STOP_GRACE_SECONDS,
        instances=instance_views(instances, running, environments),
    )


def _queues(
    rows: Iterable[JobQueue], policies: Mapping[int, FairShareView], fronts: Mapping[int, Front]
) -> tuple[QueueView, ...]:
    order: dict[int, list[int]] = defaultdict(list)
    for queue_id, environment_id in JobQueueEnvironment.objects.order_by(
        "queue_id", "order"
    ).values_list("queue_id", "environment_id"):
        order[queue_id].append(environment_id)
    views = []
    for row in rows:
        front, policy = fronts[row.id], policies.get(row.id)
        if policy is not None:
            policy = replace(policy, waiting=front.waiting, partial=front.partial)
        views.append(
            QueueView(
                id=row.id,
                name=row.name,
                priority=row.priority,
                environment_ids=tuple(order[row.id]),
                backfill=row.backfill,
                fair_share=policy,
                has_more=front.has_more,
            )
        )
    return tuple(views)


def _policies(
    queues: Iterable[JobQueue], shares: Mapping[int, Sequence[WaitingShare]]
) -> dict[int, FairShareView]:
    """The policies by queue, with the stored use of the shares that wait: of no other it matters."""
    usage: dict[int, list[ShareUsageView]] = defaultdict(list)
    names = {share.share_identifier for waiting in shares.values() for share in waiting}
    if names:
        rows = ShareUsage.objects.filter(queue_id__in=list(shares), share_identifier__in=names)
        for row in rows:
            usage[row.queue_id].append(
                ShareUsageView(row.share_identifier, row.milli_vcpu_seconds, row.as_of)
            )
    return {
        queue.id: policy_view(queue.scheduling_policy, usage[queue.id])
        for queue in queues
        if queue.scheduling_policy is not None
    }


def policy_view(row: SchedulingPolicy, usage: Iterable[ShareUsageView] = ()) -> FairShareView:
    """A policy as passes see it, with what its shares have used."""
    return FairShareView(
        decay_seconds=row.share_decay_seconds,
        compute_reservation=row.compute_reservation,
        weights=tuple(
            (each["shareIdentifier"], float(each.get("weightFactor", 1.0)))
            for each in row.share_distribution
        ),
        usage=tuple(usage),
    )


def _by_turn(
    policies: Mapping[int, FairShareView],
    shares: Mapping[int, Sequence[WaitingShare]],
    running: Sequence[RunningView],
    now: datetime,
) -> dict[int, list[WaitingShare]]:
    """The shares that wait, by queue, in the order in which their turns come."""
    by_turn: dict[int, list[WaitingShare]] = {}
    for queue_id, policy in policies.items():
        used = usage_by_share(policy, (run for run in running if run.queue_id == queue_id), now)
        by_turn[queue_id] = sorted(
            shares.get(queue_id, ()),
            key=lambda share, used=used, policy=policy: (  # type: ignore[misc]
                weight_of(share.share_identifier, policy.weights)
                * used.get(share.share_identifier, 0.0),
                str(share.first),
            ),
        )
    return by_turn


def _consumables(jobs: Iterable[JobView]) -> tuple[ConsumableView, ...]:
    names = {name for job in jobs for name, _ in job.consumables}
    if not names:
        return ()
    return tuple(
        ConsumableView(
            name=row.name,
            total=row.total_quantity,
            free=row.available_quantity,
            replenishable=row.type == ConsumableType.REPLENISHABLE,
        )
        for row in ConsumableResource.objects.filter(name__in=names).order_by("id")
    )
