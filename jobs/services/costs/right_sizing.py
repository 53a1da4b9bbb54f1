"""Keeps up to date what is known of the use of each definition's jobs (`RightSizing`).

The scheduler's sweep marks the definitions of which jobs have ended (`mark_stale`) and hands them to workers, who
look at the newest runs of each (`refresh`). So a page reads one row, however many jobs are stored, and the work
grows with what ends. A mark stays until a worker is done with it, so whoever dies in between loses nothing.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef

from jobs import changes, queueing
from jobs.domain.fargate import CAPABILITY
from jobs.domain.resources import Resources
from jobs.domain.states import TERMINAL
from jobs.models import Attempt, Capacity, CostMark, Job, JobDefinition, RightSizing
from jobs.pricing.right_sizing import (
    Advice,
    Run,
    Sample,
    Spread,
    advise,
    extrapolated,
    saving,
    spread,
)
from jobs.selectors.costs import rates_of
from jobs.selectors.right_sizing import cost_of_name, newest_runs, samples_of

MARK = "right-sizing"
# Ends are looked for this often, each time a little further back: some are seen late.
LOOK_EVERY = timedelta(minutes=1)
LOOK_BACK = timedelta(minutes=1)
# The time that savings are told for goes on, even where nothing ends.
FRESH_FOR = timedelta(days=1)
SAVINGS_OF = timedelta(days=30)
PORTION = 16
FARGATE = (Capacity.FARGATE, Capacity.FARGATE_SPOT)


def hand_over_stale(*, now: datetime) -> int:
    """Marks what is to be looked at anew, and hands some of that to workers; how many. For the sweep."""
    mark_stale(now=now)
    if not queueing.is_idle(queueing.RIGHT_SIZE):
        return 0
    stale = RightSizing.objects.filter(stale_at__isnull=False).order_by("stale_at", "id")
    ids = list(stale.values_list("id", flat=True)[:PORTION])
    queueing.enqueue_after_commit(queueing.RIGHT_SIZE, ids)
    return len(ids)


def mark_stale(*, now: datetime) -> None:
    """Marks the definitions of which jobs have ended since the last look; the first time, ever.

    One query where the last look was a moment ago.
    """
    mark = CostMark.objects.filter(name=MARK).first()
    if mark is not None and mark.until > now - LOOK_EVERY:
        return
    names = set(_names_ended_ever() if mark is None else _names_ended(mark.until - LOOK_BACK, now))
    with transaction.atomic():
        RightSizing.objects.bulk_create(
            [RightSizing(definition_name=name, stale_at=now) for name in sorted(names)],
            ignore_conflicts=True,
        )
        rows = RightSizing.objects.all()
        rows.filter(definition_name__in=names).update(stale_at=now)
        old = rows.filter(stale_at__isnull=True, computed_at__lt=now - FRESH_FOR)
        old.update(stale_at=now)
        CostMark.objects.update_or_create(name=MARK, defaults={"until": now})


def refresh(*, row_id: int, now: datetime) -> None:
    """Looks at the newest runs of a definition, and writes what they show. Safe to repeat."""
    row = RightSizing.objects.filter(id=row_id, stale_at__isnull=False).first()
    if row is None:
        return
    values = _found(row.definition_name, now)
    with transaction.atomic():
        rows = RightSizing.objects.filter(id=row_id)
        rows.update(**values, computed_at=now)
        # What has ended meanwhile is looked at once more.
        rows.filter(stale_at=row.stale_at).update(stale_at=None)
        changes.publish([changes.DEFINITIONS])


def _names_ended_ever() -> list[str]:
    """One look into an index for each definition, however many jobs there are."""
    ended = Job.objects.filter(definition=OuterRef("pk"), parent=None, status__in=TERMINAL)
    return list(JobDefinition.objects.filter(Exists(ended)).values_list("name", flat=True))


def _names_ended(since: datetime, until: datetime) -> list[str]:
    ended = Job.objects.filter(
        status__in=TERMINAL, stopped_at__gte=since, stopped_at__lte=until
    ).order_by()
    ids = list(ended.values_list("definition_id", flat=True).distinct())
    return list(JobDefinition.objects.filter(id__in=ids).values_list("name", flat=True))


def _found(name: str, now: datetime) -> dict[str, Any]:
    attempts = newest_runs(name=name)
    samples = samples_of(attempts=attempts)
    since = now - SAVINGS_OF
    runs = [_run(each, samples.get(each.pk, ()), since) for each in attempts]
    on_fargate = any(_is_of_fargate(each) for each in attempts[:1])
    advice = advise(runs, on_fargate=on_fargate)
    overriding = None
    if advice.fits is not None:
        others = [run for each, run in zip(attempts, runs, strict=True) if _overrides(each)]
        overriding = saving([run for run in others if run.counts], advice.fits)
    count, usd = cost_of_name(name=name, since=since)
    # What was added up may lack the present hour, what was looked at the jobs before the newest.
    is_estimate = count > sum(run.counts for run in runs)
    whole = max(usd, advice.usd) if is_estimate else advice.usd
    newest = runs[0].asked if runs else Resources(0, 0)
    return {
        "measured_runs": advice.runs,
        "samples": advice.samples,
        "out_of_memory_runs": advice.out_of_memory,
        "asked_milli_vcpus": newest.milli_vcpus,
        "asked_memory_mib": newest.memory_mib,
        **_spread_fields("milli_vcpus", advice.vcpus),
        **_spread_fields("memory_mib", advice.memory),
        "fitting_milli_vcpus": advice.fits.milli_vcpus if advice.fits else None,
        "fitting_memory_mib": advice.fits.memory_mib if advice.fits else None,
        "is_fargate": on_fargate,
        "usd": whole,
        "saving_usd": _of_all(_less(advice.saving_usd, overriding), advice, whole),
        "overrides_saving_usd": _of_all(overriding, advice, whole),
        "is_estimate": is_estimate,
        "runs": [_stored(each, run) for each, run in zip(attempts, runs, strict=True)],
    }


def _less(saving_usd: Decimal | None, overriding: Decimal | None) -> Decimal | None:
    return saving_usd if saving_usd is None or overriding is None else saving_usd - overriding


def _of_all(saving_usd: Decimal | None, advice: Advice, whole: Decimal) -> Decimal | None:
    """A saving on the runs that were looked at, as one on all that cost `whole`."""
    if saving_usd is None or whole == advice.usd:
        return saving_usd
    return extrapolated(saving_usd, of_usd=advice.usd, to_usd=whole)


def _overrides(attempt: Attempt) -> bool:
    """Whether its job asked for another size than its definition does: no revision changes what such jobs cost."""
    definition = attempt.job.definition
    asked = (attempt.milli_vcpus, attempt.memory_mib)
    return asked != (definition.milli_vcpus, definition.memory_mib)


def _run(attempt: Attempt, samples: Sequence[Sample], since: datetime) -> Run:
    instance = attempt.instance
    return Run(
        asked=Resources(attempt.milli_vcpus, attempt.memory_mib, len(attempt.gpus)),
        samples=samples,
        usd=attempt.cost_usd,
        rates=rates_of(attempt),
        fixed_usd_per_hour=attempt.ephemeral_gib * attempt.usd_per_ephemeral_gib_hour,
        size=Resources(instance.milli_vcpus, instance.memory_mib, instance.gpus)
        if instance
        else None,
        ran_out_of_memory=attempt.oom_killed,
        counts=attempt.ended_at is not None and attempt.ended_at >= since,
    )


def _is_of_fargate(attempt: Attempt) -> bool:
    capabilities = attempt.job.definition.extra.get("platformCapabilities", ())
    return attempt.capacity in FARGATE or CAPABILITY in capabilities


def _spread_fields(unit: str, found: Spread | None) -> dict[str, int | None]:
    return {
        f"{part}_{unit}": None if found is None else getattr(found, part)
        for part in ("p50", "p95", "peak")
    }


def _stored(attempt: Attempt, run: Run) -> dict[str, Any]:
    """A run as JSON, for the page that lists them."""
    used = run.samples
    return {
        "job": str(attempt.job_id),
        "number": attempt.number,
        "attempt": attempt.pk,
        "revision": attempt.job.definition.revision,
        "asked_milli_vcpus": run.asked.milli_vcpus,
        "asked_memory_mib": run.asked.memory_mib,
        "samples": len(used),
        "out_of_memory": run.ran_out_of_memory,
        "usd": str(run.usd),
        **_spread_fields(
            "milli_vcpus", spread(each.milli_vcpus for each in used) if used else None
        ),
        **_spread_fields("memory_mib", spread(each.memory_mib for each in used) if used else None),
    }
