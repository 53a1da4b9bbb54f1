"""What an engine's supervisor records about it: that it answers, what it has, and since when it does not.

An engine that goes down can take its containers along. So each restart leaves a gap on the engine's
row, from when it was last seen to when it was seen again: `services.attempts.reap` reads it to tell a
container that was lost with its host from one that failed by itself.
"""

from collections.abc import Sequence
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from jobs import changes
from jobs.domain import names, reasons
from jobs.engines.base import EngineInfo, NodeCapacity
from jobs.models import (
    ComputeEnvironment,
    Engine,
    EngineStatus,
    EnvironmentStatus,
    Node,
    NodeState,
)


def record_heartbeat(*, engine: Engine, info: EngineInfo, now: datetime) -> bool:
    """Notes that the engine, unchanged, still answers: one statement and no news.

    False if it is not the engine that was recorded (other version, restarted, said to be away, or its
    row is gone): then `record_contact` is due.
    """
    return bool(
        Engine.objects.filter(
            id=engine.id,
            status=EngineStatus.CONNECTED,
            version=info.version,
            boot_id=info.boot_id,
        ).update(last_seen_at=now)
    )


def record_contact(
    *,
    engine: Engine,
    info: EngineInfo,
    nodes: Sequence[NodeCapacity],
    now: datetime,
    lost_at: datetime | None = None,
) -> None:
    """Notes that the engine answers, and what machines it has.

    `lost_at`: when the caller saw the connection to it end, if he did. If the engine was restarted
    since it was last seen (or may have been: not every engine can tell), the gap is recorded. The
    environments that were INVALID because it did not answer are VALID again. A row that is gone is
    left alone. Live pages and the scheduler hear of it only if something changed.
    """
    with transaction.atomic():
        row = Engine.objects.select_for_update().filter(id=engine.id).first()
        if row is None:
            return
        changed = row.status != EngineStatus.CONNECTED or row.version != info.version
        if _was_restarted(row, info, lost_at):
            row.gap_from = _last_known_up(row, lost_at)
            row.gap_until = now
            changed = True
        mended = _mend_environments(row)
        row.status = EngineStatus.CONNECTED
        row.status_reason = ""
        row.version = info.version
        row.boot_id = info.boot_id
        row.last_seen_at = now
        row.save()
        if _write_nodes(row, nodes) or mended or changed:
            _announce()


def record_unreachable(*, engine: Engine, reason: str, now: datetime) -> None:
    """Notes that the engine does not answer; its environments become INVALID with that `reason`.

    `last_seen_at` stays. Repeating it with the same reason changes nothing and tells nobody.
    """
    with transaction.atomic():
        row = Engine.objects.select_for_update().filter(id=engine.id).first()
        if row is None:
            return
        environments = ComputeEnvironment.objects.filter(engine=row)
        valid = environments.filter(status=EnvironmentStatus.VALID)
        broken = valid.update(status=EnvironmentStatus.INVALID, status_reason=reason)
        if row.status == EngineStatus.UNREACHABLE and row.status_reason == reason:
            if broken:
                _announce()
            return
        _invalid_because_of(row).update(status_reason=reason)
        row.status = EngineStatus.UNREACHABLE
        row.status_reason = reason
        row.save(update_fields=["status", "status_reason"])
        _announce()


def _was_restarted(row: Engine, info: EngineInfo, lost_at: datetime | None) -> bool:
    if row.last_seen_at is None:
        return False
    if row.boot_id and info.boot_id:
        return row.boot_id != info.boot_id
    # It cannot be told: then it may have been, if it was away.
    return lost_at is not None or row.status == EngineStatus.UNREACHABLE


def _last_known_up(row: Engine, lost_at: datetime | None) -> datetime | None:
    if lost_at is None or row.last_seen_at is None:
        return row.last_seen_at
    return max(lost_at, row.last_seen_at)


def _mend_environments(row: Engine) -> bool:
    return bool(
        _invalid_because_of(row).update(
            status=EnvironmentStatus.VALID, status_reason=reasons.ENVIRONMENT_HEALTHY
        )
        if row.status == EngineStatus.UNREACHABLE
        else False
    )


def _invalid_because_of(row: Engine) -> QuerySet[ComputeEnvironment]:
    """Its environments that are INVALID because it did not answer, and for no other reason."""
    return ComputeEnvironment.objects.filter(
        engine=row, status=EnvironmentStatus.INVALID, status_reason=row.status_reason
    )


def _write_nodes(row: Engine, found: Sequence[NodeCapacity]) -> bool:
    """Brings the engine's nodes up to date; whether any changed. One that is gone is DOWN."""
    stored = {node.name: node for node in Node.objects.filter(engine=row)}
    changed = False
    for capacity in found:
        node = stored.pop(capacity.name, None)
        values = {
            "state": NodeState.READY,
            "milli_vcpus": capacity.milli_vcpus,
            "memory_mib": max(capacity.memory_mib - settings.BATCHWEB_NODE_RESERVED_MEMORY_MIB, 0),
            "architecture": capacity.architecture,
        }
        if node is None:
            instance_id = names.instance_id(row.name, capacity.name)
            Node.objects.create(engine=row, name=capacity.name, instance_id=instance_id, **values)
            changed = True
        elif any(getattr(node, field) != value for field, value in values.items()):
            Node.objects.filter(id=node.id).update(**values)
            changed = True
    gone = [node.id for node in stored.values() if node.state != NodeState.DOWN]
    return bool(Node.objects.filter(id__in=gone).update(state=NodeState.DOWN)) or changed


def _announce() -> None:
    changes.publish([changes.ENVIRONMENTS])
    changes.wake_scheduler()
