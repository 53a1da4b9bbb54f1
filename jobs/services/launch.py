"""Launching an attempt: claim, create, record, start, RUNNING.

Each step may be the last one that this process makes. What the next launcher finds then:
- nothing created: he creates;
- a container that was never started: he discards it and creates his own;
- a container that runs or has ended: he adopts it and starts nothing.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from jobs import queueing
from jobs.domain import names, reasons
from jobs.domain.states import JobStatus
from jobs.engines.base import (
    AlreadyStarted,
    CannotStart,
    ContainerPhase,
    ContainerSpec,
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

from .claim import claim, record_container, release_claim
from .connections import connection_to
from .finish import AttemptOutcome, finish_attempt
from .pulls import request_pull
from .transition import transition

logger = logging.getLogger("batchweb.launch")


@dataclass(frozen=True, slots=True)
class _Launch:
    attempt: Attempt
    engine: Engine
    token: str

    @property
    def name(self) -> str:
        return names.container_name(self.attempt.job_id, self.attempt.number)


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
    if attempt.job.stop_requested_at:
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
    except EngineError as error:
        _end_refused(launch, error)
    else:
        mark_running(attempt=attempt, now=timezone.now())


def _create(launch: _Launch) -> str | None:
    """The id of a container that is ours to start; None if there is nothing left to start."""
    try:
        container_id = launch.engine.create(_spec(launch))
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
            container_id = launch.engine.create(_spec(launch))
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
    # Its time limit counts from its true start; a clock of the engine that is ahead must not extend it.
    mark_running(attempt=attempt, now=now, started_at=min(found.started_at or now, now))
    # It may have ended unseen: the reap looks, and does nothing if it still runs.
    queueing.enqueue_after_commit(queueing.REAP, [attempt.id])


def mark_running(*, attempt: Attempt, now: datetime, started_at: datetime | None = None) -> None:
    """Writes RUNNING, and from when to when it may run. If a stop was asked for meanwhile, it is
    handed over now. `started_at` is the container's start, if that was not just now.

    Nothing is written if the attempt has ended meanwhile: its job may be STARTING again, but then that
    is another attempt's start.
    """
    started_at = started_at or now
    limit = attempt.job.timeout_seconds
    with transaction.atomic():
        # The attempt first, as `finish_attempt` does: so one of the two waits for the other.
        live = Attempt.objects.filter(
            id=attempt.id, ended_at__isnull=True, started_at__isnull=True
        ).update(
            started_at=started_at,
            deadline_at=started_at + timedelta(seconds=limit) if limit else None,
        )
        if not live:
            return
        transition(
            job_ids=[attempt.job_id],
            old=JobStatus.STARTING,
            new=JobStatus.RUNNING,
            now=now,
            attempt_number=attempt.number,
            started_at=started_at,
        )
        if Job.objects.filter(id=attempt.job_id, stop_requested_at__isnull=False).exists():
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
    finish_attempt(
        attempt=launch.attempt,
        outcome=AttemptOutcome(
            status_reason=launch.attempt.job.stop_reason,
            explanation="It was stopped before its container was started.",
        ),
        now=now,
    )
    queueing.enqueue_after_commit(queueing.CLEAN_UP, [launch.attempt.id])


def _end_refused(launch: _Launch, error: EngineError) -> None:
    """The engine refused for good: the attempt ends here, and its rules decide about another.

    None is made of a definition that the engine never accepts.
    """
    reason = reasons.cannot_start(str(error))
    found = launch.engine.inspect(launch.name)
    finish_attempt(
        attempt=launch.attempt,
        outcome=AttemptOutcome(
            status_reason=reason,
            reason=reason,
            explanation=reasons.explain_refusal(
                str(error), is_the_command=isinstance(error, CannotStart)
            ),
            exit_code=found.exit_code if found else None,
            may_retry=not isinstance(error, InvalidSpec),
        ),
        now=timezone.now(),
    )
    queueing.enqueue_after_commit(queueing.CLEAN_UP, [launch.attempt.id])


def _spec(launch: _Launch) -> ContainerSpec:
    attempt = launch.attempt
    job = attempt.job
    own = {pair["name"]: pair["value"] for pair in job.environment}
    return ContainerSpec(
        name=launch.name,
        image=attempt.image,
        command=job.command,
        environment={
            **own,
            "AWS_BATCH_JOB_ID": str(job.id),
            "AWS_BATCH_JOB_ATTEMPT": str(attempt.number),
            "AWS_BATCH_JQ_NAME": job.queue.name,
            "AWS_BATCH_CE_NAME": attempt.environment.name,
        },
        milli_vcpus=attempt.milli_vcpus,
        memory_mib=attempt.memory_mib,
        network=names.network_name(settings.BATCHWEB_INSTALLATION, attempt.environment_id),
        labels={names.LABEL_JOB: str(job.id), names.LABEL_ATTEMPT: str(attempt.id)},
        pids_limit=settings.BATCHWEB_PIDS_LIMIT,
        binds=settings.BATCHWEB_BINDS,
    )
