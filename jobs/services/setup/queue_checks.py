"""What is asked of a job queue, checked: see `services.setup.queues` for the writing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from jobs.domain import queue_rules, validation
from jobs.domain.environments.compute_resources import is_fargate
from jobs.domain.flags import flag
from jobs.domain.time_limit_actions import time_limit_actions
from jobs.domain.validation import Checker, FieldError
from jobs.domain.variables import tags
from jobs.models import (
    ComputeEnvironment,
    EnvironmentStatus,
    JobQueue,
    QueueState,
    QueueType,
    SchedulingPolicy,
    ServiceEnvironment,
)

from .names import lasting_name

FIELDS = frozenset(
    {
        "name",
        "priority",
        "state",
        "type",
        "environments",
        "service_environments",
        "scheduling_policy",
        "backfill",
        "time_limit_actions",
        "tags",
    }
)
# AWS: "After a job queue has a fair-share scheduling policy, it can be replaced but can't be removed", nor added.
STAYS_FAIR = (
    "A queue with a scheduling policy keeps one: choose another, or make a new queue without."
)
STAYS_FIFO = "A queue made without a scheduling policy stays first in, first out. Make a new queue."
QUOTAS_ARE_FOR_SERVICES = (
    "A quota share policy is for queues of service jobs. Choose one with a fair share."
)
KEEPS_ITS_KIND = "A queue with a fair-share policy keeps that kind, one with quota shares too."
# An environment that is only on its way may be named already: its queue's jobs wait for it.
USABLE = frozenset(
    {EnvironmentStatus.CREATING, EnvironmentStatus.UPDATING, EnvironmentStatus.VALID}
)

Row = TypeVar("Row", ComputeEnvironment, ServiceEnvironment)


@dataclass(frozen=True, slots=True)
class QueueFields:
    """A queue that passed every check, as it will be written; environments with their order numbers."""

    name: str
    priority: int
    state: str
    type: str
    environments: list[tuple[int, ComputeEnvironment]]
    service_environments: list[tuple[int, ServiceEnvironment]]
    scheduling_policy: SchedulingPolicy | None
    backfill: bool
    time_limit_actions: list[dict[str, Any]]
    tags: dict[str, str]


def check_queue(*, fields: Mapping[str, object], queue: JobQueue | None = None) -> QueueFields:
    """The clean queue, or InvalidInput with every field that is wrong. Writes nothing.

    `name`, `priority`, `state`, `type` (that of its environments, if left out), `environments` or
    `service_environments` (see `domain.queue_rules.environment_order`), `scheduling_policy` (a name; empty:
    first in, first out), `backfill`, `time_limit_actions` and `tags`. Without `queue` (a new one) `name` and
    environments of one kind are required; with it, what is left out stays as it is.
    """
    checker = Checker()
    checker.only(fields, FIELDS)
    given = {**_current(queue), **fields}
    name = checker.check("name", lambda value: _free_name(value, queue), given.get("name"), "")
    environments = _environments(checker, fields, queue)
    services = _service_environments(checker, fields, queue)
    type_ = _type(checker, given.get("type"), environments, services)
    of_services = type_ == QueueType.SAGEMAKER_TRAINING
    clean = QueueFields(
        name=name,
        priority=checker.check("priority", validation.priority, given["priority"], 0),
        state=checker.check("state", validation.state, given["state"], ""),
        type=type_,
        environments=environments,
        service_environments=services,
        scheduling_policy=checker.check(
            "scheduling_policy",
            lambda value: _find_policy(value, queue, of_services=of_services),
            given["scheduling_policy"],
            None,
        ),
        backfill=checker.check("backfill", flag, given["backfill"], True),
        time_limit_actions=checker.check(
            "time_limit_actions",
            lambda value: time_limit_actions(value, of_service_jobs=of_services),
            given["time_limit_actions"],
            [],
        ),
        tags=_tags(checker, given["tags"]),
    )
    checker.done()
    return clean


def current_order(queue: JobQueue) -> list[tuple[int, ComputeEnvironment]]:
    """A queue's environments with their order numbers, first choice first."""
    places = queue.environment_order.select_related("environment").order_by("order")
    return [(place.order, place.environment) for place in places]


def current_services(queue: JobQueue) -> list[tuple[int, ServiceEnvironment]]:
    """A queue's service environments with their order numbers, first choice first."""
    places = queue.service_order.select_related("environment").order_by("order")
    return [(place.order, place.environment) for place in places]


def _current(queue: JobQueue | None) -> dict[str, object]:
    if queue is None:
        return {
            "priority": 1,
            "state": QueueState.ENABLED,
            "scheduling_policy": "",
            "backfill": True,
            "time_limit_actions": [],
            "tags": {},
        }
    policy = queue.scheduling_policy
    return {
        "name": queue.name,
        "priority": queue.priority,
        "state": queue.state,
        "scheduling_policy": policy.name if policy else "",
        "backfill": queue.backfill,
        "time_limit_actions": queue.time_limit_actions,
        "tags": queue.tags,
    }


