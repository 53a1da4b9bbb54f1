"""Finds in the database what was left undone, and hands it over again.

Hand-overs travel through Redis and are carried out by workers; both may die at any moment. Whatever
they should have done still stands in the database as not done. Repeating costs little, because every
task is idempotent, but a busy machine must not be buried under repetitions: a hand-over
is repeated once its queue is empty (so it is truly lost) or after a long while.
"""

from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from jobs import queueing
from jobs.domain.states import PLACED
from jobs.models import (
    Attempt,
    BulkAction,
    EngineStatus,
    ImagePull,
    ImagePullStatus,
    Node,
    NodeState,
    RegistryLogin,
)
from jobs.services.attempts.claim import CLAIM_SECONDS, unlaunched
from jobs.services.attempts.job_credentials import forget_credentials
from jobs.services.attempts.pulls import SILENT_AFTER, request_pull
from jobs.services.attempts.stopping import (
    due_interruption_kills,
    due_kills,
    due_time_outs,
    unheard_interruptions,
)
from jobs.services.checkpoints import sweep_checkpoints
from jobs.services.costs.right_sizing import hand_over_stale
from jobs.services.requests.once import forget_sent_forms

LOST_AFTER = timedelta(seconds=10)
LONG_AFTER = timedelta(seconds=45)
CLEAN_UP_AFTER = timedelta(seconds=30)
# Some engines in turn, of which each waits for a registry that does not answer.
CHECKS_LOST_AFTER = timedelta(minutes=2)
PORTION = 500


def sweep(*, now: datetime) -> int:
    """Hands over again what seems lost, and forgets what nobody needs any more; how many hand-overs."""
    forget_credentials(now=now)
    forget_sent_forms(now=now)
    found = 0
    for task, attempts, order in (
        (queueing.STOP, due_kills(now), ("stop_signalled_at",)),
        (queueing.STOP, _untold_time_outs(now), ("deadline_at",)),
        (queueing.STOP, _unheard_stops(now), ("node_id",)),
        (queueing.STOP, _unheard_ends_of_others(now), ("stop_asked_at",)),
        (queueing.STOP, due_interruption_kills(now), ("interruption_kill_at",)),
        (
            queueing.STOP,
            unheard_interruptions(now, patience=_patience_with_stops()),
            ("interruption_kill_at",),
        ),
        (queueing.REAP, _on_lost_machines(), ("node_id",)),
        (queueing.LAUNCH, _stuck_launches(now), ("node_id",)),
        (queueing.CLEAN_UP, _left_over_containers(now), ("removed_at", "ended_at")),
    ):
        # In the order of an index of what is live or due: in that of their making, SQLite would read all
        # attempts ever made.
        ids = list(attempts.order_by(*order).values_list("id", flat=True)[:PORTION])
        queueing.enqueue_after_commit(task, ids)
        found += len(ids)
    found += sweep_checkpoints(now=now)
    found += hand_over_stale(now=now)
    return found + _revive_bulk_actions(now) + _revive_pulls(now) + _revive_checks(now)


def _stuck_launches(now: datetime) -> QuerySet[Attempt]:
    """May start, on an engine that answers, and no launcher is at it; except what waits for an image."""
    patience = LOST_AFTER if queueing.is_idle(queueing.LAUNCH) else LONG_AFTER
    unclaimed = Q(launch_token="", placed_at__lt=now - patience)
    stale = Q(launch_claimed_at__lt=now - timedelta(seconds=CLAIM_SECONDS) - patience)
    pulling = ImagePull.objects.filter(status=ImagePullStatus.PULLING).values_list(
        "engine_id", "image"
    )
    attempts = unlaunched().filter(unclaimed | stale, node__engine__status=EngineStatus.CONNECTED)
    for engine_id, image in pulling:
        attempts = attempts.exclude(
            node__engine_id=engine_id,
            image=image,
            job__stop_requested_at__isnull=True,
            stop_asked_at__isnull=True,
            interrupted_at__isnull=True,
        )
    return attempts


def _untold_time_outs(now: datetime) -> QuerySet[Attempt]:
    """At once when the time limit is over; after that only what seems lost."""
    due = due_time_outs(now)
    if queueing.is_idle(queueing.STOP):
        return due
    return due.filter(
        Q(deadline_at__gt=now - LOST_AFTER) | Q(deadline_at__lt=now - LONG_AFTER),
    )


def _patience_with_stops() -> timedelta:
    return LOST_AFTER if queueing.is_idle(queueing.STOP) else LONG_AFTER


def _unheard_stops(now: datetime) -> QuerySet[Attempt]:
    """Asked to stop, but its container was sent no signal yet."""
    return Attempt.objects.filter(
        ended_at__isnull=True,
        stop_signalled_at__isnull=True,
        job__status__in=PLACED,
        job__stop_requested_at__lt=now - _patience_with_stops(),
        node__engine__status=EngineStatus.CONNECTED,
    )


def _unheard_ends_of_others(now: datetime) -> QuerySet[Attempt]:
    """To stop because of another container's end, but sent no signal yet."""
    return Attempt.objects.filter(
        ended_at__isnull=True,
        stop_signalled_at__isnull=True,
        stop_asked_at__lt=now - _patience_with_stops(),
        node__engine__status=EngineStatus.CONNECTED,
    )


def _on_lost_machines() -> QuerySet[Attempt]:
    """Of machines that their engine, which answers, has no more; looked at again while they live."""
    down = Node.objects.filter(state=NodeState.DOWN, engine__status=EngineStatus.CONNECTED)
    node_ids = list(down.values_list("id", flat=True))
    if not node_ids or not queueing.is_idle(queueing.REAP):
        return Attempt.objects.none()
    return Attempt.objects.filter(ended_at__isnull=True, node__in=node_ids)


def _left_over_containers(now: datetime) -> QuerySet[Attempt]:
    return Attempt.objects.filter(
        ended_at__lt=now - CLEAN_UP_AFTER,
        removed_at__isnull=True,
        node__engine__status=EngineStatus.CONNECTED,
    )


def _revive_bulk_actions(now: datetime) -> int:
    patience = LOST_AFTER if queueing.is_idle(queueing.BULK) else LONG_AFTER
    stuck = BulkAction.objects.filter(finished_at__isnull=True, updated_at__lt=now - patience)
    ids = list(stuck.order_by("id").values_list("id", flat=True)[:PORTION])
    queueing.enqueue_after_commit(queueing.BULK, ids)
    return len(ids)


def _revive_pulls(now: datetime) -> int:
    """Pulls whose worker died: asked for again."""
    silent = ImagePull.objects.select_related("engine").filter(
        status=ImagePullStatus.PULLING,
        updated_at__lt=now - SILENT_AFTER,
        engine__status=EngineStatus.CONNECTED,
    )
    count = 0
    for pull in silent:
        request_pull(engine=pull.engine, image=pull.image, login=pull.login, now=now)
        count += 1
    return count


def _revive_checks(now: datetime) -> int:
    """Logins of registries that were to be tried, by a worker that died.

    None while its queue holds anything: a check may wait there behind pulls, for as long as those take.
    """
    asked = RegistryLogin.objects.filter(check_asked_at__lt=now - CHECKS_LOST_AFTER)
    ids = list(asked.order_by("id").values_list("id", flat=True)[:PORTION])
    if not ids or not queueing.is_idle(queueing.CHECK_LOGIN):
        return 0
    queueing.enqueue_after_commit(queueing.CHECK_LOGIN, ids)
    return len(ids)
