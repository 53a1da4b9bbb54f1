"""Launching attempts: claim, create, record, start, RUNNING.

Each step may be the last one that this process makes. What the next launcher finds then:
- nothing created: he creates;
- a container on record that is gone: it may have run, so the attempt ends as lost;
- a container that was never started: he discards it and creates his own;
- a container that runs or has ended: he adopts it and starts nothing.

Attempts that are launched together take these steps together, in slices of time: as many containers as
are created in a slice are recorded in one statement, and as many as start in one become RUNNING in one
transaction. So an engine that is quick costs few transactions, and one that is slow holds up nobody.
"""

import logging
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from jobs import queueing
from jobs.domain import reasons
from jobs.engines.base import (
    AlreadyStarted,
    CannotStart,
    ContainerPhase,
    ContainerStatus,
    Engine,
    EngineError,
    EngineUnreachable,
    ImageMissing,
    InvalidSpec,
    NameTaken,
    NoSuchContainer,
)
from jobs.models import Attempt
from jobs.services.writing.apart import Apart

from .checkpoints import remember as remember_checkpoint
from .claim import claim, forget_container, record_containers, release_claim
from .connections import connection_to
from .containers import CannotPrepare, container_spec, name_of
from .finish import AttemptOutcome, finish_attempt
from .interruptions import ended_unlaunched
from .pulls import request_pull
from .reap import vanished
from .registry_access import Access, accesses_of, registry_auth_unavailable, to_be_pulled
from .running import mark_all_running, mark_running

logger = logging.getLogger("batchweb.launch")

SLICE_SECONDS = 0.05
# After that, what is left goes to whichever worker is free. Shorter than a claim lasts.
SECONDS = 5.0


class _TryLater(Exception):
    """It cannot be launched just now, for a reason of its own."""


@dataclass(frozen=True, slots=True, eq=False)
class _Launch:
    attempt: Attempt
    engine: Engine
    token: str

    @property
    def name(self) -> str:
        return name_of(self.attempt)


def launch_attempt(*, attempt_id: int, now: datetime) -> None:
    """`launch_attempts` of one."""
    launch_attempts(attempt_ids=[attempt_id], now=now)


def launch_attempts(*, attempt_ids: Sequence[int], now: datetime) -> None:
    """Starts the attempts' containers unless somebody else does. Safe to repeat at any time.

    An engine that cannot be reached leaves its attempts as they are: the sweep hands them over again.
    """
    token, attempts = claim(attempt_ids=attempt_ids, now=now)
    if attempts:
        _Launcher(token, attempts, now).run()