def _tags(checker: Checker, value: object) -> dict[str, str]:
    none: dict[str, str] = {}
    return checker.check("tags", tags, value, none)


def _free_name(value: object, queue: JobQueue | None) -> str:
    return lasting_name(
        value,
        JobQueue.objects.all(),
        queue.name if queue else None,
        kind="a queue",
        stays="A queue keeps its name: scripts use it. Make a new queue instead.",
    )


def _type(
    checker: Checker,
    asked: object,
    environments: Sequence[tuple[int, ComputeEnvironment]],
    services: Sequence[tuple[int, ServiceEnvironment]],
) -> str:
    def check(value: object) -> str:
        found = queue_rules.SAGEMAKER_TRAINING
        if environments:
            found = queue_rules.type_of_compute(
                [is_fargate(environment.compute_resources) for _, environment in environments]
            )
        return queue_rules.check_type(value, found=found)

    if environments and services:
        checker.add("service_environments", queue_rules.NOT_BOTH)
    if not environments and not services:
        # What is wrong with the environments has been said.
        return queue_rules.ECS
    field = "type" if asked else "environments"
    return checker.check(field, check, asked, queue_rules.ECS)


def _environments(
    checker: Checker, fields: Mapping[str, object], queue: JobQueue | None
) -> list[tuple[int, ComputeEnvironment]]:
    current = current_order(queue) if queue else []
    if "environments" not in fields and (queue or fields.get("service_environments")):
        return current
    return checker.check(
        "environments",
        lambda value: _find_environments(value, current),
        fields.get("environments", []),
        [],
    )


def _find_environments(
    value: object, current: Sequence[tuple[int, ComputeEnvironment]]
) -> list[tuple[int, ComputeEnvironment]]:
    places = queue_rules.environment_order(value)
    if not places:
        raise FieldError(queue_rules.NO_ENVIRONMENT)
    names_alone = isinstance(value, Sequence) and all(isinstance(item, str) for item in value)
    if names_alone and [name for _, name in places] == [row.name for _, row in current]:
        # Names as forms give them say nothing about the numbers.
        return list(current)
    rows = ComputeEnvironment.objects.filter(name__in=[name for _, name in places])
    found = _named(places, {row.name: row for row in rows}, "environment")
    before = {environment.pk for _, environment in current}
    for _, environment in found:
        if environment.pk not in before and environment.status not in USABLE:
            raise FieldError(unusable(environment))
    return found


def unusable(environment: ComputeEnvironment) -> str:
    """Why a queue cannot be given this environment."""
    why = f" ({environment.status_reason})" if environment.status_reason else ""
    return (
        f"The environment {environment.name} is {environment.status}{why}. "
        "Wait until it is VALID, or choose another."
    )


def _service_environments(
    checker: Checker, fields: Mapping[str, object], queue: JobQueue | None
) -> list[tuple[int, ServiceEnvironment]]:
    if "service_environments" not in fields:
        return current_services(queue) if queue else []
    nothing: list[tuple[int, ServiceEnvironment]] = []
    found = checker.check(
        "service_environments", _find_services, fields["service_environments"], nothing
    )
    if queue and queue.type != QueueType.SAGEMAKER_TRAINING and found:
        checker.add("service_environments", queue_rules.NOT_BOTH)
        return []
    return found


def _find_services(value: object) -> list[tuple[int, ServiceEnvironment]]:
    places = queue_rules.environment_order(value)
    if not places:
        raise FieldError(queue_rules.NO_ENVIRONMENT)
    rows = ServiceEnvironment.objects.filter(name__in=[name for _, name in places])
    return _named(places, {row.name: row for row in rows}, "service environment")


def _named(
    places: Sequence[queue_rules.Place], rows: Mapping[str, Row], what: str
) -> list[tuple[int, Row]]:
    missing = [name for _, name in places if name not in rows]
    if missing:
        raise FieldError(f"There is no {what} named {missing[0][:128]}.")
    return [(order, rows[name]) for order, name in places]


def _find_policy(
    value: object, queue: JobQueue | None, *, of_services: bool
) -> SchedulingPolicy | None:
    name = validation.read_text(value)
    if queue is not None and bool(name) != (queue.scheduling_policy_id is not None):
        raise FieldError(STAYS_FIFO if name else STAYS_FAIR)
    if not name:
        return None
    policy = SchedulingPolicy.objects.filter(name=name).first()
    if policy is None:
        raise FieldError(f"There is no scheduling policy named {name[:128]}.")
    if policy.quota_share_policy and not of_services:
        raise FieldError(QUOTAS_ARE_FOR_SERVICES)
    current = queue.scheduling_policy if queue else None
    if current and bool(current.quota_share_policy) != bool(policy.quota_share_policy):
        raise FieldError(KEEPS_ITS_KIND)
    return policy
