"""Of which time and of what a cost is asked for."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from django.contrib.auth.models import User
from django.db.models import Model, Q, QuerySet

from jobs.models import Attempt, CostHour, CostMinute, CostTagHour, CostTagMinute, Instance

from .exact import TagValue

M = TypeVar("M", bound=Model)
S = TypeVar("S", bound=CostHour | CostMinute)
T = TypeVar("T", bound=CostTagHour | CostTagMinute)
# The columns of `Running`.
OF_RUNNING = (
    *("pk", "capacity", "gpus", "milli_vcpus", "memory_mib", "ephemeral_gib"),
    *("usd_per_vcpu_hour", "usd_per_gib_hour", "usd_per_ephemeral_gib_hour"),
    *("placed_at", "started_at", "stopped_at", "cost_usd", "on_demand_usd"),
    *("environment_id", "instance_id", "node__engine_id"),
    *("job__queue_id", "job__definition_id", "job__owner_id", "job__tags", "job__spec__tags"),
)
Tag = tuple[str, str]


@dataclass(frozen=True, slots=True)
class CostRange:
    """From `start` to just before `end`. What ends within it counts, with its whole cost.

    `with_running`: and what lived at `end`, with what it had cost by then.
    """

    start: datetime
    end: datetime
    with_running: bool = False


@dataclass(frozen=True, slots=True)
class CostScope:
    """What a cost is narrowed to, by ids; None and the empty text narrow nothing. `tag` is a key and a value,
    None for any.

    `without_job`: only what no job is charged with.
    """

    queue: int | None = None
    environment: int | None = None
    definition: int | None = None
    owner: int | None = None
    capacity: str = ""
    tag: tuple[str, str | None] | None = None
    without_job: bool = False

    def seen_by(self, user: User) -> "CostScope":
        """The part of it that this user may see: that of his own jobs; all of it for administrators."""
        return self if user.is_staff else replace(self, owner=user.pk)

    @property
    def is_of_jobs(self) -> bool:
        """Whether what no job is charged with is left out."""
        return bool(self.queue or self.definition or self.owner or self.tag)

    def has(self, tags: Iterable[Tag]) -> bool:
        """Whether a job with these tags has the one that it is about, if it is about one."""
        if self.tag is None:
            return True
        wanted, of_value = self.tag
        return any(key == wanted and of_value in (None, value) for key, value in tags)

    def of_attempts(self, rows: QuerySet[Attempt]) -> QuerySet[Attempt]:
        """Those of the attempts that it is about."""
        if self.without_job:
            return rows.none()
        found = rows.filter(
            **_given(
                job__queue=self.queue,
                environment=self.environment,
                job__definition=self.definition,
                job__owner=self.owner,
                capacity=self.capacity,
            )
        )
        if self.tag is None:
            return found
        key, value = self.tag
        return found.alias(
            own_tag=TagValue("job__tags", key), spec_tag=TagValue("job__spec__tags", key)
        ).filter(
            Q(job__tags__isnull=False, **_is("own_tag", value))
            | Q(job__tags__isnull=True, **_is("spec_tag", value))
        )

    def of_instances(self, rows: QuerySet[Instance]) -> QuerySet[Instance]:
        """Those of the instances whose idle time it is about as long as no job is charged with it."""
        if self.is_of_jobs or self.capacity not in ("", "EC2", "SPOT"):
            return rows.none()
        found = rows.filter(**_given(environment=self.environment))
        return found.filter(is_spot=self.capacity == "SPOT") if self.capacity else found

    def of_sums(self, rows: QuerySet[S]) -> QuerySet[S]:
        """Those of the added-up rows that it is about; tags are `of_tag_sums`."""
        if self.without_job:
            rows = rows.filter(queue__isnull=True)
        return rows.filter(
            **_given(
                queue=self.queue,
                environment=self.environment,
                definition=self.definition,
                owner=self.owner,
                capacity=self.capacity,
            )
        )

    def of_tag_sums(self, rows: QuerySet[T]) -> QuerySet[T]:
        """The same of what is added up by tag: by owner and tag only."""
        found = rows.filter(**_given(owner=self.owner))
        if self.tag is None:
            return found
        key, value = self.tag
        return found.filter(key=key, **_is("value", value))


def tags_of_row(own: Mapping[str, str] | None, of_spec: Mapping[str, str] | None) -> list[Tag]:
    """A job's tags: those of its spec until somebody changes them."""
    return sorted((own if own is not None else of_spec or {}).items())


def _is(name: str, value: str | None) -> dict[str, Any]:
    return {f"{name}__isnull": False} if value is None else {name: value}


def _given(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value not in (None, "")}


# Which rows a cost is the sum of. Each is exact: a row is in one hour, and in one of these.


def ended(times: CostRange) -> QuerySet[Attempt]:
    """Attempts whose end was recorded then: their `cost_usd`."""
    return Attempt.objects.filter(ended_at__gte=times.start, ended_at__lt=times.end)


def charged(times: CostRange) -> QuerySet[Attempt]:
    """Attempts whose instance ended then: their `idle_usd`."""
    return Attempt.objects.filter(
        instance__ended_at__gte=times.start, instance__ended_at__lt=times.end, idle_usd__gt=0
    )


def uncharged(times: CostRange) -> QuerySet[Instance]:
    """Instances that ended then: what no job is charged with, `uncharged_idle_usd`."""
    return Instance.objects.filter(
        ended_at__gte=times.start, ended_at__lt=times.end, uncharged_idle_usd__gt=0
    )


def running(times: CostRange) -> tuple[QuerySet[Attempt], QuerySet[Attempt]]:
    """Attempts that lived at the end of it: what they had cost by then.

    Those that live still, and those that have ended since. Read in this order none is missed; one that ends in
    between is in both. Two queries: no index finds what is in the one or the other.
    """
    return _alive(Attempt.objects.filter(started_at__lt=times.end), times)


def living(times: CostRange) -> tuple[QuerySet[Instance], QuerySet[Instance]]:
    """Instances that lived at the end of it, likewise: what they had cost by then beside their attempts."""
    began = Instance.objects.filter(launched_at__lt=times.end)
    return _alive(began, times)


def _alive(began: QuerySet[M], times: CostRange) -> tuple[QuerySet[M], QuerySet[M]]:
    # In the orders of the indices of what lives and of ends: in that of their making all would be read.
    live = began.filter(ended_at__isnull=True).order_by("node_id", "environment_id")
    return live, began.filter(ended_at__gte=times.end).order_by("ended_at")
