"""The tries at a job as its page shows them: one row a container, their cost, their use."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from typing import Any

from django.urls import reverse

from jobs.domain import ids
from jobs.models import Attempt, Job
from jobs.selectors import job_details
from jobs.selectors.costs import Prices

from .job_cost import amounts_so_far, prices_of_live

# Of a try at a job of a thousand nodes the page shows the first containers; the JSON has them all.
CONTAINERS_SHOWN = 60


@dataclass(frozen=True, slots=True)
class ContainerRow:
    """A container of a try with what it has cost (without idle time) and what Spot saved, and what its
    log is asked for by.

    `stopped_by` names the container whose end asked this one to stop; empty if none did.
    """

    attempt: Attempt
    cost_usd: Decimal
    saving_usd: Decimal
    log_url: str
    query: str
    stopped_by: str


@dataclass(frozen=True, slots=True)
class Try:
    """One try at a job: its containers, and the one among them that tells how it ended."""

    number: int
    rows: list[ContainerRow]
    decider: Attempt
    # Of the next try, which went on where this one was interrupted.
    next_one: Attempt | None = None

    @property
    def is_single(self) -> bool:
        return len(self.rows) == 1

    @property
    def shown_rows(self) -> list[ContainerRow]:
        return self.rows[:CONTAINERS_SHOWN]

    @property
    def hidden(self) -> int:
        """How many containers the page leaves out."""
        return max(len(self.rows) - CONTAINERS_SHOWN, 0)

    @property
    def cost_usd(self) -> Decimal:
        return sum((row.cost_usd for row in self.rows), Decimal(0))

    @property
    def idle_usd(self) -> Decimal:
        """Its part of the idle time of what it ran on."""
        return sum((row.attempt.idle_usd for row in self.rows), Decimal(0))

    @property
    def saving_usd(self) -> Decimal:
        """What Spot capacity saved against On-Demand."""
        return sum((row.saving_usd for row in self.rows), Decimal(0))

    @property
    def has_ended(self) -> bool:
        return all(row.attempt.ended_at is not None for row in self.rows)

    @property
    def going_on(self) -> Attempt:
        """What tells how a try that has not ended goes: a container that runs, or else one still to start."""
        live = [row.attempt for row in self.rows if row.attempt.ended_at is None]
        running = [each for each in live if each.started_at is not None]
        return (running or live or [self.decider])[0]

    @property
    def interrupted(self) -> Attempt | None:
        """The container whose capacity was taken away first; None if none's was."""
        told = [row.attempt for row in self.rows if row.attempt.interrupted_at is not None]
        return min(told, key=lambda each: (each.interrupted_at, each.pk), default=None)

    @property
    def interruption_reason(self) -> str:
        """Why it was interrupted; empty where that is said already of how it ended."""
        cut = self.interrupted
        said = f"{self.decider.explanation} {self.decider.status_reason}" if self.has_ended else ""
        return "" if cut is None or cut.interruption_reason in said else cut.interruption_reason

    @property
    def resumed(self) -> Attempt | None:
        """What went on after its interruption, once that has started."""
        following = self.next_one if self.interrupted is not None else None
        return following if following is not None and following.started_at is not None else None

    @property
    def started_at(self) -> datetime | None:
        starts = [row.attempt.started_at for row in self.rows if row.attempt.started_at]
        return min(starts, default=None)

    @property
    def stopped_at(self) -> datetime | None:
        """When the last of its containers ended; None while one runs, or if none ran."""
        if not self.has_ended:
            return None
        ends = [row.attempt.stopped_at or row.attempt.ended_at for row in self.rows]
        return max((end for end in ends if end is not None), default=None)

    @property
    def nodes(self) -> str:
        """The machines that it was placed on."""
        names = list(dict.fromkeys(row.attempt.node.name for row in self.rows))
        return names[0] if len(names) == 1 else f"{len(names)} machines"


def tries_of(job: Job, attempts: Sequence[Attempt], now: datetime) -> list[Try]:
    """The tries, oldest first; `attempts` are in the order of `selectors.attempts_of`."""
    prices = prices_of_live(attempts, now=now)
    found = [
        _try(job, number, list(rows), now, prices)
        for number, rows in groupby(attempts, key=lambda attempt: attempt.number)
    ]
    return [
        replace(each, next_one=following.going_on) if following is not None else each
        for each, following in zip(found, [*found[1:], None], strict=False)
    ]


