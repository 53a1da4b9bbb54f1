"""Launching an attempt: claim, create, record, start, RUNNING.

Each step may be the last one that this process makes. What the next launcher finds then:
- nothing created: he creates;
- a container that was never started: he discards it and creates his own;
- a container that runs or has ended: he adopts it and starts nothing.
"""

import logging
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from jobs import queueing
from jobs.domain import reasons
from jobs.domain.states import JobStatus
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
from jobs.models import Attempt, Job
from jobs.selectors.plans import is_group

from . import groups
from .claim import claim, record_container, release_claim
from .connections import connection_to
from .containers import CannotPrepare, container_spec, name_of
from .finish import AttemptOutcome, finish_attempt, stopped_unlaunched
from .pulls import request_pull
from .transition import announce
from .tries import begin_try, deadline_of, lock_job

logger = logging.getLogger("batchweb.launch")


@dataclass(frozen=True, slots=True)
class _Launch:
    attempt: Attempt
    engine: Engine
    token: str

    @property
    def name(self) -> str:
        return name_of(self.attempt)


def launch_attempt(*, attempt_id: int, now: datetime) -> None:
    """Starts the attempt's container unless somebody else does. Safe to repeat at any time.

    An engine that cannot be reached leaves the attempt as it is: the sweep hands it over again.
    """
    token = claim(attempt_id=attempt_id, now=now)
    if not token:
        return
    attempt = Attempt.objects.select_related(
        "job__queue", "job__spec", "environment", "node__engine"
    ).get(id=attempt_id)
    launch = _Launch(attempt, connection_to(attempt.node.engine), token)
    try:
        _launch(launch, now)
    except EngineUnreachable as error:
        logger.warning("attempt %s not launched, will be tried again: %s", attempt_id, error)
        release_claim(attempt_id=attempt_id, token=token)


def _launch(launch: _Launch, now: datetime) -> None:
    attempt = launch.attempt
    if attempt.job.stop_requested_at or attempt.stop_asked_at:
        _end_unlaunched(launch, now)
        return
    try:
        container_id = _create(launch)
        if container_id is None:
            return
        launch.engine.start(container_id)
    except ImageMissing:
        release_claim(attempt_id=attempt.id, token=launch.token)
        request_pull(engine=attempt.node.engine, image=attempt.image, now=now)
    except NoSuchContainer:
        logger.info("attempt %s: another launcher took over", attempt.id)
    except EngineUnreachable:
        raise
    except (EngineError, CannotPrepare) as error:
        _end_refused(launch, error)
    else:
        mark_running(attempt=attempt, now=timezone.now(), address=_address(launch, container_id))


def _address(launch: _Launch, container_id: str) -> str:
    """Where the other nodes of its job find it, if there are others."""
    if launch.attempt.job.node_count == 1:
        return ""
    found = launch.engine.inspect(container_id)
    return found.address if found else ""


def _create(launch: _Launch) -> str | None:
    """The id of a container that is ours to start; None if there is nothing left to start."""
    try:
        container_id = launch.engine.create(container_spec(launch.attempt))
    except NameTaken:
        found = launch.engine.inspect(launch.name)
        if found is None:
            raise EngineUnreachable(f"{launch.name} is being removed") from None
        if found.phase is not ContainerPhase.CREATED:
            _adopt(launch, found)
            return None
        try:
            launch.engine.discard(found.id)
        except AlreadyStarted:
            _adopt(launch, found)
            return None
        try:
            container_id = launch.engine.create(container_spec(launch.attempt))
        except NameTaken:
            # Another launcher made his own at the same moment, or the old one is not gone yet.
            raise EngineUnreachable(f"{launch.name} is being removed") from None
    if record_container(
        attempt_id=launch.attempt.id, token=launch.token, container_id=container_id
    ):
        return container_id
    launch.engine.discard(container_id)
    return None


def _adopt(launch: _Launch, found: ContainerStatus) -> None:
    """The container was started by a launcher who did not live to say so."""
    attempt = launch.attempt
    if not record_container(attempt_id=attempt.id, token=launch.token, container_id=found.id):
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


def mark_running(
    *, attempt: Attempt, now: datetime, started_at: datetime | None = None, address: str = ""
) -> None:
    """Writes that the container runs, and from when to when it may. If a stop was asked for meanwhile, it
    is handed over now. `started_at` is the container's start, if that was not just now.

    Nothing is written if the attempt has ended meanwhile: its job may be STARTING again, but then that
    is another attempt's start.
    """
    started_at = started_at or now
    with transaction.atomic():
        job = lock_job(attempt.job_id)
        job.spec = attempt.job.spec
        grouped = is_group(job)
        values: dict[str, object] = {"started_at": started_at, "address": address or None}
        if not grouped:
            values["deadline_at"] = deadline_of(job, started_at)
        live = Attempt.objects.filter(
            id=attempt.id, ended_at__isnull=True, started_at__isnull=True
        ).update(**values)
        if not live:
            return
        if job.stop_requested_at:
            queueing.enqueue_after_commit(queueing.STOP, [attempt.id])
        if grouped:
            _mark_one_of_several(job, attempt, started_at, now)
        else:
            begin_try(job=job, number=attempt.number, started_at=started_at, now=now)


def _mark_one_of_several(job: Job, attempt: Attempt, started_at: datetime, now: datetime) -> None:
    if job.status == JobStatus.STARTING:
        groups.begin(job=job, attempt=attempt, started_at=started_at, now=now)
    else:
        announce([job.id])
    groups.advance(job=job, number=attempt.number, now=now)
    if Attempt.objects.filter(id=attempt.id, stop_asked_at__isnull=False).exists():
        queueing.enqueue_after_commit(queueing.STOP, [attempt.id])


def _end_unlaunched(launch: _Launch, now: datetime) -> None:
    """A stop was asked for before anything ran. A leftover of an earlier launcher may run, though."""
    found = launch.engine.inspect(launch.name)
    if found is not None:
        if found.phase is not ContainerPhase.CREATED:
            _adopt(launch, found)
            return
        try:
            launch.engine.discard(found.id)
        except AlreadyStarted:
            _adopt(launch, found)
            return
    finish_attempt(attempt=launch.attempt, outcome=stopped_unlaunched(launch.attempt), now=now)
    queueing.enqueue_after_commit(queueing.CLEAN_UP, [launch.attempt.id])


def _end_refused(launch: _Launch, error: EngineError | CannotPrepare) -> None:
    """It was refused for good: the attempt ends here, and its rules decide about another."""
    finish_attempt(attempt=launch.attempt, outcome=_refusal(launch, error), now=timezone.now())
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