class _Launcher:
    """The holder of one claim, for the attempts that he got."""

    def __init__(self, token: str, attempts: Sequence[Attempt], now: datetime) -> None:
        self._token = token
        self._now = now
        self._waiting = deque(
            _Launch(attempt, connection_to(attempt.node.engine), token) for attempt in attempts
        )
        self._apart = Apart()
        # Of those that were found to be away, the others of their attempts are not tried.
        self._away: set[Engine] = set()

    def run(self) -> None:
        until = time.monotonic() + SECONDS
        while self._waiting and time.monotonic() < until:
            self._start(self._record(self._create()))
        left = [launch.attempt.id for launch in self._waiting]
        if left:
            release_claim(attempt_ids=left, token=self._token)
            queueing.enqueue_after_commit(queueing.LAUNCH, left)
        self._apart.done()

    def _create(self) -> dict[_Launch, str]:
        """A slice of containers that are ours to start, once they are recorded."""
        created: dict[_Launch, str] = {}
        # Their images may lie on the machine, but not for them. Asked for each slice: a pull by somebody else takes
        # longer than that, so none is overlooked.
        until = time.monotonic() + SLICE_SECONDS
        private = to_be_pulled([launch.attempt for launch in self._waiting])
        is_first = True
        while self._waiting and (is_first or time.monotonic() < until):
            is_first = False
            launch = self._waiting.popleft()
            if self._is_away(launch):
                continue
            with self._each(launch):
                if _is_lost(launch):
                    _end(launch, vanished(launch.attempt, self._now), self._now)
                elif _is_to_stop(launch.attempt):
                    _end_unlaunched(launch, self._now)
                elif access := private.get(launch.attempt.id):
                    self._pull(launch, access)
                elif container_id := _create(launch):
                    created[launch] = container_id
        return created

    def _record(self, created: dict[_Launch, str]) -> dict[_Launch, str]:
        """Those that were recorded under our token. Who was replaced discards his own."""
        if not created:
            return {}
        ours: dict[_Launch, str] = {}
        with self._together(created):
            recorded = record_containers(
                token=self._token,
                container_ids={launch.attempt.id: id_ for launch, id_ in created.items()},
            )
            for launch, container_id in created.items():
                if launch.attempt.id in recorded:
                    ours[launch] = container_id
                    continue
                with self._apart.each(launch.attempt.id):
                    launch.engine.discard(container_id)
        return ours

    def _start(self, recorded: dict[_Launch, str]) -> None:
        started: dict[_Launch, str] = {}
        until = time.monotonic() + SLICE_SECONDS
        for launch, container_id in recorded.items():
            if self._is_away(launch):
                continue
            with self._each(launch):
                launch.engine.start(container_id)
                started[launch] = _address(launch, container_id)
            if started and time.monotonic() >= until:
                self._mark_running(started)
                started, until = {}, time.monotonic() + SLICE_SECONDS
        if started:
            self._mark_running(started)

    def _mark_running(self, started: dict[_Launch, str]) -> None:
        addresses = {launch.attempt: address for launch, address in started.items()}
        with self._together(started):
            mark_all_running(addresses=addresses, now=timezone.now())

    @contextmanager
    def _together(self, launches: Iterable[_Launch]) -> Iterator[None]:
        """A step of several: if it fails, the next launcher may go ahead with all of them at once."""
        ids = [launch.attempt.id for launch in launches]
        done = False
        with self._apart.each(*ids):
            yield
            done = True
        if not done:
            release_claim(attempt_ids=ids, token=self._token)

    @contextmanager
    def _each(self, launch: _Launch) -> Iterator[None]:
        """What becomes of a launch that fails; the others go on."""
        attempt = launch.attempt
        with self._apart.each(attempt.id), self._later_if_away(launch):
            try:
                yield
            except ImageMissing:
                self._pull(launch, accesses_of([attempt])[attempt.id])
            except NoSuchContainer:
                logger.info("attempt %s: another launcher took over", attempt.id)
            except EngineUnreachable:
                raise
            except (EngineError, CannotPrepare) as error:
                _end_refused(launch, error)

    def _pull(self, launch: _Launch, access: Access) -> None:
        """Has its image pulled with its login; the pull's end launches it again."""
        attempt = launch.attempt
        if access.problem:
            reason, explanation = registry_auth_unavailable(access.problem)
            _end_refused(
                launch, CannotPrepare(reason=reason, explanation=explanation, may_retry=True)
            )
            return
        release_claim(attempt_ids=[attempt.id], token=self._token)
        request_pull(
            engine=attempt.node.engine, image=attempt.image, login=access.key, now=self._now
        )

    @contextmanager
    def _later_if_away(self, launch: _Launch) -> Iterator[None]:
        try:
            yield
        except (EngineUnreachable, _TryLater) as error:
            logger.warning(
                "attempt %s not launched, will be tried again: %s", launch.attempt.id, error
            )
            release_claim(attempt_ids=[launch.attempt.id], token=self._token)
            if isinstance(error, EngineUnreachable):
                self._away.add(launch.engine)

    def _is_away(self, launch: _Launch) -> bool:
        """Whether its engine did not answer a moment ago; then it is left for later."""
        if launch.engine not in self._away:
            return False
        release_claim(attempt_ids=[launch.attempt.id], token=self._token)
        return True


