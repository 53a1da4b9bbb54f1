"""Reaping: reading from the engine how containers ended, and ending their attempts with them."""

import logging
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from jobs import queueing
from jobs.domain import reasons
from jobs.engines.base import ContainerPhase, ContainerStatus, EngineUnreachable
from jobs.models import Attempt, Engine, NodeState
from jobs.services.writing.apart import Apart

from .belongings import remove_belongings
from .claim import is_claimed
from .connections import connection_to
from .containers import name_of
from .finish import AttemptOutcome, finish_attempts
from .interruptions import was_interrupted_first
from .reading import with_job_and
from .stopping import is_stopped_with_others

logger = logging.getLogger("batchweb.reap")

# How a container ends when its engine goes down under it: killed, asked to end, or lost track of.
EXIT_CODES_OF_A_LOST_HOST = frozenset({137, 143, 255})
# Clocks and heartbeats are coarser than a container's end.
GAP_MARGIN = timedelta(seconds=6)


NEEDED_TO_REAP = ("job__spec", "node__engine", "instance")
# Exits are read for so long, and then recorded in one transaction.
SLICE_SECONDS = 0.05
# After that, what is left goes to whichever worker is free.
SECONDS = 5.0


def reap_attempt(*, attempt_id: int, now: datetime) -> bool:
    """`reap_attempts` of one; whether it ended the attempt."""
    return bool(reap_attempts(attempt_ids=[attempt_id], now=now))


def reap_attempts(*, attempt_ids: Sequence[int], now: datetime) -> set[int]:
    """Ends those of the attempts whose containers have ended or are gone, and removes the containers.

    Safe to repeat; gives back which it ended.
    """
    live = Attempt.objects.filter(id__in=attempt_ids, ended_at__isnull=True).order_by("id")
    waiting = deque(with_job_and(live, NEEDED_TO_REAP, count=len(attempt_ids)))
    apart = Apart()
    until = time.monotonic() + SECONDS
    ended: list[Attempt] = []
    while waiting and time.monotonic() < until:
        outcomes = _read_outcomes(waiting, now, apart)
        finished = finish_attempts(outcomes=outcomes, now=now, apart=apart)
        ended += [attempt for attempt in outcomes if attempt.id in finished]
    queueing.enqueue_after_commit(queueing.REAP, [attempt.id for attempt in waiting])
    # At once, by who has all at hand. If this fails or dies here, the sweep does it.
    _remove_containers(ended, now, apart)
    apart.done()
    return {attempt.id for attempt in ended}


def _read_outcomes(
    waiting: deque[Attempt], now: datetime, apart: Apart
) -> dict[Attempt, AttemptOutcome]:
    """A slice of those that have ended, with how."""
    outcomes: dict[Attempt, AttemptOutcome] = {}
    until = time.monotonic() + SLICE_SECONDS
    while waiting and (not outcomes or time.monotonic() < until):
        attempt = waiting.popleft()
        with apart.each(attempt.id), _may_be_away(attempt, waiting):
            outcome = _outcome_of(attempt, now)
            if outcome is not None:
                outcomes[attempt] = outcome
    return outcomes


def _outcome_of(attempt: Attempt, now: datetime) -> AttemptOutcome | None:
    """None: it has not ended, as far as can be told. Raises EngineUnreachable."""
    engine = connection_to(attempt.node.engine)
    found = engine.inspect(attempt.container_id or name_of(attempt))
    if found is None:
        return _vanished(attempt, now)
    return _outcome(attempt, found) if found.phase is ContainerPhase.EXITED else None


def clean_up_attempt(*, attempt_id: int, now: datetime) -> None:
    """Removes the container of an ended attempt from its engine, and what it alone needed. Safe to repeat."""
    left_over = Attempt.objects.select_related("job__spec", "node__engine").filter(
        id=attempt_id, ended_at__isnull=False, removed_at__isnull=True
    )
    apart = Apart()
    _remove_containers(left_over, now, apart)
    apart.done()


def _remove_containers(attempts: Iterable[Attempt], now: datetime, apart: Apart) -> None:
    """The containers first, all of them, and then what they had together with others."""
    waiting = deque(attempts)
    removed: list[Attempt] = []
    until = time.monotonic() + SECONDS
    while waiting and (not removed or time.monotonic() < until):
        attempt = waiting.popleft()
        with apart.each(attempt.id), _may_be_away(attempt, waiting):
            connection_to(attempt.node.engine).remove(attempt.container_id or name_of(attempt))
            removed.append(attempt)
    queueing.enqueue_after_commit(queueing.CLEAN_UP, [attempt.id for attempt in waiting])
    if removed:
        Attempt.objects.filter(id__in=[each.id for each in removed]).update(removed_at=now)
    for attempt in removed:
        with apart.each(attempt.id), _may_be_away(attempt, waiting):
            remove_belongings(attempt=attempt, engine=connection_to(attempt.node.engine))


@contextmanager
def _may_be_away(attempt: Attempt, waiting: deque[Attempt]) -> Iterator[None]:
    """An engine that does not answer is not asked again for the others that wait; the sweep will."""
    try:
        yield
    except EngineUnreachable as error:
        logger.warning("attempt %s will be looked at again: %s", attempt.id, error)
        away = attempt.node.engine_id
        for other in [each for each in waiting if each.node.engine_id == away]:
            waiting.remove(other)


