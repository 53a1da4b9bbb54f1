"""A run's time beside those of earlier runs of its definition, and what that says of its cost by its end."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from jobs.domain.states import TERMINAL, JobStatus
from jobs.models import Job
from jobs.pricing.cost import SECONDS_PER_HOUR
from jobs.selectors.jobs import RunSeconds

from .job_cost import Cost

WIDTH = 1000
# Room right of the longest, so that its mark is seen.
MARGIN = 1.05
# So much around the median is no news.
USUAL = 0.1


@dataclass(frozen=True, slots=True)
class EarlierRuns:
    """`seconds` is this run's time, None before it runs; `since` is set while it goes on. Places are thousandths."""

    runs: RunSeconds
    seconds: float | None
    since: datetime | None
    x: int
    p50_x: int
    p95_x: int
    verdict: str


@dataclass(frozen=True, slots=True)
class CostByEnd:
    """What a running job will have cost if it takes as long as half, or as nine of ten, of the earlier runs."""

    usual_usd: Decimal
    p90_usd: Decimal
    usd_per_hour: Decimal
    is_longer: bool


def earlier_runs_of(job: Job, runs: RunSeconds | None, now: datetime) -> EarlierRuns | None:
    """None where no run has succeeded yet."""
    if runs is None:
        return None
    is_running = job.status == JobStatus.RUNNING
    seconds = seconds_of(job, now)
    longest = max(runs.p95, seconds or 0.0, 0.001) * MARGIN

    def place(at: float) -> int:
        return round(min(at / longest, 1.0) * WIDTH)

    return EarlierRuns(
        runs=runs,
        seconds=seconds,
        since=job.started_at if is_running else None,
        x=place(seconds or 0.0),
        p50_x=place(runs.median),
        p95_x=place(runs.p95),
        verdict=verdict(runs, seconds, status=job.status),
    )


def runs_as_json(runs: RunSeconds | None) -> dict[str, float] | None:
    """The percentiles in seconds, for scripts; null where no run has succeeded yet."""
    if runs is None:
        return None
    return {"p50_seconds": runs.median, "p90_seconds": runs.p90, "p95_seconds": runs.p95}


def seconds_of(job: Job, now: datetime) -> float | None:
    """How long the newest run took, or takes; None before it has begun, or while the job waits again."""
    if job.started_at is None:
        return None
    if job.status == JobStatus.RUNNING:
        return max((now - job.started_at).total_seconds(), 0.0)
    if job.stopped_at is None:
        return None
    return max((job.stopped_at - job.started_at).total_seconds(), 0.0)


def verdict(runs: RunSeconds, seconds: float | None, *, status: str) -> str:
    """In a sentence, how the run of a job of that status compares."""
    if seconds is None:
        return "It never ran." if status in TERMINAL else "It does not run yet."
    is_running = status == JobStatus.RUNNING
    if seconds > runs.p95:
        return "Longer than nineteen of twenty."
    if seconds > runs.p90:
        return "Longer than nine of ten."
    if is_running:
        return "As usual so far." if seconds <= runs.median else "Longer than half of them, so far."
    if abs(seconds - runs.median) <= runs.median * USUAL:
        return "About as long as usual."
    return "Shorter than half of them." if seconds < runs.median else "Longer than half of them."


def cost_by_end(job: Job, cost: Cost, runs: RunSeconds | None, now: datetime) -> CostByEnd | None:
    """None for a job that does not run, or of whose definition no run is known."""
    seconds = seconds_of(job, now)
    if job.status != JobStatus.RUNNING or runs is None or seconds is None:
        return None
    growth = cost.usd_per_second
    if growth is None:
        return None

    def after(whole: float) -> Decimal:
        return cost.so_far_usd + growth * Decimal(str(max(whole - seconds, 0.0)))

    return CostByEnd(
        usual_usd=after(runs.median),
        p90_usd=after(runs.p90),
        usd_per_hour=growth * SECONDS_PER_HOUR,
        is_longer=seconds > runs.p90,
    )
