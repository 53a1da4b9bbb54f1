"""Instances as a pass writes them: launched, running, idle, draining, ended. Only the lease's holder does."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from secrets import token_hex
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Sum

from jobs import changes
from jobs.domain.resources import whole_vcpus
from jobs.models import (
    Attempt,
    ComputeEnvironment,
    EngineStatus,
    Instance,
    InstanceEndCause,
    InstanceState,
    NodeState,
    SpotPressure,
)
from jobs.scheduling.plan import End, Launch, Plan
from jobs.selectors.passes.capacity import current_pressures
from jobs.services.attempts.interruptions import interrupt_attempts
from jobs.services.costs.instances import price_instances
from jobs.services.writing.locks import lock_ids

from .lease import Lease, fence

MACHINE_GONE = "Its machine is gone."
STARTED_ANEW = "Its engine was started anew."


def advance_instances(*, lease: Lease, now: datetime) -> None:
    """What has happened to instances since the last pass: their machines answer or are gone, they are idle or not.

    An instance whose machine is gone ends with all that is on it. One whose engine was started anew after its
    launch takes no more jobs: containers may have outlived that, so what is on it ends as the supervisor finds it,
    and the instance ends with the last. One query where there are no instances. Raises LostLease.
    """
    live = Instance.objects.filter(ended_at__isnull=True)
    if not live.exists():
        return
    busy = Exists(Attempt.objects.filter(instance=OuterRef("pk"), ended_at__isnull=True))
    ready = live.filter(
        state=InstanceState.LAUNCHING,
        node__state=NodeState.READY,
        node__engine__status=EngineStatus.CONNECTED,
    )
    gone = live.filter(node__state=NodeState.DOWN)
    # What was launched within the gap was so after the restart, for all that can be told.
    started_anew = live.exclude(state=InstanceState.DRAINING).filter(
        node__engine__status=EngineStatus.CONNECTED, node__engine__gap_from__gte=F("launched_at")
    )
    newly_idle = live.filter(~busy, idle_since__isnull=True)
    newly_busy = live.filter(busy, idle_since__isnull=False)
    news = (ready, gone, started_anew, newly_idle, newly_busy)
    if not any(rows.exists() for rows in news):
        return
    with transaction.atomic():
        fence(lease)
        gone_ids = list(gone.order_by().values_list("id", flat=True))
        # Before their attempts, which are settled with the instances.
        lock_ids(_jobs_on(gone_ids))
        ready.update(state=InstanceState.RUNNING, running_at=now)
        newly_idle.update(idle_since=now)
        newly_busy.update(idle_since=None)
        _lose(_locked(live.filter(id__in=gone_ids)), MACHINE_GONE, now)
        _lose(_locked(started_anew.filter(~busy)), STARTED_ANEW, now)
        started_anew.update(
            state=InstanceState.DRAINING,
            draining_at=now,
            end_cause=InstanceEndCause.HOST_LOST,
            end_reason=STARTED_ANEW,
        )
        changes.publish([changes.ENVIRONMENTS])


def launch_instances(*, launches: Iterable[Launch], now: datetime) -> dict[int, Instance]:
    """Writes a plan's new instances; by the ids that its placements name them by. In the plan's transaction."""
    launches = list(launches)
    rows = Instance.objects.bulk_create([_row(launch, now) for launch in launches])
    _follow_desired(rows)
    return {launch.place_id: row for launch, row in zip(launches, rows, strict=True)}


def note_busy(instance_ids: Collection[int]) -> None:
    """Something was placed on these: they are not idle any more. In the plan's transaction."""
    if instance_ids:
        Instance.objects.filter(id__in=instance_ids).update(idle_since=None)


def end_and_drain(*, plan: Plan) -> None:
    """Ends, drains and interrupts what a plan says. In its transaction, which has locked the attempts' jobs."""
    now = plan.at
    ends = {end.instance_id: end for end in plan.ends}
    _end(_locked(Instance.objects.filter(id__in=list(ends), ended_at__isnull=True)), ends, now)
    for drain in plan.drains:
        draining = Instance.objects.filter(id=drain.instance_id, ended_at__isnull=True)
        draining.update(
            state=InstanceState.DRAINING,
            draining_at=now,
            kill_at=drain.kill_at,
            end_cause=drain.cause.value,
            end_reason=drain.reason,
        )
        if drain.kill_at is not None:
            attempts = Attempt.objects.filter(instance=drain.instance_id, ended_at__isnull=True)
            interrupt_attempts(
                attempts=list(attempts), reason=drain.reason, kill_at=drain.kill_at, now=now
            )
    for each in plan.interruptions:
        interrupt_attempts(
            attempts=list(_of_try(each.attempt_id)),
            reason=each.reason,
            kill_at=each.kill_at,
            now=now,
        )
    if plan.ends or plan.drains or plan.interruptions or plan.launches:
        changes.publish([changes.ENVIRONMENTS])


