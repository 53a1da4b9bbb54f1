"""What a job's page, its live parts and its JSON are drawn from."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.urls import reverse

from jobs import changes
from jobs.domain import ids, reasons, resources
from jobs.domain.states import CANCELLABLE, LIVE, TERMINAL, JobStatus
from jobs.models import Attempt, ImagePull, Job, QueueStatus, StopKind, Transition, WaitReason
from jobs.selectors import arrays as array_selectors
from jobs.selectors import jobs as selectors
from jobs.selectors.checkpoints import checkpoint_of
from jobs.selectors.waiting.earlier_runs import earlier_runs
from jobs.selectors.waiting.front import behind_at_least, estimated_start, position_of, turn_of

from . import attempts as attempt_contexts
from . import aws_request, checkpoints, dependencies, logs, workload
from .attempts import Try, chosen, decider_of, tries_of
from .job_cost import cost_of, prices_of_live
from .lazily import lazily
from .needs import needs_as_json, needs_of
from .runs import cost_by_end, earlier_runs_of, runs_as_json
from .usage import usage_of

STEPS = (JobStatus.SUBMITTED, JobStatus.RUNNABLE, JobStatus.STARTING, JobStatus.RUNNING)
# The scheduler's first look at a job that has begun to wait takes no longer.
FIRST_TOLD_SECONDS = 10
# An array has no container of its own.
ARRAY_STEPS = (JobStatus.SUBMITTED, JobStatus.PENDING)


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
class Waited:
    """Why a job waited, and for how long; `holds` still."""

    reason: WaitReason
    seconds: float
    holds: bool


def build(
    *, job: Job, user: User, now: datetime, log_of: str = "", hops: int = 1
) -> dict[str, Any]:
    """Read when drawn; see `lazily`. `log_of` chooses the attempt whose log and usage are shown, as
    `attempts.chosen` takes it; `hops` is how far the graph of dependencies goes."""
    attempts = lazily(lambda: selectors.attempts_of(job))
    tries = lazily(lambda: tries_of(job, attempts(), now))
    shown = lazily(lambda: chosen(job, attempts(), log_of))
    cost = lazily(lambda: cost_of(attempts(), now))
    waits = lazily(lambda: waits_now(job, now))
    runs = lazily(lambda: earlier_runs(job.definition))
    position = lazily(lambda: position_of(job=job, now=now))
    return {
        **common(job=job, user=user, now=now, hops=hops),
        "tries": lazily(lambda: list(reversed(tries()))),
        "shown_attempt": shown,
        "shown_try": lazily(lambda: _try_of(shown(), tries())),
        "log_card": lazily(lambda: logs.card(job, attempts(), shown())),
        "waits_now": waits,
        "reason_since": lazily(lambda: reason_since(job, waits())),
        "needs": lazily(lambda: needs_of(job, now)),
        "position": position,
        "behind_at_least": lazily(
            lambda: behind_at_least(job=job, now=now) if position() is None else None
        ),
        "estimated_start": lazily(lambda: estimated_start(job=job, now=now)),
        "pull": lazily(lambda: pull_of(job, attempts())),
        "usage": lazily(lambda: usage_of(shown(), now)),
        "cost": cost,
        "cost_by_end": lazily(lambda: cost_by_end(job, cost(), runs(), now)),
        "earlier_runs": lazily(lambda: earlier_runs_of(job, runs(), now)),
        "explanation": lazily(lambda: explanation_of(job, attempts())),
        "log_end": lazily(lambda: logs.end_of(job, attempts(), shown())),
        "checkpoint": lazily(lambda: checkpoints.panel(checkpoint_of(job))),
        "interruption": lazily(lambda: interruption_of(job, attempts())),
        "goes_on": lazily(lambda: goes_on_after(job, attempts())),
        "deadline": lazily(lambda: deadline_of(job, attempts())),
        "neighbours": lazily(lambda: array_selectors.neighbours_of(job)),
        "array_id": ids.parent_id(job.pk) if job.parent_id else None,
    }


def common(*, job: Job, user: User, now: datetime, hops: int) -> dict[str, Any]:
    """What the pages of a job and of an array share."""
    live = JobStatus(job.status) in LIVE
    topic = changes.job_topic(job.pk)
    topics = f"{topic} {changes.PULLS}" if job.status == JobStatus.STARTING else topic
    history = lazily(lambda: selectors.transitions_of(job))
    return {
        "job": job,
        "is_live": live,
        "can_cancel": JobStatus(job.status) in CANCELLABLE,
        # What a queue that is gone ran can only be cloned into another.
        "can_rerun": not live
        and job.queue.status not in {QueueStatus.DELETING, QueueStatus.DELETED},
        "is_pull_failure": reasons.is_pull_failure(job.status_reason),
        "stop_asked": live and job.stop_requested_at is not None,
        # Of an array: only what was not placed is ended.
        "cancels_rest": live and job.is_array and job.stop_kind == StopKind.CANCEL,
        "steps": lazily(lambda: steps(job, history(), now)),
        "waited": lazily(lambda: waited(selectors.wait_reasons_of(job), history(), now)),
        "overrides": lazily(lambda: aws_request.overrides_in_words(aws_request.request_of(job))),
        "node_groups": lazily(lambda: workload.of_job(job, user)),
        "reruns": lazily(lambda: selectors.reruns_of(job=job, user=user)),
        **dependencies.build(job=job, user=user, hops=hops),
        "topics": topics,
        # Those it waits for, and those that wait for it, have topics of their own.
        "dependency_topics": f"{topic} {changes.JOBS}",
        "state_topics": f"{topics} {changes.JOBS}" if dependencies.may_wait(job) else topics,
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
    names = [str(status) for status in (ARRAY_STEPS if job.is_array else STEPS)]
    if not job.is_array and (JobStatus.PENDING in entered or job.status == JobStatus.PENDING):
        names.insert(1, str(JobStatus.PENDING))
    if history and JobStatus.SUBMITTED not in entered:
        # An array's children are born PENDING or RUNNABLE.
        names.remove(str(JobStatus.SUBMITTED))
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
        # What an earlier attempt spent there stays out of sight until this one gets there.
        seconds=None if name in TERMINAL or state == "ahead" else spent.get(name),
        since=entered.get(name) if grows else None,
    )


def waited(
    reasons: Sequence[WaitReason], history: Sequence[Transition], now: datetime
) -> list[Waited]:
    """How long each reason held, in their order, the newest first: until the next one, or until the wait was over."""
    found: list[Waited] = []
    newer: datetime | None = None
    for reason in reasons:
        left = (line.at for line in history if line.at > reason.since)
        ends = [at for at in (newer, next(left, None)) if at is not None]
        found.append(
            Waited(reason, (min(ends, default=now) - reason.since).total_seconds(), not ends)
        )
        newer = reason.since
    return found


def waits_now(job: Job, now: datetime) -> WaitReason | None:
    """Why a RUNNABLE job waits; None for another, or near the front where the scheduler has not said yet."""
    if job.status != JobStatus.RUNNABLE:
        return None
    newest = selectors.newest_wait_reason(job)
    # A reason from before a retry does not explain why the job waits now.
    if newest and newest.since >= job.status_changed_at:
        return newest
    return turn_of(job=job, now=now)


def reason_since(job: Job, wait: WaitReason | None) -> datetime | None:
    """Since when a job waits for its newest reason; None for one that it was told when it began to wait."""
    if wait is None or (wait.since - job.status_changed_at).total_seconds() < FIRST_TOLD_SECONDS:
        return None
    return wait.since


def pull_of(job: Job, attempts: Sequence[Attempt]) -> ImagePull | None:
    """The image pull that a STARTING job waits for."""
    if job.status != JobStatus.STARTING or not attempts:
        return None
    return selectors.pull_for(newest_try(attempts), owner_id=job.owner_id)


def newest_try(attempts: Sequence[Attempt]) -> list[Attempt]:
    """The containers of the newest try; none if there was no try yet."""
    return [each for each in attempts if each.number == attempts[-1].number]


def explanation_of(job: Job, attempts: Sequence[Attempt]) -> str:
    """In a sentence for people, how the job ended; empty while it lives."""
    if JobStatus(job.status) not in TERMINAL:
        return ""
    newest = decider_of(job, newest_try(attempts)) if attempts else None
    timed_out = newest is not None and newest.timed_out_at is not None
    if job.stop_requested_at is not None and job.status == JobStatus.FAILED and not timed_out:
        return _stopped_because(job)
    return newest.explanation if newest else ""


def _try_of(shown: Attempt | None, tries: Sequence[Try]) -> Try | None:
    return next((each for each in tries if shown and each.number == shown.number), None)


def _stopped_because(job: Job) -> str:
    if job.stop_kind == StopKind.DEPENDENCY:
        return reasons.DEPENDENCY_FAILED
    if job.stop_kind == StopKind.QUEUE_RULE:
        return reasons.WAITED_TOO_LONG
    return reasons.STOPPED_ON_REQUEST


def deadline_of(job: Job, attempts: Sequence[Attempt]) -> datetime | None:
    """When the time limit of the running attempt is over; None where none runs, or none is set."""
    if job.status != JobStatus.RUNNING or job.stop_requested_at is not None or not attempts:
        return None
    deadlines = (each.deadline_at for each in newest_try(attempts))
    return min((each for each in deadlines if each is not None), default=None)


def goes_on_after(job: Job, attempts: Sequence[Attempt]) -> Attempt | None:
    """The container of the try before that was interrupted first, while the next try does not run yet."""
    if job.status not in (JobStatus.RUNNABLE, JobStatus.STARTING):
        return None
    ended = [each for each in attempts if each.ended_at is not None]
    told = [each for each in newest_try(ended) if each.interrupted_at] if ended else []
    return min(told, key=lambda each: (each.interrupted_at, each.pk), default=None)


def interruption_of(job: Job, attempts: Sequence[Attempt]) -> Attempt | None:
    """A container that was told that its capacity is taken away, and has not ended yet; the first to be killed."""
    if JobStatus(job.status) not in LIVE:
        return None
    told = [
        each for each in attempts if each.interruption_kill_at is not None and each.ended_at is None
    ]
    return min(told, key=lambda each: (each.interruption_kill_at, each.pk), default=None)


def as_json(*, job: Job, user: User, now: datetime) -> dict[str, Any]:
    """All that the page says, for scripts. Times are ISO 8601 in UTC, dollars are texts."""
    attempts = selectors.attempts_of(job)
    cost, prices = cost_of(attempts, now), prices_of_live(attempts, now=now)
    waits = waits_now(job, now)
    return {
        **summary(job),
        **request_as_json(job),
        **dependencies.as_json(job=job, user=user),
        "stop_requested_at": job.stop_requested_at,
        "stop_reason": job.stop_reason,
        "explanation": explanation_of(job, attempts),
        "log_end": logs.end_as_json(logs.end_of(job, attempts, None)),
        "wait_reason": _wait_as_json(waits) if waits else None,
        "position_in_queue": position_of(job=job, now=now),
        "position_is_more_than": behind_at_least(job=job, now=now),
        "estimated_start": estimated_start(job=job, now=now),
        "needs": needs_as_json(needs_of(job, now)),
        "earlier_runs": runs_as_json(earlier_runs(job.definition)),
        "overrides": aws_request.overrides_in_words(aws_request.request_of(job)),
        "cost_usd": f"{cost.so_far_usd:f}",
        "idle_usd": f"{cost.idle_usd:f}",
        "saving_usd": f"{cost.saving_usd:f}",
        "checkpoint": checkpoints.as_json(job, checkpoint_of(job)),
        "attempts": [attempt_contexts.as_json(job, each, now, prices) for each in attempts],
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


def request_as_json(job: Job) -> dict[str, Any]:
    """What was asked for. Members by AWS's names are as it has them."""
    spec = job.spec
    return {
        "image": spec.image,
        "command": spec.command,
        "environment": spec.environment,
        "parameters": spec.parameters,
        "container": spec.container,
        "ecs_properties": spec.ecs_properties,
        "node_properties": spec.node_properties,
        "consumables": spec.consumables,
        "tags": spec.tags,
        "propagate_tags": spec.propagate_tags,
        "share_identifier": job.share_identifier,
        "scheduling_priority": job.scheduling_priority,
        "attempts_allowed": job.attempts_allowed,
        "evaluate_on_exit": job.evaluate_on_exit,
        "timeout_seconds": job.timeout_seconds,
        "rerun_of": ids.text_of(job.rerun_of_id) if job.rerun_of_id else None,
    }


