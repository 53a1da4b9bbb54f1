"""Reads for right-sizing: the newest runs of a definition with what they used, and what was found of them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import Exists, F, OuterRef, QuerySet, Sum

from jobs.domain.states import TERMINAL
from jobs.models import (
    Attempt,
    CostHour,
    DefinitionStatus,
    Job,
    JobDefinition,
    RightSizing,
    UsageSample,
)
from jobs.pricing.right_sizing import Sample

from .costs.exact import UsdSum
from .jobs import visible_jobs
from .listing.newest import newest_in_queues

# How far back runs are looked for, and how much is read of them, however much is stored.
REVISIONS = 5
JOBS = 200
ARRAYS = 5
RUNS = 200
SAMPLES = 20_000
# So that one run of days does not stand for all: its newest samples.
SAMPLES_OF_A_RUN = SAMPLES // 5
ROWS_SHOWN = 200


@dataclass(frozen=True, slots=True)
class SizingRow:
    """What was found of a definition's name, with its newest active revision; None if there is none."""

    found: RightSizing
    definition: JobDefinition | None


@dataclass(frozen=True, slots=True)
class ShownRun:
    """A run that the reader may see: what it asked for and used, as stored, and its job."""

    job: Job
    number: int
    usd: Decimal
    values: dict[str, object]


def newest_runs(*, name: str) -> list[Attempt]:
    """The attempts of the definition that ended last, newest first, each with its instance and definition.

    Of jobs of one container: what each of several used is not what their job asked for. A constant number of
    queries, over so many of the newest jobs at most.
    """
    revisions = JobDefinition.objects.filter(
        name=name, ecs_properties={}, node_properties={}
    ).order_by("-revision")
    job_ids: list[UUID] = []
    for id_ in revisions.values_list("id", flat=True)[:REVISIONS]:
        job_ids += _newest_jobs(id_, JOBS - len(job_ids))
        if len(job_ids) >= JOBS:
            break
    ended = Attempt.objects.filter(
        job__in=job_ids, ended_at__isnull=False, started_at__isnull=False
    )
    return list(
        ended.select_related("instance", "job__definition").order_by("-ended_at", "-id")[:RUNS]
    )


def _newest_jobs(definition_id: int, limit: int) -> list[UUID]:
    whole = Job.objects.filter(definition=definition_id, parent=None)
    newest = Job.objects.filter(id__in=newest_in_queues(whole, limit)).order_by("-id")
    rows = list(newest.values_list("id", "array_size"))
    plain = [id_ for id_, size in rows if size is None]
    arrays = [id_ for id_, size in rows if size is not None][:ARRAYS]
    if not arrays:
        return plain
    children = Job.objects.filter(parent__in=arrays, status__in=TERMINAL).order_by()
    found = plain + list(children.values_list("id", flat=True)[:limit])
    return sorted(found, key=lambda each: each.int, reverse=True)[:limit]


def samples_of(*, attempts: Sequence[Attempt]) -> dict[int, list[Sample]]:
    """What each attempt used, of the first attempts on until there are enough samples. A query an attempt."""
    found: dict[int, list[Sample]] = {}
    left = SAMPLES
    for attempt in attempts:
        if left <= 0:
            break
        rows = _samples(attempt.pk).values_list("milli_vcpus", "memory_mib")
        found[attempt.pk] = [Sample(*row) for row in rows[: min(left, SAMPLES_OF_A_RUN)]]
        left -= len(found[attempt.pk])
    return found


def cost_of_name(*, name: str, since: datetime) -> tuple[int, Decimal]:
    """How many attempts of a definition's jobs ended since then, and what they cost, by the hours that are
    added up. Two queries."""
    ids = list(JobDefinition.objects.filter(name=name).values_list("id", flat=True))
    sums = CostHour.objects.filter(definition__in=ids, hour__gte=since).aggregate(
        attempts=Sum("attempts", default=0), usd=UsdSum("usd")
    )
    return sums["attempts"], sums["usd"] or Decimal(0)


def list_sizing(*, search: str = "", size: int = ROWS_SHOWN) -> list[SizingRow]:
    """Definitions by what they would save, the largest first; then those of which too little is known.

    Two queries.
    """
    rows = RightSizing.objects.defer("runs").filter(computed_at__isnull=False, samples__gt=0)
    if search:
        rows = rows.filter(definition_name__icontains=search)
    found = list(rows.order_by(F("saving_usd").desc(nulls_last=True), "definition_name")[:size])
    newest = _newest_active([row.definition_name for row in found])
    return [SizingRow(row, newest.get(row.definition_name)) for row in found]


def find_sizing(*, name: str) -> SizingRow | None:
    """What was found of the definition; None where no run of it has ended yet. Two queries."""
    row = RightSizing.objects.filter(definition_name=name, computed_at__isnull=False).first()
    return SizingRow(row, _newest_active([name]).get(name)) if row else None


def runs_seen(*, found: RightSizing, user: User) -> list[ShownRun]:
    """Those of the runs that the user may see, newest first. One query."""
    jobs = visible_jobs(user).in_bulk({UUID(each["job"]) for each in found.runs})
    return [
        ShownRun(jobs[UUID(each["job"])], each["number"], Decimal(each["usd"]), each)
        for each in found.runs
        if UUID(each["job"]) in jobs
    ]


def _samples(attempt_id: int) -> QuerySet[UsageSample]:
    return UsageSample.objects.filter(attempt=attempt_id).order_by("-at")


def _newest_active(names: Collection[str]) -> dict[str, JobDefinition]:
    active = JobDefinition.objects.filter(status=DefinitionStatus.ACTIVE)
    newer = active.filter(name=OuterRef("name"), revision__gt=OuterRef("revision"))
    return {row.name: row for row in active.filter(~Exists(newer), name__in=names)}