def _try(job: Job, number: int, attempts: Sequence[Attempt], now: datetime, prices: Prices) -> Try:
    amounts = [amounts_so_far(each, now=now, prices=prices) for each in attempts]
    rows = [
        ContainerRow(
            attempt=attempt,
            cost_usd=each.usd,
            saving_usd=each.saving_usd,
            log_url=log_url(job, attempt),
            query=query_of(attempt),
            stopped_by=_stopped_by(job, attempt, attempts),
        )
        for attempt, each in zip(attempts, amounts, strict=True)
    ]
    return Try(number=number, rows=rows, decider=decider_of(job, attempts))


def _stopped_by(job: Job, attempt: Attempt, attempts: Sequence[Attempt]) -> str:
    """The container whose end asked this one to stop: the last that had ended then, an essential one first."""
    asked_at = attempt.stop_asked_at
    if asked_at is None:
        return ""
    ended = [each for each in attempts if each.ended_at is not None and each.ended_at <= asked_at]
    if not ended:
        return ""
    cause = max(ended, key=lambda each: (each.ended_at, each.essential))
    node = f"#{cause.node_index} " if job.node_count > 1 else ""
    return f"{node}{cause.container_name}"


def decider_of(job: Job, attempts: Sequence[Attempt]) -> Attempt:
    """Of one try's containers the one that tells how it ended."""
    return job_details.decider_of(attempts, node_index=job_details.main_node_of(job))


def query_of(attempt: Attempt) -> str:
    """What chooses an attempt's log on the job's page: `2`, or `2.1.0` with node and container."""
    if attempt.node_index or attempt.container_index:
        return f"{attempt.number}.{attempt.node_index}.{attempt.container_index}"
    return str(attempt.number)


def log_url(job: Job, attempt: Attempt, route: str = "attempt_log") -> str:
    """One of the URLs of an attempt's log."""
    return reverse(route, args=log_arguments(job, attempt))


def log_arguments(job: Job, attempt: Attempt) -> list[Any]:
    """What the URLs of an attempt's log are made of. A plain job's have no node and container."""
    if attempt.node_index or attempt.container_index:
        return [job.pk, attempt.number, attempt.node_index, attempt.container_index]
    return [job.pk, attempt.number]


def chosen(job: Job, attempts: Sequence[Attempt], query: str) -> Attempt | None:
    """The attempt that a query names, else the newest try's one that tells how it goes; None without any.

    `2` is that try's container 0 on node 0; `#3` is the newest try's first container on node 3.
    """
    if not attempts:
        return None
    newest = [each for each in attempts if each.number == attempts[-1].number]
    if query.startswith("#"):
        on_node = [each for each in newest if str(each.node_index) == query[1:]]
        return on_node[0] if on_node else decider_of(job, newest)
    wanted = query.removesuffix(".0.0")
    for attempt in attempts:
        if query_of(attempt) == wanted:
            return attempt
    return decider_of(job, newest)


def as_json(job: Job, attempt: Attempt, now: datetime, prices: Prices) -> dict[str, Any]:
    """One container of a try. `node_id` is that of AWS Batch's multi-node jobs."""
    amounts = amounts_so_far(attempt, now=now, prices=prices)
    return {
        "number": attempt.number,
        "node_index": attempt.node_index,
        "node_id": f"{ids.text_of(job.pk)}#{attempt.node_index}" if job.node_count > 1 else None,
        "container": attempt.container_name,
        "essential": attempt.essential,
        "image": attempt.image,
        "environment": attempt.environment.name,
        "node": attempt.node.name,
        "host_id": attempt.host_id,
        "instance_type": attempt.instance.type_name if attempt.instance else None,
        "capacity": attempt.capacity,
        "container_id": attempt.container_id,
        "address": attempt.address,
        "gpus": attempt.gpus,
        "placed_at": attempt.placed_at,
        "started_at": attempt.started_at,
        "deadline_at": attempt.deadline_at,
        "timed_out_at": attempt.timed_out_at,
        "interrupted_at": attempt.interrupted_at,
        "interruption_kill_at": attempt.interruption_kill_at,
        "interruption_reason": attempt.interruption_reason,
        "stopped_at": attempt.stopped_at,
        "ended_at": attempt.ended_at,
        "exit_code": attempt.exit_code,
        "oom_killed": attempt.oom_killed,
        "reason": attempt.reason,
        "status_reason": attempt.status_reason,
        "explanation": attempt.explanation,
        "cost_usd": f"{amounts.usd:f}",
        "idle_usd": f"{attempt.idle_usd:f}",
        "saving_usd": f"{amounts.saving_usd:f}",
        "log_url": log_url(job, attempt),
    }