def interrupted_jobs(plan: Plan) -> list[UUID]:
    """The jobs that a plan interrupts: they are to be locked with the others that it writes."""
    drained = [drain.instance_id for drain in plan.drains if drain.kill_at is not None]
    told = [each.attempt_id for each in plan.interruptions]
    if not (drained or told):
        return []
    live = Attempt.objects.filter(Q(instance__in=drained) | Q(id__in=told), ended_at__isnull=True)
    return list(live.order_by().values_list("job_id", flat=True))


def _of_try(attempt_id: int) -> QuerySet[Attempt]:
    """The live containers of the try that one of them is of."""
    job = Attempt.objects.filter(id=attempt_id).values("job_id")
    return Attempt.objects.filter(job_id__in=job, ended_at__isnull=True)


def changed_pressures(plan: Plan) -> list[SpotPressure]:
    """How much of which engine is asked for, where that is another than what was written last."""
    if not plan.pressures:
        return []
    before = current_pressures()
    return [
        SpotPressure(engine_id=engine_id, pressure=pressure, at=plan.at)
        for engine_id, pressure in plan.pressures
        if before.get(engine_id) != pressure
    ]


def _row(launch: Launch, now: datetime) -> Instance:
    size = launch.type.size
    return Instance(
        # In EC2's form.
        instance_id=f"i-{token_hex(9)[:17]}",
        environment_id=launch.environment_id,
        node_id=launch.node_id,
        type_name=launch.type.name,
        milli_vcpus=size.milli_vcpus,
        memory_mib=size.memory_mib,
        gpus=size.gpus,
        is_spot=launch.is_spot,
        usd_per_hour=launch.type.usd_per_hour,
        spot_usd_per_hour=launch.type.spot_usd_per_hour if launch.is_spot else None,
        bid_percentage=launch.bid_percentage if launch.is_spot else None,
        launched_at=now,
        launch_reason=launch.reason,
        idle_since=now,
    )


def _locked(rows: QuerySet[Instance]) -> list[Instance]:
    # Who prices an attempt on one reads it under the same lock.
    return list(rows.select_for_update(of=("self",)).order_by("id"))


def _jobs_on(instance_ids: Collection[int]) -> list[UUID]:
    live = Attempt.objects.filter(instance__in=instance_ids, ended_at__isnull=True)
    return list(live.order_by().values_list("job_id", flat=True))


def _lose(rows: Collection[Instance], reason: str, now: datetime) -> None:
    for row in rows:
        row.end_cause, row.end_reason = InstanceEndCause.HOST_LOST, reason
    _write_ends(rows, now)


def _end(rows: Collection[Instance], ends: Mapping[int, End], now: datetime) -> None:
    """What is drained keeps the cause of that."""
    for row in rows:
        if row.state != InstanceState.DRAINING:
            row.end_cause = InstanceEndCause(ends[row.id].cause.value)
            row.end_reason = ends[row.id].reason
    _write_ends(rows, now)


def _write_ends(rows: Collection[Instance], now: datetime) -> None:
    if not rows:
        return
    for row in rows:
        row.state, row.ended_at = InstanceState.ENDED, now
    price_instances(instances=list(rows), now=now)
    Instance.objects.bulk_update(
        rows, ["state", "ended_at", "end_cause", "end_reason", "usd", "idle_usd"]
    )
    _follow_desired(rows)


def _follow_desired(changed: Collection[Instance]) -> None:
    """`desiredvCpus` is at least what there is and the minimum; what has ended is not desired any more.

    What an owner asked for beyond that, and could not be launched yet, stays. Source: AWS Batch API, `ComputeResource`.
    """
    if not changed:
        return
    ended: dict[int, int] = defaultdict(int)
    for instance in changed:
        if instance.ended_at is not None:
            ended[instance.environment_id] += instance.milli_vcpus
    ids = {instance.environment_id for instance in changed}
    live = Instance.objects.filter(environment__in=ids, ended_at__isnull=True)
    totals = dict(live.order_by().values_list("environment_id").annotate(total=Sum("milli_vcpus")))
    rows = ComputeEnvironment.with_deleted.select_for_update(no_key=True).filter(id__in=ids)
    for row in rows.order_by("id"):
        resources = row.compute_resources
        before = resources.get("desiredvCpus")
        if before is None:
            continue
        there = whole_vcpus(totals.get(row.id, 0))
        left = before - whole_vcpus(ended[row.id])
        desired = max(left, there, resources.get("minvCpus", 0))
        if before != desired:
            row.compute_resources = {**resources, "desiredvCpus": desired}
            row.save(update_fields=["compute_resources"])
