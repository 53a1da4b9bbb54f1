"""Making, changing and deleting quota shares. Nothing is scheduled by them here.

Source: AWS Batch API, `CreateQuotaShare` and its like.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from jobs.domain import service, validation, variables
from jobs.domain.errors import Conflict
from jobs.domain.validation import Checker, FieldError
from jobs.models import JobQueue, QueueState, QueueStatus, QuotaShare
from jobs.services.writing.races import second_look, still_there

CHANGE_FIELDS = frozenset({"state", "capacity_limits", "resource_sharing", "preemption"})
FIELDS = CHANGE_FIELDS | {"name", "tags"}


@dataclass(frozen=True, slots=True)
class QuotaShareFields:
    """A quota share that passed every check, as it will be written."""

    name: str
    state: str
    capacity_limits: list[dict[str, Any]]
    resource_sharing: dict[str, Any]
    preemption: dict[str, Any]
    tags: dict[str, str]


def create_quota_share(
    *, queue: JobQueue, fields: Mapping[str, object], now: datetime
) -> QuotaShare:
    """Writes a new share of a queue. Raises InvalidInput; then nothing changed."""
    with second_look(lambda: _check(fields, queue)), transaction.atomic():
        # Locked: the queue stays as it is checked until the share is there.
        row = JobQueue.objects.select_for_update().filter(id=queue.id).first()
        clean = _check(fields, row)
        return QuotaShare.objects.create(
            queue=queue,
            name=clean.name,
            state=clean.state,
            capacity_limits=clean.capacity_limits,
            resource_sharing=clean.resource_sharing,
            preemption=clean.preemption,
            tags=clean.tags,
            created_at=now,
        )


def update_quota_share(*, share: QuotaShare, fields: Mapping[str, object]) -> QuotaShare:
    """Changes what `fields` names. Raises InvalidInput, or NotFound if it was deleted meanwhile."""
    with transaction.atomic():
        row = still_there(
            QuotaShare.objects.select_for_update(), share, called=f"The quota share {share.name}"
        )
        checker = Checker()
        checker.only(fields, CHANGE_FIELDS)
        current = {field: getattr(row, field) for field in CHANGE_FIELDS}
        clean = _check_settings(checker, {**current, **fields})
        checker.done()
        for field, value in clean.items():
            setattr(row, field, value)
        row.save(update_fields=list(clean))
    return row


def delete_quota_share(*, share: QuotaShare) -> None:
    """Deletes a disabled share. Raises Conflict for one that is enabled."""
    with transaction.atomic():
        row = QuotaShare.objects.select_for_update().filter(pk=share.pk).first()
        if row is None:
            return
        if row.state != QueueState.DISABLED:
            raise Conflict(
                f"Cannot delete, the quota share {row.name} is enabled. Set its state to DISABLED first."
            )
        row.delete()


def _check(fields: Mapping[str, object], queue: JobQueue | None) -> QuotaShareFields:
    checker = Checker()
    checker.only(fields, FIELDS)
    checker.check("queue", lambda _: _check_queue(queue), None, None)
    no_tags: dict[str, str] = {}
    name = checker.check("name", lambda value: _free_name(value, queue), fields.get("name"), "")
    tags = checker.check("tags", variables.tags, fields.get("tags"), no_tags)
    settings = _check_settings(checker, {"state": QueueState.ENABLED, **fields})
    checker.done()
    return QuotaShareFields(name=name, tags=tags, **settings)


def _check_settings(checker: Checker, given: Mapping[str, object]) -> dict[str, Any]:
    none: dict[str, Any] = {}
    no_limits: list[dict[str, Any]] = []
    return {
        "state": checker.check("state", validation.state, given["state"], ""),
        "capacity_limits": checker.check(
            "capacity_limits", service.capacity_limits, given.get("capacity_limits"), no_limits
        ),
        "resource_sharing": checker.check(
            "resource_sharing", service.resource_sharing, given.get("resource_sharing"), none
        ),
        "preemption": checker.check(
            "preemption", service.preemption, given.get("preemption"), none
        ),
    }


def _check_queue(queue: JobQueue | None) -> None:
    if queue is None:
        raise FieldError("This queue was deleted.")
    policy = queue.scheduling_policy
    if policy is None or not policy.quota_share_policy:
        raise FieldError(
            f"The queue {queue.name} has no quota share scheduling policy. Make one with a quotaSharePolicy, "
            "and a queue of type SAGEMAKER_TRAINING that uses it."
        )
    if queue.status != QueueStatus.VALID:
        raise FieldError(f"The queue {queue.name} is {queue.status}. Wait until it is VALID.")


def _free_name(value: object, queue: JobQueue | None) -> str:
    name = validation.name(value)
    if queue is not None and QuotaShare.objects.filter(queue=queue, name=name).exists():
        raise FieldError(f"The queue {queue.name} has a quota share named {name} already.")
    return name
