"""Making, changing and deleting scheduling policies."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from jobs import changes
from jobs.domain import service, shares, variables
from jobs.domain.errors import Conflict
from jobs.domain.validation import Checker, FieldError
from jobs.models import JobQueue, QueueStatus, SchedulingPolicy
from jobs.services.writing.races import second_look, still_there

from .names import lasting_name

OF_FAIR_SHARES = ("share_decay_seconds", "compute_reservation", "share_distribution")
FIELDS = frozenset({"name", *OF_FAIR_SHARES, "quota_share_policy", "tags"})
# AWS: "Only one of fairsharePolicy or quotaSharePolicy can be set. Once set, this policy type cannot be removed
# or changed".
ONE_KIND = "A policy is for fair shares or for quota shares: give only one of both."
STAYS_FAIR = "A policy for fair shares stays one. Make a new policy for quota shares."
STAYS_QUOTA = "A policy for quota shares stays one. Make a new policy for fair shares."


@dataclass(frozen=True, slots=True)
class PolicyFields:
    """A policy that passed every check, as it will be written."""

    name: str
    share_decay_seconds: int
    compute_reservation: int
    share_distribution: list[dict[str, Any]]
    quota_share_policy: dict[str, Any]
    tags: dict[str, str]


def check_policy(
    *, fields: Mapping[str, object], policy: SchedulingPolicy | None = None
) -> PolicyFields:
    """The clean policy, or InvalidInput with every field that is wrong. Writes nothing.

    `name`, `share_decay_seconds`, `compute_reservation` (percent), `share_distribution`: a list of
    `shareIdentifier` with `weightFactor`, and `tags`; or instead of shares a `quota_share_policy`. With `policy`,
    what is left out stays as it is.
    """
    checker = Checker()
    checker.only(fields, FIELDS)
    given = {**_current(policy), **fields}
    none: dict[str, Any] = {}
    quota = checker.check(
        "quota_share_policy", service.quota_share_policy, given["quota_share_policy"], none
    )
    checker.check("quota_share_policy", lambda _: _of_one_kind(fields, quota, policy), None, None)
    clean = PolicyFields(
        name=checker.check("name", lambda value: _free_name(value, policy), given.get("name"), ""),
        share_decay_seconds=checker.check(
            "share_decay_seconds", shares.share_decay_seconds, given["share_decay_seconds"], 0
        ),
        compute_reservation=checker.check(
            "compute_reservation", shares.compute_reservation, given["compute_reservation"], 0
        ),
        share_distribution=checker.check(
            "share_distribution", shares.share_distribution, given["share_distribution"], []
        ),
        quota_share_policy=quota,
        tags=checker.check("tags", variables.tags, given["tags"], none),
    )
    checker.done()
    return clean


def create_policy(*, fields: Mapping[str, object], now: datetime) -> SchedulingPolicy:
    """Writes a new policy. Raises InvalidInput; then nothing changed."""
    clean = check_policy(fields=fields)
    with second_look(lambda: check_policy(fields=fields)), transaction.atomic():
        policy = SchedulingPolicy.objects.create(
            name=clean.name,
            share_decay_seconds=clean.share_decay_seconds,
            compute_reservation=clean.compute_reservation,
            share_distribution=clean.share_distribution,
            quota_share_policy=clean.quota_share_policy,
            tags=clean.tags,
            created_at=now,
        )
        changes.publish([changes.QUEUES])
    return policy


def update_policy(*, policy: SchedulingPolicy, fields: Mapping[str, object]) -> SchedulingPolicy:
    """Changes what `fields` names: it holds for the scheduler's next pass over each queue that uses it.

    Raises InvalidInput, or NotFound if the policy was deleted meanwhile.
    """
    with transaction.atomic():
        row = still_there(
            SchedulingPolicy.objects.select_for_update(),
            policy,
            called=f"The scheduling policy {policy.name}",
        )
        clean = check_policy(fields=fields, policy=row)
        row.share_decay_seconds = clean.share_decay_seconds
        row.compute_reservation = clean.compute_reservation
        row.share_distribution = clean.share_distribution
        row.quota_share_policy = clean.quota_share_policy
        row.tags = clean.tags
        row.save(update_fields=[*OF_FAIR_SHARES, "quota_share_policy", "tags"])
        changes.publish([changes.QUEUES])
        changes.wake_scheduler()
    return row


def delete_policy(*, policy: SchedulingPolicy) -> None:
    """Deletes a policy that no queue uses. Raises Conflict, which names one that does."""
    try:
        with transaction.atomic():
            row = SchedulingPolicy.objects.select_for_update().filter(id=policy.id).first()
            if row is None:
                return
            queue = row.queues.order_by("name").first()
            if queue is not None:
                raise Conflict(
                    f"The queue {queue.name} uses the policy {row.name}. A queue keeps its kind, so "
                    "give it another policy, or delete it first."
                )
            # Deleted queues are kept for the jobs that they had, which need no policy any more.
            JobQueue.with_deleted.filter(scheduling_policy=row, status=QueueStatus.DELETED).update(
                scheduling_policy=None
            )
            row.delete()
            changes.publish([changes.QUEUES])
    except IntegrityError:
        # Foreign keys are checked at the commit: a queue came in between.
        raise Conflict(f"A queue has just been given the policy {policy.name}.") from None


def _current(policy: SchedulingPolicy | None) -> dict[str, object]:
    if policy is None:
        return dict.fromkeys(FIELDS - {"name"})
    return {field: getattr(policy, field) for field in FIELDS}


def _of_one_kind(
    fields: Mapping[str, object], quota: Mapping[str, Any], policy: SchedulingPolicy | None
) -> None:
    fair = [field for field in OF_FAIR_SHARES if fields.get(field)]
    if policy is None:
        if quota and fair:
            raise FieldError(ONE_KIND)
    elif policy.quota_share_policy and (fair or not quota):
        raise FieldError(STAYS_QUOTA)
    elif quota and not policy.quota_share_policy:
        raise FieldError(STAYS_FAIR)


def _free_name(value: object, policy: SchedulingPolicy | None) -> str:
    return lasting_name(
        value,
        SchedulingPolicy.objects.all(),
        policy.name if policy else None,
        kind="a scheduling policy",
        stays="A policy keeps its name. Make a new policy instead.",
    )
