"""Reads of scheduling policies, and of what the shares of a queue have used."""

from collections import Counter, defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Prefetch, QuerySet

from jobs.domain.states import JobStatus
from jobs.models import Attempt, Job, JobQueue, SchedulingPolicy, ShareUsage
from jobs.scheduling.shares import decayed, used_by_run, weight_of

from .paging import PAGE_SIZE, Page, page_of

# More shares than this are not listed one by one.
SHARES_SHOWN = 50


@dataclass(frozen=True, slots=True)
class ShareRow:
    """A share of a queue: its weight factor, and what it uses.

    `used_vcpu_seconds` fades with the policy's decay; `part` is that of all shares together, `fair_part` what
    the weights would give it among those that use something or wait. Both are 0 to 1.
    """

    share_identifier: str
    weight_factor: float
    used_vcpu_seconds: float
    part: float
    fair_part: float
    running_milli_vcpus: int
    waiting: int


@dataclass(frozen=True, slots=True)
class Shares:
    """The shares of a queue, those that used most first, and how many more there are."""

    rows: list[ShareRow]
    hidden: int


def list_policies(
    *, after: str = "", search: str = "", size: int = PAGE_SIZE
) -> Page[SchedulingPolicy]:
    """Policies by name, each with its queues. Two queries, whatever the size."""
    rows = _policies().filter(name__gt=after)
    if search:
        rows = rows.filter(name__icontains=search)
    return page_of(
        list(rows.order_by("name")[: size + 1]), size=size, key=lambda policy: policy.name
    )


def find_policy(*, name: str) -> SchedulingPolicy | None:
    """One policy by its name, with its queues."""
    return _policies().filter(name=name).first()


def policies_named(names: Collection[str]) -> dict[str, SchedulingPolicy]:
    """Those of these policies that there are, by name. One query."""
    rows = SchedulingPolicy.objects.filter(name__in=names).order_by()
    return {policy.name: policy for policy in rows}


def policy_names() -> list[str]:
    """All policies' names, for a form's choices."""
    return list(SchedulingPolicy.objects.order_by("name").values_list("name", flat=True))


def shares_of(*, queue: JobQueue, now: datetime, size: int = SHARES_SHOWN) -> Shares:
    """What the shares of a fair-share queue have used, and what they use now. Three queries."""
    policy = queue.scheduling_policy
    if policy is None:
        return Shares(rows=[], hidden=0)
    decay = policy.share_decay_seconds
    used: dict[str, float] = defaultdict(float)
    for row in ShareUsage.objects.filter(queue=queue):
        used[row.share_identifier] += decayed(
            row.milli_vcpu_seconds, as_of=row.as_of, now=now, decay_seconds=decay
        )
    running: Counter[str] = Counter()
    # In the order of the index of what lives: in that of their jobs all that ever ran would be read.
    live = Attempt.objects.filter(ended_at__isnull=True, job__queue=queue).order_by(
        "node_id", "environment_id"
    )
    for share, milli_vcpus, started_at in live.values_list(
        "job__share_identifier", "milli_vcpus", "started_at"
    ):
        running[share] += milli_vcpus
        seconds = (now - started_at).total_seconds() if started_at else 0.0
        used[share] += used_by_run(milli_vcpus=milli_vcpus, seconds=seconds, decay_seconds=decay)
    waiting = dict(
        Job.objects.filter(queue=queue, status=JobStatus.RUNNABLE)
        .order_by()
        .values_list("share_identifier")
        .annotate(Count("id"))
    )
    weights = [
        (each["shareIdentifier"], each["weightFactor"]) for each in policy.share_distribution
    ]
    found = {share: weight_of(share, weights) for share in {*used, *running, *waiting}}
    rows = _rows(found, used=used, running=running, waiting=waiting)
    return Shares(rows=rows[:size], hidden=max(len(rows) - size, 0))


def _rows(
    weights: dict[str, float],
    *,
    used: dict[str, float],
    running: Counter[str],
    waiting: dict[str, int],
) -> list[ShareRow]:
    all_used = sum(used.values())
    all_claims = sum(1 / weight for weight in weights.values())
    rows = [
        ShareRow(
            share_identifier=share,
            weight_factor=weight,
            used_vcpu_seconds=used.get(share, 0.0) / 1000,
            part=used.get(share, 0.0) / all_used if all_used else 0.0,
            fair_part=1 / weight / all_claims,
            running_milli_vcpus=running[share],
            waiting=waiting.get(share, 0),
        )
        for share, weight in weights.items()
    ]
    return sorted(rows, key=lambda row: (-row.used_vcpu_seconds, row.share_identifier))


def _policies() -> QuerySet[SchedulingPolicy]:
    return SchedulingPolicy.objects.prefetch_related(
        Prefetch("queues", JobQueue.objects.order_by("name"))
    )
