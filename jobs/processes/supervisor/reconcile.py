"""Compares what the database says lives with what the engine says runs. Pure: gives a plan."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from jobs.domain.names import LABEL_ATTEMPT
from jobs.domain.numbers import is_whole
from jobs.engines.base import ContainerPhase, ContainerStatus
from jobs.selectors.supervision import LiveAttempt

# A launch that is under way is left alone for so long.
LAUNCH_TAKES = timedelta(seconds=15)


@dataclass(frozen=True, slots=True)
class Found:
    """A container of a live attempt. `container_id` may be of one that is gone from the engine."""

    container_id: str
    attempt: LiveAttempt


@dataclass(slots=True)
class Plan:
    """What to do. `strangers` are containers that belong to no live attempt."""

    running: list[Found] = field(default_factory=list)
    ended: list[Found] = field(default_factory=list)
    to_launch: list[int] = field(default_factory=list)
    strangers: list[ContainerStatus] = field(default_factory=list)


def plan(
    attempts: Sequence[LiveAttempt], containers: Sequence[ContainerStatus], now: datetime
) -> Plan:
    """`attempts` must have been read before `containers`: then a container that was recorded but is
    not listed is really gone.

    - A container that runs is to be followed. If its job is still STARTING and no launch is under way,
      a launcher died after starting it: another launch adopts it.
    - One that has ended, or is gone, is an exit to hand on.
    - An attempt without a container waits for its launch: that is the sweep's to see to.
    """
    result = Plan()
    live = {attempt.id: attempt for attempt in attempts}
    seen: set[int] = set()
    for container in containers:
        attempt = live.get(attempt_of(container.labels) or 0)
        if attempt is None:
            result.strangers.append(container)
            continue
        seen.add(attempt.id)
        if container.phase is ContainerPhase.EXITED:
            result.ended.append(Found(container.id, attempt))
        elif container.phase is ContainerPhase.RUNNING:
            result.running.append(Found(container.id, attempt))
            if attempt.starting and not _launching(attempt, now):
                result.to_launch.append(attempt.id)
    result.ended += [
        Found(attempt.container_id, attempt)
        for attempt in attempts
        # A launcher who takes over discards what he finds, and makes his own container.
        if attempt.container_id
        and attempt.id not in seen
        and not (attempt.starting and _launching(attempt, now))
    ]
    return result


def attempt_of(labels: Mapping[str, str]) -> int | None:
    """The attempt's id on a container's labels; None if there is none that makes sense."""
    text = labels.get(LABEL_ATTEMPT, "")
    return int(text) if is_whole(text) else None


def _launching(attempt: LiveAttempt, now: datetime) -> bool:
    return attempt.launch_claimed_at is not None and now - attempt.launch_claimed_at < LAUNCH_TAKES
