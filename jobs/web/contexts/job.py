"""What a job's page, its live parts and its JSON are drawn from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.urls import reverse

from jobs.domain import resources
from jobs.domain.states import CANCELLABLE, LIVE, TERMINAL, JobStatus
from jobs.models import Attempt, ImagePull, ImagePullStatus, Job, Transition, WaitReason
from jobs.pricing import cost
from jobs.selectors import jobs as selectors
from jobs.selectors.overview import cost_so_far, rates_of

from .lazily import lazily

SPARK_HEIGHT = 30
STEPS = (JobStatus.SUBMITTED, JobStatus.RUNNABLE, JobStatus.STARTING, JobStatus.RUNNING)


@dataclass(frozen=True, slots=True)
class Step:
    """One state on the way. `state` is "done", "current" or "ahead"; `seconds` is the time spent in it so far, over
    all attempts; `since` is set where that still grows."""

    status: str
    state: str
    at: datetime | None
    seconds: float | None
    since: datetime | None


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """An attempt with what it has cost; `usd_per_second` is set while that grows."""

    attempt: Attempt
    cost_usd: Decimal
    usd_per_second: Decimal | None


@dataclass(frozen=True, slots=True)
class Cost:
    """Dollars of all ended attempts, of all of them until now, and how fast the running one adds to them."""

    ended_usd: Decimal
    so_far_usd: Decimal
    since: datetime | None
    usd_per_second: Decimal | None
    minimum_seconds: int = cost.MINIMUM_SECONDS


@dataclass(frozen=True, slots=True)
class UsageLine:
    """A sparkline in a box of 100 by SPARK_HEIGHT, and its numbers in words."""

    points: str
    asked_y: str
    newest: str
    highest: str
    asked: str


@dataclass(frozen=True, slots=True)
class UsageLines:
    cpu: UsageLine
    memory: UsageLine


def build(*, job: Job, now: datetime, attempt_number: int | None = None) -> dict[str, Any]:
    """Read when drawn; see `lazily`. `attempt_number` is the attempt whose log and usage are shown: the newest if
    None, or if there is no such one."""
    attempts = lazily(lambda: selectors.attempts_of(job))
    shown = lazily(lambda: _shown(attempts(), attempt_number))
    live = JobStatus(job.status) in LIVE
    return {
        "job": job,
        "is_live": live,
        "can_cancel": JobStatus(job.status) in CANCELLABLE,
        "stop_asked": live and job.stop_requested_at is not None,
        "steps": lazily(lambda: steps(job, selectors.transitions_of(job), now)),
        "attempts": lazily(lambda: [attempt_row(each, now) for each in reversed(attempts())]),
        "newest_attempt": lazily(lambda: _shown(attempts(), None)),
        "shown_attempt": shown,
        "waits": lazily(lambda: selectors.wait_reasons_of(job)),
        "waits_now": lazily(lambda: waits_now(job)),
        "pull": lazily(lambda: pull_of(job, attempts())),
        "usage": lazily(lambda: usage_lines(shown())),
        "cost": lazily(lambda: cost_of(job, attempts(), now)),
        "explanation": lazily(lambda: explanation_of(job, attempts())),
        "deadline": lazily(lambda: deadline_of(job, attempts())),
        "topics": f"job:{job.pk} pulls" if job.status == JobStatus.STARTING else f"job:{job.pk}",
    }


def steps(job: Job, history: Sequence[Transition], now: datetime) -> list[Step]:
    """The stepper: each state with when it was entered last and the time spent in it."""
    spent: dict[str, float] = {}
    entered: dict[str, datetime] = {}
    reached: set[str] = set()
    ends = [line.at for line in history[1:]]
    for line, end in zip(history, [*ends, now], strict=False):
        spent[line.to_status] = spent.get(line.to_status, 0) + (end - line.at).total_seconds()
        entered[line.to_status] = line.at
        # A retry begins the way anew.
        if line.to_status == JobStatus.RUNNABLE:
            reached -= {JobStatus.STARTING, JobStatus.RUNNING}
        reached.add(line.to_status)
    names = [str(status) for status in STEPS]
    if JobStatus.PENDING in entered:
        names.insert(1, str(JobStatus.PENDING))
    end_name = job.status if job.status in TERMINAL else str(JobStatus.SUCCEEDED)
    return [_step(name, job, spent, entered, reached) for name in [*names, end_name]]


def _step(
    name: str,
    job: Job,
    spent: dict[str, float],
    entered: dict[str, datetime],
    reached: set[str],
) -> Step:
    is_current = job.status == name
    state = "done" if name in reached else "ahead"
    if is_current:
        state = "current"
    grows = is_current and name not in TERMINAL
    return Step(
        status=name,
        state=state,
        at=entered.get(name) if name in reached else None,
        seconds=None if name in TERMINAL else spent.get(name),
        since=entered.get(name) if grows else None,
    )


def attempt_row(attempt: Attempt, now: datetime) -> AttemptRow:
    """An attempt with its cost until now."""
    running = attempt.started_at is not None and attempt.stopped_at is None and not attempt.ended_at
    return AttemptRow(
        attempt=attempt,
        cost_usd=cost_so_far(attempt, now=now),
        usd_per_second=_usd_per_second(attempt) if running else None,
    )


def cost_of(job: Job, attempts: Sequence[Attempt], now: datetime) -> Cost:
    """What the job has cost until now, and how that grows."""
    live = next((each for each in attempts if each.ended_at is None), None)
    ended = sum((each.cost_usd for each in attempts if each.ended_at is not None), Decimal(0))
    if live is None or live.started_at is None:
        return Cost(ended_usd=ended, so_far_usd=ended, since=None, usd_per_second=None)
    ticks = live.stopped_at is None
    return Cost(
        ended_usd=ended,
        so_far_usd=ended + cost_so_far(live, now=now),
        since=live.started_at if ticks else None,
        usd_per_second=_usd_per_second(live) if ticks else None,
    )


def usage_lines(attempt: Attempt | None) -> UsageLines | None:
    """The two sparklines of an attempt; None while there are fewer than two samples."""
    samples = selectors.usage_of(attempt) if attempt is not None else []
    if attempt is None or len(samples) < 2:
        return None
    start = samples[0].at
    span = (samples[-1].at - start).total_seconds() or 1.0
    places = [(each.at - start).total_seconds() / span for each in samples]
    return UsageLines(
        cpu=_line(
            places,
            [each.milli_vcpus for each in samples],
            attempt.milli_vcpus,
            resources.format_vcpus,
        ),
        memory=_line(
            places,
            [each.memory_mib for each in samples],
            attempt.memory_mib,
            resources.format_memory,
        ),
    )


def _line(
    places: Sequence[float], values: Sequence[int], asked: int, write: Callable[[int], str]
) -> UsageLine:
    top = max(*values, asked, 1) * 1.05
    points = (
        f"{place * 100:.1f},{SPARK_HEIGHT * (1 - value / top):.1f}"
        for place, value in zip(places, values, strict=True)
    )
    return UsageLine(
        points=" ".join(points),
        asked_y=f"{SPARK_HEIGHT * (1 - asked / top):.1f}",
        newest=write(values[-1]),
        highest=write(max(values)),
        asked=write(asked),
    )


def waits_now(job: Job) -> WaitReason | None:
    """Why a RUNNABLE job waits; None for another, or where the scheduler has not said yet."""
    if job.status != JobStatus.RUNNABLE:
        return None
    newest = selectors.newest_wait_reason(job)
    # A reason from before a retry does not explain why the job waits now.
    return newest if newest and newest.since >= job.status_changed_at else None


def pull_of(job: Job, attempts: Sequence[Attempt]) -> ImagePull | None:
    """The image pull that a STARTING job waits for."""
    if job.status != JobStatus.STARTING or not attempts:
        return None
    pull = selectors.pull_for(attempts[-1])
    return pull if pull and pull.status == ImagePullStatus.PULLING else None


def explanation_of(job: Job, attempts: Sequence[Attempt]) -> str:
    """In a sentence for people, how the job ended; empty while it lives."""
    if JobStatus(job.status) not in TERMINAL:
        return ""
    newest = attempts[-1] if attempts else None
    timed_out = newest is not None and newest.timed_out_at is not None
    if job.stop_requested_at is not None and job.status == JobStatus.FAILED and not timed_out:
        return "It was stopped on request."
    return newest.explanation if newest else ""


def deadline_of(job: Job, attempts: Sequence[Attempt]) -> datetime | None:
    """When the time limit of the running attempt is over; None where none runs, or none is set."""
    if job.status != JobStatus.RUNNING or job.stop_requested_at is not None or not attempts:
        return None
    return attempts[-1].deadline_at


def as_json(*, job: Job, now: datetime) -> dict[str, Any]:
    """All that the page says, for scripts. Times are ISO 8601 in UTC, dollars are texts."""
    attempts = selectors.attempts_of(job)
    waits = waits_now(job)
    return {
        **summary(job),
        "image": job.image,
        "command": job.command,
        "environment": job.environment,
        "attempts_allowed": job.attempts_allowed,
        "evaluate_on_exit": job.evaluate_on_exit,
        "timeout_seconds": job.timeout_seconds,
        "stop_requested_at": job.stop_requested_at,
        "stop_reason": job.stop_reason,
        "explanation": explanation_of(job, attempts),
        "wait_reason": _wait_as_json(waits) if waits else None,
        "cost_usd": _dollars(cost_of(job, attempts, now).so_far_usd),
        "attempts": [_attempt_as_json(job, each, now) for each in attempts],
        "transitions": [
            {
                "from": line.from_status,
                "to": line.to_status,
                "attempt": line.attempt_number,
                "reason": line.reason,
                "at": line.at,
            }
            for line in selectors.transitions_of(job)
        ],
    }


def summary(job: Job) -> dict[str, Any]:
    """A job as lists of jobs give it: what its own row and its queue, definition and owner say."""
    return {
        "id": str(job.pk),
        "name": job.name,
        "status": job.status,
        "status_reason": job.status_reason,
        "url": reverse("job", args=[job.pk]),
        "queue": job.queue.name,
        "definition": str(job.definition),
        "owner": job.owner.get_username(),
        "vcpus": resources.format_vcpus(job.milli_vcpus),
        "memory_mib": job.memory_mib,
        "created_at": job.created_at,
        "status_changed_at": job.status_changed_at,
        "started_at": job.started_at,
        "stopped_at": job.stopped_at,
        "exit_code": job.exit_code,
        "cost_usd": _dollars(job.cost_usd),
    }


def _attempt_as_json(job: Job, attempt: Attempt, now: datetime) -> dict[str, Any]:
    return {
        "number": attempt.number,
        "environment": attempt.environment.name,
        "node": attempt.node.name,
        "container_id": attempt.container_id,
        "placed_at": attempt.placed_at,
        "started_at": attempt.started_at,
        "deadline_at": attempt.deadline_at,
        "timed_out_at": attempt.timed_out_at,
        "stopped_at": attempt.stopped_at,
        "ended_at": attempt.ended_at,
        "exit_code": attempt.exit_code,
        "oom_killed": attempt.oom_killed,
        "reason": attempt.reason,
        "status_reason": attempt.status_reason,
        "explanation": attempt.explanation,
        "cost_usd": _dollars(cost_so_far(attempt, now=now)),
        "log_url": reverse("attempt_log", args=[job.pk, attempt.number]),
    }


def _wait_as_json(reason: WaitReason) -> dict[str, Any]:
    return {"code": reason.code, "reason": reason.reason, "since": reason.since}


def _shown(attempts: Sequence[Attempt], number: int | None) -> Attempt | None:
    if not attempts:
        return None
    return next((each for each in attempts if each.number == number), attempts[-1])


def _usd_per_second(attempt: Attempt) -> Decimal:
    hourly = cost.usd_per_hour(
        milli_vcpus=attempt.milli_vcpus, memory_mib=attempt.memory_mib, rates=rates_of(attempt)
    )
    return hourly / cost.SECONDS_PER_HOUR


def _dollars(amount: Decimal) -> str:
    return f"{amount:f}"