def summary(job: Job) -> dict[str, Any]:
    """A job as lists of jobs give it: what its own row and its queue, definition and owner say.

    `id` is as AWS Batch writes it, for a child `<array>:<index>`; `uuid` is the same for every job.
    """
    return {
        "id": ids.text_of(job.pk),
        "uuid": str(job.pk),
        "name": job.name,
        "status": job.status,
        "status_reason": job.status_reason,
        "url": reverse("job", args=[job.pk]),
        "queue": job.queue.name,
        "definition": str(job.definition),
        "owner": job.owner.get_username(),
        "vcpus": resources.format_vcpus(job.milli_vcpus),
        "memory_mib": job.memory_mib,
        "gpus": job.gpus,
        "nodes": job.node_count,
        "array": _array_as_json(job),
        "created_at": job.created_at,
        "status_changed_at": job.status_changed_at,
        "started_at": job.started_at,
        "stopped_at": job.stopped_at,
        "exit_code": job.exit_code,
        "cost_usd": f"{job.cost_usd:f}",
    }


def _array_as_json(job: Job) -> dict[str, Any] | None:
    """AWS Batch's `arrayProperties`, in our words; None for a job that has nothing to do with an array."""
    if job.array_size is None:
        return None
    if job.parent_id is not None:
        return {"size": job.array_size, "index": job.array_index, "parent": str(job.parent_id)}
    return {"size": job.array_size, "status_summary": job.array_summary.counts()}


def _wait_as_json(reason: WaitReason) -> dict[str, Any]:
    return {"code": reason.code, "reason": reason.reason, "since": reason.since}