def _is_to_stop(attempt: Attempt) -> bool:
    asked = attempt.job.stop_requested_at or attempt.stop_asked_at
    return asked is not None or attempt.interrupted_at is not None


def _address(launch: _Launch, container_id: str) -> str:
    """Where the other nodes of its job find it, if there are others."""
    if launch.attempt.job.node_count == 1:
        return ""
    found = launch.engine.inspect(container_id)
    return found.address if found else ""


def _create(launch: _Launch) -> str | None:
    """The id of a container that is ours to start; None if there is nothing left to start."""
    remember_checkpoint(attempt=launch.attempt, now=timezone.now())
    try:
        return launch.engine.create(container_spec(launch.attempt))
    except NameTaken:
        found = launch.engine.inspect(launch.name)
        if found is None:
            raise _TryLater(f"{launch.name} is being removed") from None
        if not _discard(launch, found):
            return None
        try:
            return launch.engine.create(container_spec(launch.attempt))
        except NameTaken:
            # Another launcher made his own at the same moment, or the old one is not gone yet.
            raise _TryLater(f"{launch.name} is being removed") from None


def _is_lost(launch: _Launch) -> bool:
    """Whether a launcher before recorded a container that is gone: then it may have run, and is not made anew."""
    container_id = launch.attempt.container_id
    return bool(container_id) and launch.engine.inspect(container_id) is None


def _discard(launch: _Launch, found: ContainerStatus) -> bool:
    """Removes what a launcher before created and never started. If it was started, it is adopted."""
    if found.phase is ContainerPhase.CREATED:
        if not forget_container(attempt_id=launch.attempt.id, token=launch.token):
            return False
        try:
            launch.engine.discard(found.id)
        except AlreadyStarted:
            pass
        else:
            return True
    _adopt(launch, found)
    return False


def _adopt(launch: _Launch, found: ContainerStatus) -> None:
    """The container was started by a launcher who did not live to say so."""
    attempt = launch.attempt
    if not record_containers(token=launch.token, container_ids={attempt.id: found.id}):
        return
    now = timezone.now()
    mark_running(
        attempt=attempt,
        now=now,
        # Its time limit counts from its true start; an engine's clock that is ahead must not extend it.
        started_at=min(found.started_at or now, now),
        address=found.address,
    )
    # It may have ended unseen: the reap looks, and does nothing if it still runs.
    queueing.enqueue_after_commit(queueing.REAP, [attempt.id])


def _end_unlaunched(launch: _Launch, now: datetime) -> None:
    """A stop was asked for before anything ran. A leftover of an earlier launcher may run, though."""
    found = launch.engine.inspect(launch.name)
    if found is None or _discard(launch, found):
        _end(launch, ended_unlaunched(launch.attempt), now)


def _end_refused(launch: _Launch, error: EngineError | CannotPrepare) -> None:
    """It was refused for good: the attempt ends here, and its rules decide about another."""
    _end(launch, _refusal(launch, error), timezone.now())


def _end(launch: _Launch, outcome: AttemptOutcome, now: datetime) -> None:
    finish_attempt(attempt=launch.attempt, outcome=outcome, now=now)
    queueing.enqueue_after_commit(queueing.CLEAN_UP, [launch.attempt.id])


def _refusal(launch: _Launch, error: EngineError | CannotPrepare) -> AttemptOutcome:
    if isinstance(error, CannotPrepare):
        return AttemptOutcome(
            status_reason=error.reason,
            reason=error.reason,
            explanation=error.explanation,
            may_retry=error.may_retry,
        )
    reason = reasons.cannot_start(str(error))
    found = launch.engine.inspect(launch.name)
    return AttemptOutcome(
        status_reason=reason,
        reason=reason,
        explanation=reasons.explain_refusal(
            str(error), is_the_command=isinstance(error, CannotStart)
        ),
        exit_code=found.exit_code if found else None,
        # None is made of a definition that the engine never accepts.
        may_retry=not isinstance(error, InvalidSpec),
    )