@dataclass(frozen=True, slots=True)
class _Cause:
    """Why a container ended: the status reason, what to say first, and whether it was ended on purpose."""

    status_reason: str
    explanation: str = ""
    on_purpose: bool = False


def _vanished(attempt: Attempt, now: datetime) -> AttemptOutcome | None:
    if not attempt.container_id:
        # Not created yet, or not recorded: the launch is still to come, unless its machine is gone.
        if attempt.node.state != NodeState.DOWN or is_claimed(attempt, now):
            return None
        return vanished(attempt, now)
    if attempt.started_at is None and is_claimed(attempt, now):
        # A launcher may have discarded it just now, to make his own in its place.
        return None
    return vanished(attempt, now)


def vanished(attempt: Attempt, now: datetime) -> AttemptOutcome:
    """How an attempt ended whose container is gone from the engine."""
    cause = _Cause(reasons.host_lost(attempt.host_id))
    if attempt.stop_signalled_at is not None:
        cause = _interrupted(attempt) or _stopped(attempt)
    gone = (
        "Its container is gone from the engine: it was removed by somebody else, "
        "or its machine was lost."
    )
    return AttemptOutcome(
        status_reason=cause.status_reason,
        explanation=f"{cause.explanation} {gone}".strip(),
        started_at=attempt.started_at,
        stopped_at=now if attempt.started_at else None,
        was_stopped=cause.on_purpose,
        may_retry=not cause.on_purpose,
    )


def _outcome(attempt: Attempt, found: ContainerStatus) -> AttemptOutcome:
    started_at = found.started_at or attempt.started_at
    stopped_at = found.finished_at or started_at
    exit_code = 0 if found.exit_code is None else found.exit_code
    cause = _cause(attempt, found, stopped_at)
    ending = reasons.explain_exit(
        exit_code=exit_code, oom_killed=found.oom_killed, memory_mib=attempt.memory_mib
    )
    if found.error and not cause.explanation:
        ending = f"{ending} The engine says: {found.error}"
    return AttemptOutcome(
        status_reason=cause.status_reason,
        reason=reasons.OUT_OF_MEMORY if found.oom_killed else "",
        explanation=f"{cause.explanation} {ending}".strip(),
        exit_code=exit_code,
        oom_killed=found.oom_killed,
        started_at=started_at,
        stopped_at=stopped_at,
        succeeded=found.exit_code == 0 and not cause.on_purpose,
        was_stopped=cause.on_purpose,
        may_retry=not cause.on_purpose,
    )


def _cause(attempt: Attempt, found: ContainerStatus, stopped_at: datetime | None) -> _Cause:
    exit_code = found.exit_code or 0
    if attempt.stop_signalled_at is not None:
        if was_interrupted_first(attempt) and not exit_code:
            # It made use of the notice: what it was to do is done.
            return _Cause(reasons.exited(essential=attempt.essential))
        return _interrupted(attempt) or _stopped(attempt)
    if not found.oom_killed and _lost_with_host(attempt.node.engine, exit_code, stopped_at):
        return _Cause(reasons.host_lost(attempt.host_id), "The engine went down while it ran.")
    if exit_code and stopped_at:
        if _is_at_or_after(stopped_at, attempt.interrupted_at) and (
            interrupted := _interrupted(attempt)
        ):
            return interrupted
        # It failed after a stop was due: a worker that dies between its signal and the record of it
        # leaves no more than that. (With exit code 0 it ended well, before any signal.)
        if _is_at_or_after(stopped_at, attempt.job.stop_requested_at) or _is_at_or_after(
            stopped_at, attempt.stop_asked_at
        ):
            return _stopped(attempt)
        if _is_at_or_after(stopped_at, attempt.deadline_at):
            return _timed_out(attempt)
    return _Cause(reasons.exited(essential=attempt.essential))


def _interrupted(attempt: Attempt) -> _Cause | None:
    """Its capacity was taken away, and it did not end well: it ends with its host. None if that was not first."""
    if not was_interrupted_first(attempt):
        return None
    said = reasons.explain_interruption(attempt.interruption_reason, has_run=True)
    return _Cause(reasons.host_lost(attempt.host_id), said)


def _stopped(attempt: Attempt) -> _Cause:
    if attempt.timed_out_at is not None:
        return _timed_out(attempt)
    if is_stopped_with_others(attempt):
        return _Cause(reasons.ESSENTIAL_EXITED, reasons.STOPPED_WITH_OTHERS, on_purpose=True)
    return _Cause(attempt.job.stop_reason, "It was asked to stop.", on_purpose=True)


def _timed_out(attempt: Attempt) -> _Cause:
    said = reasons.explain_time_out(attempt.job.timeout_seconds)
    return _Cause(reasons.TIMED_OUT, said, on_purpose=True)


def _is_at_or_after(at: datetime, due: datetime | None) -> bool:
    return due is not None and at >= due


def _lost_with_host(engine: Engine, exit_code: int, stopped_at: datetime | None) -> bool:
    """Whether the container was killed by its engine's restart, and not by anything of its own.

    A container that ends by itself with another exit code while the engine is down keeps it: the
    engine learns of it when it is back.
    """
    if exit_code not in EXIT_CODES_OF_A_LOST_HOST or not (engine.gap_from and engine.gap_until):
        return False
    if stopped_at is None:
        return True
    return engine.gap_from - GAP_MARGIN <= stopped_at <= engine.gap_until + GAP_MARGIN
