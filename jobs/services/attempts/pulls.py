"""Image pulls: one at a time per engine, image and login, whatever number of attempts waits for it."""

import logging
import time
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from jobs import changes, queueing
from jobs.domain import reasons
from jobs.domain.registries import repository_of
from jobs.engines.base import EngineError, EngineUnreachable, PullProgress, PullRefused
from jobs.models import Attempt, Engine, ImagePull, ImagePullStatus

from . import registry_access
from .claim import unlaunched
from .connections import connection_to
from .finish import AttemptOutcome, finish_attempt
from .registry_access import LoginGone, LoginUnreadable, Used, accesses_of, repository_for

logger = logging.getLogger("batchweb.pulls")

# A pull writes its progress far more often than this; one that is silent for longer has died.
SILENT_AFTER = timedelta(seconds=60)
PROGRESS_SECONDS = 0.5


def request_pull(*, engine: Engine, image: str, login: str, now: datetime) -> None:
    """Hands the pull to a worker unless one is at it. `login`: a key of `registry_access`."""
    with transaction.atomic():
        pull, created = ImagePull.objects.select_for_update().get_or_create(
            engine=engine,
            image=image,
            login=login,
            defaults={
                "status": ImagePullStatus.PULLING,
                "detail": "Waiting for the pull to begin.",
                "started_at": now,
                "updated_at": now,
            },
        )
        if not created:
            if is_going_on(pull, now):
                return
            pull.status = ImagePullStatus.PULLING
            pull.detail = "Waiting for the pull to begin."
            pull.bytes_done = pull.bytes_total = 0
            pull.started_at = pull.updated_at = now
            pull.save()
        queueing.enqueue_after_commit(queueing.PULL, [pull.id])
        changes.publish([changes.PULLS])


def is_going_on(pull: ImagePull, now: datetime) -> bool:
    """Whether a worker is (or was a moment ago) at this pull."""
    return pull.status == ImagePullStatus.PULLING and now - pull.updated_at < SILENT_AFTER


def pull_image(*, pull_id: int) -> None:
    """Pulls the image and lets the attempts that wait for it go on, or ends them with the reason."""
    pull = ImagePull.objects.select_related("engine").filter(id=pull_id).first()
    if pull is None or pull.status != ImagePullStatus.PULLING:
        return
    try:
        used = registry_access.read_login(key=pull.login, image=pull.image, now=timezone.now())
    except LoginGone:
        # Who waited for it has another login by now, or none.
        _close(pull, ImagePullStatus.FAILED, "The login was deleted.", proven="")
        _launch(_waiting_for(pull))
    except LoginUnreadable as error:
        reason, explanation = registry_access.registry_auth_unavailable(str(error))
        _close(pull, ImagePullStatus.FAILED, str(error), proven="")
        _end_waiting(pull, reason, explanation)
    else:
        _pull_with(pull, used)


def _pull_with(pull: ImagePull, used: Used) -> None:
    try:
        connection_to(pull.engine).pull(pull.image, _Progress(pull), used.login)
    except EngineUnreachable as error:
        # Not the image's fault: the attempts stay, and the sweep asks for the pull again.
        _close(pull, ImagePullStatus.FAILED, str(error))
    except PullRefused as error:
        advice = reasons.login_refused(used.what) if used.what else _login_needed(pull)
        _close(pull, ImagePullStatus.FAILED, str(error), proven="")
        _end_waiting(
            pull,
            reasons.cannot_pull(pull.image, str(error), advice),
            reasons.explain_refused_pull(pull.image, used.what),
        )
    except EngineError as error:
        _close(pull, ImagePullStatus.FAILED, str(error))
        _end_waiting(
            pull,
            reasons.cannot_pull(pull.image, str(error)),
            f"The image {pull.image} could not be pulled. Check its name and tag, "
            "and that the registry can be reached from the machine.",
        )
    else:
        come = repository_for(pull.image, pull.login)
        _close(pull, ImagePullStatus.DONE, "Pulled.", proven=used.version, repository=come)
        _launch(_waiting_for(pull))


def _login_needed(pull: ImagePull) -> str:
    return reasons.login_needed(repository_of(pull.image))


class _Progress:
    """Writes a pull's progress down, but not more often than somebody could read it."""

    def __init__(self, pull: ImagePull) -> None:
        self._pull_id = pull.id
        self._last = float("-inf")

    def __call__(self, progress: PullProgress) -> None:
        monotonic = time.monotonic()
        if monotonic - self._last < PROGRESS_SECONDS:
            return
        self._last = monotonic
        ImagePull.objects.filter(id=self._pull_id).update(
            detail=progress.detail,
            bytes_done=progress.bytes_done,
            bytes_total=progress.bytes_total,
            updated_at=timezone.now(),
        )
        changes.publish([changes.PULLS])


def _close(pull: ImagePull, status: ImagePullStatus, detail: str, **told: str) -> None:
    """Ends the pull. `told`: whose it is now known to be (`proven`), and what has come with a login (`repository`)."""
    ImagePull.objects.filter(id=pull.id).update(
        status=status, detail=detail, updated_at=timezone.now(), **told
    )
    changes.publish([changes.PULLS])


def _waiting_for(pull: ImagePull) -> list[Attempt]:
    """All that wait for the image there, whatever login they have."""
    return list(
        unlaunched()
        .filter(container_id="", node__engine_id=pull.engine_id, image=pull.image)
        .select_related("job__spec")
        .order_by("id")
    )


def _launch(attempts: Sequence[Attempt]) -> None:
    queueing.enqueue_after_commit(queueing.LAUNCH, [attempt.id for attempt in attempts])


def _end_waiting(pull: ImagePull, reason: str, explanation: str) -> None:
    """Ends those that wait with this login. The others' launch sees to theirs: their login may be a new one."""
    waiting = _waiting_for(pull)
    accesses = accesses_of(waiting)
    ended: list[Attempt] = []
    others: list[Attempt] = []
    for attempt in waiting:
        (ended if accesses[attempt.id].key == pull.login else others).append(attempt)
    for attempt in ended:
        finish_attempt(
            attempt=attempt,
            outcome=AttemptOutcome(status_reason=reason, reason=reason, explanation=explanation),
            now=timezone.now(),
        )
    queueing.enqueue_after_commit(queueing.CLEAN_UP, [attempt.id for attempt in ended])
    _launch(others)
