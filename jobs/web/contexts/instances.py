"""What instances look like on the page of their environment, on their own, and in JSON."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.http import QueryDict
from django.urls import reverse
from django.utils import timezone

from jobs.domain import ids, numbers
from jobs.domain.environments import compute_resources
from jobs.domain.errors import NotFound
from jobs.domain.resources import format_vcpus
from jobs.models import Attempt, ComputeEnvironment, Instance, InstanceState
from jobs.selectors import instances as selectors
from jobs.selectors.instances import AttemptRow, InstanceRow, LiveInstances
from jobs.selectors.jobs import may_see

from .lazily import lazily

TOPICS = "environments jobs"


@dataclass(frozen=True, slots=True)
class LiveRow:
    """A live instance with when it ends if nothing comes to it; None while something runs there."""

    row: InstanceRow
    idle_ends_at: datetime | None


def list_live(live: LiveInstances, environment: ComputeEnvironment) -> Mapping[str, Any]:
    """An environment's live instances for its page."""
    return {
        "rows": [LiveRow(row, _idle_ends_at(row.instance, environment)) for row in live.rows],
        "count": live.count,
        "hidden": live.hidden,
    }


def find(*, instance_id: str) -> InstanceRow:
    """The instance. Raises NotFound."""
    found = selectors.find_instance(instance_id=instance_id, now=timezone.now())
    if found is None:
        raise NotFound(f"There is no instance {instance_id}.")
    return found


def after_of(query: QueryDict) -> int | None:
    """The `after` of a URL: the last attempt of the page before. Raises InvalidInput."""
    return numbers.whole("after", query.get("after", ""))


def build(*, row: InstanceRow, after: int | None) -> dict[str, Any]:
    """An instance's page, with what runs and ran on it. Read when drawn; see `lazily`."""
    instance = row.instance
    page = lazily(lambda: selectors.attempts_on(instance=instance, now=timezone.now(), after=after))
    return {
        "row": row,
        "instance": instance,
        "environment": instance.environment,
        "cause": instance.get_end_cause_display() if instance.end_cause else "",
        "is_ended": instance.state == InstanceState.ENDED,
        "is_draining": instance.state == InstanceState.DRAINING,
        "idle_ends_at": _idle_ends_at(instance, instance.environment),
        "used_usd": instance.usd - instance.idle_usd,
        "page": page,
        "next_url": lazily(lambda: f"?after={page().next}" if page().next else ""),
        "first_url": reverse("instance", args=[instance.instance_id]) if after is not None else "",
        "topics": TOPICS,
    }


def as_json(*, row: InstanceRow, after: int | None, user: User | AnonymousUser) -> dict[str, Any]:
    """An instance with what runs and ran on it; of jobs that the user may not see neither names nor costs."""
    page = selectors.attempts_on(instance=row.instance, now=timezone.now(), after=after)
    url = reverse("instance", args=[row.instance.instance_id])
    return {
        **live_as_json(row, user=user),
        "environment": row.instance.environment.name,
        "attempts": [{**_attempt(each.attempt, user), **_costs(each, user)} for each in page.rows],
        "next": f"{url}?after={page.next}" if page.next else None,
    }


def live_as_json(row: InstanceRow, *, user: User | AnonymousUser) -> dict[str, Any]:
    """An instance with its use and its price."""
    return {
        **facts(row.instance),
        "used_vcpus": format_vcpus(row.used.milli_vcpus),
        "used_memory_mib": row.used.memory_mib,
        "used_gpus": row.used.gpus,
        "live_attempts": row.live_attempts,
        "running": [_attempt(each, user) for each in row.attempts],
        "going_usd_per_hour": row.usd_per_hour,
        "bid_usd_per_hour": row.bid_usd_per_hour,
        "usd": row.usd,
    }


def facts(instance: Instance) -> dict[str, Any]:
    """What is stored of an instance (read with its node). `usd` and `idle_usd` are final at its end."""
    return {
        "instance_id": instance.instance_id,
        "type": instance.type_name,
        "state": instance.state,
        "is_spot": instance.is_spot,
        "node": instance.node.name,
        "vcpus": format_vcpus(instance.milli_vcpus),
        "memory_mib": instance.memory_mib,
        "gpus": instance.gpus,
        "on_demand_usd_per_hour": instance.usd_per_hour,
        "spot_usd_per_hour": instance.spot_usd_per_hour,
        "bid_percentage": instance.bid_percentage,
        "launched_at": instance.launched_at,
        "launch_reason": instance.launch_reason,
        "running_at": instance.running_at,
        "idle_since": instance.idle_since,
        "draining_at": instance.draining_at,
        "kill_at": instance.kill_at,
        "end_cause": instance.end_cause or None,
        "end_reason": instance.end_reason,
        "ended_at": instance.ended_at,
        "usd": instance.usd,
        "idle_usd": instance.idle_usd,
        "url": reverse("instance", args=[instance.instance_id]),
    }


def _attempt(attempt: Attempt, user: User | AnonymousUser) -> dict[str, Any]:
    job = attempt.job
    is_seen = may_see(user, job)
    return {
        "job_id": ids.text_of(job.id) if is_seen else None,
        "job_name": job.name if is_seen else None,
        "attempt": attempt.number,
        "queue": job.queue.name,
        "vcpus": format_vcpus(attempt.milli_vcpus),
        "memory_mib": attempt.memory_mib,
        "gpus": attempt.gpus if is_seen else None,
        "placed_at": attempt.placed_at,
        "started_at": attempt.started_at,
        "ended_at": attempt.ended_at,
    }


def _costs(row: AttemptRow, user: User | AnonymousUser) -> dict[str, Any]:
    is_seen = may_see(user, row.attempt.job)
    return {
        "usd": row.usd if is_seen else None,
        "idle_usd": row.attempt.idle_usd if is_seen else None,
    }


def _idle_ends_at(instance: Instance, environment: ComputeEnvironment) -> datetime | None:
    if instance.idle_since is None or instance.ended_at is not None:
        return None
    seconds = compute_resources.idle_seconds(
        environment.compute_resources,
        own=environment.idle_seconds,
        usual=settings.BATCHWEB_INSTANCE_IDLE_SECONDS,
    )
    return instance.idle_since + timedelta(seconds=seconds)
